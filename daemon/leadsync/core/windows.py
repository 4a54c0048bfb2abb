"""The windows of a large one-shot: which may be asked for next, and when there is nothing more to ask.

The rules, in words:

1. A window is up to 1,000 records by `skip` and `take`, one request each, never with a session, never twice by itself.
2. The second waits until the first has come, the third until the second has come and its ids show that `skip` is
   honoured: nobody knows that of this vendor. Then as many may be unanswered at once as the job says.
3. A window of which half or more had come before stops the pull: `skip` is ignored, or the list moves too fast.
4. A window that came with less than it asked for is the list's last.
5. What expired or was refused has ended; no window takes its place, unless a person asks. What comes late has come.
6. It is done when every window has ended and no further one may be asked: complete where enough distinct records are
   here, else partial.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from leadsync.core.model import Outcome

WINDOW_MAX: Final = 1_000
"""The most that one async request may ask for."""

PROVING: Final = 2
"""So many windows go one after another: the second proves that `skip` is honoured."""


class WindowState(StrEnum):
    """What has become of a request."""

    ASKED = "asked"
    ARRIVED = "arrived"
    EXPIRED = "expired"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Window:
    """One request, from number 1. `records` came with it, `new` of them for the first time in this life."""

    number: int
    take: int
    state: WindowState = WindowState.ASKED
    records: int = 0
    new: int = 0

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
    """Ask for this one now."""

    number: int
    skip: int
    take: int


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


def next_step(wanted: int, windows: Sequence[Window], in_flight: int) -> WindowStep:
    """Say what comes next; `windows` are all that were asked for, in the order of their numbers."""
    unanswered = sum(window.state is WindowState.ASKED for window in windows)
    skip = len(windows) * WINDOW_MAX
    why_not = _why_not(wanted, windows)
    if why_not is None and unanswered < (in_flight if len(windows) > PROVING else 1):
        return AskWindow(len(windows) + 1, skip, min(WINDOW_MAX, wanted - skip))
    if unanswered:
        return AwaitWindows(unanswered)
    here = sum(window.new for window in windows)
    whole = here >= wanted
    return WindowsDone(Outcome.COMPLETE if whole else Outcome.PARTIAL, why_not or "every window has ended")


def _why_not(wanted: int, windows: Sequence[Window]) -> str | None:
    """Say why no further window is asked for; None where one may be."""
    if len(windows) * WINDOW_MAX >= wanted:
        return "every window has ended"
    for window in windows:
        if window.state is WindowState.ARRIVED and window.overlaps:
            return f"half or more of window {window.number} had come before: the vendor ignores skip, or the list moves"
        if window.is_last:
            return "the list has nothing more"
        if window.number <= PROVING and window.state in {WindowState.EXPIRED, WindowState.REFUSED}:
            return f"window {window.number} never came, so nothing shows that a further one would bring others"
    return None
