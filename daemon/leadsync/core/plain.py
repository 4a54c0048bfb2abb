"""The protocol of a search without a session: no key, so no request can be repeated for nothing.

The rules, in words:

1. A page is journaled with its reservation before it is sent, and sent once. What is asked again has a row of its own.
2. Whatever is not a page closes the row: unknown where it may be billed, which then counts as spent; else refused, or
   void where not a byte had left.
3. An unknown page is not asked for again, unless the job says `retry_unknown`: then after a quiet time, and at most
   three times in a row, since each may be billed.
4. What was not billed is asked again after a wait, backing off, for ten minutes. A 429 holds the whole account.
5. A refusal parks the job. A denial (401, 403) ends the run.
6. The list ends with a page that has no cursor, with three in a row that bring nothing new, or with a full page of what
   came before: a vendor that ignores the cursor must not be paid for the same page for ever.
7. A run stops only between requests.

The table; a pair that is not in it is a bug:

    state    event           next     effect
    Asking   Journaled       Sending  Send
    Asking   BudgetSpent     Ended    Finish over_budget
    Asking   BudgetReserved  Queued   Queue
    Asking   Halted, Denied  Ended    Finish interrupted, failed
    Queued   Waited          Asking   Ask
    Queued   BudgetSpent     Ended    Finish over_budget: nobody is left who could give something back
    Queued   Halted, Denied  Ended    Finish interrupted, failed
    Sending  PageReply       Storing  Store
    Sending  Lost            Closing  Close unknown, or void
    Sending  Throttled       Closing  Close refused, then wait for the account
    Sending  Denied          Closing  Close refused
    Sending  Refused         Closing  Close refused, parked
    Sending  SlotsFull       Closing  as its status says
    Closing  Closed          Pausing  Wait, or Finish
    Pausing  Waited          Asking   Ask
    Pausing  Halted, Denied  Ended    Finish interrupted, failed
    Storing  Stored          Asking   Ask, or Finish
"""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from leadsync.core.model import End, Outcome, PageReply, Tally
from leadsync.core.paging import BARREN_MAX
from leadsync.core.protocol import (
    Ask,
    BudgetReserved,
    BudgetSpent,
    Close,
    Closed,
    Effect,
    Ended,
    Event,
    Fate,
    Finish,
    Halted,
    Journaled,
    Queue,
    Send,
    Store,
    Stored,
    Wait,
    Waited,
)
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.core.retry import GIVE_UP_S, is_in_time, wait_after
from leadsync.errors import OffTheTable

UNKNOWN_MAX: Final = 3
"""Pages in a row whose answers were lost, and that may all be billed, before a run asks no more."""


@dataclass(frozen=True, slots=True)
class PlainPlan:
    """What one run may do. `missing` is how many records are wanted yet, `records_max` the run's own limit."""

    page_size: int
    missing: int
    records_max: int | None = None
    retry_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Tries:
    """The requests for one page so far: `failed` of them brought none, `lost` of these may be billed.

    `since_s` is when the first began.
    """

    since_s: float
    failed: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Asking:
    """A page is being journaled."""

    tally: Tally
    tries: Tries
    take: int


@dataclass(frozen=True, slots=True)
class Queued:
    """Nothing is left of the budget but what others have reserved, and may give back."""

    tally: Tally
    tries: Tries


@dataclass(frozen=True, slots=True)
class Sending:
    """The page is on its way."""

    tally: Tally
    tries: Tries
    take: int


@dataclass(frozen=True, slots=True)
class Closing:
    """The row is being closed without a page; `then` is what comes after."""

    tally: Tally
    tries: Tries
    then: Wait | End


@dataclass(frozen=True, slots=True)
class Pausing:
    """Time passes before the page is asked for again."""

    tally: Tally
    tries: Tries


@dataclass(frozen=True, slots=True)
class Storing:
    """A whole page is being stored."""

    tally: Tally
    has_cursor: bool


State: TypeAlias = Asking | Queued | Sending | Closing | Pausing | Storing | Ended
Step: TypeAlias = tuple[State, Effect]


def begin(plan: PlainPlan, *, now_s: float) -> Step:
    """Begin a run where the cursor stands. `now_s` is any steady clock's."""
    return _next_page(plan, Tally(), Tries(now_s))


