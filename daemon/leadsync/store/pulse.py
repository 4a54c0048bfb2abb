"""What the store says of itself while a daemon is at work: enough for one line of status, and proof that it answers.

Functions of one connection, each within one transaction.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, update
from sqlmodel import col

from leadsync.store.tables import Installation, OneShot, SearchSession, Slot


@dataclass(frozen=True, slots=True)
class Pulse:
    """`parked`: sessions that wait for a person, by account and name, a one-shot's by the name of its job.

    Then the job that is next, and when (UTC).
    """

    parked: frozenset[tuple[str, str]]
    next_job: str | None
    next_at: datetime | None


def feel(connection: Connection) -> Pulse:
    """Read what waits and what comes next."""
    parked = (
        select(col(SearchSession.account), func.coalesce(col(OneShot.job), col(SearchSession.name)))
        .outerjoin(OneShot, col(OneShot.session_id) == col(SearchSession.id))
        .where(col(SearchSession.park_reason).is_not(None), col(OneShot.outcome).is_(None))
    )
    planned = select(col(Slot.job), col(Slot.fire_at)).where(col(Slot.state) == "planned")
    first = connection.execute(planned.order_by(col(Slot.fire_at)).limit(1)).one_or_none()
    job, at = first if first is not None else (None, None)
    return Pulse(frozenset((account, name) for account, name in connection.execute(parked)), job, at)


def note_reload(connection: Connection, refused: str | None) -> None:
    """Remember why the last reload was refused, None where it was not: `status` says so."""
    connection.execute(update(Installation).values(reload_refused=refused))
