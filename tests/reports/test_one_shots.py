"""One-shots in the reports: which way they will go, what they may cost, how far they have come, that they are done."""

import json

import msgspec
import pytest

from leadsync.core.forecast import NoSessions
from leadsync.core.model import Outcome
from leadsync.reports.export.rows import Wanted, chunks_of, span_of
from leadsync.reports.plan import in_words as plan_in_words
from leadsync.reports.runs import runs
from leadsync.reports.status import in_words, status
from leadsync.simulator import Fault
from tests.jobs.one_shots import SEAT, one_shot
from tests.reports.planned import Build, billed_by, job_of, report
from tests.simulator.caller import page
from tests.stage import Stage

NO_SESSIONS = NoSessions("the session list was denied with HTTP 403 (ability_missing)")
OUTAGE = "the session list could not be had (timed out)"


def shown(stage: Stage) -> dict[str, object]:
    """The one-shot in `status`."""
    (job,) = status(stage.settings(), stage.clock())["jobs"]
    return dict(job)


@pytest.mark.parametrize(
    ("account", "able", "route", "slots"),
    [
        ("", True, "throwaway", 1),
        ("session_cap = 2\nsession_reserve = 1", True, "plain", 0),
        ("", False, "plain", 0),
    ],
)
def test_what_is_planned_is_what_happens(build: Build, account: str, able: bool, route: str, slots: int) -> None:
    """The way, the records and the cost are those of the run; and afterwards nothing more is planned."""
    stage = build(size=1_000, account=account, session_ability=able)
    one_shot(stage)
    if account:
        page(stage.sim, "somebody", session="theirs", take=1)
    planned = job_of(stage, "bulk", None if able else NO_SESSIONS)
    assert (planned["route"], planned["slots_needed"], planned["session"]) == (route, slots, None)
    most = planned["at_most"]
    assert (most["records"], most["pages"], most["dollars"], most["limit"]) == (300, 3, 3.0, "records")
    ends, billed = billed_by(stage, "bulk")
    assert (ends["bulk"].outcome, billed) == (Outcome.COMPLETE, 300)
    msgspec.json.encode(report(stage, None if able else NO_SESSIONS))  # as it goes over the daemon's socket
    done = job_of(stage, "bulk")
    assert (done["route"], done["audit"], done["at_most"]["records"], done["slots_needed"]) == (route, None, 0, 0)
    assert " done " in plan_in_words(report(stage))


@pytest.mark.parametrize("able", [True, False])
def test_an_outage_leaves_the_way_open(build: Build, able: bool) -> None:
    """What chooses the way is not known, so none is named; one that has begun keeps its own."""
    stage = build(size=1_000, session_ability=able)
    one_shot(stage, records_per_run=100)
    assert job_of(stage, "bulk", OUTAGE)["route"] is None
    stage.end("bulk")
    planned = job_of(stage, "bulk", OUTAGE)
    assert planned["route"] == ("throwaway" if able else "plain")
    assert planned["audit"]["verdict"] == "unknown"


@pytest.mark.parametrize("able", [True, False])
def test_in_the_middle_the_rest_is_planned(build: Build, able: bool) -> None:
    """What is still missing is the most that the next run buys."""
    stage = build(size=1_000, session_ability=able)
    one_shot(stage, records_per_run=180)
    stage.end("bulk")
    planned = job_of(stage, "bulk", None if able else NO_SESSIONS)
    assert (planned["at_most"]["records"], planned["audit"]["verdict"]) == (120, "go_on")
    assert planned["one_shot"]["delivered"] == 180
    assert shown(stage)["session"] == (SEAT if able else None)


@pytest.mark.parametrize("able", [True, False])
def test_status_from_the_first_to_the_last(build: Build, able: bool) -> None:
    """It is idle until it is done, and says how much of what is wanted is here."""
    stage = build(size=1_000, session_ability=able)
    one_shot(stage)
    before = shown(stage)
    assert (before["state"], before["delivered"], before["one_shot"]["wanted"]) == ("idle", 0, 300)  # type: ignore[index]
    stage.end("bulk")
    after = shown(stage)
    assert (after["state"], after["delivered"], after["next_run_at"]) == ("done", 300, None)
    assert after["one_shot"] == {
        "life": 1,
        "route": "throwaway" if able else "plain",
        "session": SEAT if able else None,
        "wanted": 300,
        "delivered": 300,
        "unknown": 0,
        "windows": None,
        "outcome": "complete",
    }
    assert "300 of 300" in in_words(status(stage.settings(), stage.clock()))


def test_a_done_one_shot_is_never_overdue(build: Build) -> None:
    """Its schedule has no next time that anybody waits for."""
    stage = build(size=1_000)
    one_shot(stage, schedule='cron = "*/15 * * * *"')
    stage.serve(3_000)
    stage.clock.forward(86_400)
    after = shown(stage)
    assert (after["state"], after["next_run_at"], after["overdue"]) == ("done", None, False)


def test_runs_name_the_way(build: Build) -> None:
    """The history says which way each run went."""
    stage = build(size=1_000)
    one_shot(stage)
    stage.job("phoenix", search='query = "AZ"')
    stage.once("bulk", "phoenix")
    history = runs(stage.settings(), job=None, limit=9)["runs"]
    assert {run["job"]: run["route"] for run in history} == {"bulk": "throwaway", "phoenix": "session"}


def test_a_parked_one_shot_names_its_way_out(build: Build) -> None:
    """A refusal is shown by its own seat, and `plan` does not promise more."""
    stage = build(size=1_000, session_ability=False)
    one_shot(stage)
    stage.sim.faults.next(Fault.MALFORMED)
    stage.end("bulk")
    parked = shown(stage)
    assert (parked["state"], parked["reason"]) == ("parked", "refused")
    assert "`leadsync resume bulk`" in str(parked["message"])
    assert job_of(stage, "bulk", NO_SESSIONS)["audit"]["reason"] == "refused"


@pytest.mark.parametrize("able", [True, False])
def test_the_export_says_which_way_a_lead_came(build: Build, able: bool) -> None:
    """A lead of the plain way has no session; all else is as ever."""
    stage = build(size=1_000, session_ability=able)
    one_shot(stage, records=5)
    stage.end("bulk")
    (rows,) = chunks_of(span_of(stage.settings(), Wanted()))
    assert {(row.job, row.session, row.route) for row in rows} == {
        ("bulk", SEAT if able else None, "throwaway" if able else "plain")
    }
    assert json.loads(rows[0].body)["_id"] == rows[0].property_id
