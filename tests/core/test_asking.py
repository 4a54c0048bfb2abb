"""What becomes of a request for a window: each answer means one thing for its row and for the run."""

import pytest

from leadsync.core.asking import Acknowledged, AsyncReply, Tries, Unsure, Untaken, halted_end, judge
from leadsync.core.model import Outcome, Reason
from leadsync.core.protocol import BudgetSpent, Event, Halted, Journaled, Wait, Waited
from leadsync.core.replies import Denied, Lost, Refused, Throttled
from leadsync.core.retry import GIVE_UP_S
from leadsync.errors import OffTheTable

FIRST = Tries(0.0, 1)


@pytest.mark.parametrize("why", ["timed out", "HTTP 503", "connection cut"])
def test_who_may_have_taken_it_is_waited_for(why: str) -> None:
    """Rule 2: it may run and be billed, so nothing is asked again."""
    assert judge(Lost(why, 60.0), FIRST, now_s=60.0, draw=0.5) == Unsure(why)


def test_who_has_taken_it_is_waited_for() -> None:
    """Rule 1."""
    assert judge(Acknowledged("01K"), FIRST, now_s=0.0, draw=0.5) == Acknowledged("01K")


@pytest.mark.parametrize(
    ("reply", "status", "wait"),
    [
        (Lost("cannot connect", sent=False), 0, Wait(2.0, "cannot connect", 1)),
        (Throttled(7.0), 429, Wait(7.0, "the vendor's rate limit", 1, account_wide=True)),
        (Throttled(None), 429, Wait(0.5, "the vendor's rate limit", 1, account_wide=True)),
    ],
)
def test_what_was_not_taken_is_asked_again(reply: AsyncReply, status: int, wait: Wait) -> None:
    """Rule 4: after a wait, for ten minutes, and then the run has failed."""
    assert judge(reply, FIRST, now_s=0.0, draw=0.5) == Untaken(status, wait.why, wait)
    late = judge(reply, FIRST, now_s=GIVE_UP_S, draw=0.5)
    assert isinstance(late, Untaken)
    assert not isinstance(late.then, Wait)
    assert late.then.outcome is Outcome.FAILED


def test_a_refusal_parks_and_a_denial_ends() -> None:
    """Rule 5, with the vendor's message."""
    parked = judge(Refused(400, "no such list"), FIRST, now_s=0.0, draw=0.5)
    assert isinstance(parked, Untaken)
    assert not isinstance(parked.then, Wait)
    assert (parked.status, parked.then.outcome, parked.then.reason) == (400, Outcome.PARKED, Reason.REFUSED)
    assert "no such list" in parked.then.message
    denied = judge(Denied(Reason.WALLET_EMPTY, 403, "empty"), FIRST, now_s=0.0, draw=0.5)
    assert isinstance(denied, Untaken)
    assert not isinstance(denied.then, Wait)
    assert (denied.then.outcome, denied.then.reason) == (Outcome.FAILED, Reason.WALLET_EMPTY)


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (Halted("leadsync was asked to stop"), Outcome.INTERRUPTED),
        (BudgetSpent("records_per_day is spent"), Outcome.OVER_BUDGET),
        (Denied(Reason.TOKEN_REFUSED, 401, "no"), Outcome.FAILED),
    ],
)
def test_what_ends_a_run_before_it_asks(event: Event, outcome: Outcome) -> None:
    """A wish to stop, the budget, a denial; time that has passed does not."""
    end = halted_end(event)
    assert end is not None
    assert end.outcome is outcome
    assert halted_end(Waited()) is None
    with pytest.raises(OffTheTable):
        halted_end(Journaled())
