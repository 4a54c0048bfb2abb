"""The unmodified daemon, and a power cut after each of its steps: whatever the disk kept, no promise is broken.

`--power-images=100000` looks at more of what a disk may keep than the daily test run; `--power-seed` repeats a run's.
"""

import secrets
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx  # noqa: TID251 - the test edge sends webhooks
import pytest

from tests.system.house import House
from tests.system.power import planted, receiver
from tests.system.power.cutting import Findings, cut_everywhere
from tests.system.power.disk import Disk
from tests.system.power.promises import (
    PAGING,
    Image,
    Promise,
    Seen,
    books_are_whole,
    key_is_durable,
    page_is_durable,
    store_is_sound,
    witness_is_durable,
)
from tests.system.power.recording import Record, Recorder
from tests.system.power.talk import exchanges
from tests.system.process import LEADSYNC, Running, Vendor

SOON_S = 20.0

Cutting = Callable[[Sequence[Record], Sequence[Promise]], Findings]


@pytest.fixture
def recorder(tmp_path: Path, house: House) -> Recorder:
    """Watches the folder of a house without a store, whose daemon pulls what is there in pages of 25, all the time."""
    house.store.unlink()
    house.job("phoenix", page_size=25, schedule='every = "1s"')
    return Recorder.built(tmp_path, house.folder)


def live(recorder: Recorder, house: House, program: Sequence[str] = LEADSYNC) -> Running:
    """Start the daemon under the recorder."""
    return Running("run", "--config", house.config, program=program, **recorder.environment)


def live_to_the_end(recorder: Recorder, house: House, program: Sequence[str] = LEADSYNC) -> None:
    """Let a daemon pull all there is, and stop it."""
    with live(recorder, house, program) as daemon:
        assert daemon.saw("run.ended", outcome="complete")
        daemon.send(signal.SIGTERM)
        assert daemon.end(SOON_S).code == 0


def die_in_a_page(recorder: Recorder, house: House) -> None:
    """Let a daemon pull a page, and kill it as soon as it has asked for another."""
    with live(recorder, house) as daemon:
        assert daemon.saw("page.stored")
        assert daemon.saw("page.asked")
        daemon.send(signal.SIGKILL)
        assert daemon.end(SOON_S).code == -signal.SIGKILL


def nothing_escaped(before: Disk, records: Sequence[Record], house: House, vendor: Vendor) -> bool:
    """Whether the records lead to the very bytes that lie in the folder, and hold each request that the vendor saw."""
    for record in records:
        before.follow(record)
    there = {path.name: path.read_bytes() for path in house.folder.iterdir() if path.is_file()}
    asked = sum(each.ours for each in exchanges(records))
    return before.now() == there and asked == len(vendor.bill()["requests"])


@pytest.fixture
def cut(tmp_path: Path, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]) -> Cutting:
    """Cut the power as often as was asked for on the command line, and say how to do it again."""
    seed = pytestconfig.getoption("--power-seed")
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    record_property("repeat it with", f"--power-seed={seed}")

    def cutting(records: Sequence[Record], promises: Sequence[Promise]) -> Findings:
        began_s = time.monotonic()
        images = pytestconfig.getoption("--power-images")
        found = cut_everywhere(records, promises, scratch(tmp_path), images=images, seed=seed)
        did = ", ".join(f"{n} {what.lower()}" for what, n in Counter(record.did.name for record in records).items())
        took_s = time.monotonic() - began_s
        record_property("figures", f"{found.images} images after {len(records)} records ({did}), {took_s:.0f} s")
        return found

    return cutting


def scratch(tmp_path: Path) -> Path:
    """Where images are laid out."""
    folder = tmp_path / "image"
    folder.mkdir()
    return folder


def test_whenever_the_power_is_cut_no_promise_is_broken(
    house: House, vendor: Vendor, recorder: Recorder, cut: Cutting
) -> None:
    """Three lives, with a lost reply, a clean stop and a kill -9: in each image every promise of the paging holds.

    Each key with its exact bytes and its witness is durable before its request leaves, each page before the next one
    is asked for, all that belongs together is there together, and the next start goes on by itself.
    """
    before = Disk.holding(house.folder)
    vendor.next(None, "cut_after")
    live_to_the_end(recorder, house)
    vendor.grow(60)
    die_in_a_page(recorder, house)
    live_to_the_end(recorder, house)
    records = list(recorder.records())
    assert nothing_escaped(before, records, house, vendor)
    assert cut(records, PAGING).first == {}
    assert house.one("SELECT count(*) FROM delivery") == vendor.bill()["records"] == 180


@pytest.mark.parametrize(
    ("bug", "finders"),
    [
        (planted.synchronous_normal, {key_is_durable, page_is_durable}),
        (planted.send_before_commit, {key_is_durable}),
        (planted.deliveries_behind, {page_is_durable, books_are_whole}),
        (planted.witness_without_sync, {witness_is_durable}),
    ],
)
def test_a_planted_bug_is_found(
    house: House, recorder: Recorder, tmp_path: Path, bug: Callable[[], None], finders: set[Promise]
) -> None:
    """A daemon that would lose a page only when the power is cut is seen to lose it: the checker is worth its time."""
    house.job("phoenix", page_size=60, schedule='every = "1s"')
    live_to_the_end(recorder, house, (planted.__file__, bug.__name__))
    found = cut_everywhere(list(recorder.records()), PAGING, scratch(tmp_path), images=1, seed=1)
    assert {finder.__name__ for finder in finders} <= found.first.keys()
    assert store_is_sound.__name__ not in found.first, "SQLite itself keeps its word"


def acknowledged_is_durable(image: Image, seen: Seen) -> str | None:
    """P9: a webhook that was answered 200 is in the store."""
    stored = {body for (body,) in image.rows("SELECT body FROM inbox")}
    lost = [each for each in seen.answered if each.request.body not in stored]
    return f"{len(lost)} were answered, and are not in the store" if lost else None


@pytest.mark.parametrize(("when", "lost"), [("late", False), ("early", True)])
def test_answers_are_recorded_too(tmp_path: Path, when: str, lost: bool) -> None:
    """A receiver that answers before it has stored is found out, and one that answers after it is not."""
    folder = tmp_path / "state"
    folder.mkdir()
    recorder = Recorder.built(tmp_path, folder)
    with Running(folder, when, program=(receiver.__file__,), **recorder.environment) as running:
        port = running.said("receiver.started")["port"]
        for number in range(10):
            httpx.post(f"http://127.0.0.1:{port}/", content=b"%d" % number, trust_env=False).raise_for_status()
    found = cut_everywhere(list(recorder.records()), (acknowledged_is_durable,), scratch(tmp_path), images=1, seed=1)
    assert bool(found.broken) is lost
