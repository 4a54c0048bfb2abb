"""A large one-shot by windows: each asked once, results by webhook, done when all have ended, whatever the weather."""

from collections.abc import Callable

from leadsync.core.model import Outcome
from leadsync.simulator import Fault, Sending
from tests.jobs.windows import asked, assert_all_stored, large
from tests.stage import Stage

Build = Callable[..., Stage]
WHOLE = [(0, 1_000), (1_000, 1_000), (2_000, 1_000), (3_000, 200)]


def test_it_brings_what_is_wanted(build: Build) -> None:
    """3,200 records in 4 windows, one lost acknowledgement, each webhook twice: 3,200 stored once, and `once` waits."""
    stage = build(size=5_000, record_bytes=600, callbacks=Sending(copies=2), copies_differ=True, result_after_s=60)
    large(stage)
    stage.sim.async_faults.next(Fault.CUT_AFTER)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert asked(stage) == WHOLE
    assert stage.one("SELECT count(*) FROM delivery") == 3_200
    assert_all_stored(stage)
    assert [line["outcome"] for line in stage.logged("run.ended")][-1] == "complete"
    assert len(stage.logged("window.unsure")) == 1
