"""The daemon at its times, in virtual time: each slot once, late rather than never, and what cuts a run short."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable

import httpx  # noqa: TID251 - the test edge
import pytest

from leadsync.app import App
from leadsync.core.model import Outcome
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree, run_rows
from tests.stage import Stage, Wire

Build = Callable[..., Stage]

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class DeafTo(Wire):
    """A vendor that never answers one session."""

    def __init__(self, session: str, stage: Stage) -> None:
        super().__init__(stage.sim)
        self._session = session.encode()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request, or leave it hanging until the client has had enough."""
        if self._session in request.content:
            await asyncio.sleep(request.extensions["timeout"]["read"])
            raise httpx.ReadTimeout("no answer in time", request=request)
        return await super().handle_async_request(request)


class TimesOf(Wire):
    """Notes when each request leaves."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.sim)
        self.at_s: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request, there and back."""
        self.at_s.append(asyncio.get_running_loop().time())
        return await super().handle_async_request(request)


def started(stage: Stage, job: str = "phoenix") -> list[tuple[str, str]]:
    """When each run of a job began (day and time of day in UTC), and what made it begin."""
    rows = stage.rows("SELECT started_at, trigger FROM run WHERE job = ? ORDER BY id", job)
    return [(at[5:16], trigger) for at, trigger in rows]


def test_growing_lists_are_pulled_as_they_grow(build: Build) -> None:
    """Two jobs every two seconds for a minute, and a world that grows: everything is delivered, once."""
    stage = build(size=120)
    stage.job("everything", schedule='every = "2s"', page_size=20)
    stage.job("phoenix", schedule='every = "2s"', page_size=20, search='query = "Phoenix, AZ"')

    async def grow(_app: App) -> None:
        for _ in range(20):
            await asyncio.sleep(2.7)
            stage.sim.world.grow(7)

    stage.serve(61, grow)
    assert {len(started(stage, job)) for job in ("everything", "phoenix")} == {30}
    delivered = (
        "SELECT count(*) FROM delivery d JOIN page p ON p.id = d.page_id"
        " JOIN search_session s ON s.id = p.session_id WHERE s.name = ?"
    )
    assert stage.one(delivered, "everything") == 260
    assert_books_agree(stage)


def test_every_counts_from_1970_over_restarts(build: Build) -> None:
    """A restart does not shift an interval: it began with the epoch, not with the process."""
    stage = build()
    stage.job(schedule='every = "40m"')
    for _ in range(4):
        stage.serve(HOUR_S + 60)
    times = ("06:40", "07:20", "08:00", "08:40", "09:20", "10:00")
    assert started(stage) == [(f"11-02 {at}", "schedule") for at in times]


def test_the_next_time_is_in_the_store_with_its_jitter(build: Build) -> None:
    """`fire_at` lies within the jitter after `due_at`, stays over a restart, and is when the run begins."""
    stage = build()
    stage.job(schedule='cron = "0 8 * * *", jitter = "30m"')
    stage.serve(60)
    ((due, fire),) = stage.rows("SELECT due_at, fire_at FROM slot")
    assert due == "2026-11-02 08:00:00.000000"
    assert "2026-11-02 08:00" < fire < "2026-11-02 08:30"
    stage.serve(60)
    assert stage.rows("SELECT due_at, fire_at FROM slot") == [(due, fire)]
    stage.serve(3 * HOUR_S)
    assert stage.one("SELECT substr(started_at, 1, 19) FROM run") == fire[:19]


@pytest.mark.parametrize(("missed", "runs"), [("run_once", [("11-05 06:01", "schedule")]), ("skip", [])])
def test_what_passed_while_down_is_one_run_or_none(build: Build, missed: str, runs: list[tuple[str, str]]) -> None:
    """Days without leadsync are made up for by one run at the start, or skipped, as the job says."""
    stage = build()
    stage.job(schedule='cron = "30 7 * * *"', missed=missed)
    stage.serve(60)
    stage.clock.forward(3 * DAY_S)
    stage.serve(60)
    assert started(stage) == runs
    (line,) = stage.logged("slot.missed")
    assert (line["due_at"], line["made_up"]) == ("2026-11-02T07:30:00+00:00", missed == "run_once")
    stage.serve(2 * HOUR_S)
    assert started(stage) == [*runs, ("11-05 07:30", "schedule")]


