"""What becomes of a request for a window when the vendor has answered it, or not. It is sent once, and has no key.

The rules, in words:

1. What the vendor has taken is waited for, until its deadline.
2. So is what it may have taken: an acknowledgement that was lost, a time-out, a server's error. It may run and be
   billed, and its result is known by its address.
3. What surely never left, or was not taken (429, a refusal, a denial), is no window, and its reservation is free.
4. What never left and a 429 are asked for again after a wait, backing off, for ten minutes; a 429 holds the account.
5. A refusal parks the job. A denial (401, 402, 403) ends the run.
"""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from leadsync.core.model import End, Outcome
from leadsync.core.protocol import BudgetSpent, Event, Halted, Wait, Waited
from leadsync.core.replies import Denied, Lost, PlainTrouble, Refused, Throttled
from leadsync.core.retry import GIVE_UP_S, is_in_time, wait_after
from leadsync.errors import OffTheTable


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The vendor has taken a request; its result is to come with the same id, None where it named none."""

    request_id: str | None


AsyncReply: TypeAlias = Acknowledged | PlainTrouble
"""What an answer to a request for a window can mean."""


@dataclass(frozen=True, slots=True)
class Tries:
    """The requests that brought no window: `failed` in a row, of which the first began at `since_s`."""

    since_s: float
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Unsure:
    """The vendor may have taken it; `why` nobody knows."""

    why: str


@dataclass(frozen=True, slots=True)
class Untaken:
    """The vendor has not taken it, and nothing is billed; `then` is what comes after. `status` is 0 without a reply."""

    status: int
    message: str
    then: Wait | End


def judge(reply: AsyncReply, tries: Tries, *, now_s: float, draw: float) -> Acknowledged | Unsure | Untaken:
    """Say what became of a request. `tries` includes it; `draw` in [0, 1) jitters waits."""
    match reply:
        case Acknowledged():
            return reply
        case Lost(why, sent=False):
            return Untaken(0, why, _in_time(tries, wait_after(reply, tries.failed, draw), now_s))
        case Lost(why):
            return Unsure(why)
        case Throttled():
            wait = wait_after(reply, tries.failed, draw)
            return Untaken(429, wait.why, _in_time(tries, wait, now_s))
        case Denied(_, status, message):
            return Untaken(status, message, reply.end)
        case Refused(status):
            return Untaken(status, reply.end.message, reply.end)
        case never:
            assert_never(never)


def halted_end(event: Event) -> End | None:
    """How a run ends that meets this before it may ask; None where it may go on. Results come all the same."""
    match event:
        case Waited():
            return None
        case Halted(message):
            return End(Outcome.INTERRUPTED, f"{message}; results of what was asked for are still taken")
        case BudgetSpent(message):
            return End(Outcome.OVER_BUDGET, message)
        case Denied():
            return event.end
        case _:
            raise OffTheTable(f"a pull by windows met {type(event).__name__}")


def _in_time(tries: Tries, wait: Wait, now_s: float) -> Wait | End:
    if is_in_time(wait, tries.since_s, now_s):
        return wait
    why = f"no window could be asked for in {GIVE_UP_S / 60:.0f} minutes ({wait.why})"
    return End(Outcome.FAILED, f"{why}; nothing of that was billed, and the next run goes on from here")