def step(plan: PlainPlan, state: State, event: Event, *, now_s: float, draw: float) -> Step:
    """Return the next state and what to do. `draw` in [0, 1) jitters waits."""
    match state, event:
        case Asking(tally, tries, take), Journaled():
            return Sending(tally, tries, take), Send(replay=False)
        case ((Asking(tally) | Queued(tally)), BudgetSpent(message)):
            return _finish(tally, End(Outcome.OVER_BUDGET, message))
        case Asking(tally, tries), BudgetReserved(message):
            return Queued(tally, tries), Queue(message)
        case ((Queued(tally, tries) | Pausing(tally, tries)), Waited()):
            return _next_page(plan, tally, tries)
        case Pausing(tally), Halted(message, time_over=True):
            return _finish(tally, End(Outcome.FAILED, f"{message}, and no answer came; nothing is open"))
        case ((Asking(tally) | Queued(tally) | Pausing(tally)), Halted(message)):
            return _finish(tally, End(Outcome.INTERRUPTED, message))
        case ((Asking(tally) | Queued(tally) | Pausing(tally)), Denied()):
            return _finish(tally, event.end)
        case Sending(tally, tries), PageReply():
            return Storing(tally, event.cursor is not None and event.has_cursor), Store(event, fresh=True, replays=0)
        case Sending(), SlotsFull():
            return step(plan, state, event.otherwise, now_s=now_s, draw=draw)
        case Sending(), Lost() | Throttled() | Denied() | Refused():
            return _close(plan, state, event, now_s, draw)
        case Closing(tally, tries, Wait() as wait), Closed():
            return Pausing(replace(tally, waited_s=tally.waited_s + wait.wait_s), tries), wait
        case Closing(tally, _, End() as end), Closed():
            return _finish(tally, end)
        case Storing(tally, has_cursor), Stored():
            return _after_page(plan, tally, event, now_s, has_cursor=has_cursor)
        case _:
            raise OffTheTable(f"{type(state).__name__} met {type(event).__name__} in a plain search")


def _finish(tally: Tally, end: End) -> Step:
    return Ended(tally, end), Finish(end)


def _next_page(plan: PlainPlan, tally: Tally, tries: Tries) -> Step:
    missing = plan.missing - tally.new
    if missing <= 0:
        return _finish(tally, End(Outcome.COMPLETE, "all records that were wanted are here"))
    left = missing if plan.records_max is None else plan.records_max - tally.records
    if left <= 0:
        return _finish(tally, End(Outcome.LIMITED, f"records_per_run of {plan.records_max} is reached"))
    take = min(plan.page_size, missing, left)
    return Asking(tally, tries, take), Ask(take)


def _close(
    plan: PlainPlan, state: Sending, event: Lost | Throttled | Denied | Refused, now_s: float, draw: float
) -> Step:
    """Rules 2 to 5: how the row ends, and what comes then."""
    tries = replace(state.tries, failed=state.tries.failed + 1)
    match event:
        case Lost(why, sent=False):
            wait = wait_after(event, tries.failed, draw)
            return Closing(state.tally, tries, _in_time(tries, wait, now_s)), Close(0, why, None, Fate.VOID)
        case Lost(why):
            tries = replace(tries, lost=tries.lost + 1)
            wait = wait_after(event, tries.failed, draw)
            then = _unknown(plan, state.take, tries, why) or _in_time(tries, wait, now_s)
            return Closing(state.tally, tries, then), Close(0, why, None, Fate.UNKNOWN)
        case Throttled():
            wait = wait_after(event, tries.failed, draw)
            return Closing(state.tally, tries, _in_time(tries, wait, now_s)), Close(429, wait.why, None)
        case Denied(_, status, message):
            return Closing(state.tally, tries, event.end), Close(status, message, None)
        case Refused(status):
            end = event.end
            return Closing(state.tally, tries, end), Close(status, end.message, end.reason)
        case never:
            assert_never(never)


def _unknown(plan: PlainPlan, take: int, tries: Tries, why: str) -> End | None:
    """Rule 3: how the run ends at a page that may be billed; None where it is asked for again."""
    if not plan.retry_unknown:
        return unknown_end(take, why)
    if tries.lost >= UNKNOWN_MAX:
        again = f"the answers to {tries.lost} requests in a row were lost ({why}), and each may be billed"
        return End(Outcome.FAILED, f"{again}; the next run asks again")
    return None


def unknown_end(records: int, why: str) -> End:
    """How a run ends that must not ask for an unknown page again."""
    return End(
        Outcome.PARTIAL,
        f"the answer to a request for {records:,} records was lost ({why}): they may be billed, count as spent, and are"
        " not asked for again by themselves; retry_unknown = true in the job's file asks again from there",
    )


def _in_time(tries: Tries, wait: Wait, now_s: float) -> Wait | End:
    if is_in_time(wait, tries.since_s, now_s):
        return wait
    return End(Outcome.FAILED, f"no page in {GIVE_UP_S / 60:.0f} minutes ({wait.why}); the next run goes on from here")


def _after_page(plan: PlainPlan, tally: Tally, stored: Stored, now_s: float, *, has_cursor: bool) -> Step:
    tally = replace(
        tally,
        pages=tally.pages + 1,
        records=tally.records + stored.records,
        new=tally.new + stored.new,
        barren=0 if stored.new else tally.barren + 1,
    )
    if stored.records >= plan.page_size and not stored.new:
        return _finish(tally, End(Outcome.COMPLETE, "a full page was billed and brought nothing but what came before"))
    if tally.new < plan.missing:
        if not has_cursor:
            return _finish(tally, End(Outcome.COMPLETE, "the list has nothing more"))
        if tally.barren >= BARREN_MAX:
            return _finish(tally, End(Outcome.COMPLETE, f"{BARREN_MAX} pages in a row brought nothing new"))
    return _next_page(plan, tally, Tries(now_s))
