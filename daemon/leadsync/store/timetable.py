"""The slots of the jobs: functions of one connection, each the whole of one transaction of the ledger.

A slot goes from planned over taken to done, or from planned to skipped, and nowhere else. A job has at most one planned
slot of its schedule and one retry. What is taken and not done when leadsync starts was cut short. What has ended is
forgotten after two days, but for the only time of a job (`at`): however old, it would come up again.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    delete,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlmodel import col

from leadsync.core.retry import MAKE_UP_MAX_S
from leadsync.core.schedule import At, Times, plan
from leadsync.core.schedule import Slot as Wanted
from leadsync.errors import Bug
from leadsync.store.columns import UtcDateTime
from leadsync.store.tables import Slot

KEPT_FOR: Final = timedelta(days=2)
"""Longer than a clock is ever put back: a slot that is forgotten could be run again."""


class Cause(StrEnum):
    """Why a slot is there; its run is triggered by that."""

    SCHEDULE = "schedule"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a job runs. `makes_up`: whether a start makes up for a time that has passed meanwhile."""

    job: str
    times: Times
    jitter: timedelta
    makes_up: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """The slot that a job waits for; times are in UTC."""

    slot_id: int
    due_at: datetime
    fire_at: datetime
    cause: Cause


@dataclass(frozen=True, slots=True)
class Missed:
    """A slot that passed, or was cut short, while leadsync was down."""

    job: str
    due_at: datetime
    cut_short: bool
    made_up: bool


# Statements that every slot needs are built once: building one costs three times as much as running it. The states are
# written out, since SQLite does not look into a partial index for a bound parameter.
_MINE: Final = col(Slot.job) == bindparam("of_job")
_PLANNED: Final = col(Slot.state) == literal_column("'planned'")
_TAKEN: Final = col(Slot.state) == literal_column("'taken'")
_SCHEDULED: Final = col(Slot.cause) == literal_column("'schedule'")
_SLOTS: Final = select(col(Slot.id), col(Slot.due_at), col(Slot.fire_at), col(Slot.cause)).order_by(col(Slot.id))
_PLANNED_SLOTS: Final = _SLOTS.where(_MINE, _PLANNED)
_TAKEN_SLOTS: Final = _SLOTS.where(_MINE, _TAKEN)
_USED: Final = select(col(Slot.due_at)).where(
    _MINE, _SCHEDULED, ~_PLANNED, col(Slot.due_at) >= bindparam("since", type_=UtcDateTime)
)
_NEW: Final = insert(Slot).returning(col(Slot.id))
_MOVE: Final = update(Slot).where(col(Slot.id) == bindparam("slot"), col(Slot.state) == bindparam("leaves"))
_CANCEL: Final = delete(Slot).where(_MINE, _PLANNED, col(Slot.cause) == bindparam("of_cause"))
_FORGET: Final = delete(Slot).where(
    _MINE,
    # What lies far ahead was run by a clock that has been put right since.
    or_(
        col(Slot.due_at) < bindparam("before", type_=UtcDateTime),
        col(Slot.due_at) > bindparam("after", type_=UtcDateTime),
    ),
    col(Slot.state).in_(("done", "skipped")),
    ~col(Slot.is_only),
)
_MOMENT: Final = (_MINE, _SCHEDULED, col(Slot.due_at) == bindparam("of_moment", type_=UtcDateTime))
# A store of before `is_only` has used ones that are not marked.
_ONLY: Final = update(Slot).where(*_MOMENT, ~col(Slot.is_only)).values(is_only=True)
_UNUSE: Final = delete(Slot).where(*_MOMENT)


def start(
    connection: Connection, timings: Collection[Timing], now: datetime, draw: Callable[[], float]
) -> list[Missed]:
    """Plan what comes for these jobs and for no others; return what passed while leadsync was down.

    What passed is left to be run at once, as one run, or skipped, as the job says.
    """
    waiting = col(Slot.state).in_(("planned", "taken"))
    connection.execute(delete(Slot).where(waiting, col(Slot.job).not_in([timing.job for timing in timings])))
    return [missed for timing in timings for missed in _start(connection, timing, now, draw())]


def change(
    connection: Connection, timings: Collection[Timing], new: Collection[str], now: datetime, draw: Callable[[], float]
) -> list[Missed]:
    """Plan what comes by another timetable while jobs run: a slot that is taken stays with its run.

    `new` are jobs that nobody has kept the times of until now; return what of theirs has passed already.
    """
    gone = (col(Slot.state) == "planned", col(Slot.job).not_in([timing.job for timing in timings]))
    connection.execute(delete(Slot).where(*gone))
    passed = [missed for timing in timings if timing.job in new for missed in _start(connection, timing, now, draw())]
    for timing in timings:
        next_slot(connection, timing, now, draw())
    return passed


