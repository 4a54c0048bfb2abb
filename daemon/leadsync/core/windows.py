"""The windows of a large one-shot: which may be asked for next, and when there is nothing more to ask.

The rules, in words:

1. A window is up to 1,000 records by `skip` and `take`, one request each, never with a session, never twice by itself.
2. The second waits until the first has come, the third until the second has come and its ids show that `skip` is
   honoured: nobody knows that of this vendor. Then as many may be unanswered at once as the job says.
3. A window of which half or more had come before stops the pull: `skip` is ignored, or the list moves too fast.
4. A window that came with less than it asked for is the list's last.
5. What expired or was refused has ended; no window takes its place, unless the job's file or a person says `again`:
   then it is asked for anew, whole, before anything further, if it is still wanted. What comes late has come.
6. It is done when every window has ended and no further one may be asked: complete where enough distinct records are
   here, else partial.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from leadsync.core.model import Outcome

WINDOW_MAX: Final = 1_000
"""The most that one async request may ask for."""

PROVING: Final = 2
"""So many windows go one after another: the second proves that `skip` is honoured."""

TRIES_MAX: Final = 3
"""So often is one window asked for by itself where `on_expiry` says so: each try may be billed, and none came."""

LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

REST: Final = timedelta(minutes=15)
"""How long a pull rests whose last run bad weather has ended."""

RUSH: Final = timedelta(minutes=1)
"""The same where a stop or a crash has."""

REST_DENIED: Final = timedelta(hours=6)
"""The same where the vendor turns the account down: a due run may heal it before."""


class WindowState(StrEnum):
    """What has become of a request."""

    ASKED = "asked"
    ARRIVED = "arrived"
    EXPIRED = "expired"
    REFUSED = "refused"


_FAILED: Final = frozenset({WindowState.EXPIRED, WindowState.REFUSED})


@dataclass(frozen=True, slots=True)
class Window:
    """One window, from number 1. `records` came with it, `new` of them for the first time in this life.

    `again`: it has ended without a result, and is to be asked for anew.
    """

    number: int
    take: int
    state: WindowState = WindowState.ASKED
    records: int = 0
    new: int = 0
    again: bool = False

    @property
    def overlaps(self) -> bool:
        """Whether half or more of it had come before."""
        return self.number > 1 and self.records > 0 and 2 * self.new <= self.records

    @property
    def is_last(self) -> bool:
        """Whether the list ended in it."""
        return self.state is WindowState.ARRIVED and self.records < self.take


@dataclass(frozen=True, slots=True)
class AskWindow:
    """Ask for this one now. `whole`: it was asked for before, so nothing less takes its place."""

    number: int
    skip: int
    take: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class AwaitWindows:
    """Nothing may be asked until one of those that are unanswered has ended."""

    unanswered: int


@dataclass(frozen=True, slots=True)
class WindowsDone:
    """Every window has ended, and no further one may be asked."""

    outcome: Outcome
    why: str


WindowStep: TypeAlias = AskWindow | AwaitWindows | WindowsDone


def as_one(requests: Sequence[Window]) -> Window:
    """Make one window of all the requests for it, oldest first: it has come with the first that brought it.

    While one is unanswered so is the window; what came twice counts once.
    """
    last, states = requests[-1], {request.state for request in requests}
    state = next((one for one in (WindowState.ASKED, WindowState.ARRIVED) if one in states), last.state)
    records = max(request.records for request in requests)
    new = sum(request.new for request in requests)
    return Window(last.number, last.take, state, records, new, again=state in _FAILED and last.again)


def next_step(wanted: int, windows: Sequence[Window], in_flight: int) -> WindowStep:
    """Say what comes next; `windows` are all that were asked for, in the order of their numbers."""
    unanswered = sum(window.state is WindowState.ASKED for window in windows)
    why_not = _why_not(wanted, windows)
    ask = _next_window(wanted, windows) if why_not is None else None
    if ask is not None and unanswered < (in_flight if len(windows) > PROVING else 1):
        return ask
    if unanswered:
        return AwaitWindows(unanswered)
    here = sum(window.new for window in windows)
    whole = here >= wanted
    return WindowsDone(Outcome.COMPLETE if whole else Outcome.PARTIAL, why_not or "every window has ended")


def _next_window(wanted: int, windows: Sequence[Window]) -> AskWindow:
    for skip, window in _still_wanted(wanted, windows):
        if window.again:
            return AskWindow(window.number, skip, window.take, whole=True)
    skip = sum(window.take for window in windows)
    return AskWindow(len(windows) + 1, skip, min(WINDOW_MAX, wanted - skip))


def _still_wanted(wanted: int, windows: Sequence[Window]) -> Iterator[tuple[int, Window]]:
    """Yield the windows with their skips, but for those beyond what is wanted by now: it may be less than before."""
    skip = 0
    for window in windows:
        if skip < wanted:
            yield skip, window
        skip += window.take


def _why_not(wanted: int, windows: Sequence[Window]) -> str | None:
    """Say why no window is asked for; None where one may be."""
    for window in windows:
        if window.state is WindowState.ARRIVED and window.overlaps:
            return f"half or more of window {window.number} had come before: the vendor ignores skip, or the list moves"
    if sum(window.new for window in windows) >= wanted:
        return "all that was wanted is here"
    if any(window.again for _, window in _still_wanted(wanted, windows)):
        return None
    return "every window has ended" if sum(window.take for window in windows) >= wanted else _why_no_further(windows)


def _why_no_further(windows: Sequence[Window]) -> str | None:
    for window in windows:
        if window.is_last:
            return "the list has nothing more"
        if window.number <= PROVING and window.state in _FAILED:
            return f"window {window.number} never came, so nothing shows that a further one would bring others"
    return None


def yet_to_ask(wanted: int, windows: Sequence[Window]) -> int:
    """Return how many records a pull asks for yet, at most."""
    if _why_not(wanted, windows) is not None:
        return 0
    anew = sum(window.take for _, window in _still_wanted(wanted, windows) if window.again)
    return anew + max(wanted - sum(window.take for window in windows), 0)


@dataclass(frozen=True, slots=True)
class StillMissing:
    """What a person may have asked for: `takes` of windows that never came, and `further` records that never were."""

    numbers: tuple[int, ...]
    takes: tuple[int, ...]
    further: int


def still_missing(wanted: int, windows: Sequence[Window]) -> StillMissing | str:
    """Return what may be asked for at a person's word, or say why there is nothing."""
    failed = [window for _, window in _still_wanted(wanted, windows) if window.state in _FAILED]
    step = next_step(wanted, [replace(window, again=window in failed) for window in windows], in_flight=1)
    if isinstance(step, WindowsDone) and failed:
        return step.why
    if not (failed or isinstance(step, AskWindow)):
        return "none of its windows has expired or failed"
    further = max(wanted - sum(window.take for window in windows), 0)
    numbers, takes = zip(*((window.number, window.take) for window in failed), strict=True) if failed else ((), ())
    return StillMissing(numbers, takes, further)


