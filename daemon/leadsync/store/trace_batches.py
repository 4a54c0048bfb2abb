"""The journal of the skip trace: functions of one connection, each the whole of one transaction.

A batch goes from `asked` over `out` or `unknown` to `settled`, or from `asked` to `refused` or `void`, which give its
items back. The update names the states that it leaves: a second attempt finds no row, and is a bug.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Connection,
    RowMapping,
    Update,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased
from sqlmodel import col

from leadsync.core.budget import Granted, Limits, allowed_take, grant
from leadsync.core.packing import ITEMS_MIN
from leadsync.core.retry import deadline_of_now
from leadsync.core.trace import (
    AUTOMATIC_TRIES_MAX,
    GRACE,
    BatchState,
    GiveBack,
    State,
    TraceRoute,
    due_at,
)
from leadsync.errors import Bug
from leadsync.store.columns import MICROS
from leadsync.store.tables import InboxMessage, Installation
from leadsync.store.trace_pause import is_asked, pause
from leadsync.store.trace_spending import spent
from leadsync.store.trace_subjects import ask_again, move
from leadsync.store.trace_tables import TraceBatch, TraceItem, TraceSubject

ITEM_KIND: Final = "trace-item"
DONE_KIND: Final = "trace-done"
"""The kinds of webhooks: an item's answer, and the word that a batch is complete."""

