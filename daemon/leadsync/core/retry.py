"""How long to wait before the same bytes go out again, and when to give up waiting. Draws are in [0, 1)."""

from datetime import datetime, timedelta
from typing import Final

from leadsync.core.model import End, Outcome
from leadsync.core.protocol import Wait
from leadsync.core.replies import Lost, Throttled

QUIET_S: Final = 2.0
"""After an unknown outcome: a slow first attempt gets the chance to end before its replay arrives."""

BACKOFF_FIRST_S: Final = 0.5
BACKOFF_MAX_S: Final = 30.0

GIVE_UP_S: Final = 600.0
"""After this long without an answer the run ends `failed`; the key stays open."""

STORE_AGAIN_S: Final = 5.0
"""Between two attempts to store what exists nowhere else: no key can bring it again."""

HOLD_MAX_S: Final = 300.0
"""The longest `Retry-After` that is believed; an absurd one must not stop an account for a year."""

MAKE_UP_S: Final = 900.0
"""How long a job of a schedule rests after a run that bad weather ended."""

ONLY_TIME_S: Final = 3_600.0
"""How long a job rests that has no other time, after a run that did not end well."""

MAKE_UP_MAX_S: Final = 1.5 * ONLY_TIME_S
"""The longest that anybody waits to be made up for."""


def doubling_s(first_s: float, most_s: float, times: int, draw: float) -> float:
    """Seconds to rest: `first_s` doubled so many times, up to `most_s`, times 0.5 to 1.5 so that none go in step.

    The draw is in [0, 1).
    """
    doubled: float = first_s * 2.0 ** min(times, 12)
    return min(doubled, most_s) * (0.5 + draw)


def backoff_s(attempt: int, draw: float) -> float:
    """Seconds after the `attempt`-th failure (from 1)."""
    return doubling_s(BACKOFF_FIRST_S, BACKOFF_MAX_S, attempt - 1, draw)


def replay_wait_s(attempt: int, waited_s: float, draw: float) -> float:
    """Seconds before a replay; what a time-out has already waited counts as quiet."""
    return max(QUIET_S - waited_s, backoff_s(attempt, draw))


def throttle_wait_s(attempt: int, retry_after_s: float | None, draw: float) -> float:
    """Seconds after a 429; `Retry-After: 0` must not burn the retries at once, so the back-off is the least."""
    return max(min(retry_after_s or 0.0, HOLD_MAX_S), backoff_s(attempt, draw))


def wait_after(trouble: Lost | Throttled, attempt: int, draw: float) -> Wait:
    """How long to wait after the `attempt`-th failure (from 1); a 429 is meant for all of the account."""
    if isinstance(trouble, Throttled):
        wait_s = throttle_wait_s(attempt, trouble.retry_after_s, draw)
        return Wait(wait_s, "the vendor's rate limit", attempt, account_wide=True)
    return Wait(replay_wait_s(attempt, trouble.waited_s, draw), trouble.why, attempt)


def is_in_time(wait: Wait, since_s: float, now_s: float) -> bool:
    """Whether the next attempt comes before it is given up; the first began at `since_s`."""
    return now_s + wait.wait_s - since_s <= GIVE_UP_S


def make_up_wait_s(end: End, draw: float, *, only_time: bool) -> float | None:
    """Seconds until a run is made up for, times 0.5 to 1.5 so that jobs part ways; None where it is not.

    What bad weather ended is tried again soon. What has a reason, or ran out of time or money, waits for the job's next
    time: nothing is asked again hot. A job that has no other time looks again after an hour, unless it waits for a
    person: parked, or a one-shot that has brought less than was wanted.
    """
    if end.outcome is Outcome.FAILED and end.reason is None:
        return MAKE_UP_S * (0.5 + draw)
    waits_for_person = end.outcome in {Outcome.PARKED, Outcome.PARTIAL}
    if only_time and not (end.outcome.ended_well or waits_for_person):
        return ONLY_TIME_S * (0.5 + draw)
    return None


def deadline_of_now(asked_at: datetime, deadline_at: datetime, now: datetime) -> datetime:
    """Return until when an answer is waited for that comes by webhook, where a clock may have been put back since.

    What was asked further ahead than it may be waited for was asked by a clock far ahead: its time begins anew.
    """
    span = deadline_at - asked_at
    return now + span if timedelta() < span < asked_at - now else deadline_at
