"""Why nobody is asked for, if anything is in the way: functions of one connection."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, insert, or_, select, update

from leadsync.core.model import Reason
from leadsync.core.trace import STORE_DOUBTS, Pause
from leadsync.store.trace_tables import TraceDesk, TraceJob, TraceSubject


def pause_of(connection: Connection) -> Pause:
    """Return why nothing is sent, if anything is in the way."""
    row = connection.execute(select(TraceDesk)).mappings().one_or_none()
    if row is None:
        return Pause()
    return Pause(row["paused_reason"], row["paused_message"], row["again_at"], row["parked_until"])


def is_asked(connection: Connection) -> bool:
    """Whether a person must say that owners may be asked for, after a word about the store; nothing else ends that."""
    return pause_of(connection).paused in STORE_DOUBTS


def pause(connection: Connection, why: Pause, now: datetime) -> None:
    """Send nothing from now on."""
    values: dict[str, Any] = {
        "paused_reason": why.paused,
        "paused_message": why.message,
        "paused_at": now if why.paused else None,
        "again_at": why.again_at,
        "parked_until": why.parked_until,
    }
    if connection.execute(update(TraceDesk).values(**values)).rowcount != 1:
        connection.execute(insert(TraceDesk).values(id=1, **values))


def go_on(connection: Connection, now: datetime) -> None:
    """Let nothing be in the way any more."""
    pause(connection, Pause(), now)


def leave_to_a_person(connection: Connection, reason: Reason, now: datetime) -> None:
    """The store was copied or restored: a person must say that owners may be asked for, perhaps a second time.

    Where nobody was ever traced there is nothing to ask. Whom a job wanted goes out also when it traces no more.
    """
    if connection.execute(select(or_(exists(select(TraceJob)), exists(select(TraceSubject))))).scalar_one():
        pause(connection, Pause(reason.value, STORE_DOUBTS[reason]), now)
