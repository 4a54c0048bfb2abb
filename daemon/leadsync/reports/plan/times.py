"""When a job runs next: as the daemon has planned it in the store, else as its schedule says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Row, or_, select
from sqlmodel import col

from leadsync.config import Job
from leadsync.core.forecast import next_slots
from leadsync.core.schedule import At, Slot
from leadsync.store import tables
from leadsync.store.timetable import Cause

SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class NextTime:
    """One time, in UTC. `planned`: `fire_at` has its jitter; else that is not drawn yet. `overdue`: it has passed."""

    slot: Slot
    cause: Cause
    planned: bool
    overdue: bool


def next_times(connection: Connection | None, job: Job, now: datetime) -> list[NextTime]:
    """Return the job's next times, the first to fire first; none for a job that runs by hand alone."""
    if not job.enabled or job.schedule is None:
        return []
    times = job.schedule.times
    since = min(now, times.moment) if isinstance(times, At) else now
    rows = _slots(connection, job.name, since) if connection else []
    planned = {cause: Slot(due_at, fire_at) for due_at, fire_at, cause, state in rows if state == "planned"}
    used = {due_at for due_at, _, cause, state in rows if state != "planned" and cause == Cause.SCHEDULE}
    kept = planned.get(Cause.SCHEDULE)
    coming = next_slots(times, job.schedule.jitter, kept, used, now, count=SHOWN)
    again = planned.get(Cause.RETRY)
    found = [(slot, Cause.SCHEDULE, slot == kept) for slot in coming] + ([(again, Cause.RETRY, True)] if again else [])
    in_order = sorted(found, key=lambda one: one[0].fire_at)[:SHOWN]
    return [NextTime(slot, cause, is_planned, slot.fire_at < now) for slot, cause, is_planned in in_order]


def _slots(connection: Connection, job: str, since: datetime) -> Sequence[Row[datetime, datetime, str, str]]:
    """The slot that is planned, and those that had their run and could come up again."""
    row = tables.Slot
    wanted = or_(col(row.state) == "planned", col(row.due_at) >= since)
    slots = select(col(row.due_at), col(row.fire_at), col(row.cause), col(row.state))
    return connection.execute(slots.where(col(row.job) == job, wanted)).all()
