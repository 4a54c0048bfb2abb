"""The protocol of a pull: which key goes out when, what an answer means, and how a run ends.

The rules, in words:

1. An open key comes first. Nothing new is asked while one is open (P2).
2. A key is journaled with its bytes before it is sent, and its page stored before the next is asked (P3, P4).
3. An unknown outcome sends the same bytes again after a quiet time, backing off; after ten minutes the run ends
   `failed` and the key stays open.
4. A 429 waits, and holds the whole account.
5. A refusal closes the key, uses its number up and parks the job. A denial (401, 403) ends the run with the key open.
   So does a refusal for want of a slot, where the key was sent before: that may arrive once a slot is free.
6. An empty page without a cursor is the end, and so are three pages in a row without anything new. A short page is not.
7. A run stops only between requests: before a key is journaled, or while it waits for its turn to be sent.
8. After a restore the bytes of the old keys are not known for certain. A vendor that knows a key with other bytes says
   so and bills nothing: the same key goes out with the next bytes that it may have had. An empty page is no end then.

The table; a pair that is not in it is a bug:

    state    event        next     effect
    Asking   Journaled    Sending  Send
    Asking   BudgetSpent  Ended    Finish over_budget
    Asking   BudgetReserved  Queued  Queue
    Asking   Halted       Ended    Finish interrupted
    Asking   Denied       Ended    Finish failed: another job of the account was turned down
    Queued   Waited       Asking   Ask
    Queued   BudgetSpent  Ended    Finish over_budget: nobody is left who could give something back
    Queued   Halted       Ended    Finish interrupted
    Queued   Denied       Ended    Finish failed
    Sending  Halted       Ended    Finish interrupted before it was sent, key open
    Sending  PageReply    Storing  Store
    Sending  Lost         Pausing  Wait, or Finish failed
    Sending  Throttled    Pausing  Wait for the account, or Finish failed
    Sending  Denied       Ended    Finish failed
    Sending  Refused      Closing  Close; where it names other bytes of an old key: Rewording  Reword
    Sending  Refused      Ended    Finish failed, key open: other bytes, and only the job's own run may find them
    Sending  SlotsFull    Closing  Close, where the session is new: the run waits for a slot
    Sending  SlotsFull    Ended    Finish, key open, where it was sent before: waiting for a new session, else failed
    Sending  SlotsFull    *        as its status says, else
    Pausing  Waited       Sending  Send
    Pausing  Halted       Ended    Finish interrupted, key open; failed where its time is over: no answer came
    Pausing  Denied       Ended    Finish failed, key open
    Rewording  Reworded   Sending  Send
    Rewording  AtALoss    Closing  Close
    Rewording  Halted     Ended    Finish interrupted, key open
    Rewording  Denied     Ended    Finish failed, key open
    Storing  Stored       Asking   Ask, or Finish
    Closing  Closed       Ended    Finish parked or waiting

The machine holds no key, no page and no books: those are durable, and a new run begins from what the ledger has.
"""

from dataclasses import replace
from typing import Final

from leadsync.core.model import End, Outcome, PageReply, Tally
from leadsync.core.protocol import (
    Ask,
    Asking,
    AtALoss,
    Attempt,
    BudgetReserved,
    BudgetSpent,
    Close,
    Closed,
    Closing,
    Ended,
    Event,
    Finish,
    Halted,
    Journaled,
    Pausing,
    Plan,
    Queue,
    Queued,
    Reword,
    Reworded,
    Rewording,
    Send,
    Sending,
    State,
    Step,
    Store,
    Stored,
    Storing,
    Waited,
)
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.core.retry import GIVE_UP_S, is_in_time, wait_after
from leadsync.errors import OffTheTable

KEY_STAYS_OPEN: Final = "the key stays open and is sent again next run"

BARREN_MAX: Final = 3
"""Pages in a row without a new property that end a run: the end of the stream is OPEN at the vendor."""

OLD_BARREN_MAX: Final = 1_000
"""The same for old keys of a restored store: each run that found nothing used one up, every fifteen minutes."""


def begin(plan: Plan, *, key_open: bool, now_s: float) -> Step:
    """Begin a run from what the ledger has: an open key first, else the next page. `now_s` is any steady clock's."""
    tally = Tally()
    if key_open:
        return Sending(tally, Attempt(1, now_s, maybe_seen=True)), Send(replay=True)
    return _next_page(plan, tally)


