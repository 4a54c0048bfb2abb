"""What a plan says in figures: budgets and sums, and the next times."""

from leadsync.reports.plan import in_words
from leadsync.simulator import Fault
from tests.reports.planned import DAILY, Build, job_of, report


def test_budgets_bind_each_job_and_all_of_them(build: Build) -> None:
    """What a day leaves is the most for each, and once for all; what a later day leaves is that day's."""
    stage = build(size=450, account="budget = { records_per_day = 300, dollars_per_month = 7 }")
    stage.job(records_per_run=200)
    stage.once("phoenix")
    for name in ("mesa", "tampa"):
        stage.job(name, search=f'query = "{name}"')
    stage.job("tomorrow", search='query = "TX"', schedule="at = 2026-11-03T06:00:00Z")
    planned = report(stage)
    (account,) = planned["accounts"]
    most = {job["name"]: (job["at_most"]["records"], job["at_most"]["limit"]) for job in planned["jobs"]}
    assert account["budget_left"] == {
        "records_day": 100,
        "records_month": None,
        "dollars_day": None,
        "dollars_month": 5.0,
    }
    assert most == {
        "mesa": (100, "records_per_day"),
        "phoenix": (100, "records_per_day"),
        "tampa": (100, "records_per_day"),
        "tomorrow": (300, "records_per_day"),
    }
    assert account["at_most"] == {"records": 400, "pages": 4, "dollars": 4.0}


def test_a_spent_budget_is_said(build: Build) -> None:
    """Nothing more today: the job may go on, and would buy nothing."""
    stage = build(size=450, account="budget = { records_per_day = 200 }")
    stage.job()
    stage.once("phoenix")
    assert job_of(stage)["at_most"] == {"records": 0, "pages": 0, "dollars": 0.0, "limit": "records_per_day"}
    assert "phoenix: would end over budget: the account's records_per_day is spent" in in_words(report(stage))


def test_times_are_those_that_the_daemon_has_planned(build: Build) -> None:
    """With the jitter that was drawn, in UTC and in the job's own zone; those after it by the schedule."""
    stage = build()
    stage.job(schedule=DAILY)
    before = job_of(stage)
    stage.serve(60)
    after = job_of(stage)
    (fire_at,) = stage.rows("SELECT fire_at FROM slot WHERE state = 'planned'")
    first, *others = after["next_times"]
    assert [time["due_at"] for time in before["next_times"]] == [f"2026-11-0{day}T13:00:00+00:00" for day in (2, 3, 4)]
    assert not any(time["planned"] for time in before["next_times"])
    assert (after["timezone"], after["jitter_s"]) == ("America/Phoenix", 300.0)
    assert (first["planned"], first["fire_at"][:19]) == (True, fire_at[0][:19].replace(" ", "T"))
    assert first["local"].startswith("2026-11-02T06:0")
    assert first["local"].endswith("-07:00")
    assert [time["local"] for time in others] == ["2026-11-03T06:00:00-07:00", "2026-11-04T06:00:00-07:00"]
    assert "(America/Phoenix), up to 5m later where it is not planned yet" in in_words(report(stage))


def test_a_time_that_has_passed_is_overdue(build: Build) -> None:
    """While no daemon runs; and the retry of a run that weather ended is a time of its own."""
    stage = build()
    stage.job(schedule='every = "6h"')
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    stage.serve(6 * 3_600 + 700)
    assert job_of(stage)["next_times"][0]["cause"] == "retry"
    stage.clock.forward(86_400)
    job = job_of(stage)
    assert [time["overdue"] for time in job["next_times"]] == [True, True, False]
    assert "overdue since 2026-11-02 12:" in in_words(report(stage))
