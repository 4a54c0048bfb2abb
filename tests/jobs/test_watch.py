"""The daemon watching itself, in virtual time: what it notices, how soon, and that it says so once."""

import asyncio
import errno
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from leadsync.app import App
from leadsync.core.resume import Choice
from leadsync.reports.status import in_words, status
from leadsync.store.lock import DAEMON, InstanceLock
from tests.jobs.one_shots import one_shot
from tests.stage import Stage, VirtualAlarms

Build = Callable[..., Stage]

MINUTE_S = 60.0
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S


def news(stage: Stage) -> list[tuple[float, str, str]]:
    """What began and ended, and whose it was, each with its minute since the stage was built."""
    return [
        (minute_of(stage, line), line["event"].removeprefix("condition."), whose(line))
        for line in stage.lines
        if line["event"] in ("condition.began", "condition.ended")
    ]


def minute_of(stage: Stage, line: dict[str, Any]) -> float:
    """When a line was logged, in minutes since the stage was built."""
    return round((datetime.fromisoformat(line["time"]) - stage.clock.began).total_seconds() / MINUTE_S, 1)


def whose(line: dict[str, Any]) -> str:
    """A condition and its subject."""
    return " ".join(filter(None, (line["condition"], line.get("job") or line.get("account"))))


def held(stage: Stage) -> list[tuple[str, str | None]]:
    """What `status` shows as held."""
    return [(one["name"], one["subject"]) for one in status(stage.settings(), stage.clock())["conditions"]]


class Losing(VirtualAlarms):
    """A scheduler that takes alarms and rings none of them after a while."""

    lost_after_s = 2 * HOUR_S

    def set(self, name: str, at: datetime, ring: Callable[[], None]) -> None:
        """Forget it, once the time has come."""
        if asyncio.get_running_loop().time() < self.lost_after_s:
            super().set(name, at, ring)


def test_nothing_is_said_of_a_day_on_which_all_is_well(build: Build) -> None:
    """A job every quarter of an hour, and four hours in which nothing goes wrong: no condition."""
    stage = build()
    stage.job(schedule='every = "15m"')
    stage.serve(4 * HOUR_S, watched=True)
    assert news(stage) == []
    assert stage.one("SELECT count(*) FROM condition") == 0


def test_a_scheduler_that_lost_its_timers_is_noticed_in_minutes(build: Build) -> None:
    """The watch sets an alarm of its own each minute; that none rings is told once, and not once a job."""
    stage = build()
    for number in range(3):
        stage.job(f"job-{number}", schedule='every = "10m"', search=f'query = "{number}"')
    stage.change(alarms=lambda: Losing(stage.clock))
    stage.serve(4 * HOUR_S, watched=True)
    ((minute, what, condition),) = news(stage)
    assert (what, condition) == ("began", "scheduler_silent")
    assert 122 < minute < 125
    assert held(stage) == [("scheduler_silent", None)]


def test_a_restart_heals_it_and_says_so(build: Build) -> None:
    """What was held when leadsync ended is held when it starts again, and ends when it is seen no more."""
    stage = build()
    stage.job(schedule='every = "10m"')
    alarms = stage.outside.alarms
    stage.change(alarms=lambda: Losing(stage.clock))
    stage.serve(3 * HOUR_S, watched=True)
    stage.change(alarms=alarms)
    stage.serve(10 * MINUTE_S, watched=True)
    assert [what for _, what, _ in news(stage)] == ["began", "ended"]
    assert held(stage) == []


def test_a_loop_that_hangs_is_told_when_it_is_back(build: Build) -> None:
    """Who hangs cannot speak; afterwards the lag is a condition, with how long it was."""
    stage = build()

    async def hang(_app: App) -> None:
        await asyncio.sleep(10 * MINUTE_S)
        loop = asyncio.get_running_loop()
        loop._jumping.now_s += 30  # type: ignore[attr-defined]  # noqa: SLF001 - thirty seconds in which nothing ran

    stage.serve(40 * MINUTE_S, hang, watched=True)
    began, ended = [line for line in stage.lines if line["event"].startswith("condition.")]
    assert began["condition"] == "loop_lags"
    assert "late by 2" in began["message"] or "late by 3" in began["message"]
    assert 10 < minute_of(stage, began) < 12
    assert ended["lasted_s"] < 5 * MINUTE_S


def test_a_parked_one_shot_is_urgent_too(build: Build) -> None:
    """It is parked on the seat of its life, which has a name of its own; status line and notice know whose that is."""
    stage = build(size=1_000)
    one_shot(stage, records_per_run=100)
    stage.end("bulk")
    one_shot(stage, search='query = "AZ"')
    stage.end("bulk")
    parked: list[object] = []

    async def act(app: App) -> None:
        parked.append((await app.ledger.feel_pulse()).parked)

    stage.serve(3 * MINUTE_S, act, watched=True)
    assert held(stage) == [("job_parked", "bulk")]
    assert parked == [{("main", "bulk")}]
    stage.once("bulk", again=True)
    stage.serve(3 * MINUTE_S, act, watched=True)
    assert (held(stage), parked[1]) == ([], set())


def test_a_disk_that_cannot_be_looked_at_is_full(build: Build) -> None:
    """The mount is gone: the watch says that there is no room, and goes on."""
    stage = build()

    def gone(_folder: Path) -> int:
        raise OSError(errno.ESTALE, "Stale file handle")

    stage.change(free_bytes=gone)
    stage.serve(3 * MINUTE_S, watched=True)
    assert "disk_full" in [line["condition"] for line in stage.logged("condition.began")]


