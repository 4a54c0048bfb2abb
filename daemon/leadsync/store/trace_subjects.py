"""Whose owners are looked for: from the deliveries of jobs that want it to subjects. Functions of one connection.

Each job has a mark in the ledger up to which its deliveries were looked at, so a crash forgets none, and each is looked
at once. The mark begins where the ledger ends on the day that a job's file first says so: what lies before it is traced
only when somebody asks for that, since it costs money.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlmodel import col

from leadsync.core.subjects import Subject
from leadsync.core.trace import State, brought_again
from leadsync.store.lead_tables import Change, Delivery, Property
from leadsync.store.tables import Page, Run
from leadsync.store.trace_contacts import values_of
from leadsync.store.trace_tables import TraceDelivery, TraceJob, TraceSubject

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Subject)

PORTION: Final = 250
"""Deliveries that are looked at together: their bytes are some megabytes."""

WANTED_MAX: Final = 10_000
"""Subjects that are packed together: ten batches, some megabytes."""

_LAST_DELIVERY: Final = select(func.coalesce(func.max(col(Delivery.id)), 0))
_MARKS: Final = select(col(TraceJob.job), col(TraceJob.looked_at))
_LOOKED_AT: Final = select(col(TraceJob.looked_at)).where(col(TraceJob.job) == bindparam("of_job"))
_NEXT: Final = (
    select(col(Delivery.id), col(Property.vendor_id), col(Delivery.body), col(Run.outcome))
    .join(Page, col(Page.id) == col(Delivery.page_id))
    .join(Run, col(Run.id) == col(Page.run_id))
    .join(Property, col(Property.id) == col(Delivery.property_id))
    .where(col(Delivery.id) > bindparam("after"), col(Run.job) == bindparam("of_job"))
    .order_by(col(Delivery.id))
    .limit(PORTION)
)
_MOVE_MARK: Final = update(TraceJob).where(
    col(TraceJob.job) == bindparam("of_job"), col(TraceJob.looked_at) == bindparam("before")
)
_KNOWN: Final = select(
    col(TraceSubject.id), col(TraceSubject.identity), col(TraceSubject.state), col(TraceSubject.answered_at)
)
_NEW: Final = insert(TraceSubject).returning(col(TraceSubject.id))


@dataclass(frozen=True, slots=True)
class Brought:
    """A property that a job has brought; `body` is the vendor's bytes."""

    delivery_id: int
    vendor_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Portion:
    """Some of a job's deliveries that nobody has looked at: those after mark `before`, up to `upto`."""

    job: str
    before: int
    upto: int
    brought: tuple[Brought, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody to be found: the digest of who it is, and what would be sent."""

    identity: str
    sent: bytes


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen in a portion: the owners by delivery, and how many properties had none that could be sent."""

    owners: Mapping[int, Sequence[Owner]]
    no_owner: int = 0
    no_address: int = 0


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of a portion: owners that are `new`, wanted `again` (their answer is stale), or `known` already.

    `touched` deliveries have got an answer that was there, for nothing.
    """

    properties: int = 0
    new: int = 0
    again: int = 0
    known: int = 0
    touched: int = 0
    no_owner: int = 0
    no_address: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subject that is to be asked for."""

    subject_id: int
    sent: bytes
    wanted_at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """A property that has brought a subject: the vendor's id and bytes; `known` are contacts of earlier answers."""

    subject_id: int
    property_id: str
    body: bytes
    known: frozenset[str]


def subject_as(subject: Subject) -> bytes:
    """Return what is written down of a subject."""
    return _encoder.encode(subject)


def subject_from(sent: bytes) -> Subject:
    """Return a subject as it was written down."""
    return _decoder.decode(sent)


def follow(connection: Connection, jobs: Collection[str], now: datetime) -> dict[str, int]:
    """Trace these jobs' owners from now on, and no others'.

    Return how many deliveries of the others nobody has looked at, by job, where there are any.
    """
    marks = {row.job: row.looked_at for row in connection.execute(_MARKS)}
    left = {job: _not_looked_at(connection, job, mark) for job, mark in marks.items() if job not in jobs}
    if left:
        connection.execute(delete(TraceJob).where(col(TraceJob.job).in_(left)))
    for job in sorted(set(jobs) - marks.keys()):
        last = connection.execute(_LAST_DELIVERY).scalar_one()
        values = {"job": job, "since": now, "looked_at": last, "properties": 0}
        connection.execute(insert(TraceJob).values(**values, owners=0, no_owner=0, no_address=0))
    return {job: count for job, count in left.items() if count}


def _not_looked_at(connection: Connection, job: str, mark: int) -> int:
    counted = (
        select(func.count())
        .select_from(Delivery)
        .join(Page, col(Page.id) == col(Delivery.page_id))
        .join(Run, col(Run.id) == col(Page.run_id))
        .where(col(Delivery.id) > mark, col(Run.job) == job)
    )
    return connection.execute(counted).scalar_one()


def include_older(connection: Connection, job: str) -> int | None:
    """Have all deliveries of a job looked at, from its first on; return how many there are, None for no such job."""
    if connection.execute(update(TraceJob).where(col(TraceJob.job) == job).values(looked_at=0)).rowcount != 1:
        return None
    pages = select(col(Page.id)).join(Run, col(Run.id) == col(Page.run_id)).where(col(Run.job) == job)
    counted = select(func.count()).select_from(Delivery).where(col(Delivery.page_id).in_(pages))
    return connection.execute(counted).scalar_one()


def next_portion(connection: Connection, job: str) -> Portion | None:
    """Return deliveries that nobody has looked at, None where there are none.

    Those of a run that has not ended wait for its end, so that its owners are packed together.
    """
    before = connection.execute(_LOOKED_AT, {"of_job": job}).scalar_one_or_none()
    if before is None:
        return None
    rows = connection.execute(_NEXT, {"of_job": job, "after": before}).all()
    ended = next((at for at, row in enumerate(rows) if row[3] is None), len(rows))
    brought = tuple(Brought(delivery_id or 0, vendor_id, body) for delivery_id, vendor_id, body, _ in rows[:ended])
    is_last = len(rows) < PORTION and ended == len(rows)
    last = connection.execute(_LAST_DELIVERY).scalar_one() or 0
    upto = last if is_last else brought[-1].delivery_id if brought else before
    return Portion(job, before, upto, brought) if upto > before else None


def enter(connection: Connection, portion: Portion, looked: Looked, fresh_since: datetime, now: datetime) -> Entered:
    """Let owners be wanted who are not known or whose answer is stale; an answer that is there is a change at once."""
    owners = {owner.identity: owner for several in looked.owners.values() for owner in several}
    if not _move_mark(connection, portion, looked, len(owners)):
        return Entered()  # the job's file says otherwise by now, or its older deliveries are wanted, too
    properties = {one.delivery_id: one.vendor_id for one in portion.brought}
    first = _first_properties(looked, properties)
    known = _known(connection, list(owners))
    ids, answered, again = {}, set(), []
    for identity, (subject_id, state, answered_at) in known.items():
        ids[identity] = subject_id
        if answered_at is not None:
            answered.add(identity)
        if brought_again(state, answered_at, fresh_since) is not state:
            again.append(subject_id)
    if again:
        wanted = update(TraceSubject).where(col(TraceSubject.id).in_(again))
        connection.execute(wanted.values(state=State.WANTED.value, wanted_at=now))
    new = [owner for identity, owner in owners.items() if identity not in known]
    for owner in new:
        values = {"identity": owner.identity, "property": first[owner.identity], "sent": owner.sent}
        ids[owner.identity] = connection.execute(_NEW, values | {"state": "wanted", "wanted_at": now}).scalar_one() or 0
    touched = _link(connection, looked, ids, answered)
    counts = (len(new), len(again), len(known) - len(again), touched, looked.no_owner, looked.no_address)
    return Entered(len(portion.brought), *counts)


def _move_mark(connection: Connection, portion: Portion, looked: Looked, owners: int) -> bool:
    counts = {
        "properties": col(TraceJob.properties) + len(portion.brought),
        "owners": col(TraceJob.owners) + owners,
        "no_owner": col(TraceJob.no_owner) + looked.no_owner,
        "no_address": col(TraceJob.no_address) + looked.no_address,
    }
    moved = _MOVE_MARK.values(looked_at=portion.upto, **counts)
    return connection.execute(moved, {"of_job": portion.job, "before": portion.before}).rowcount == 1


def _first_properties(looked: Looked, properties: Mapping[int, str]) -> dict[str, str]:
    first: dict[str, str] = {}
    for delivery_id, several in looked.owners.items():
        for owner in several:
            first.setdefault(owner.identity, properties[delivery_id])
    return first


def _known(connection: Connection, identities: Sequence[str]) -> dict[str, tuple[int, State, datetime | None]]:
    rows = connection.execute(_KNOWN.where(col(TraceSubject.identity).in_(identities)))
    return {identity: (subject_id or 0, State(state), at) for subject_id, identity, state, at in rows}


def _link(connection: Connection, looked: Looked, ids: Mapping[str, int], answered: Collection[str]) -> int:
    """Write down whose owners these deliveries have; return how many got an answer by that.

    Older deliveries may be looked at again.
    """
    old = _links(connection, looked.owners)
    new = {
        (delivery_id, ids[owner.identity]): owner.identity in answered
        for delivery_id, several in looked.owners.items()
        for owner in several
        if (delivery_id, ids[owner.identity]) not in old
    }
    if new:
        links = [{"delivery_id": delivery_id, "subject_id": subject_id} for delivery_id, subject_id in new]
        connection.execute(insert(TraceDelivery), links)
    touched = dict.fromkeys(delivery_id for (delivery_id, _), is_answered in new.items() if is_answered)
    note_changes(connection, touched)
    return len(touched)


def _links(connection: Connection, delivery_ids: Collection[int]) -> set[tuple[int, int]]:
    found = select(col(TraceDelivery.delivery_id), col(TraceDelivery.subject_id)).where(
        col(TraceDelivery.delivery_id).in_(delivery_ids)
    )
    return {(delivery_id, subject_id) for delivery_id, subject_id in connection.execute(found)}


def note_changes(connection: Connection, delivery_ids: Iterable[int]) -> None:
    """Give each of these deliveries a change number: `export --since` brings it again."""
    rows: list[dict[str, Any]] = [{"delivery_id": delivery_id} for delivery_id in delivery_ids]
    if rows:
        connection.execute(insert(Change), rows)


def wanted(connection: Connection) -> list[Wanted]:
    """Return who is to be asked for, the longest waiting first; as many as may be packed together at all."""
    rows = connection.execute(
        select(col(TraceSubject.id), col(TraceSubject.sent), col(TraceSubject.wanted_at))
        .where(col(TraceSubject.state) == State.WANTED)
        .order_by(col(TraceSubject.wanted_at), col(TraceSubject.id))
        .limit(WANTED_MAX)
    )
    return [Wanted(subject_id or 0, sent, wanted_at) for subject_id, sent, wanted_at in rows]


def records_of(connection: Connection, subject_ids: Collection[int]) -> list[Record]:
    """Return what has brought these subjects, and what is known of how they are reached."""
    known = values_of(connection, subject_ids)
    rows = connection.execute(
        select(col(TraceDelivery.subject_id), col(Property.vendor_id), col(Delivery.body))
        .join(Delivery, col(Delivery.id) == col(TraceDelivery.delivery_id))
        .join(Property, col(Property.id) == col(Delivery.property_id))
        .where(col(TraceDelivery.subject_id).in_(subject_ids))
    )
    return [
        Record(subject_id, vendor_id, body, frozenset(known.get(subject_id, ())))
        for subject_id, vendor_id, body in rows
    ]


def suppress(connection: Connection, subject_ids: Collection[int]) -> None:
    """Ask nothing for these; who is brought again is looked up in the list again."""
    move(connection, subject_ids, State.WANTED, State.SUPPRESSED)


def ask_again(connection: Connection, subject_ids: Collection[int], now: datetime) -> None:
    """Let subjects that are missing be wanted once more."""
    move(connection, subject_ids, State.MISSING, State.WANTED, wanted_at=now)


def move(connection: Connection, subject_ids: Collection[int], before: State, after: State, **values: Any) -> None:
    """Move those of the subjects that are in state `before`; an answer may have come meanwhile."""
    moved = update(TraceSubject).where(
        col(TraceSubject.id) == bindparam("subject"), col(TraceSubject.state) == before.value
    )
    if subject_ids:
        connection.execute(moved.values(state=after.value, **values), [{"subject": one} for one in subject_ids])
