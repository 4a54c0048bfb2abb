"""The daemon over changes of the clock, in six zones: as many runs as there are slots, each of them at its instant.

`--long --daemon-days=7` goes through the whole week of each change; the daily test run looks at the day that matters,
in one of the zones.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from leadsync.core.schedule import Cron, next_due
from tests.stage import Stage

Build = Callable[..., Stage]

# Zone, day of the change, the line with a fixed hour and its instant on that day in UTC; the runs of that line, of
# `0 * * * *` and of `*/15 * * * *` on this day (1, 24 and 96, if nothing changes).
CHANGES: Final = [
    ("America/Phoenix", "2026-03-08", "30 2 * * *", "03-08 09:30", (1, 24, 96)),
    ("America/Phoenix", "2026-11-01", "30 1 * * *", "11-01 08:30", (1, 24, 96)),
    ("America/New_York", "2026-03-08", "30 2 * * *", "03-08 07:30", (1, 23, 92)),
    ("America/New_York", "2026-11-01", "30 1 * * *", "11-01 05:30", (1, 25, 100)),
    ("Europe/London", "2026-03-29", "30 1 * * *", "03-29 01:30", (1, 23, 92)),
    ("Europe/London", "2026-10-25", "30 1 * * *", "10-25 00:30", (1, 25, 100)),
    ("Europe/Berlin", "2026-03-29", "30 2 * * *", "03-29 01:30", (1, 23, 92)),
    ("Europe/Berlin", "2026-10-25", "30 2 * * *", "10-25 00:30", (1, 25, 100)),
    ("Australia/Lord_Howe", "2026-10-04", "15 2 * * *", "10-03 15:45", (1, 23, 94)),
    ("Australia/Lord_Howe", "2026-04-05", "45 1 * * *", "04-04 14:45", (1, 24, 98)),
    ("America/Havana", "2024-03-10", "30 0 * * *", "03-10 05:30", (1, 23, 92)),
    ("America/Havana", "2024-11-03", "30 0 * * *", "11-03 04:30", (1, 25, 100)),
]

DAILY: Final = "America/New_York"


@pytest.mark.parametrize(
    ("zone", "day", "fixed", "instant", "counts"),
    [pytest.param(*change, marks=() if change[0] == DAILY else pytest.mark.long) for change in CHANGES],
)
def test_each_slot_is_one_run(
    build: Build,
    pytestconfig: pytest.Config,
    zone: str,
    day: str,
    fixed: str,
    *,
    instant: str,
    counts: tuple[int, int, int],
) -> None:
    """A fixed hour runs once a day, `*` and steps on real time; nothing is left out, and nothing runs twice."""
    days = pytestconfig.getoption("--daemon-days")
    before = 3 if days > 3 else 0
    start = midnight(zone, day, -before)
    stage = build(size=5)
    stage.clock.began = start - timedelta(seconds=30)
    lines = {"fixed": fixed, "hourly": "0 * * * *", "quarters": "*/15 * * * *"}
    for job, line in lines.items():
        stage.job(job, schedule=f'cron = "{line}", timezone = "{zone}"', buy_again=True)
    end = midnight(zone, day, days - before)
    stage.serve((end - start).total_seconds())
    runs = {job: started(stage, job) for job in lines}
    assert runs == {job: due(line, zone, start, end) for job, line in lines.items()}
    on_the_day = {
        job: [at for at in times if midnight(zone, day, 0) <= at < midnight(zone, day, 1)]
        for job, times in runs.items()
    }
    assert tuple(map(len, on_the_day.values())) == counts
    assert f"{on_the_day['fixed'][0]:%m-%d %H:%M}" == instant


def midnight(zone: str, day: str, later: int) -> datetime:
    """When a day begins, so many days later."""
    return (datetime.fromisoformat(day) + timedelta(days=later)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def started(stage: Stage, job: str) -> list[datetime]:
    """When the runs of a job began, to the second."""
    rows = stage.rows("SELECT started_at FROM run WHERE job = ? ORDER BY id", job)
    return [datetime.fromisoformat(at).replace(tzinfo=UTC, microsecond=0) for (at,) in rows]


def due(line: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """All due times of a line from `start` until before `end`."""
    found: list[datetime] = []
    after = start - timedelta.resolution
    while (after := next_due(Cron(line, ZoneInfo(zone)), after) or end) < end:
        found.append(after)
    return found