def step(plan: Plan, state: State, event: Event, *, now_s: float, draw: float) -> Step:
    """Return the next state and what to do. `draw` in [0, 1) jitters waits."""
    match state, event:
        case Asking(tally), Journaled():
            return Sending(tally, Attempt(1, now_s, maybe_seen=False)), Send(replay=False)
        case ((Asking(tally) | Queued(tally)), BudgetSpent(message)):
            return _finish(tally, End(Outcome.OVER_BUDGET, message))
        case Asking(tally), BudgetReserved(message):
            return Queued(tally), Queue(message)
        case Queued(tally), Waited():
            return _next_page(plan, tally)
        case Pausing(tally), Halted(message, time_over=True):
            return _stays_open(tally, Outcome.FAILED, f"{message}, and no answer came")
        case ((Asking(tally) | Queued(tally) | Sending(tally) | Pausing(tally) | Rewording(tally)), Halted(message)):
            return _finish(tally, End(Outcome.INTERRUPTED, message))
        case Sending(tally, attempt), PageReply():
            return Storing(tally, event.has_cursor), Store(event, not attempt.maybe_seen, attempt.number - 1)
        case Sending(), Lost() | Throttled():
            return _again(state, event, now_s, draw)
        case (
            (Asking(tally) | Queued(tally) | Pausing(tally) | Sending(tally) | Rewording(tally)),
            Denied(),
        ):
            return _finish(tally, event.end)
        case Sending(tally), Refused(other_body=True) if plan.old_keys_max:
            return Rewording(tally, event), Reword()
        case Sending(tally), Refused(other_body=True, status=status, message=message) if plan.recovering:
            return _stays_open(tally, Outcome.FAILED, f"the vendor has it with other bytes (HTTP {status}: {message})")
        case Sending(tally), Refused():
            return _refused(tally, event)
        case Rewording(tally), Reworded():
            return Sending(tally, Attempt(1, now_s, maybe_seen=True)), Send(replay=True)
        case Rewording(tally, refused), AtALoss():
            return _refused(tally, refused)
        case Sending(tally, attempt), SlotsFull(status, message) if plan.new_session and not tally.pages:
            if attempt.maybe_seen:
                return _stays_open(tally, Outcome.WAITING, _no_slot(status, message))
            return Closing(tally, End(Outcome.WAITING, _no_slot(status, message))), Close(status, message, None)
        case Sending(tally, Attempt(maybe_seen=True)), SlotsFull(status, message, Refused()):
            return _stays_open(tally, Outcome.FAILED, _no_slot(status, message))
        case Sending(), SlotsFull(otherwise=otherwise):
            return step(plan, state, otherwise, now_s=now_s, draw=draw)
        case Pausing(tally, attempt), Waited():
            return Sending(tally, attempt), Send(replay=True)
        case Storing(tally, has_cursor), Stored():
            return _after_page(plan, tally, event, has_cursor=has_cursor)
        case Closing(tally, end), Closed():
            return _finish(tally, end)
        case _:
            raise OffTheTable(f"{type(state).__name__} met {type(event).__name__}")


def _finish(tally: Tally, end: End) -> Step:
    return Ended(tally, end), Finish(end)


def _no_slot(status: int, message: str) -> str:
    return f"the vendor has no slot for the session (HTTP {status}: {message})"


def _stays_open(tally: Tally, outcome: Outcome, why: str) -> Step:
    return _finish(tally, End(outcome, f"{why}; {KEY_STAYS_OPEN}"))


def _next_page(plan: Plan, tally: Tally) -> Step:
    if plan.old_keys_max > tally.pages:
        return Asking(tally), Ask(plan.page_size)
    if plan.settle_only is not None:
        return _finish(tally, plan.settle_only)
    left = plan.page_size if plan.records_max is None else plan.records_max - tally.records
    if left <= 0:
        return _finish(tally, End(Outcome.LIMITED, f"records_per_run of {plan.records_max} is reached"))
    return Asking(tally), Ask(min(plan.page_size, left))


def _again(state: Sending, event: Lost | Throttled, now_s: float, draw: float) -> Step:
    """Rule 3 and rule 4: the same bytes after a wait, or `failed` when ten minutes would pass without an answer."""
    attempt = state.attempt
    wait = wait_after(event, attempt.number, draw)
    if not is_in_time(wait, attempt.since_s, now_s):
        return _stays_open(state.tally, Outcome.FAILED, f"no answer in {GIVE_UP_S / 60:.0f} minutes ({wait.why})")
    tally = replace(state.tally, replays=state.tally.replays + 1, waited_s=state.tally.waited_s + wait.wait_s)
    return Pausing(tally, Attempt(attempt.number + 1, attempt.since_s, maybe_seen=True)), wait


def _refused(tally: Tally, refused: Refused) -> Step:
    end = refused.end
    return Closing(tally, end), Close(refused.status, end.message, end.reason)


def _after_page(plan: Plan, tally: Tally, stored: Stored, *, has_cursor: bool) -> Step:
    tally = replace(
        tally,
        pages=tally.pages + 1,
        records=tally.records + stored.records,
        new=tally.new + stored.new,
        barren=0 if stored.new else tally.barren + 1,
    )
    if stored.reason is not None:
        return _finish(tally, End(Outcome.PARKED, stored.message, stored.reason))
    if plan.settle_only is not None:
        if stored.recovered or tally.barren >= OLD_BARREN_MAX:
            return _finish(tally, plan.settle_only)
    else:
        if not stored.records and not has_cursor:
            return _finish(tally, End(Outcome.COMPLETE, "the session has nothing more to deliver"))
        if tally.barren >= BARREN_MAX:
            return _finish(tally, End(Outcome.COMPLETE, f"{BARREN_MAX} pages in a row brought nothing new"))
    return _next_page(plan, tally)
