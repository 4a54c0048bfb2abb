"""Death between any two steps of a one-shot: nothing lost or twice, it is done in the end, and its session is gone."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from leadsync.core.model import Outcome
from leadsync.simulator import Fault
from tests.jobs.books import assert_keys_in_turn
from tests.jobs.deaths import Fate, dies
from tests.jobs.one_shots import assert_all_here, assert_each_once, one_shot
from tests.stage import Stage

STEPS_MIN = 20
"""Fewer steps than this and the search for a place to die has missed the pages."""


LONG = pytest.param(1, marks=pytest.mark.long)


def stages(folder: Path, every: int, **switches: Any) -> Iterator[tuple[int, Stage]]:
    """A new stage with a small one-shot for each step to die at, or for every n-th of them."""
    for step in count(1, every):
        stage = Stage(folder / str(step), size=100, **switches)
        one_shot(stage, records=15, page_size=10)
        yield step, stage


@pytest.mark.parametrize(
    ("size", "every"), [(100, 5), *[pytest.param(size, 1, marks=pytest.mark.long) for size in (12, 100)]]
)
def test_death_at_any_step_by_a_session(tmp_path: Path, size: int, every: int) -> None:
    """Whatever step is the last, also between the last page, its end, and the deletion: the next run mends it."""
    records = min(size, 15)
    for step, stage in stages(tmp_path, every):
        stage.sim.world.size = size
        died = dies(stage, Fate(step, "before"), "bulk")
        assert stage.end("bulk").outcome is (Outcome.COMPLETE if records == 15 else Outcome.PARTIAL)
        assert stage.sim.bill.records == records
        assert_all_here(stage)
        assert_each_once(stage)
        assert_keys_in_turn(stage)
        assert not stage.sim.sessions
        if not died:
            break
    assert step > STEPS_MIN


@pytest.mark.long
def test_death_at_any_step_in_bad_weather(tmp_path: Path) -> None:
    """The same where answers are lost, the deletion's among them."""
    for step, stage in stages(tmp_path, 1):
        stage.sim.faults.next(None, Fault.CUT_AFTER)
        stage.sim.delete_faults.next(Fault.CUT_AFTER)
        died = dies(stage, Fate(step, "before"), "bulk")
        assert stage.end("bulk").outcome is Outcome.COMPLETE
        assert_all_here(stage)
        assert_each_once(stage)
        assert not stage.sim.sessions
        if not died:
            break
    assert step > STEPS_MIN


@pytest.mark.parametrize("every", [3, LONG])
def test_death_at_any_step_without_a_session(tmp_path: Path, every: int) -> None:
    """No page is billed twice, and one that was on its way is told: the job waits for leave, which then ends it."""
    unknown = 0
    for step, stage in stages(tmp_path, every, session_ability=False):
        died = dies(stage, Fate(step, "before"), "bulk")
        end = stage.end("bulk")
        assert_each_once(stage)
        lost = stage.one("SELECT count(*) FROM page WHERE state = 'unknown'")
        assert end.outcome is (Outcome.PARTIAL if lost else Outcome.COMPLETE)
        unknown += lost
        one_shot(stage, records=15, page_size=10, retry_unknown=True)
        assert stage.end("bulk").outcome is Outcome.COMPLETE
        assert stage.one("SELECT count(DISTINCT property_id) FROM delivery") == 15
        if not died:
            break
        assert stage.sim.bill.records <= 25
    assert step > STEPS_MIN
    assert unknown, "no death fell between a request and its page"
