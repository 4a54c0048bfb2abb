"""The clock: days on which it is changed in six zones, set on and back over times of a job, a machine that sleeps.

Each slot is at most one run, there is no storm of runs that catch up, and what was not run at its time left a line: of
the clock where the daemon was there, else of the time. One job has a fixed hour, one an interval of real time; both are
looked at against the due times of the schedule itself.
(`tests/jobs/test_clock_changes.py` has the same days without anybody who sets the clock, instant by instant.)
"""

import random
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from leadsync.app import App
from leadsync.core.schedule import Cron, Every, Times, next_due
from leadsync.waiting import sleep_unless
from tests.jobs.test_clock_changes import CHANGES, midnight
from tests.simulation.machine import Wall
from tests.stage import Stage, VirtualAlarms

HOUR: Final = 3_600.0
DAYS: Final = [(zone, day, line) for zone, day, line, *_ in CHANGES]
MINUTES: Final = timedelta(minutes=2)
SETTINGS: Final = (7_200.0, -7_200.0)
"""By how much somebody sets the clock, in seconds."""


def night(folder: Path, zone: str, day: str, line: str) -> tuple[Stage, Wall, dict[str, Times]]:
    """A stage two hours before a day begins, with its two jobs, and the clock on its wall."""
    stage = Stage(folder / "stage", size=3)
    stage.clock.began = midnight(zone, day, 0) - timedelta(hours=2)
    wall = Wall(stage.clock)
    stage.change(now=wall, alarms=lambda: VirtualAlarms(wall))
    stage.job("fixed", schedule=f'cron = "{line}", timezone = "{zone}"', buy_again=True)
    stage.job("interval", schedule='every = "50m"', buy_again=True)
    return stage, wall, {"fixed": Cron(line, ZoneInfo(zone)), "interval": Every(timedelta(minutes=50))}


def setting(wall: Wall, moments: list[tuple[float, float]]) -> Callable[[App], Coroutine[Any, Any, None]]:
    """Set the clock by so much after each wait, both in seconds."""

    async def act(app: App) -> None:
        for wait_s, by_s in moments:
            await sleep_unless(app.around.stopping, wait_s)
            wall.ahead += timedelta(seconds=by_s)

    return act


def assert_each_slot_once(stage: Stage, schedules: dict[str, Times]) -> None:
    """Each taken slot is a due time, no two are the same, and each is one run; the last may have met the stop."""
    farthest = timedelta(seconds=max(SETTINGS))
    for job, times in schedules.items():
        due = all_due(times, stage.clock.began - farthest, stage.clock() + farthest)
        slots = stage.rows("SELECT due_at, state FROM slot WHERE job = ? AND cause = 'schedule'", job)
        taken = [datetime.fromisoformat(at).replace(tzinfo=UTC) for at, state in slots if state in {"taken", "done"}]
        runs = stage.one("SELECT count(*) FROM run WHERE job = ? AND trigger = 'schedule'", job)
        assert len(taken) == len(set(taken))
        assert set(taken) <= set(due)
        assert max(1, len(taken) - 1) <= runs <= len(taken)


def started(stage: Stage) -> list[tuple[str, datetime]]:
    """Each run's job, and when it began by the clock that the log goes by, which nobody sets."""
    return [(line["job"], datetime.fromisoformat(line["time"])) for line in stage.logged("run.started")]


def all_due(times: Times, start: datetime, end: datetime) -> list[datetime]:
    """All due times from `start` to `end`."""
    found: list[datetime] = []
    after = start - timedelta.resolution
    while (after := next_due(times, after) or end) < end:
        found.append(after)
    return found


@pytest.mark.parametrize(("zone", "day", "line"), DAYS)
def test_a_day_of_change_on_which_somebody_sets_the_clock(tmp_path: Path, zone: str, day: str, line: str) -> None:
    """Two hours on and two hours back, both over the night of the change: each slot once, no storm."""
    draws = random.Random(f"{zone} {day}")  # noqa: S311 - the same night in every run
    stage, wall, schedules = night(tmp_path, zone, day, line)
    moments = [(draws.uniform(0.5, 3) * HOUR, by_s) for by_s in draws.sample(SETTINGS, 2)]
    stage.serve(14 * HOUR, setting(wall, moments))
    assert_each_slot_once(stage, schedules)
    assert [abs(line["by_s"]) for line in stage.logged("clock.jumped")] == [7_200, 7_200]
    busiest = Counter(line["time"][:16] for line in stage.logged("run.started")).most_common(1)[0][1]
    assert busiest <= len(schedules)


def test_a_clock_that_is_a_year_ahead_and_put_right_starts_no_storm(tmp_path: Path) -> None:
    """One late run for each job at the leap, none for the year between, and every time again afterwards."""
    stage, wall, schedules = night(tmp_path, *DAYS[0])
    year_s = 365 * 24 * HOUR
    leap, back = (stage.clock.began + timedelta(hours=hours) for hours in (1, 2))
    stage.serve(12 * HOUR, setting(wall, [(HOUR, year_s), (HOUR, -year_s)]))
    assert Counter(job for job, at in started(stage) if leap <= at < leap + MINUTES) == Counter([*schedules])
    between = [job for job, at in started(stage) if leap + MINUTES <= at < back]
    assert between == ["interval"]  # by the clock of then
    afterwards = [at for job, at in started(stage) if job == "interval" and at >= back]
    assert afterwards == all_due(schedules["interval"], back, stage.clock())
    assert len(stage.logged("clock.jumped")) == 2


def test_what_passed_while_nobody_was_there_left_a_line(tmp_path: Path) -> None:
    """The daemon is down while the clock goes on by nine hours: each job says what it missed, and runs once for it."""
    stage, wall, schedules = night(tmp_path, *DAYS[0])
    stage.serve(HOUR)
    wall.ahead += timedelta(hours=9)
    woke = stage.clock().replace(microsecond=0)  # as the log has it
    stage.serve(3 * HOUR)
    missed = {line["job"]: datetime.fromisoformat(line["due_at"]) for line in stage.logged("slot.missed")}
    assert missed == {job: next_due(times, woke) for job, times in schedules.items()}
    assert [line["made_up"] for line in stage.logged("slot.missed")] == [True, True]
    assert Counter(job for job, at in started(stage) if woke <= at < woke + MINUTES) == Counter([*schedules])


@pytest.mark.parametrize("asleep_h", [1, 9, 70])
def test_a_machine_that_sleeps_runs_what_passed_once(tmp_path: Path, asleep_h: int) -> None:
    """Hours in which nothing ran: what came due meanwhile is one run, soon, and the log says that time is gone."""
    stage, wall, schedules = night(tmp_path, *DAYS[0])
    stage.serve(6 * HOUR, setting(wall, [(2.2 * HOUR, asleep_h * HOUR)]))
    woke = stage.clock.began + timedelta(hours=2.2)  # by the clock that the log goes by
    after = Counter(job for job, at in started(stage) if woke <= at < woke + MINUTES)
    assert after["interval"] == 1
    assert after <= Counter(dict.fromkeys(schedules, 1))
    assert [line["by_s"] for line in stage.logged("clock.jumped")] == [asleep_h * 3_600]
