"""The rules of the skip trace: who is asked for, when a batch goes, and what becomes of it.

In words:

1. A subject is a person and a mailing address. It is asked for once; who brings it again gets the answer that is there
   while that is fresh, a miss included, or the one that is on its way. Neither costs anything.
2. What the vendor did not answer in time is missing. It is asked for again by a person's word, or once by itself where
   `on_missing = "retry"`: it may be billed each time.
3. A batch has from ten to a thousand items. Fewer wait for company; after `hold_for` they go to the endpoint that
   answers at once, where that is allowed.
4. A batch is journaled with its reservation, then sent, once. Where its acknowledgement was lost its results still find
   their way, and it is never sent again by itself. Only what cannot have been taken gives its items back; an answer
   that comes to it in a pause is taken all the same.
5. Its items have until its deadline, or for a quarter of an hour after the vendor says that it is complete. What comes
   later is taken all the same.
6. A denial or a refusal pauses the skip trace with its reason; the vendor's daily limit parks it until midnight UTC.

The table of a subject that a delivery brings again:

    state        answer   next         costs
    wanted       any      wanted       nothing more
    sent         any      sent         nothing more
    matched      fresh    matched      nothing
    missed       fresh    missed       nothing
    matched      stale    wanted       a request
    missed       stale    wanted       a request
    missing      any      missing      nothing: rule 2
    suppressed   any      wanted       nothing, where the list still has it
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from leadsync.core.model import Reason
from leadsync.core.packing import AWAIT_MAX
from leadsync.core.replies import Denied, Lost, Refused, Throttled
from leadsync.core.trace_replies import Acknowledged, DailyLimit, TraceTrouble

GRACE: Final = timedelta(minutes=15)
"""What the vendor sends again may come after its word that all is sent."""

DENIED_AGAIN: Final = timedelta(hours=6)
"""How long one rests that the vendor turns away; another key, or a person's word, ends it before."""

DAY: Final = timedelta(days=1)
"""No midnight of the vendor's is further away."""

CLOCK_SLACK: Final = timedelta(hours=1)
"""By so much a clock may be put back, and what was to be waited for still is."""

AUTOMATIC_TRIES_MAX: Final = 2
"""Items of one subject that may go missing before only a person asks again: inboxes that nobody reaches cost twice."""

MISSES_MAY_BE_BILLED: Final = True
"""OPEN at the vendor, so a miss counts as spent, like a match. This is the one place where that is guessed."""


STORE_DOUBTS: Final = {
    Reason.STORE_COPIED: "the store is a copy: the original may ask for the same owners, so this one asks for none",
    Reason.STORE_RESTORED: "the store was restored: owners that were asked for after its backup may be paid for"
    " already, and would be asked for again",
}
"""Why nothing is spent on owners after a person has said what became of the store; a further word ends it."""


class State(StrEnum):
    """How far a subject has come; an item goes through those from sent on."""

    WANTED = "wanted"
    SENT = "sent"
    MATCHED = "matched"
    MISSED = "missed"
    MISSING = "missing"
    SUPPRESSED = "suppressed"


class BatchState(StrEnum):
    """How far a batch has come (see `store.trace_tables.TraceBatch`)."""

    ASKED = "asked"
    OUT = "out"
    UNKNOWN = "unknown"
    SETTLED = "settled"
    REFUSED = "refused"
    VOID = "void"


class TraceRoute(StrEnum):
    """The two ways to the vendor."""

    BATCH = "batch"
    AWAIT = "await"


class Hindrance(StrEnum):
    """Why nothing is sent, beside that nobody is wanted."""

    PAUSED = "paused"
    """The vendor turned us away, or a person must say something first."""
    QUOTA = "quota"
    """The vendor's daily limit: until midnight UTC."""
    FEW = "few"
    """Fewer than ten, who wait for company and are then asked for one way or the other."""
    FEW_FOREVER = "few_forever"
    """Fewer than ten, and the endpoint that would take them is not allowed."""


def brought_again(state: State, answered_at: datetime | None, fresh_since: datetime) -> State:
    """Say what becomes of a subject that a delivery brings again. Answers of before `fresh_since` are stale."""
    match state:
        case State.SUPPRESSED:
            return State.WANTED
        case State.MATCHED | State.MISSED if answered_at is None or answered_at < fresh_since:
            return State.WANTED
        case _:
            return state


