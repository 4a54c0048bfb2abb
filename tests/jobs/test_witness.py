"""A store that was moved, copied or restored: nothing is spent until a person has said which, and then never twice."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leadsync.core.model import End, Outcome, Reason
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from leadsync.errors import AnswerRefused, StoreFailed
from leadsync.simulator import Fault
from leadsync.store.witness import WitnessFile
from tests.jobs.books import assert_books_agree, assert_keys_in_turn, billed
from tests.jobs.restores import STORE, back_up, restore
from tests.stage import Stage

Build = Callable[..., Stage]


def restored(build: Build, pages: int, **switches: object) -> Stage:
    """A store whose backup was made after so many pages of a hundred, and that has pulled all 550 since."""
    stage = build(size=550, **switches)
    stage.job(records_per_run=pages * 100)
    assert stage.end().outcome is Outcome.LIMITED
    back_up(stage)
    stage.job()
    assert stage.end().outcome is Outcome.COMPLETE
    restore(stage)
    return stage


def assert_nothing_is_spent(stage: Stage, reason: Reason) -> None:
    """The job is parked, twice, and the vendor's bill stays."""
    before = (stage.sim.bill.records, len(stage.sim.bill.requests))
    for _ in range(2):
        end = stage.end()
        assert (end.outcome, end.reason) == (Outcome.PARKED, reason)
        assert "`leadsync resume --store" in end.message
    assert (stage.sim.bill.records, len(stage.sim.bill.requests)) == before


@pytest.mark.parametrize("counts", [True, pytest.param(False, marks=pytest.mark.long)])
@pytest.mark.parametrize("pages", [1, 3])
@pytest.mark.parametrize("changed", [{}, {"page_size": 70}, {"page_size": 500}])
def test_a_restored_store_gets_its_pages_back(
    build: Build, pages: int, *, counts: bool, changed: dict[str, Any]
) -> None:
    """Pages of after the backup come again under their old keys, unbilled, also where the page size was changed."""
    stage = restored(build, pages, totals_count_page=counts)
    stage.job(**changed)
    assert_nothing_is_spent(stage, Reason.STORE_RESTORED)
    stage.answer_store(StoreAnswer.RESTORED)
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 550
    stage.sim.grow(20)
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 570
    assert stage.one("SELECT count(*) FROM delivery") == 570
    assert stage.one("SELECT recovering FROM search_session") == 0


def test_a_restored_store_says_so_where_the_keys_are_forgotten(build: Build) -> None:
    """The vendor answers an old key with a new page: it is stored, once, and the job parks with what is lost."""
    stage = restored(build, 1)
    stage.end()
    stage.sim.forget_keys()
    stage.sim.grow(200)
    stage.answer_store(StoreAnswer.RESTORED)
    end = stage.end()
    assert (end.outcome, end.reason) == (Outcome.PARKED, Reason.SESSION_DRIFTED)
    assert "no longer knows the old keys" in end.message
    assert stage.sim.bill.records == 650
    assert stage.end().reason is Reason.SESSION_DRIFTED
    assert stage.sim.bill.records == 650
    assert max(Counter(billed(stage)).values()) == 1


def test_numbers_of_changes_are_never_given_again(build: Build) -> None:
    """Who exports from the last number on misses nothing of what comes after a restore."""
    stage = restored(build, 1)
    stage.end()
    stage.answer_store(StoreAnswer.RESTORED)
    stage.end()
    numbers = [number for (number,) in stage.rows("SELECT id FROM change ORDER BY id")]
    assert numbers[:100] == list(range(1, 101))
    assert min(numbers[100:]) > 1_000_000_000


def test_a_backup_that_is_put_back_twice_is_another_generation_each_time(build: Build) -> None:
    """Its second life gives no number again that the first has given: of a change, of a key, or of a batch."""
    stage = restored(build, 1)
    stage.end()
    stage.answer_store(StoreAnswer.RESTORED)
    stage.sim.grow(20)
    assert stage.end().outcome is Outcome.COMPLETE
    seen = stage.one("SELECT max(id) FROM change")
    restore(stage)
    assert_nothing_is_spent(stage, Reason.STORE_RESTORED)
    stage.answer_store(StoreAnswer.RESTORED)
    stage.end()
    assert stage.one("SELECT count(*) FROM change WHERE id BETWEEN 101 AND ?", seen) == 0
    assert stage.one("SELECT generation FROM installation") == 3


