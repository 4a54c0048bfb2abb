"""Waits: long enough to be kind, short enough to end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.model import End, Outcome, Reason
from leadsync.core.retry import (
    BACKOFF_MAX_S,
    HOLD_MAX_S,
    MAKE_UP_MAX_S,
    MAKE_UP_S,
    ONLY_TIME_S,
    QUIET_S,
    backoff_s,
    make_up_wait_s,
    replay_wait_s,
    throttle_wait_s,
)

ATTEMPTS = st.integers(1, 10_000)
DRAWS = st.floats(0, 1, exclude_max=True)
SECONDS = st.floats(0, 1e12)


@pytest.mark.parametrize(
    ("attempt", "middle_s"),
    [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 30), (8, 30), (12, 30), (5_000, 30)],
)
def test_the_back_off_doubles_to_half_a_minute(attempt: int, middle_s: float) -> None:
    """0.5 s doubling to 30 s, times 0.5 to 1.5 as the draw says; also where attempts are beyond counting."""
    assert backoff_s(attempt, 0.0) == middle_s * 0.5
    assert backoff_s(attempt, 0.5) == middle_s
    assert backoff_s(attempt, 0.999) < middle_s * 1.5


@given(ATTEMPTS, SECONDS, DRAWS)
def test_a_replay_comes_after_a_quiet_time(attempt: int, waited_s: float, draw: float) -> None:
    """With what the time-out itself has waited, a slow first attempt has had two seconds to end."""
    wait_s = replay_wait_s(attempt, waited_s, draw)
    assert wait_s + waited_s >= QUIET_S
    assert backoff_s(attempt, draw) <= wait_s <= max(QUIET_S, BACKOFF_MAX_S * 1.5)


def test_what_a_time_out_waited_counts_as_quiet() -> None:
    """After a time-out of a minute only the back-off is waited; after a cut at once the whole quiet time is."""
    assert replay_wait_s(1, 60.0, 0.0) == 0.25
    assert replay_wait_s(1, 0.0, 0.0) == 2.0
    assert replay_wait_s(1, 1.25, 0.0) == 0.75


@pytest.mark.parametrize(
    ("retry_after_s", "wait_s"),
    [(None, 0.25), (0.0, 0.25), (0.1, 0.25), (7.0, 7.0), (300.0, 300.0), (301.0, 300.0), (1e11, 300.0)],
)
def test_retry_after_is_honoured_within_reason(retry_after_s: float | None, wait_s: float) -> None:
    """Seconds are waited as told; nought does not burn the retries at once, a year does not stop the account."""
    assert throttle_wait_s(1, retry_after_s, 0.0) == wait_s


@given(ATTEMPTS, st.none() | SECONDS, DRAWS)
def test_a_throttled_wait_is_bounded_both_ways(attempt: int, retry_after_s: float | None, draw: float) -> None:
    """Never shorter than the back-off, never longer than five minutes."""
    assert backoff_s(attempt, draw) <= throttle_wait_s(attempt, retry_after_s, draw) <= HOLD_MAX_S


FAILED, PARKED, COMPLETE, OVER_BUDGET = (
    End(outcome, "") for outcome in (Outcome.FAILED, Outcome.PARKED, Outcome.COMPLETE, Outcome.OVER_BUDGET)
)
DENIED = End(Outcome.FAILED, "", Reason.WALLET_EMPTY)


@pytest.mark.parametrize(
    ("end", "with_more_times", "with_this_one"),
    [
        (FAILED, MAKE_UP_S, MAKE_UP_S),
        (DENIED, None, ONLY_TIME_S),
        (OVER_BUDGET, None, ONLY_TIME_S),
        (PARKED, None, None),
        (COMPLETE, None, None),
    ],
)
def test_what_the_weather_ended_is_made_up_for(
    end: End, with_more_times: float | None, with_this_one: float | None
) -> None:
    """Soon; what has a reason waits for the next time, or an hour where there is none; a park waits for a person."""
    assert make_up_wait_s(end, 0.5, only_time=False) == with_more_times
    assert make_up_wait_s(end, 0.5, only_time=True) == with_this_one


@given(DRAWS)
def test_nobody_waits_longer_to_be_made_up_for(draw: float) -> None:
    """What the timetable takes for the longest wait is the longest."""
    wait_s = make_up_wait_s(OVER_BUDGET, draw, only_time=True)
    assert wait_s is not None
    assert wait_s <= MAKE_UP_MAX_S
