"""Death between any two steps of a pull by windows: no window is asked twice, and whatever was billed is stored."""

from itertools import count
from pathlib import Path

import pytest

from leadsync.core.model import Outcome
from leadsync.core.resume import Choice
from tests.jobs.deaths import Fate, dies
from tests.jobs.windows import assert_all_stored, large
from tests.stage import Stage

STEPS_MIN = 60
"""Fewer steps than this and the search for a place to die has missed the windows."""

LONG = pytest.param(1, marks=pytest.mark.long)


@pytest.mark.parametrize("every", [25, LONG])
def test_death_at_any_step_of_windows(tmp_path: Path, every: int) -> None:
    """The next process gets what was on its way; what never left expires, and a word asks for that alone."""
    expired = 0
    for step in count(1, every):
        stage = Stage(tmp_path / str(step), size=200, record_bytes=500, result_after_s=60)
        large(stage, records=100, async_above=0, records_per_run=40, deadline="5m")
        died = dies(stage, Fate(step, "before"), "bulk")
        stage.serve(1_200, lambda _app, stage=stage: stage.sim.send_results())  # type: ignore[misc] # bound at once
        end = stage.end("bulk")
        lost = stage.one("SELECT count(*) FROM page WHERE state = 'unknown'")
        assert_all_stored(stage)
        if lost:
            assert end.outcome is Outcome.PARTIAL
            stage.resume("bulk", Choice.ASK_AGAIN)
            end = stage.end("bulk")
        assert end.outcome is Outcome.COMPLETE
        assert_all_stored(stage)
        assert stage.sim.bill.records == stage.one("SELECT count(*) FROM delivery") == 100
        expired += lost
        if not died:
            break
    assert step > STEPS_MIN
    assert expired or every > 1, "no death fell between a row and its request"
