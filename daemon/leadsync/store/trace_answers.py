"""What the vendor answers about owners: contacts, a miss, or that a batch is complete. Functions of one connection.

Each is a part of the transaction in which its webhook is taken. An answer comes as often as it likes, in any order,
before the acknowledgement and after the deadline: it counts once, and what is new in it is a change of each delivery
that it touches. What does not belong where its address says raises Unreadable, and waits in quarantine.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, case, func, select, update
from sqlmodel import col

from leadsync.core.contacts import Contact as Found
from leadsync.core.letters import Unreadable, Why
from leadsync.core.trace import BatchState, State
from leadsync.store.columns import UtcDateTime
from leadsync.store.trace_batches import acknowledge
from leadsync.store.trace_contacts import enter_contacts
from leadsync.store.trace_subjects import note_changes
from leadsync.store.trace_tables import TraceBatch, TraceDelivery, TraceItem, TraceSubject

# Built once: a batch brings fifty answers a second.
_BATCH: Final = select(TraceBatch).where(col(TraceBatch.name) == bindparam("of_name"))
_THIS_ITEM: Final = (col(TraceItem.batch_id) == bindparam("of_batch"), col(TraceItem.key) == bindparam("of_key"))
_ITEM: Final = select(TraceItem).where(*_THIS_ITEM)
_ANSWERED: Final = update(TraceItem).where(*_THIS_ITEM)
_THIS_BATCH: Final = update(TraceBatch).where(col(TraceBatch.id) == bindparam("of_batch"))
_THIS_SUBJECT: Final = update(TraceSubject).where(col(TraceSubject.id) == bindparam("of_subject"))
# A batch of before may miss late whom a later one has found.
_NOT_FOUND_YET: Final = _THIS_SUBJECT.where(col(TraceSubject.state) != State.MATCHED)
_DELIVERIES: Final = select(col(TraceDelivery.delivery_id)).where(
    col(TraceDelivery.subject_id) == bindparam("of_subject")
)
_COUNTED: Final = (State.MATCHED, State.MISSED, State.MISSING)
# What comes shows that the vendor has the batch, and under which id.
_SHOWN: Final = _THIS_BATCH.values(
    vendor_id=func.coalesce(col(TraceBatch.vendor_id), bindparam("came_id")),
    state=case((col(TraceBatch.state) == BatchState.UNKNOWN, BatchState.OUT.value), else_=col(TraceBatch.state)),
)
_COUNT: Final = _SHOWN.values(
    {one.value: getattr(TraceBatch, one.value) + bindparam(f"{one.value}_more") for one in _COUNTED}
)
_COMPLETED: Final = _SHOWN.values(
    completed_at=func.coalesce(col(TraceBatch.completed_at), bindparam("at", type_=UtcDateTime))
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came about the item of a batch under this key; the ids are the vendor's, None where it sent none."""

    batch: str
    key: int
    vendor_batch: str | None
    request_id: str | None
    matched: bool
    contacts: Sequence[Found] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """The digest of the API key that came with an answer, None where none did, and that of ours."""

    came: str | None
    ours: str | None


def check_key(connection: Connection, batch: str, proof: Proof) -> None:
    """Make sure that an answer comes from whom the batch went to. Raises Unreadable."""
    known = (_batch(connection, batch)["key_digest"], proof.ours)
    # The key may have been exchanged since, and either may come back.
    if not any(hmac.compare_digest(proof.came or "", one or "-") for one in known):
        raise Unreadable(Why.WRONG_KEY, "it does not come with the API key that its batch was asked with")


def take_item(connection: Connection, answer: Answer, now: datetime) -> bool:
    """Enter what came about one item; return whether it was the last of its batch.

    Raises Unreadable where it speaks of something else than its address.
    """
    batch = _batch(connection, answer.batch)
    item = connection.execute(_ITEM, {"of_batch": batch["id"], "of_key": answer.key}).mappings().one_or_none()
    if item is None:
        raise Unreadable(Why.WRONG_ID, "its batch has no item of this key")
    if batch["acknowledged_at"] is not None:
        # Only what the vendor has acknowledged is its word. Learned from an answer, they are a hint: a request that a
        # middlebox doubled is answered under two ids, and either may be the one that comes.
        _check_id(batch["vendor_id"], answer.vendor_batch, "another batch")
        _check_id(item["request_id"], answer.request_id, "another request")
    before = item["state"]
    after = _after(before, answer)
    touched = enter_contacts(connection, item["subject_id"], answer.contacts, now)
    if before != after:
        _enter_answer(connection, batch, item, answer, now)
        touched.add(item["subject_id"])
    for subject_id in sorted(touched):
        deliveries = connection.execute(_DELIVERIES, {"of_subject": subject_id}).scalars()
        note_changes(connection, deliveries.all())
    ended = batch["matched"] + batch["missed"] + batch["missing"]
    return bool(item["state"] == State.SENT and ended + 1 == batch["items"])


def take_together(connection: Connection, batch_id: int, answers: Iterable[Answer], now: datetime) -> int:
    """Enter the answers that came in one reply; return how many belong to no item. What it leaves out is missing."""
    acknowledge(connection, batch_id, None, {}, now)
    odd = 0
    for answer in answers:
        try:
            take_item(connection, answer, now)
        except Unreadable:
            odd += 1
    connection.execute(_THIS_BATCH.values(completed_at=now), {"of_batch": batch_id})
    return odd


def complete(connection: Connection, batch_name: str, vendor_batch: str | None, now: datetime) -> None:
    """The vendor says that it has sent all: what has not come within the grace is missing. Raises Unreadable."""
    batch = _batch(connection, batch_name)
    if batch["acknowledged_at"] is not None:
        _check_id(batch["vendor_id"], vendor_batch, "another batch")
    connection.execute(_COMPLETED, {"of_batch": batch["id"], "came_id": vendor_batch, "at": now})


def _batch(connection: Connection, name: str) -> RowMapping:
    batch = connection.execute(_BATCH, {"of_name": name}).mappings().one_or_none()
    if batch is None:
        raise Unreadable(Why.NOT_ASKED, "this store knows of no such batch; it may be older than what was asked for")
    return batch


def _check_id(known: str | None, came: str | None, what: str) -> None:
    if known is not None and came is not None and known != came:
        raise Unreadable(Why.WRONG_ID, f"it speaks of {what} of the vendor's than its address")


def _after(before: str, answer: Answer) -> State:
    """A match is never undone: its contacts are here, and paid for."""
    return State.MATCHED if answer.matched or before == State.MATCHED else State.MISSED


def _enter_answer(connection: Connection, batch: RowMapping, item: RowMapping, answer: Answer, now: datetime) -> None:
    after = _after(item["state"], answer)
    here = {"of_batch": batch["id"], "of_key": item["key"]}
    entered = {"state": after.value, "answered_at": now, "request_id": item["request_id"] or answer.request_id}
    connection.execute(_ANSWERED, here | entered)
    subject = _THIS_SUBJECT if after is State.MATCHED else _NOT_FOUND_YET
    connection.execute(subject, {"of_subject": item["subject_id"], "state": after.value, "answered_at": now})
    counts = {f"{one.value}_more": (after is one) - (item["state"] == one) for one in _COUNTED}
    connection.execute(_COUNT, {"of_batch": batch["id"], "came_id": answer.vendor_batch, **counts})