def test_a_job_that_is_new_waits_for_its_time(build: Build) -> None:
    """Nothing is made up for that was never promised: a new job, or one that was disabled for a week."""
    stage = build()
    stage.job(schedule='cron = "0 7 * * *"', enabled=False)
    stage.serve(7 * DAY_S)
    stage.job(schedule='cron = "0 7 * * *"')
    stage.serve(60)
    stage.job(schedule='cron = "0 7 * * *"', enabled=False)
    stage.serve(7 * DAY_S)
    stage.job(schedule='cron = "0 7 * * *"')
    stage.serve(60)
    assert started(stage) == []


def test_a_moment_is_one_run(build: Build) -> None:
    """`at` runs once, also where it passed while leadsync was down, and never again after any restart."""
    stage = build()
    stage.job(schedule="at = 2026-11-02T00:30:00-07:00")
    stage.clock.forward(3 * HOUR_S)
    stage.serve(60)
    stage.clock.forward(10 * DAY_S)
    stage.serve(60)
    assert started(stage) == [("11-02 09:00", "schedule")]
    assert stage.one("SELECT count(*) FROM slot WHERE state = 'planned'") == 0


def test_a_moment_that_was_missed_can_be_skipped(build: Build) -> None:
    """With missed = "skip" a moment that passed while leadsync was down is gone."""
    stage = build()
    stage.job(schedule="at = 2026-11-02T00:30:00-07:00", missed="skip")
    stage.clock.forward(3 * HOUR_S)
    for _ in range(2):
        stage.serve(HOUR_S)
    assert started(stage) == []


def test_times_that_come_while_it_runs_are_one(build: Build) -> None:
    """A run of 20 minutes with a time every six: one more run begins at its end, for the three that came meanwhile."""
    stage = build(size=250, retry_after_s=300)
    stage.job(schedule='every = "6m"')
    stage.sim.faults.next(*[Fault.RATE_LIMITED, None] * 4)
    stage.serve(HOUR_S - 60)
    assert started(stage) == [(f"11-02 06:{at}", "schedule") for at in ("06", "26", "30", "36", "42", "48", "54")]
    assert_books_agree(stage)


def test_a_job_that_hangs_holds_up_nobody(build: Build) -> None:
    """The vendor answers one of two jobs never: the other keeps its times."""
    stage = build()
    stage.change(transport=DeafTo("stuck", stage))
    stage.job("phoenix", schedule='every = "10m"')
    stage.job("stuck", schedule='every = "10m"', search='query = "Phoenix, AZ"')
    stage.serve(3 * HOUR_S - 60)
    assert len(started(stage)) == 17
    assert {outcome for job, outcome, _ in run_rows(stage) if job == "phoenix"} == {"complete"}
    assert {outcome for job, outcome, _ in run_rows(stage) if job == "stuck"} == {"failed", "interrupted"}


def test_what_weather_ended_is_made_up_for(build: Build) -> None:
    """A day's only time meets an outage of an hour: the job is tried again until it is complete (L1)."""
    stage = build()
    stage.job(schedule='cron = "0 7 * * *"')

    async def clear_up(_: App) -> None:
        await asyncio.sleep(2 * HOUR_S)
        stage.sim.faults.calm()

    stage.sim.faults.storm(1.0, [Fault.BAD_GATEWAY], seed=0)
    stage.serve(20 * HOUR_S, clear_up)
    outcomes = [outcome for _, outcome, _ in run_rows(stage)]
    assert outcomes == ["failed"] * (len(outcomes) - 1) + ["complete"]
    triggers = [trigger for _, trigger in started(stage)]
    assert triggers == ["schedule"] + ["retry"] * (len(outcomes) - 1)
    assert 3 <= len(outcomes) <= 5
    assert_books_agree(stage)


@pytest.mark.parametrize("schedule", ['cron = "0 7 * * *"', "at = 2026-11-02T07:00:00Z"])
def test_weather_that_outlasts_a_runs_time_is_made_up_for(build: Build, schedule: str) -> None:
    """An outage longer than `run_timeout` is weather all the same: the key is asked again the same morning (L1)."""
    stage = build()
    stage.job(schedule=schedule, run_timeout="5m")

    async def clear_up(_: App) -> None:
        await asyncio.sleep(HOUR_S + 360)
        stage.sim.faults.calm()

    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    stage.serve(3 * HOUR_S, clear_up)
    assert [outcome for _, outcome, _ in run_rows(stage)] == ["failed", "complete"]
    assert_books_agree(stage)


