"""Where an export goes: a file that is there whole or not at all, also where two want to write it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadsync.config import Settings, load
from leadsync.errors import CannotWrite
from leadsync.reports.export import ExportFormat
from leadsync.reports.export.files import export_to_file
from leadsync.reports.export.rows import CHUNK_ROWS, Wanted, span_of
from tests.store.hand import Hand, leads
from tests.system.house import NOBODY_LISTENS, House

LEADS = 2 * CHUNK_ROWS


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A job, and a store with what it has brought."""
    house = House(tmp_path / "house", NOBODY_LISTENS)
    house.job("phoenix")
    settings = load(house.config, {})
    hand = Hand(span_of(settings, Wanted()).file)
    run_id = hand.run()
    page = hand.key(hand.order(hand.session(), run_id, LEADS))
    hand.store(page, run_id, leads(LEADS), LEADS, new=True)
    yield settings
    hand.close()


def export(settings: Settings, target: Path, watch: object = None) -> int:
    """Export all as JSON lines."""
    return export_to_file(settings, Wanted(), ExportFormat.JSONL, target, watch)  # type: ignore[arg-type]


def test_two_exports_never_write_one_file(settings: Settings, tmp_path: Path) -> None:
    """A timer's next export begins before its last has ended: the second is refused, and the first is whole."""
    target = tmp_path / "leads.jsonl"
    target.write_text("an older export")
    refused: list[str] = []

    def second(written: int, total: int) -> None:
        if 0 < written < total:
            with pytest.raises(CannotWrite, match="another export writes") as refusal:
                export(settings, target)
            refused.append(str(refusal.value))
            assert target.read_text() == "an older export"

    assert export(settings, target, second) == LEADS
    assert len(refused) == 1
    assert len(target.read_text().splitlines()) == LEADS
    assert list(target.parent.glob("*.part")) == []


def test_what_a_killed_export_has_left_is_written_over(settings: Settings, tmp_path: Path) -> None:
    """Half a file of before is nobody's: nothing of it is in the next, and nothing is left of it."""
    target = tmp_path / "leads.jsonl"
    target.with_name("leads.jsonl.part").write_text("half a line\n" * 10 * LEADS)
    assert export(settings, target) == LEADS
    assert len(target.read_text().splitlines()) == LEADS
    assert list(target.parent.glob("*.part")) == []
