"""Owners found: each asked for once, whatever job brought it, and nothing lost on the way back."""

from pathlib import Path

import pytest

from tests.jobs.tracing import TRACED, TracedStage


@pytest.fixture
def stage(tmp_path: Path) -> TracedStage:
    """A vendor with sixty properties, and a job whose owners are to be found."""
    stage = TracedStage(tmp_path, size=60)
    stage.job(search=TRACED)
    return stage


def test_owners_are_asked_for_once_and_found(stage: TracedStage) -> None:
    """What a run delivered goes in one batch when it has ended; each answer is taken, and what it cost is known."""
    stage.work()
    (batch,) = stage.batches()
    name, state, items, matched, missed, missing = batch
    assert (name, state, missing) == ("1-1", "settled", 0)
    assert items == matched + missed == len(stage.asked) == stage.one("SELECT count(*) FROM trace_subject")
    assert set(stage.asked) == {1}
    found = stage.sim.traces.dollars
    assert stage.wrote("trace.settled")[0]["cost"] == pytest.approx(found)
    assert stage.one("SELECT count(DISTINCT subject_id) FROM contact") <= matched
    stage.assert_nobody_is_named()
