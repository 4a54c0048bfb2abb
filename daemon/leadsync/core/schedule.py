"""When a job is due, and which of its slots comes next: pure, the hour and the draw are arguments.

A cron whose hours are fixed (the field does not begin with `*`) is due once for each local time that it names. One that
comes twice, because the clock is put back, counts at the first of the two. One that does not exist, because the clock
is put on, comes as much later as that was: 02:30 at 03:30. Two that fall onto one instant are one slot.

A cron whose hours begin with `*` runs on real time: it is due at each instant at which a clock on the wall shows a time
that it names, so twice in a repeated hour and never in a missing one. `every` counts from 1970 in UTC, so that a
restart does not shift it. `at` is one moment.

cronsim reads the lines, and is shown only clocks that never jump: over a change its own rules are Debian's, not these.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, TypeAlias, assert_never

from cronsim import CronSim

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

CLOCK_CHANGE_MAX: Final = timedelta(days=1)
"""The most that any clock was put on or back at once: Pacific/Apia left out 2011-12-30 (tz database)."""


@dataclass(frozen=True, slots=True)
class Cron:
    """Five cron fields as the operator wrote them, and the zone of the clock that they mean."""

    line: str
    zone: tzinfo

    @property
    def fixed_hours(self) -> bool:
        """Whether the line is due once for each local time, and not on real time."""
        return not self.line.split()[1].startswith("*")


@dataclass(frozen=True, slots=True)
class Every:
    """An interval of real time."""

    interval: timedelta


@dataclass(frozen=True, slots=True)
class At:
    """One moment, aware."""

    moment: datetime


Times: TypeAlias = Cron | Every | At


@dataclass(frozen=True, slots=True)
class Slot:
    """One time to run: what the schedule says, and that with its jitter; both aware, in UTC."""

    due_at: datetime
    fire_at: datetime


def next_due(times: Times, after: datetime) -> datetime | None:
    """Return the first due time strictly after `after` (aware), in UTC; None where there is none."""
    after = after.astimezone(UTC)
    match times:
        case Cron():
            return _next_of_cron(times, after)
        case Every(interval):
            return EPOCH + ((after - EPOCH) // interval + 1) * interval
        case At(moment):
            return moment.astimezone(UTC) if moment > after else None
        case never:
            assert_never(never)


def plan(  # noqa: PLR0917 - one decision, and each of the six is a fact of its own
    times: Times, jitter: timedelta, planned: Slot | None, used: Collection[datetime], now: datetime, draw: float
) -> Slot | None:
    """Return the slot that comes next; `planned` stays where it is due or still wanted. The draw is in [0, 1).

    `used` are the due times that were taken, done or skipped: never again, wherever the wall clock has been put. Only
    the planned slot is looked at, so several that were missed are one.
    """
    kept = None if planned is None or planned.due_at in used else planned
    if kept is not None and kept.due_at <= now:
        return kept  # late is better than never, whatever the schedule says by now
    due_at = _next_unused(times, used, now)
    if due_at is None:
        return None
    if kept is not None and kept.due_at == due_at and kept.fire_at - due_at <= jitter:
        return kept
    return Slot(due_at, due_at + jitter * draw)


def _next_unused(times: Times, used: Collection[datetime], now: datetime) -> datetime | None:
    """An `at` is wanted also where it has passed: what becomes of a missed one is decided at start-up."""
    due_at = times.moment.astimezone(UTC) if isinstance(times, At) else next_due(times, now)
    while due_at is not None and due_at in used:
        due_at = next_due(times, due_at)
    return due_at


def _next_of_cron(cron: Cron, after: datetime) -> datetime:
    found: list[datetime] = []
    walls = CronSim(cron.line, _wall_before(cron.zone, after))  # without end: it refuses a day that no month has
    while True:
        wall = next(walls)
        first, second = (wall.replace(tzinfo=cron.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        exists = first.astimezone(cron.zone).replace(tzinfo=None) == wall
        instants = (first,) if cron.fixed_hours else (first, second) if exists else ()
        found += (instant for instant in instants if instant > after)
        if exists and first > after:  # what a later wall time gives is later still; a missing one could be overtaken
            return min(found)


def _wall_before(zone: tzinfo, after: datetime) -> datetime:
    """Return a wall time before all that are due after `after`, also where a change of the clock lies near."""
    shifts = (-CLOCK_CHANGE_MAX, timedelta(0), CLOCK_CHANGE_MAX)
    return min((after + shift).astimezone(zone).replace(tzinfo=None) - shift for shift in shifts)