@dataclass(frozen=True, slots=True)
class Queue:
    """Who is wanted, as the packer has them: the size of the next batch, and those who are too few for one."""

    next_batch: int = 0
    held: int = 0
    held_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Why nothing is sent, empty for none: `paused` is a reason, which holds until `again_at`, or a person speaks.

    `parked_until`: the vendor's daily limit is reached.
    """

    paused: str | None = None
    message: str | None = None
    again_at: datetime | None = None
    parked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What the configuration says of those who are too few."""

    hold_for: timedelta
    allow_await: bool


@dataclass(frozen=True, slots=True)
class Go:
    """Send so many of those who are wanted, by this way."""

    route: TraceRoute
    items: int


@dataclass(frozen=True, slots=True)
class Stay:
    """Send nothing: for this reason, until then; None: nobody is wanted, and no moment would change anything."""

    why: Hindrance | None = None
    until: datetime | None = None


Step: TypeAlias = Go | Stay


def next_step(queue: Queue, pause: Pause, terms: Terms, now: datetime) -> Step:
    """Say what to do about those who are wanted."""
    if not queue.next_batch and not queue.held:
        return Stay()
    if pause.paused is not None and (pause.again_at is None or lies_ahead(pause.again_at, DENIED_AGAIN, now)):
        return Stay(Hindrance.PAUSED, pause.again_at)
    if pause.parked_until is not None and lies_ahead(pause.parked_until, DAY, now):
        return Stay(Hindrance.QUOTA, pause.parked_until)
    if queue.next_batch:
        return Go(TraceRoute.BATCH, queue.next_batch)
    if not terms.allow_await:
        return Stay(Hindrance.FEW_FOREVER)
    due_at = (queue.held_since or now) + terms.hold_for
    waits = lies_ahead(due_at, terms.hold_for, now)
    return Stay(Hindrance.FEW, due_at) if waits else Go(TraceRoute.AWAIT, min(queue.held, AWAIT_MAX))


def lies_ahead(moment: datetime, longest: timedelta, now: datetime) -> bool:
    """Whether a moment is to be waited for; one that is further away was set by a clock that has been put back."""
    return timedelta() < moment - now <= longest + CLOCK_SLACK


def due_at(deadline_at: datetime, completed_at: datetime | None) -> datetime:
    """Say when the items of a batch that have not come are missing."""
    return deadline_at if completed_at is None else min(deadline_at, completed_at + GRACE)


@dataclass(frozen=True, slots=True)
class Taken:
    """The vendor has the batch. `complaint`: what it acknowledged is not what it was sent."""

    vendor_id: str | None
    request_ids: Mapping[int, str]
    complaint: str | None


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Nobody knows whether the vendor has it: it may be billed, and only its results would show it."""

    why: str


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The vendor has not taken it. `pause` is what stops further ones; without one they wait a while.

    `retry_after_s` is how long the vendor wants that to be, None where it did not say.
    """

    state: BatchState
    status: int | None
    message: str
    pause: Pause | None = None
    retry_after_s: float | None = None


Judgement: TypeAlias = Taken | Doubtful | GiveBack


def judge(reply: Acknowledged | TraceTrouble, items: int, now: datetime) -> Judgement:
    """Say what the vendor's answer to a batch means for it, and for those after it (rules 4 and 6)."""
    match reply:
        case Acknowledged(vendor_id, request_ids):
            return Taken(vendor_id, request_ids, reply.complaint(range(1, items + 1)))
        case Lost(why, sent=True):
            return Doubtful(why)
        case Lost(why):
            return GiveBack(BatchState.VOID, None, why)
        case _:
            return _refused(reply, now)


def _refused(reply: Throttled | DailyLimit | Denied | Refused, now: datetime) -> GiveBack:
    refused = BatchState.REFUSED
    match reply:
        case Throttled(retry_after_s):
            return GiveBack(refused, 429, "the vendor's rate limit", retry_after_s=retry_after_s)
        case DailyLimit(until):
            return GiveBack(refused, 429, "the vendor's daily limit is reached", Pause(parked_until=until))
        case Denied(reason, status, message):
            return GiveBack(refused, status, message, Pause(reason.value, message, again_at=now + DENIED_AGAIN))
        case Refused(status, message):
            return GiveBack(refused, status, message, Pause(Reason.REFUSED.value, message))
        case never:
            assert_never(never)


@dataclass(frozen=True, slots=True)
class Items:
    """The items of batches by what has become of them; `open`: nothing is known of them yet."""

    open: int = 0
    matched: int = 0
    missed: int = 0
    missing: int = 0

    @property
    def spent(self) -> int:
        """How many count as paid for: what is missing was perhaps looked up, and lost on the way."""
        return self.matched + self.missing + (self.missed if MISSES_MAY_BE_BILLED else 0)