_ANSWERED: Final = col(TraceBatch.matched) + col(TraceBatch.missed)


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """What is to be asked next: these subjects, in this order, under the name that their addresses carry.

    `request` makes the exact bytes for the first so many of them, and says how many those are.
    """

    name: str
    route: TraceRoute
    subjects: Sequence[int]
    limits: Limits
    key_digest: str
    deadline: timedelta
    request: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch that is durable and not sent yet; `nearly` names the limits of which four fifths are used with it."""

    batch_id: int
    name: str
    route: TraceRoute
    items: int
    request: bytes
    nearly: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoBudget:
    """Too little is left of this limit for a batch; `reserved`: batches on their way may give something back."""

    limit: str
    reserved: bool


@dataclass(frozen=True, slots=True)
class EndedBatch:
    """A batch of which nothing more is waited for. `retried` of its `missing` items are asked for again."""

    name: str
    items: int
    matched: int
    missed: int
    missing: int
    retried: int
    cost: float


def next_name(connection: Connection) -> str:
    """Return our own id of the next batch.

    A restored store does not give a name again that the one it replaces may have given: it has another generation.
    """
    generation = connection.execute(select(col(Installation.generation))).scalar_one()
    last = connection.execute(select(func.coalesce(func.max(col(TraceBatch.id)), 0))).scalar_one() or 0
    return f"{generation}-{last + 1}"


def journal(connection: Connection, order: BatchOrder, fence: int, now: datetime) -> OpenBatch | NoBudget | None:
    """Enter the next batch with its items and its reservation, of as many as the budget has room for.

    None where that is not true any more: an answer has come late, or a person must say more about the store first.
    """
    if is_asked(connection):
        return None
    if order.name != next_name(connection):
        raise Bug(f"batch {order.name} is not the next one")
    answered = (col(TraceSubject.id).in_(order.subjects), col(TraceSubject.state).in_((State.MATCHED, State.MISSED)))
    if connection.execute(select(exists(select(TraceSubject).where(*answered)))).scalar_one():
        return None
    room = _room(connection, order, now)
    return room if isinstance(room, NoBudget) else _enter(connection, order, room, fence, now)


def _room(connection: Connection, order: BatchOrder, now: datetime) -> Granted | NoBudget:
    """Say for how many there is room. The vendor takes no smaller batch, so a rest of the budget may be too little."""
    wanted, limits = len(order.subjects), order.limits
    if limits.unlimited:
        return Granted(wanted)
    billed, reserved = spent(connection, limits, now)
    granted = grant(wanted, limits, billed, reserved)
    least = ITEMS_MIN if order.route is TraceRoute.BATCH else 1
    if isinstance(granted, Granted) and granted.take >= least:
        return granted
    _, limit = allowed_take(least, limits, billed.plus(reserved))
    return NoBudget(limit, reserved=allowed_take(least, limits, billed)[0] >= least)


def _enter(connection: Connection, order: BatchOrder, room: Granted, fence: int, now: datetime) -> OpenBatch:
    request = order.request(room.take)
    row = TraceBatch(
        name=order.name,
        route=order.route.value,
        fence=fence,
        items=room.take,
        size_bytes=len(request),
        price_micros=int(order.limits.price * MICROS),
        key_digest=order.key_digest,
        asked_at=now,
        deadline_at=now + order.deadline,
    )
    new = insert(TraceBatch).returning(col(TraceBatch.id))
    batch_id = connection.execute(new, row.model_dump(exclude={"id"})).scalar_one() or 0
    subjects = order.subjects[: room.take]
    rows = [{"batch_id": batch_id, "key": key, "subject_id": one} for key, one in enumerate(subjects, 1)]
    connection.execute(insert(TraceItem).values(state=State.SENT.value), rows)
    move(connection, subjects, State.WANTED, State.SENT)
    return OpenBatch(batch_id, order.name, order.route, room.take, request, room.nearly)


def acknowledge(
    connection: Connection, batch_id: int, vendor_id: str | None, request_ids: Mapping[int, str], now: datetime
) -> None:
    """The vendor has taken a batch, under these ids of its own; its answers may have come before.

    What those called it was a hint: from now on the answers that count are those of what was acknowledged.
    """
    values = {"vendor_id": func.coalesce(vendor_id, col(TraceBatch.vendor_id)), "acknowledged_at": now}
    connection.execute(_from_asked(batch_id, BatchState.OUT).values(**values))
    named = update(TraceItem).where(col(TraceItem.batch_id) == batch_id, col(TraceItem.key) == bindparam("of_key"))
    named = named.where(col(TraceItem.request_id).is_(None)).values(request_id=bindparam("of_request"))
    if request_ids:
        connection.execute(named, [{"of_key": key, "of_request": one} for key, one in request_ids.items()])


def note_unknown(connection: Connection, batch_id: int, message: str) -> None:
    """Whether the vendor has taken a batch is not known: its results would show it."""
    connection.execute(_from_asked(batch_id, BatchState.UNKNOWN).values(message=message))


def give_back(connection: Connection, batch_id: int, back: GiveBack, now: datetime) -> bool:
    """Close a batch that the vendor has surely not taken: its items are wanted again, and cost nothing.

    What stops further ones is remembered in the same breath, unless a person must speak of the store. False where an
    answer has come already, which refutes that: a middlebox sent it twice, say, and was refused once. It goes on as
    unknown then. Where such an answer comes later, before the pause is over, it is taken, and nobody is bought twice.
    """
    if back.pause is not None and not is_asked(connection):
        pause(connection, back.pause, now)
    known = select(col(TraceBatch.name), col(TraceBatch.vendor_id), col(TraceBatch.completed_at), _ANSWERED)
    name, *shown = connection.execute(known.where(col(TraceBatch.id) == batch_id)).one()
    if any(shown) or _has_come(connection, name):
        note_unknown(connection, batch_id, back.message)
        return False
    mine = (col(TraceItem.batch_id) == batch_id, col(TraceItem.state) == State.SENT)
    subjects = connection.execute(select(col(TraceItem.subject_id)).where(*mine)).scalars().all()
    # Without a pause the next one goes soon, and there may be many.
    returned = update(TraceItem).values(state=State.WANTED.value) if back.pause else delete(TraceItem)
    connection.execute(returned.where(*mine))
    move(connection, subjects, State.SENT, State.WANTED)
    values = {"state": back.state.value, "status": back.status, "message": back.message, "settled_at": now}
    _leave(connection, batch_id, (BatchState.ASKED,), **values)
    return True


def _has_come(connection: Connection, name: str) -> bool:
    """Whether anything lies in the inbox about a batch; nobody but the vendor knows its addresses."""
    subject = col(InboxMessage.subject)
    ours = (subject == name, subject.startswith(f"{name}-", autoescape=True))
    mine = (col(InboxMessage.kind).in_((ITEM_KIND, DONE_KIND)), or_(*ours))
    return connection.execute(select(exists().where(*mine))).scalar_one()


def _from_asked(batch_id: int, after: BatchState) -> Update:
    state = case((col(TraceBatch.state) == BatchState.ASKED, after.value), else_=col(TraceBatch.state))
    return update(TraceBatch).where(col(TraceBatch.id) == batch_id).values(state=state)


def reap(connection: Connection) -> list[tuple[str, int]]:
    """A dead process, or a store that failed, has left these batches without an answer, while none is on its way.

    They may be billed, and are never sent again. Return their names and how many items they have.
    """
    asked = col(TraceBatch.state) == BatchState.ASKED
    found = select(col(TraceBatch.name), col(TraceBatch.items)).where(asked).order_by(col(TraceBatch.id))
    left = [(name, items) for name, items in connection.execute(found)]
    message = "leadsync ended before the vendor's answer was written down"
    connection.execute(update(TraceBatch).where(asked).values(state=BatchState.UNKNOWN.value, message=message))
    return left


def next_due(connection: Connection) -> datetime | None:
    """Return when the next batch must be looked at, None where none is out."""
    rows = connection.execute(
        select(col(TraceBatch.deadline_at), col(TraceBatch.completed_at)).where(col(TraceBatch.settled_at).is_(None))
    )
    return min((due_at(deadline_at, completed_at) for deadline_at, completed_at in rows), default=None)


def end_due(connection: Connection, now: datetime, *, patient: bool, retry: bool) -> list[EndedBatch]:
    """Settle the batches that are answered, and those whose time is over: what has not come of them is missing.

    `retry` lets that be wanted again, once. Who is `patient` calls nothing missing yet, nor is anything while answers
    wait to be read.
    """
    _begin_waits_anew(connection, now)
    ended = col(TraceBatch.matched) + col(TraceBatch.missed) + col(TraceBatch.missing)
    due = [ended >= col(TraceBatch.items)]
    if not patient and not _is_unread(connection):
        due += [col(TraceBatch.deadline_at) <= now, col(TraceBatch.completed_at) <= now - GRACE]
    is_open = (col(TraceBatch.settled_at).is_(None), col(TraceBatch.state) != BatchState.ASKED)
    rows = connection.execute(select(TraceBatch).where(*is_open, or_(*due))).mappings().all()
    return [_end(connection, row, now, retry=retry) for row in rows]


def _begin_waits_anew(connection: Connection, now: datetime) -> None:
    """No batch waits for a time that only a clock far ahead has named."""
    is_open = col(TraceBatch.settled_at).is_(None)
    ahead = select(TraceBatch).where(is_open, col(TraceBatch.asked_at) > now)
    for row in connection.execute(ahead).mappings().all():
        mine = update(TraceBatch).where(col(TraceBatch.id) == row["id"])
        connection.execute(mine.values(deadline_at=deadline_of_now(row["asked_at"], row["deadline_at"], now)))
    connection.execute(update(TraceBatch).where(is_open, col(TraceBatch.completed_at) > now).values(completed_at=now))


def _is_unread(connection: Connection) -> bool:
    """Whether answers have come that nobody has read yet."""
    unread = (col(InboxMessage.state) == "waiting", col(InboxMessage.kind).in_((ITEM_KIND, DONE_KIND)))
    return connection.execute(select(exists().where(*unread))).scalar_one()


def _end(connection: Connection, row: RowMapping, now: datetime, *, retry: bool) -> EndedBatch:
    mine = (col(TraceItem.batch_id) == row["id"], col(TraceItem.state) == State.SENT)
    subjects = list(connection.execute(select(col(TraceItem.subject_id)).where(*mine)).scalars())
    again = _may_go_again(connection, row) if retry else []
    connection.execute(update(TraceItem).where(*mine).values(state=State.MISSING.value))
    move(connection, subjects, State.SENT, State.MISSING)
    ask_again(connection, again, now)
    missing = row["missing"] + len(subjects)
    left = (BatchState.OUT, BatchState.UNKNOWN)
    _leave(connection, row["id"], left, state=BatchState.SETTLED, settled_at=now, missing=missing)
    cost = row["matched"] * row["price_micros"] / MICROS
    return EndedBatch(row["name"], row["items"], row["matched"], row["missed"], missing, len(again), cost)


def _may_go_again(connection: Connection, batch: RowMapping) -> list[int]:
    """Those of a batch whose answer does not wait in quarantine, and who have not gone missing before."""
    held = select(col(InboxMessage.subject)).where(
        col(InboxMessage.kind) == ITEM_KIND,
        col(InboxMessage.state) == "quarantined",
        col(InboxMessage.subject).startswith(f"{batch['name']}-"),
    )
    keys = [int(subject.rpartition("-")[2]) for subject in connection.execute(held).scalars()]
    other = aliased(TraceItem)
    before = (
        select(func.count())
        .where(col(other.subject_id) == col(TraceItem.subject_id), col(other.state) == State.MISSING)
        .scalar_subquery()
    )
    may = select(col(TraceItem.subject_id)).where(
        col(TraceItem.batch_id) == batch["id"],
        col(TraceItem.state) == State.SENT,
        col(TraceItem.key).not_in(keys),
        before < AUTOMATIC_TRIES_MAX - 1,
    )
    return list(connection.execute(may).scalars())


def ask_missing_again(connection: Connection, batches: Collection[str], now: datetime) -> int | None:
    """Let who is missing, of these batches or, where none is named, of all, be wanted once more; return how many.

    None where answers have come that nobody has read yet: they may be about these.
    """
    if _is_unread(connection):
        return None
    query = (
        select(col(TraceSubject.id))
        .join(TraceItem, col(TraceItem.subject_id) == col(TraceSubject.id))
        .join(TraceBatch, col(TraceBatch.id) == col(TraceItem.batch_id))
        .where(col(TraceSubject.state) == State.MISSING, col(TraceItem.state) == State.MISSING)
        .distinct()
    )
    named = query.where(col(TraceBatch.name).in_(batches)) if batches else query
    subjects = [one or 0 for one in connection.execute(named).scalars()]
    ask_again(connection, subjects, now)
    return len(subjects)


def last_proof(connection: Connection) -> str | None:
    """Return the digest of the API key that the last batch was asked with, None where there was none."""
    last = select(col(TraceBatch.key_digest)).order_by(col(TraceBatch.id).desc()).limit(1)
    return connection.execute(last).scalar_one_or_none()


def _leave(connection: Connection, batch_id: int, before: Collection[BatchState], **values: Any) -> None:
    states = [one.value for one in before]
    left = update(TraceBatch).where(col(TraceBatch.id) == batch_id, col(TraceBatch.state).in_(states))
    if connection.execute(left.values(**values)).rowcount != 1:
        raise Bug(f"batch {batch_id} is in no state that it could leave for {values['state']}")
