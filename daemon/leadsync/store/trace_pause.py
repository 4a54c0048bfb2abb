"""Why nobody is asked for, if anything is in the way: functions of one connection."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, insert, or_, select, update

from leadsync.core.model import Reason
from leadsync.core.trace import STORE_DOUBTS, Waiting
from leadsync.store.trace_tables import TraceDesk, TraceJob, TraceSubject


def waiting(connection: Connection) -> Waiting:
    """Return why nothing is sent, if anything is in the way."""
    row = connection.execute(select(TraceDesk)).mappings().one_or_none()
    if row is None:
        return Waiting()
    return Waiting(row["paused_reason"], row["paused_message"], row["again_at"], row["parked_until"])


def is_asked(connection: Connection) -> bool:
    """Whether a person must say that owners may be asked for, after a word about the store; nothing else ends that."""
    return waiting(connection).paused in STORE_DOUBTS


def wait(connection: Connection, hindrance: Waiting, now: datetime) -> None:
    """Remember why nothing is sent, or, with an empty one, that nothing is in the way any more."""
    values: dict[str, Any] = {
        "paused_reason": hindrance.paused,
        "paused_message": hindrance.message,
        "paused_at": now if hindrance.paused else None,
        "again_at": hindrance.again_at,
        "parked_until": hindrance.parked_until,
    }
    if connection.execute(update(TraceDesk).values(**values)).rowcount != 1:
        connection.execute(insert(TraceDesk).values(id=1, **values))


def leave_to_a_person(connection: Connection, reason: Reason, now: datetime) -> None:
    """The store was copied or restored: a person must say that owners may be asked for, perhaps a second time.

    Where nobody was ever traced there is nothing to ask. Whom a job wanted goes out also when it traces no more.
    """
    if connection.execute(select(or_(exists(select(TraceJob)), exists(select(TraceSubject))))).scalar_one():
        wait(connection, Waiting(reason.value, STORE_DOUBTS[reason]), now)
