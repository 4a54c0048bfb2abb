"""The rules of the skip trace as tables: who is asked again, when a batch goes, what an answer means for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leadsync.core.model import Reason
from leadsync.core.replies import Denied, Lost, Refused, Throttled
from leadsync.core.trace import (
    DENIED_AGAIN,
    GRACE,
    MISSES_MAY_BE_BILLED,
    BatchState,
    Doubtful,
    GiveBack,
    Go,
    Hindrance,
    Items,
    Pause,
    Queue,
    State,
    Stay,
    Taken,
    Terms,
    TraceRoute,
    brought_again,
    due_at,
    judge,
    next_step,
)
from leadsync.core.trace_replies import Acknowledged, DailyLimit

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALLOWED, REFUSED = Terms(HOUR, allow_await=True), Terms(HOUR, allow_await=False)


@pytest.mark.parametrize(
    ("state", "fresh", "after"),
    [
        (State.WANTED, True, State.WANTED),
        (State.SENT, False, State.SENT),
        (State.MATCHED, True, State.MATCHED),
        (State.MISSED, True, State.MISSED),
        (State.MATCHED, False, State.WANTED),
        (State.MISSED, False, State.WANTED),
        (State.MISSING, False, State.MISSING),
        (State.SUPPRESSED, True, State.WANTED),
    ],
)
def test_who_is_brought_again(state: State, *, fresh: bool, after: State) -> None:
    """A fresh answer is used again, a miss too, and so is one on its way; what is missing waits for a person."""
    answered_at = NOW if fresh else NOW - 2 * HOUR
    assert brought_again(state, answered_at, NOW - HOUR) is after
    assert brought_again(State.MATCHED, None, NOW) is State.WANTED


@pytest.mark.parametrize(
    ("queue", "pause", "terms", "step"),
    [
        (Queue(), Pause("refused"), ALLOWED, Stay()),
        (Queue(10), Pause(), REFUSED, Go(TraceRoute.BATCH, 10)),
        (Queue(1_000, 4, NOW), Pause(), ALLOWED, Go(TraceRoute.BATCH, 1_000)),
        (Queue(10), Pause("refused", "no"), ALLOWED, Stay(Hindrance.PAUSED)),
        (Queue(10), Pause("token_refused", again_at=NOW + HOUR), ALLOWED, Stay(Hindrance.PAUSED, NOW + HOUR)),
        (Queue(10), Pause("token_refused", again_at=NOW), ALLOWED, Go(TraceRoute.BATCH, 10)),
        (Queue(10), Pause(parked_until=NOW + HOUR), ALLOWED, Stay(Hindrance.QUOTA, NOW + HOUR)),
        (Queue(10), Pause(parked_until=NOW), ALLOWED, Go(TraceRoute.BATCH, 10)),
        (Queue(0, 9, NOW), Pause(), REFUSED, Stay(Hindrance.FEW_FOREVER)),
        (Queue(0, 9, NOW), Pause(), ALLOWED, Stay(Hindrance.FEW, NOW + HOUR)),
        (Queue(0, 9, NOW - HOUR), Pause(), ALLOWED, Go(TraceRoute.AWAIT, 9)),
        (Queue(0, 140, NOW - HOUR), Pause(), ALLOWED, Go(TraceRoute.AWAIT, 100)),
        (Queue(0, 9), Pause(), ALLOWED, Stay(Hindrance.FEW, NOW + HOUR)),
    ],
)
def test_when_a_batch_goes(queue: Queue, pause: Pause, terms: Terms, step: Go | Stay) -> None:
    """Ten go at once, unless something is in the way; fewer wait, and then go only where that is allowed."""
    assert next_step(queue, pause, terms, NOW) == step


@pytest.mark.parametrize(
    ("queue", "pause"),
    [
        (Queue(10), Pause(parked_until=NOW + 26 * HOUR)),
        (Queue(10), Pause("token_refused", again_at=NOW + DENIED_AGAIN + 2 * HOUR)),
        (Queue(0, 9, NOW + 3 * HOUR), Pause()),
    ],
)
def test_a_clock_that_was_put_back_keeps_nobody_waiting(queue: Queue, pause: Pause) -> None:
    """A moment further away than any that is ever set was set by a clock that was ahead: it is nobody's wish."""
    assert isinstance(next_step(queue, pause, ALLOWED, NOW), Go)


def test_when_items_are_missing() -> None:
    """At the deadline, or a while after the vendor's word that all is sent, whichever is sooner."""
    assert due_at(NOW, None) == NOW
    assert due_at(NOW + HOUR, NOW) == NOW + GRACE
    assert due_at(NOW, NOW) == NOW


@pytest.mark.parametrize(
    ("reply", "judgement"),
    [
        (Acknowledged("b", {1: "x", 2: "y"}, 2), Taken("b", {1: "x", 2: "y"}, None)),
        (Lost("timed out"), Doubtful("timed out")),
        (Lost("cannot connect", sent=False), GiveBack(BatchState.VOID, None, "cannot connect")),
        (
            Throttled(7.0),
            GiveBack(BatchState.REFUSED, 429, "the vendor's rate limit", retry_after_s=7.0),
        ),
        (
            DailyLimit(NOW + HOUR),
            GiveBack(BatchState.REFUSED, 429, "the vendor's daily limit is reached", Pause(parked_until=NOW + HOUR)),
        ),
        (
            Denied(Reason.TOKEN_REFUSED, 401, "no"),
            GiveBack(BatchState.REFUSED, 401, "no", Pause("token_refused", "no", NOW + DENIED_AGAIN)),
        ),
        (Refused(400, "bad"), GiveBack(BatchState.REFUSED, 400, "bad", Pause("refused", "bad"))),
    ],
)
def test_what_an_answer_means(reply: Any, judgement: Any) -> None:
    """Only what cannot have been taken gives its items back; whatever may be billed is never sent again by itself."""
    assert judge(reply, 2, NOW) == judgement


def test_a_wrong_acknowledgement_is_taken_and_complained_of() -> None:
    """The vendor says that it has received fewer: the batch runs all the same."""
    taken = judge(Acknowledged("b", {}, 1), 2, NOW)
    assert isinstance(taken, Taken)
    assert taken.complaint is not None


def test_what_counts_as_spent() -> None:
    """Whether a miss is billed nobody knows, so it counts; what is missing was perhaps looked up, so it counts, too."""
    assert MISSES_MAY_BE_BILLED
    assert Items(open=7, matched=1, missed=2, missing=4).spent == 7
