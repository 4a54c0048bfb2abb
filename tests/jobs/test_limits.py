"""What ends a run before the stream does: its own limit, the account's budget, its time, a stop, a full disk."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsync.app import App
from leadsync.core.model import End, Outcome
from leadsync.core.watch import DISK_FULL_BYTES
from leadsync.errors import UsageMistake
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree, assert_keys_in_turn
from tests.stage import Stage

Build = Callable[..., Stage]


@pytest.mark.parametrize("limit", [1, 99, 100, 101, 240])
def test_a_run_stops_at_its_own_limit(build: Build, limit: int) -> None:
    """`records_per_run` is never overshot, and the next run goes on from there."""
    stage = build(size=250)
    stage.job(records_per_run=limit)
    assert stage.end().outcome is Outcome.LIMITED
    assert stage.sim.bill.records == limit
    stage.job()
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 250
    assert_books_agree(stage)


BUDGETS = {
    "records_per_day = 130": 130,
    "records_per_month = 130": 130,
    "dollars_per_day = 1.30": 130,
    "dollars_per_month = 1.309": 130,
    "records_per_day = 0": 0,
}


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_budget_is_spent_to_the_last_record(build: Build, budget: str) -> None:
    """A budget in records or dollars ends the run `over_budget` at its exact sum, and names the limit."""
    stage = build(size=250, account=f"budget = {{ {budget} }}")
    stage.job()
    for _ in range(2):
        end = stage.end()
        assert end.outcome is Outcome.OVER_BUDGET
        assert budget.split(" ", maxsplit=1)[0] in end.message
        assert stage.sim.bill.records == BUDGETS[budget]
    assert_keys_in_turn(stage)


def test_a_days_budget_comes_back_at_midnight(build: Build) -> None:
    """The day's budget begins anew at midnight of the budget's own zone; the month's does not."""
    zone = 'budget_timezone = "America/Phoenix"'
    stage = build(size=500, account=f"budget = {{ records_per_day = 100, records_per_month = 250 }}\n{zone}")
    stage.job()
    billed = []
    # The stage begins at 06:00 UTC on the second: 23:00 on the first in Phoenix.
    for hours in (0, 0.5, 1, 24, 24, 24 * 30):
        stage.clock.forward(hours * 3_600)
        assert stage.end().outcome is Outcome.OVER_BUDGET
        billed.append(stage.sim.bill.records)
    assert billed == [100, 100, 200, 250, 250, 350]


@pytest.mark.parametrize("fault", [None, Fault.CUT_AFTER, Fault.CUT_BEFORE])
def test_jobs_side_by_side_never_overshoot_a_budget(build: Build, fault: Fault | None) -> None:
    """Twenty jobs share 1,000 records: reservations count before the call, so not one more is billed (P10)."""
    stage = build(size=400, account="budget = { records_per_day = 1_000 }", short_page_rate=0.3)
    names = [f"job-{number}" for number in range(20)]
    for name in names:
        stage.job(name, buy_again=True, page_size=77)
    stage.sim.faults.storm(0.3 if fault else 0.0, [fault or Fault.SLOW], seed=3)
    stage.once(*names)
    assert stage.sim.bill.records <= 1_000
    stage.sim.faults.calm()
    # Short pages and lost requests give room back, which later runs take to the last record.
    for _ in range(4):
        ends = stage.once(*names)
        assert {end.outcome for end in ends.values()} == {Outcome.OVER_BUDGET}
    assert stage.sim.bill.records == 1_000
    assert_books_agree(stage)


def test_an_open_key_reserves_its_take_over_a_restart(build: Build) -> None:
    """What an open key may have billed is not spent a second time by another job."""
    stage = build(size=300, account="budget = { records_per_day = 150 }")
    stage.job()
    stage.job("other", buy_again=True)
    stage.sim.faults.storm(1.0, [Fault.CUT_BEFORE], seed=0)
    stage.once("phoenix")
    assert stage.end("other").outcome is Outcome.FAILED
    assert sorted(stage.rows("SELECT take, billed FROM page WHERE state = 'asked'")) == [(50, 0), (100, 0)]
    stage.sim.faults.calm()
    assert stage.end("other").outcome is Outcome.OVER_BUDGET
    assert stage.sim.bill.by_session == {"phoenix": 100, "other": 50}
    assert_books_agree(stage)


LIMITS = st.tuples(st.integers(0, 260), st.integers(1, 120), st.integers(1, 300), st.integers(1, 5))


