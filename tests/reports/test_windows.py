"""Pulls by windows in the reports: route and cost beforehand, and then what was asked, what came and what did not."""

from typing import Any

from leadsync.core.model import Outcome
from leadsync.core.resume import Choice
from leadsync.reports.plan import in_words as plan_in_words
from leadsync.reports.runs import in_words as runs_in_words
from leadsync.reports.runs import runs
from leadsync.reports.status import in_words, status
from leadsync.simulator import Fate
from tests.jobs.windows import begin, large
from tests.reports.planned import Build, billed_by, job_of, report
from tests.stage import Stage


def one_shot(stage: Stage) -> dict[str, object]:
    """The one-shot in `status`."""
    (job,) = status(stage.settings(), stage.clock())["jobs"]
    return dict(job["one_shot"])


def test_what_is_planned_is_what_happens(build: Build) -> None:
    """Route, windows and cost at most are those of the run, and no slot is wanted."""
    stage = build(size=5_000, record_bytes=300)
    large(stage, records=2_100)
    planned = job_of(stage, "bulk")
    assert (planned["route"], planned["slots_needed"], planned["session"]) == ("async", 0, None)
    most = planned["at_most"]
    assert (most["records"], most["pages"], most["dollars"], most["limit"]) == (2_100, 3, 21.0, "records")
    assert "bulk: by windows of up to 1,000 records" in plan_in_words(report(stage))
    ends, billed = billed_by(stage, "bulk")
    assert (ends["bulk"].outcome, billed) == (Outcome.COMPLETE, 2_100)
    assert job_of(stage, "bulk")["at_most"]["records"] == 0


def test_without_an_inbox_plan_says_so(build: Build) -> None:
    """It goes page by page, by a session of its own."""
    stage = build(size=5_000)
    large(stage)
    stage.configure()
    planned = job_of(stage, "bulk")
    assert (planned["route"], planned["no_inbox"]) == ("throwaway", True)
    assert "there is no [webhooks]" in plan_in_words(report(stage))


def test_what_is_out_is_reserved_and_shown(build: Build) -> None:
    """While a result is on its way: nothing more is planned for it, the budget has it, and status says so."""
    stage = build(size=5_000, record_bytes=300)
    stage.sim.fates.next(Fate.HELD)
    large(stage, account="budget = { records_per_day = 5_000 }", records=1_000)
    stage.serve(60, begin)
    assert job_of(stage, "bulk")["at_most"]["records"] == 0
    shown = status(stage.settings(), stage.clock())
    assert shown["accounts"][0]["budget"]["records_day"]["spent"] == 1_000
    assert shown["jobs"][0]["one_shot"]["windows"]["unanswered"] == 1
    assert "bulk: windows: 1 asked, 0 arrived, 1 unanswered; $0.00" in in_words(shown)


def test_what_came_and_what_did_not(build: Build) -> None:
    """Asked, arrived, expired, duplicates, cost; of the life in status, of each run in `runs`; and what to type."""
    stage = build(size=5_000, record_bytes=300, skip_slips=100)
    stage.sim.fates.next(None, None, Fate.LOST)
    large(stage, deadline="1h", records=3_000)
    assert stage.end("bulk").outcome is Outcome.PARTIAL
    windows = {
        "asked": 3,
        "unanswered": 0,
        "arrived": 2,
        "expired": 1,
        "failed": 0,
        "take": 3_000,
        "records": 2_000,
        "duplicates": 100,
        "cost": 30.0,
    }
    assert one_shot(stage)["windows"] == windows
    words = in_words(status(stage.settings(), stage.clock()))
    assert "windows: 3 asked, 2 arrived, 1 expired, 100 duplicates; $30.00; `leadsync resume bulk --ask-again`" in words
    history = runs(stage.settings(), job=None, limit=10)
    first = history["runs"][-1]
    assert (first["records"], first["cost"], first["windows"]["arrived"]) == (1_000, 10.0, 1)
    assert sum(run["cost"] for run in history["runs"]) == 30.0
    assert "windows: 1 asked, 0 arrived, 1 expired; $10.00; " in runs_in_words(history)
    stage.resume("bulk", Choice.ASK_AGAIN)
    stage.end("bulk")
    assert one_shot(stage)["outcome"] == "partial"


def test_a_window_that_is_asked_again_is_planned(build: Build) -> None:
    """What is asked anew may be billed once more, and a window that was asked twice does not count for two."""
    stage = build(size=500, record_bytes=300)
    stage.sim.fates.next(None, Fate.LOST)
    keys: dict[str, Any] = {"records": 180, "async_above": 0, "records_per_run": 60, "deadline": "1h"}
    large(stage, **keys)
    assert stage.end("bulk").outcome is Outcome.PARTIAL
    stage.resume("bulk", Choice.ASK_AGAIN)
    assert job_of(stage, "bulk")["at_most"]["records"] == 60
    large(stage, **{**keys, "records_per_run": 500})
    assert job_of(stage, "bulk")["at_most"]["records"] == 120
    large(stage, **{**keys, "records_per_run": 500, "records": 200})
    assert job_of(stage, "bulk")["at_most"]["records"] == 140
    ends, billed = billed_by(stage, "bulk")
    assert (ends["bulk"].outcome, billed) == (Outcome.COMPLETE, 140)


def test_a_window_that_was_asked_twice_counts_once(build: Build) -> None:
    """What is still missing is planned, whatever its windows have cost."""
    stage = build(size=500, record_bytes=300)
    stage.sim.fates.next(None, Fate.LOST)
    account = "budget = { records_per_day = 180 }"
    large(stage, account=account, records=240, async_above=0, records_per_run=60, deadline="1h", on_expiry="ask_again")
    assert stage.end("bulk").outcome is Outcome.OVER_BUDGET
    large(stage, records=240, async_above=0)
    assert job_of(stage, "bulk")["at_most"]["records"] == 120
    assert billed_by(stage, "bulk")[1] == 120