@dataclass(frozen=True, slots=True)
class Rest:
    """How the last run of a pull ended, and when one of its windows has ended last, None where none has.

    `word_at` is when a person had it go on, None where nobody has; `denied`: the vendor had turned the account down;
    `answered`: nothing parks it any more.
    """

    outcome: Outcome
    ended_at: datetime
    news_at: datetime | None = None
    word_at: datetime | None = None
    denied: bool = False
    answered: bool = False

    def is_since(self, at: datetime | None, now: datetime) -> bool:
        """Whether something has happened since that end. What lies ahead is no news: a clock was put back."""
        return at is not None and self.ended_at < at <= now


def goes_on_at(step: WindowStep, rest: Rest, day_ends: datetime, now: datetime) -> datetime | None:
    """Say when a pull goes on by itself; None where it waits for a result, a person, or its own next time.

    `day_ends` is when the budget's day of the last run is over. To end what is done costs nothing.
    """
    if isinstance(step, AwaitWindows):
        return None
    if rest.ended_at > now:  # by a clock that has been put back since: how long ago it was nobody knows
        rest, day_ends = replace(rest, ended_at=LONG_AGO), LONG_AGO
    if rest.is_since(rest.word_at, now):
        return rest.word_at
    has_news = rest.is_since(rest.news_at, now)
    wait = _rest_before(step, rest, has_news=has_news)
    if wait is None:
        return None
    if has_news:
        return rest.news_at
    wants_money = rest.outcome is Outcome.OVER_BUDGET and isinstance(step, AskWindow)
    return day_ends if wants_money else rest.ended_at + wait


def _rest_before(step: WindowStep, rest: Rest, *, has_news: bool) -> timedelta | None:
    """How long it rests at most; None where it does not go on for the end of its last run."""
    if rest.outcome is Outcome.PARKED:
        return timedelta(0) if rest.answered else None
    if isinstance(step, WindowsDone):
        # A run that has found it done and has not ended it waits for a person: called again, it would find the same.
        return None if rest.outcome is Outcome.PARTIAL and not has_news else timedelta(0)
    return REST_DENIED if rest.denied else _RESTS.get(rest.outcome)


_RESTS: Final = {
    Outcome.WAITING: timedelta(0),
    Outcome.INTERRUPTED: RUSH,
    Outcome.FAILED: REST,
    Outcome.OVER_BUDGET: timedelta(days=1),
}
"""Ends after which a pull goes on by itself, at the latest after so long."""