@settings(max_examples=12, deadline=None)
@given(LIMITS, st.integers(0, 99))
def test_whatever_the_limits_nothing_is_overshot(
    tmp_path_factory: pytest.TempPathFactory, limits: tuple[int, int, int, int], seed: int
) -> None:
    """Any budget, page size, run limit, number of jobs and weather: budget and limits hold to the record."""
    budget, page_size, limit, jobs = limits
    account = f"budget = {{ records_per_day = {budget} }}"
    stage = Stage(tmp_path_factory.mktemp("limits") / "stage", size=120, account=account)
    names = [f"job-{number}" for number in range(jobs)]
    for name in names:
        stage.job(name, buy_again=True, page_size=page_size, records_per_run=limit)
    stage.sim.faults.storm(0.4, [Fault.CUT_AFTER, Fault.CUT_BEFORE, Fault.HTML_200], seed=seed)
    stage.once(*names)
    assert stage.sim.bill.records <= budget
    assert all(records <= limit for records in stage.sim.bill.by_session.values())
    assert_keys_in_turn(stage)


def test_a_run_ends_when_its_time_is_over(build: Build) -> None:
    """`run_timeout` ends the run between two pages, the rest comes with the next one."""
    stage = build(size=500, slow_s=20)
    stage.job(run_timeout="1m")
    stage.sim.faults.storm(1.0, [Fault.SLOW], seed=0)
    end = stage.end()
    assert end.outcome is Outcome.INTERRUPTED
    assert "run_timeout" in end.message
    assert stage.sim.bill.records == 300
    assert_books_agree(stage)


def test_a_wait_ends_when_the_runs_time_is_over(build: Build) -> None:
    """A run that waits to replay is not held beyond its time; its key stays open for the next."""
    stage = build()
    stage.job(run_timeout="1m")
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    end = stage.end()
    assert end.outcome is Outcome.FAILED
    assert "run_timeout of 0:01:00 is over, and no answer came" in end.message
    assert stage.clock.elapsed_s < 62
    stage.sim.faults.calm()
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def stopped(stage: Stage, *names: str, after_s: float) -> dict[str, End]:
    """Run jobs, and ask leadsync to stop after a while."""

    async def act() -> dict[str, End]:
        async with stage.app(*names) as app, asyncio.TaskGroup() as group:
            group.create_task(_stop(app, after_s))
            return await app.once(names)

    return stage.play(act())


async def _stop(app: App, after_s: float) -> None:
    await asyncio.sleep(after_s)
    app.around.stopping.set()


def test_a_stop_ends_runs_at_their_page(build: Build) -> None:
    """Asked to stop in mid-page: that page is stored, no further one is asked for."""
    stage = build(size=500, slow_s=20)
    stage.job()
    stage.sim.faults.storm(1.0, [Fault.SLOW], seed=0)
    assert stopped(stage, "phoenix", after_s=30)["phoenix"].outcome is Outcome.INTERRUPTED
    assert stage.sim.bill.records == 200
    assert 40 <= stage.clock.elapsed_s < 41
    assert_books_agree(stage)


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.RATE_LIMITED])
def test_a_stop_ends_waits_at_once(build: Build, fault: Fault) -> None:
    """A run that waits for the vendor ends at once, with its key open."""
    stage = build(retry_after_s=200)
    stage.job()
    stage.sim.faults.storm(1.0, [fault], seed=0)
    assert stopped(stage, "phoenix", after_s=100)["phoenix"].outcome is Outcome.INTERRUPTED
    assert 100 <= stage.clock.elapsed_s < 101
    stage.sim.faults.calm()
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_a_stop_ends_the_wait_for_the_list(build: Build) -> None:
    """An audit that waits for the list ends at once; nothing was sent."""
    stage = build()
    stage.job()
    stage.sim.list_faults.storm(1.0, [Fault.BAD_GATEWAY], seed=0)
    assert stopped(stage, "phoenix", after_s=100)["phoenix"].outcome is Outcome.INTERRUPTED
    assert 100 <= stage.clock.elapsed_s < 101
    assert stage.wire.searches == 0


def test_a_stop_ends_the_silence_of_other_jobs(build: Build) -> None:
    """Jobs that keep silent because another was told 429 end at once too, and do not send one more request."""
    stage = build(size=500, retry_after_s=200)
    for name in ("one", "two", "three"):
        stage.job(name, buy_again=True)
    stage.sim.faults.next(None, None, None, Fault.RATE_LIMITED)
    ends = stopped(stage, "one", "two", "three", after_s=100)
    assert {end.outcome for end in ends.values()} == {Outcome.INTERRUPTED}
    assert stage.sim.bill.records == 300
    assert stage.clock.elapsed_s < 101