def test_a_store_that_can_be_read_and_not_be_written_is_failing(build: Build) -> None:
    """As behind a quota, or where the file system became read-only: no run can begin, and the cause is told."""
    stage = build(size=50)
    stage.job(schedule='every = "1h"')

    async def break_and_mend(_app: App) -> None:
        await asyncio.sleep(30 * MINUTE_S)
        for table, change in (("slot", "UPDATE ON slot"), ("condition", "INSERT ON condition")):
            stage.write(f"CREATE TRIGGER {table}_broken BEFORE {change} BEGIN SELECT RAISE(ABORT, 'full'); END")
        await asyncio.sleep(HOUR_S)
        for table in ("slot", "condition"):
            stage.write(f"DROP TRIGGER {table}_broken")

    stage.serve(2 * HOUR_S, break_and_mend, watched=True)
    (began, ended) = [minute for minute, _, condition in news(stage) if condition == "store_failing"]
    assert 75 < began < 80
    assert 90 < ended < 93
    assert stage.one("SELECT count(*) FROM condition WHERE ended_at IS NULL") == 0


def test_a_parked_job_is_urgent_until_it_is_answered(build: Build) -> None:
    """It is said at error level with what to type, and is over when a person has answered."""
    stage = build()
    stage.job(schedule='every = "1h"')
    stage.serve(HOUR_S + MINUTE_S, watched=True)
    stage.job(schedule='every = "1h"', search='query = "Mesa, AZ"')
    stage.serve(3 * HOUR_S, watched=True)
    (line,) = stage.logged("condition.began")
    assert (line["condition"], line["job"], line["level"]) == ("job_parked", "phoenix", "error")
    assert line["message"].endswith("(criteria_changed)")
    assert held(stage) == [("job_parked", "phoenix")]
    stage.resume(choice=Choice.ACCEPT)
    stage.serve(2 * HOUR_S, watched=True)
    assert [what for _, what, _ in news(stage)] == ["began", "ended"]


def test_what_was_held_when_the_daemon_ended_is_not_shown_as_what_is(build: Build) -> None:
    """A person has answered since, and nobody has looked: `status` says so, unless a daemon is at work."""
    stage = build(size=50)
    stage.job()
    stage.end()
    stage.job(search='query = "Mesa, AZ"')
    stage.end()
    stage.serve(3 * MINUTE_S, watched=True)
    stage.resume(choice=Choice.ACCEPT)
    *_, head, line = in_words(status(stage.settings(), stage.clock())).splitlines()
    assert head == "as things stood when the daemon last looked, which is not running:"
    assert line.startswith("urgent since 2026-11-02 06:01: job_parked phoenix: ")
    with InstanceLock(stage.folder / "leadsync.db", DAEMON):
        assert head not in in_words(status(stage.settings(), stage.clock()))


def test_a_park_is_told_of_the_job_whose_it_is(build: Build) -> None:
    """A one-shot that has the name of another job's session is not parked because that job is."""
    stage = build(size=50)
    stage.job("daily", session="bulk")
    stage.end("daily")
    stage.job("daily", session="bulk", search='query = "Mesa, AZ"')
    stage.end("daily")
    one_shot(stage, search='query = "Tempe, AZ"')
    stage.serve(3 * MINUTE_S, watched=True)
    assert held(stage) == [("job_parked", "daily")]


def test_who_has_no_rhythm_any_more_is_not_missed(build: Build) -> None:
    """A day without a lead is told; once the job runs by hand alone that is over, from the reload on."""
    stage = build(size=300)
    stage.job(schedule='cron = "0 8 * * *"')
    for day in range(10):
        if 0 < day < 9:
            stage.sim.world.grow(300)
        stage.end()
        stage.clock.forward((day + 1) * DAY_S - stage.clock.elapsed_s)
    before: list[object] = []

    async def take_the_schedule_away(_app: App) -> None:
        await asyncio.sleep(3 * MINUTE_S)
        before.append(held(stage))
        stage.job()
        stage.hang_up()

    stage.serve(10 * MINUTE_S, take_the_schedule_away, watched=True)
    assert before == [[("job_empty", "phoenix")]]
    assert held(stage) == []


def test_a_pause_of_which_nobody_needs_the_end_is_no_alarm(build: Build) -> None:
    """The vendor has turned an account down, and its only job is disabled since: no run will ever try it again."""
    stage = build(size=50)
    stage.job(schedule='every = "1h"')
    stage.end()
    stage.write("UPDATE account SET paused_reason = 'token_refused', paused_message = 'HTTP 401'")
    stage.serve(3 * MINUTE_S, watched=True)
    assert held(stage) == [("account_paused", "main")]
    stage.job(schedule='every = "1h"', enabled=False)
    stage.serve(3 * MINUTE_S, watched=True)
    assert held(stage) == []


def test_a_skip_trace_that_is_gone_from_the_files_is_no_alarm(build: Build) -> None:
    """Without [skip_trace] nobody is asked for, and each command that would end the pause refuses to."""
    stage = build(size=50)
    stage.job()
    stage.end()
    stage.write("INSERT INTO trace_desk (id, paused_reason, paused_message) VALUES (1, 'store_restored', 'say so')")
    stage.serve(3 * MINUTE_S, watched=True)
    assert held(stage) == []
