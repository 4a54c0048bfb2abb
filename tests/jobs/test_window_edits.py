"""Pulls by windows whose job file, or whose store's clock, is another by the time that results come."""

from collections.abc import Callable
from typing import Any

import pytest

from leadsync.core.model import Outcome
from leadsync.simulator import Fate
from tests.jobs.windows import asked, assert_all_stored, begin, large
from tests.stage import Stage

Build = Callable[..., Stage]
SMALL: dict[str, Any] = {"records": 60, "async_above": 0}
"""One window, and cheap."""

OTHER_LIST = 'query = ""\nquickLists = ["vacant"]'


@pytest.fixture
def stage(build: Build) -> Stage:
    """A vendor whose results take a minute."""
    return build(size=500, record_bytes=300, result_after_s=60)


def test_a_pull_whose_file_asks_for_another_list_is_not_called_again_and_again(stage: Stage) -> None:
    """Its last window comes: one run finds that a person must say which list it is, and a run by hand then ends it."""
    stage.sim.fates.next(Fate.HELD)
    large(stage, **SMALL)
    stage.serve(120, begin)
    large(stage, **SMALL, search=OTHER_LIST)
    stage.serve(300, lambda _app: stage.sim.send_results())
    assert stage.rows("SELECT outcome FROM run ORDER BY id") == [("waiting",), ("partial",)]
    assert_all_stored(stage)
    large(stage, **SMALL)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert asked(stage) == [(0, 60)]