def test_a_full_disk_stops_the_spending(build: Build) -> None:
    """With less than the reserve free nothing is asked for, and the run fails in words; with room it goes on."""
    stage = build()
    stage.job()
    stage.change(free_bytes=lambda _: DISK_FULL_BYTES - 1)
    end = stage.end()
    assert end.outcome is Outcome.FAILED
    assert "128 MiB" in end.message
    assert stage.wire.searches == 0
    stage.change(free_bytes=lambda _: DISK_FULL_BYTES)
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_a_disk_that_fills_up_in_mid_run_stops_the_spending(build: Build) -> None:
    """Room is looked at before each page, not once a run."""
    stage = build(size=500)
    stage.job()
    stage.change(free_bytes=lambda _: DISK_FULL_BYTES - (stage.wire.searches >= 2))
    assert stage.end().outcome is Outcome.FAILED
    assert stage.sim.bill.records == 200
    assert_books_agree(stage)


@pytest.mark.parametrize(("enabled", "name"), [(True, "pheonix"), (False, "phoenix")])
def test_a_job_that_cannot_run_is_refused(build: Build, enabled: bool, name: str) -> None:
    """A name that is no job, or one that is disabled, is told in one sentence; no store is made."""
    stage = build()
    stage.job(enabled=enabled)
    with pytest.raises(UsageMistake, match="did you mean phoenix" if enabled else "enabled = true"):
        stage.once(name)
    assert not (stage.folder / "leadsync.db").exists()


@pytest.mark.parametrize("budget", ["records_per_day = 1_000", "dollars_per_month = 10"])
def test_twenty_jobs_share_a_budget_to_the_record(build: Build, budget: str) -> None:
    """Side by side on a budget of 1,000 records: 1,000 are billed, and who finds all of it reserved waits for it."""
    stage = build(size=90, account=f"budget = {{ {budget} }}", short_page_rate=0.5)
    names = [f"job-{number:02}" for number in range(20)]
    for name in names:
        stage.job(name, page_size=80, buy_again=True)
    ends = stage.once(*names)
    assert stage.sim.bill.records == 1_000
    assert {end.outcome for end in ends.values()} == {Outcome.OVER_BUDGET}
    assert_keys_in_turn(stage)
    assert [line["limit"] for line in stage.logged("budget.nearly_spent")] == [budget.split(" ", maxsplit=1)[0]]


def with_a_lost_key(build: Build) -> Stage:
    """A day's budget of one page, reserved by the key of a job that has no answer; and another job that would buy."""
    stage = build(size=250, account="budget = { records_per_day = 100 }")
    stage.job("lost")
    stage.sim.faults.storm(1.0, [Fault.CUT_BEFORE], seed=0)
    assert stage.end("lost").outcome is Outcome.FAILED
    stage.sim.faults.calm()
    stage.job(buy_again=True)
    return stage


def test_a_key_without_an_answer_keeps_its_reservation(build: Build) -> None:
    """Nobody waits for a key whose run has ended: the budget is spent until somebody learns what became of it."""
    stage = with_a_lost_key(build)

    async def act() -> End:
        async with stage.app() as app:
            return (await app.dispatch.run_all(["phoenix"], "once"))["phoenix"]

    end = stage.play(act())
    assert end.outcome is Outcome.OVER_BUDGET
    assert "reserved by open keys, which have no answer yet" in end.message
    assert stage.sim.bill.records == 0


def test_an_older_key_is_paid_from_the_day_that_answers_it(build: Build) -> None:
    """A key that was asked yesterday and never arrived is billed today: today's budget is not given out beside it."""
    stage = with_a_lost_key(build)
    billed = []
    for _ in range(2):
        stage.clock.forward(24 * 3_600)
        assert stage.end().outcome is Outcome.OVER_BUDGET
        billed.append(dict(stage.sim.bill.by_session))
    assert billed == [{"lost": 100}, {"lost": 100, "phoenix": 100}]
    assert_books_agree(stage)


def test_who_finds_the_only_reservation_waits_for_it(build: Build) -> None:
    """From the moment on at which a key has reserved the budget it is known by whom, also before it is sent."""
    stage = build(size=60, account="budget = { records_per_day = 100 }")
    names = ["first", "second", "third"]
    for name in names:
        stage.job(name, buy_again=True)
    stage.once(*names)
    assert stage.sim.bill.records == 100
    assert_keys_in_turn(stage)