def _start(connection: Connection, timing: Timing, now: datetime, draw: float) -> list[Missed]:
    next_slot(connection, timing, now, draw)
    cut = _read(connection, _TAKEN_SLOTS, timing.job)
    passed = [slot for slot in _read(connection, _PLANNED_SLOTS, timing.job) if slot.fire_at <= now]
    for slot in cut:
        _move(connection, slot, "taken", "done" if timing.makes_up else "skipped")
    if not timing.makes_up:
        for slot in passed:
            _move(connection, slot, "planned", "skipped")
        next_slot(connection, timing, now, draw)
    elif cut and not passed:
        _retry(connection, timing.job, now)
    return [Missed(timing.job, slot.due_at, slot in cut, timing.makes_up) for slot in [*cut, *passed]]


def next_slot(connection: Connection, timing: Timing, now: datetime, draw: float) -> Planned | None:
    """Plan the job's next slot, where that is not done or no longer right, and return the first to fire.

    None where nothing will ever be due again.
    """
    slots = {slot.cause: slot for slot in _read(connection, _PLANNED_SLOTS, timing.job)}
    scheduled = slots.get(Cause.SCHEDULE)
    present = Wanted(scheduled.due_at, scheduled.fire_at) if scheduled else None
    wanted = plan(timing.times, timing.jitter, present, _used(connection, timing, now), now, draw)
    if wanted != present:
        scheduled = _replan(connection, timing.job, Cause.SCHEDULE, wanted)
    if isinstance(timing.times, At):
        connection.execute(_ONLY, {"of_job": timing.job, "of_moment": timing.times.moment})
    retry = slots.get(Cause.RETRY)
    if retry is not None and retry.fire_at > now + timedelta(seconds=MAKE_UP_MAX_S):
        retry = _retry(connection, timing.job, now)  # planned by a clock that has been put back since
    # An overdue time of the schedule makes a retry needless: it goes first, and takes the retry with it.
    planned = [slot for slot in (scheduled, retry) if slot is not None]
    return min(planned, key=lambda slot: max(slot.fire_at, now), default=None)


def take(connection: Connection, timing: Timing, slot: Planned, now: datetime, draw: float) -> None:
    """Let a slot's run begin: nobody gets this slot again, and the one after it is planned."""
    _move(connection, slot, "planned", "taken")
    if slot.cause is Cause.SCHEDULE:
        connection.execute(_CANCEL, {"of_job": timing.job, "of_cause": Cause.RETRY})
    connection.execute(_FORGET, {"of_job": timing.job, "before": now - KEPT_FOR, "after": now + KEPT_FOR})
    next_slot(connection, timing, now, draw)


def finish(connection: Connection, timing: Timing, slot: Planned, retry_at: datetime | None, unused: bool) -> None:
    """Note that a slot's run has ended by itself; plan a retry unless the schedule comes first.

    `unused`: the job has gone in the middle of its only time, which is forgotten, so that it is planned once more
    should the job come back.
    """
    _move(connection, slot, "taken", "done")
    if unused and isinstance(timing.times, At):
        connection.execute(_UNUSE, {"of_job": timing.job, "of_moment": timing.times.moment})
    if retry_at is None:
        return
    if not any(planned.fire_at <= retry_at for planned in _read(connection, _PLANNED_SLOTS, timing.job)):
        _retry(connection, timing.job, retry_at)


def call(connection: Connection, job: str, now: datetime) -> None:
    """Plan a run of a job now, beside its times: what it waited for has come."""
    _retry(connection, job, now)


def _read(connection: Connection, slots: Select[int | None, datetime, datetime, str], job: str) -> list[Planned]:
    rows = connection.execute(slots, {"of_job": job})
    return [Planned(slot_id or 0, due_at, fire_at, Cause(cause)) for slot_id, due_at, fire_at, cause in rows]


def _used(connection: Connection, timing: Timing, now: datetime) -> frozenset[datetime]:
    """The times that had their run already and could come up again: only a clock put back, or `at`, asks for them."""
    since = min(now, timing.times.moment) if isinstance(timing.times, At) else now
    return frozenset(connection.execute(_USED, {"of_job": timing.job, "since": since}).scalars())


def _move(connection: Connection, slot: Planned, leaves: str, state: str) -> None:
    if connection.execute(_MOVE, {"slot": slot.slot_id, "leaves": leaves, "state": state}).rowcount != 1:
        raise Bug(f"slot {slot.slot_id}, due at {slot.due_at}, is not {leaves}, so it cannot be {state}")


def _retry(connection: Connection, job: str, at: datetime) -> Planned | None:
    return _replan(connection, job, Cause.RETRY, Wanted(at, at))


def _replan(connection: Connection, job: str, cause: Cause, wanted: Wanted | None) -> Planned | None:
    connection.execute(_CANCEL, {"of_job": job, "of_cause": cause})
    if wanted is None:
        return None
    values = {"job": job, "due_at": wanted.due_at, "fire_at": wanted.fire_at, "cause": cause, "state": "planned"}
    slot_id = connection.execute(_NEW, values).scalar_one()
    return Planned(slot_id or 0, wanted.due_at, wanted.fire_at, cause)