def test_a_store_that_fails_over_a_runs_end_delays_it(build: Build) -> None:
    """A disk that is full just as a run ends: the slot is finished once there is room, and the run is made up for."""
    stage = build(retry_after_s=60)
    stage.job(schedule='cron = "0 7 * * *"')
    stage.sim.faults.next(Fault.RATE_LIMITED)

    async def fill_up(_: App) -> None:
        await asyncio.sleep(HOUR_S + 30)
        stage.write("CREATE TRIGGER full BEFORE UPDATE ON run BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        stage.write("CREATE TRIGGER fuller BEFORE UPDATE ON page BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        stage.write("CREATE TRIGGER fullest BEFORE UPDATE ON slot BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        await asyncio.sleep(600)
        for trigger in ("full", "fuller", "fullest"):
            stage.write(f"DROP TRIGGER {trigger}")

    stage.serve(3 * HOUR_S, fill_up)
    assert len(stage.logged("schedule.delayed")) > 3
    assert [outcome for _, outcome, _ in run_rows(stage)] == ["interrupted", "complete"]
    assert [trigger for _, trigger in started(stage)] == ["schedule", "retry"]
    assert_books_agree(stage)


def test_a_moment_that_met_a_refusal_is_tried_again(build: Build) -> None:
    """A job that has no other time looks again after an hour or so: the token was put right meanwhile."""
    stage = build()
    stage.job(schedule="at = 2026-11-02T07:00:00Z")

    async def renew(_: App) -> None:
        await asyncio.sleep(1.2 * HOUR_S)
        stage.sim.list_faults.calm()

    stage.sim.list_faults.storm(1.0, [Fault.NO_TOKEN], seed=0)
    stage.serve(6 * HOUR_S, renew)
    assert [outcome for _, outcome, _ in run_rows(stage)] == ["failed", "complete"]


def test_a_clock_that_was_put_back_makes_no_verdict_last(build: Build) -> None:
    """The books are compared as often as ever after a clock was a month ahead, and a retry does not wait the month."""
    stage = build()
    stage.job(schedule='cron = "0 * * * *"')

    async def lose_a_month(_: App) -> None:
        stage.clock.forward(30 * DAY_S)
        await asyncio.sleep(2_000)
        stage.clock.forward(-30 * DAY_S)

    stage.serve(12 * HOUR_S, lose_a_month)
    assert len(stage.logged("account.audited")) == len(run_rows(stage)) >= 11


def test_a_reason_is_not_tried_again_hot(build: Build) -> None:
    """A token that is refused waits for the job's next time, as a park waits for a person."""
    stage = build()
    stage.job(schedule='every = "6h"')
    stage.sim.list_faults.storm(1.0, [Fault.NO_TOKEN], seed=0)
    stage.serve(DAY_S + 60)
    assert [trigger for _, trigger in started(stage)] == ["schedule"] * 4


@pytest.mark.parametrize(("missed", "runs"), [("run_once", 2), ("skip", 1)])
def test_a_run_that_a_stop_cut_short_is_made_up_for(build: Build, missed: str, runs: int) -> None:
    """A stop in mid-run is no end of the day's work: the next start goes on, unless the job says skip."""
    stage = build(size=250, retry_after_s=300)
    stage.job(schedule='cron = "0 7 * * *"', missed=missed)
    stage.sim.faults.next(None, Fault.RATE_LIMITED)
    stage.serve(HOUR_S + 60)
    assert run_rows(stage) == [("phoenix", "interrupted", None)]
    stage.serve(HOUR_S)
    assert [trigger for _, trigger in started(stage)] == ["schedule", "start", "retry"][: runs + 1]
    assert run_rows(stage)[-1][1] == ("complete" if runs == 2 else "limited")
    assert [line["made_up"] for line in stage.logged("slot.missed")] == [missed == "run_once"]


def test_a_run_that_takes_too_long_ends_at_its_page(build: Build) -> None:
    """`run_timeout` ends a run at a page boundary, with nothing open, and the job goes on at its next time."""
    stage = build(size=500, slow_s=20)
    stage.job(schedule='every = "10m"', run_timeout="50s")
    stage.sim.faults.next(*[Fault.SLOW] * 4)
    stage.serve(1_000)
    assert run_rows(stage) == [("phoenix", "interrupted", None)]
    assert stage.sim.bill.records == 300
    assert_books_agree(stage)
    stage.serve(600)
    assert run_rows(stage)[1] == ("phoenix", "complete", None)
    assert_books_agree(stage)


@pytest.mark.parametrize("fate", ["remove", "disable", "rename"])
def test_open_keys_are_settled_before_the_first_time(build: Build, fate: str) -> None:
    """What has become of the job does not matter: its open key is sent first, and again while it has no answer (P2)."""
    stage = build(size=100)
    stage.job("old")
    stage.sim.faults.next(*[Fault.CUT_AFTER] * 60)
    assert stage.end("old").outcome is Outcome.FAILED
    if fate == "remove":
        stage.remove("old")
    else:
        stage.job("old", **({"enabled": False} if fate == "disable" else {"session": "new", "buy_again": True}))
    stage.job("phoenix", schedule='every = "5m"', search='query = "Phoenix, AZ"')
    stage.serve(HOUR_S)
    rows = stage.rows("SELECT job, trigger FROM run WHERE id > 1")
    assert rows[0] == ("old", "start")
    assert ("old", "start") in rows[1:]
    assert rows[-1] == ("phoenix", "schedule")
    assert_books_agree(stage)


def test_a_clock_that_is_put_on_makes_late_and_not_lost(build: Build) -> None:
    """Two hours forward, over a time of the job: it runs once, within the minute."""
    stage = build()
    stage.job(schedule='cron = "0 7 * * *"')

    async def put_on(_: App) -> None:
        await asyncio.sleep(60)
        stage.clock.forward(2 * HOUR_S)

    stage.serve(300, put_on)
    assert started(stage) == [("11-02 08:01", "schedule")]
    assert stage.logged("clock.jumped")[0]["by_s"] == 7_200


def test_a_clock_that_is_put_back_runs_nothing_twice(build: Build) -> None:
    """Two hours back, over a time that had its run: it has had it, and the next time is tomorrow's."""
    stage = build()
    stage.job(schedule='cron = "0 7 * * *"')

    async def put_back(_: App) -> None:
        await asyncio.sleep(1.5 * HOUR_S)
        stage.clock.forward(-2 * HOUR_S)

    stage.serve(DAY_S, put_back)
    assert started(stage) == [("11-02 07:00", "schedule")]
    assert stage.one("SELECT due_at FROM slot WHERE state = 'planned'")[:16] == "2026-11-03 07:00"


def test_a_clock_that_was_a_year_ahead_leaves_no_mark(build: Build) -> None:
    """A clock without a battery is a year ahead until the network is up: no storm, and then every time again.

    The time that was next when it jumped has had its run, an hour early.
    """
    stage = build()
    stage.job(schedule='cron = "0 * * * *"')

    async def lose_the_year(_: App) -> None:
        await asyncio.sleep(600)
        stage.clock.forward(365 * DAY_S)
        await asyncio.sleep(600)
        stage.clock.forward(-365 * DAY_S)

    stage.serve(5 * HOUR_S - 60, lose_the_year)
    assert [at for at, _ in started(stage)] == [f"11-02 {at}" for at in ("06:10", "08:00", "09:00", "10:00")]


def test_what_could_not_be_written_down_is_ended_later(build: Build) -> None:
    """A store that fails just as a run ends leaves a row that says 'running': the next run of the job ends it."""
    stage = build()
    stage.job()
    stage.end()
    stage.write("UPDATE run SET outcome = NULL")
    stage.job(schedule='every = "1h"')

    async def act(app: App) -> None:
        await asyncio.sleep(60)
        stage.write("UPDATE run SET outcome = NULL")
        assert (await app.dispatch.run("phoenix", "once")).outcome is Outcome.COMPLETE

    stage.serve(120, act)
    assert [(outcome, reason) for _, outcome, reason in run_rows(stage)] == [("interrupted", None), ("complete", None)]


def test_a_hundred_jobs_at_one_minute_keep_the_pace(build: Build) -> None:
    """All due at 07:00: in no 60 s more requests than the vendor allows a token, and each job gets its leads."""
    stage = build(size=3, account="session_reserve = 0\nrequests_per_minute = 300")
    for number in range(100):
        stage.job(f"job-{number:02}", schedule='cron = "0 7 * * *"', page_size=1, buy_again=True)
    times = TimesOf(stage)
    stage.change(transport=times)
    stage.serve(2 * HOUR_S)
    most = max(bisect_left(times.at_s, at_s + 60) - begin for begin, at_s in enumerate(times.at_s))
    assert 280 < most <= 300
    assert {outcome for _, outcome, _ in run_rows(stage)} == {"complete"}
    assert len(run_rows(stage)) == 100
    assert_books_agree(stage)
