"""A restored store that knows nothing of a one-shot's life: what it may have bought is not bought again by itself."""

from collections.abc import Callable

import pytest

from leadsync.core.model import Outcome
from leadsync.core.witness import StoreAnswer
from leadsync.simulator import Fault
from tests.jobs.one_shots import SEAT, assert_all_here, assert_each_once, one_shot
from tests.jobs.restores import back_up, restore
from tests.stage import Stage

Build = Callable[..., Stage]


def put_back(stage: Stage) -> None:
    """Run a part of the one-shot after a backup, and put that in the store's place."""
    stage.once()
    back_up(stage)
    one_shot(stage, records_per_run=100)
    assert stage.end("bulk").outcome is Outcome.LIMITED
    restore(stage)
    stage.answer_store(StoreAnswer.RESTORED)


def test_a_life_in_a_session_comes_back(build: Build) -> None:
    """Its seat has the same name again, so the old keys bring back unbilled what the backup does not have."""
    stage = build(size=1_000)
    put_back(stage)
    one_shot(stage)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert sum(charge.records for charge in stage.sim.bill.charges if charge.session == SEAT) == 300
    assert_all_here(stage)


@pytest.mark.parametrize("leave", [False, True])
def test_a_life_without_a_session_waits_for_a_word(build: Build, leave: bool) -> None:
    """Nobody can ask for those pages again: nothing is asked by itself, and with leave all of it is bought anew."""
    stage = build(size=1_000, session_ability=False)
    put_back(stage)
    one_shot(stage, retry_unknown=leave)
    searches, billed = stage.wire.searches, stage.sim.bill.records
    end = stage.end("bulk")
    if leave:
        assert (end.outcome, stage.sim.bill.records - billed) == (Outcome.COMPLETE, 300)
        return
    assert (end.outcome, stage.wire.searches) == (Outcome.PARTIAL, searches)
    assert "the store was restored" in end.message
    assert_each_once(stage)


def done_after_a_backup(stage: Stage, *, deleted: bool) -> None:
    """All of the one-shot came after the backup that is the store now; then its session was thrown away, or not yet."""
    stage.once()
    back_up(stage)
    one_shot(stage)
    stage.sim.delete_faults.next(*[Fault.NO_TOKEN] * (0 if deleted else 2))
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    stage.sim.delete_faults.calm()
    restore(stage)
    stage.answer_store(StoreAnswer.RESTORED)


def test_a_life_that_was_done_comes_back(build: Build) -> None:
    """While its session is there all of it comes back unbilled, and the session goes with that."""
    stage = build(size=1_000)
    done_after_a_backup(stage, deleted=False)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 300
    assert not stage.sim.sessions
    assert_all_here(stage)


@pytest.mark.parametrize("leave", ["a word", "another life"])
def test_a_life_that_was_done_and_thrown_away_waits_for_a_word(build: Build, leave: str) -> None:
    """Nothing at the vendor tells of it any more: its list is not bought a second time by itself."""
    stage = build(size=1_000)
    done_after_a_backup(stage, deleted=True)
    for _ in range(2):
        end = stage.end("bulk")
        assert (end.outcome, stage.sim.bill.records) == (Outcome.PARTIAL, 300)
        assert "the store was restored" in end.message
    one_shot(stage, retry_unknown=leave == "a word")
    assert stage.once("bulk", again=leave == "another life")["bulk"].outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 600
    assert not stage.sim.sessions