def elsewhere(stage: Stage, folder: Path, *names: str) -> Stage:
    """The same configuration on another place, with the same vendor, and with these files of the store."""
    other = Stage(folder)
    other.clock, other.sim, other.wire, other.outside = stage.clock, stage.sim, stage.wire, stage.outside
    other.change(installation_name=lambda: "fedcba9876543210")
    for name in names:
        shutil.copy(stage.folder / name, folder / name)
    return other


@pytest.mark.parametrize("names", [(STORE,), (STORE, f"{STORE}.witness")], ids=["alone", "with its witness"])
def test_a_copied_store_spends_nothing(build: Build, tmp_path: Path, names: tuple[str, ...]) -> None:
    """Both places have the keys: the copy parks, and is an installation of its own once that was said."""
    stage = build(size=250)
    stage.job(records_per_run=100)
    stage.end()
    copy = elsewhere(stage, tmp_path / "copy", *names)
    copy.job()
    assert_nothing_is_spent(copy, Reason.STORE_COPIED)
    copy.answer_store(StoreAnswer.COPIED)
    assert copy.one("SELECT name FROM installation") == "fedcba9876543210"
    end = copy.end()
    assert (end.outcome, end.reason) == (Outcome.PARKED, Reason.SESSION_FOREIGN)
    stage.job()
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 250
    assert_keys_in_turn(stage)


def test_what_was_seen_of_a_store_in_doubt_is_no_verdict_afterwards(build: Build, tmp_path: Path) -> None:
    """An answer in the wrong order has looked at the vendor's list: its sessions are foreign all the same, then."""
    stage = build(size=250)
    stage.job(records_per_run=100)
    stage.end()
    stage.job()
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    assert stage.end().outcome is Outcome.FAILED
    stage.sim.faults.calm()
    copy = elsewhere(stage, tmp_path / "copy", STORE)
    copy.job()

    async def answer_twice() -> End:
        async with copy.app("phoenix") as app:
            with pytest.raises(AnswerRefused):
                await app.resume("phoenix", Choice.VOID_KEY)
            await app.answer_store(StoreAnswer.COPIED)
            return (await app.once(["phoenix"]))["phoenix"]

    end = copy.play(answer_twice())
    assert (end.outcome, end.reason) == (Outcome.PARKED, Reason.SESSION_FOREIGN)
    assert stage.sim.bill.records == 200


def test_a_moved_store_goes_on(build: Build, tmp_path: Path) -> None:
    """The old place is empty: it was moved, and goes on as it is once that was said."""
    stage = build(size=250)
    stage.job(records_per_run=100)
    stage.end()
    moved = elsewhere(stage, tmp_path / "moved", STORE, f"{STORE}.witness")
    (stage.folder / STORE).unlink()
    moved.job()
    assert_nothing_is_spent(moved, Reason.STORE_MOVED)
    moved.answer_store(StoreAnswer.MOVED)
    assert moved.end().outcome is Outcome.COMPLETE
    assert_books_agree(moved)


def test_the_witness_counts_a_key_before_it_is_sent(build: Build) -> None:
    """The order is: the key in the store, its witness, the request."""
    stage = build(size=250)
    stage.job()
    seen: list[int] = []
    for number in range(1, 5):
        stage.wire.before[number] = lambda: seen.append(witnessed(stage))
    assert stage.end().outcome is Outcome.COMPLETE
    assert seen == [1, 2, 3, 4]
    assert (stage.folder / f"{STORE}.witness").stat().st_mode & 0o777 == 0o600


def witnessed(stage: Stage) -> int:
    """How many keys the witness knows."""
    keys: int = json.loads((stage.folder / f"{STORE}.witness").read_text())["keys"]
    return keys


def test_a_key_that_could_not_be_witnessed_is_before_it_is_sent_again(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails and sends nothing; the next run of the same process has the open key witnessed, and sends it."""
    stage = build(size=250)
    stage.job()
    seen: list[int] = []

    async def twice() -> list[End]:
        async with stage.app("phoenix") as app:
            with monkeypatch.context() as broken:
                broken.setattr(WitnessFile, "write", _no_room)
                first = await app.once(["phoenix"])
            assert not stage.sim.bill.charges
            stage.wire.before[1] = lambda: seen.append(witnessed(stage))
            return [first["phoenix"], (await app.once(["phoenix"]))["phoenix"]]

    assert [end.outcome for end in stage.play(twice())] == [Outcome.FAILED, Outcome.COMPLETE]
    assert seen == [1]
    assert_books_agree(stage)


def _no_room(*_: object) -> None:
    raise StoreFailed("no space left; nothing was sent")
