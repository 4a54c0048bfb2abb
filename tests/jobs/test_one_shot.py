"""A one-shot: so many records, once, by a throw-away session or without one; then it is done, and asks nothing more."""

from collections.abc import Callable

import pytest

from leadsync.core.model import Outcome, Route
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree
from tests.stage import Stage

Build = Callable[..., Stage]

SEAT = "bulk-0123456789abcdef-1"


def one_shot(stage: Stage, **keys: object) -> None:
    """Write the job file of a one-shot for 300 records."""
    stage.job("bulk", **{"kind": "one_shot", "records": 300, **keys})


@pytest.mark.parametrize(("size", "outcome", "records"), [(1_000, Outcome.COMPLETE, 300), (250, Outcome.PARTIAL, 250)])
@pytest.mark.parametrize("ability", [True, False])
def test_it_brings_what_is_wanted_and_no_more(
    build: Build, size: int, outcome: Outcome, records: int, ability: bool
) -> None:
    """Whole or drained, its records and their cost are exact, and nothing of it is left at the vendor."""
    stage = build(size=size, session_ability=ability)
    one_shot(stage)
    assert stage.end("bulk").outcome is outcome
    assert stage.sim.bill.records == stage.one("SELECT count(*) FROM delivery") == records
    route = Route.THROWAWAY if ability else Route.PLAIN
    assert stage.rows("SELECT route, outcome, records, cost_micros FROM run") == [
        (route, outcome, records, records * 10_000)
    ]
    assert not stage.sim.sessions
