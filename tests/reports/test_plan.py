"""The plan against what then happens: a job is run after it; verdict, end and bill are held together."""

import json
from collections.abc import Callable

import pytest

from leadsync.core.model import Outcome, Reason, SessionListing
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.reports.plan import as_totals, in_words
from leadsync.simulator import Fault
from leadsync.vendors.wire import Trouble
from tests.reports.planned import DAILY, Build, billed_by, job_of, outage, refused, report
from tests.simulator.caller import page
from tests.stage import Stage

History = Callable[[Stage], object]

UNREACHED = "the session list could not be had (cannot connect)"


def limited(stage: Stage) -> None:
    """Pull two pages, so that more is left to pull."""
    stage.job(records_per_run=200)
    stage.once("phoenix")
    stage.job()


def vanished(stage: Stage) -> None:
    """Delete the session of a job that has pulled from it."""
    limited(stage)
    stage.sim.delete_session("phoenix")


def drifted(stage: Stage) -> None:
    """Let somebody else pull from the session."""
    limited(stage)
    stage.sim.foreign_pull("phoenix", 5)


def changed(stage: Stage) -> None:
    """Change the criteria of a session that was used."""
    limited(stage)
    stage.job(search='query = "Mesa, AZ"')


def renamed(stage: Stage) -> None:
    """Rename the job's file once it has delivered."""
    stage.job("elsewhere")
    stage.once("elsewhere")
    stage.remove("elsewhere")


def changed_with_open_key(stage: Stage) -> None:
    """Change the criteria while a key is open."""
    outage(stage)
    stage.job(search='query = "Mesa, AZ"')


def crowded(stage: Stage) -> None:
    """Let somebody else take the last slot that is not kept free."""
    stage.configure('budget = "unlimited"\nsession_cap = 2\nsession_reserve = 1')
    page(stage.sim, "somebody", session="theirs")


HISTORIES: dict[str, tuple[History, str, Reason | None, Outcome]] = {
    "new": (lambda _: None, "go_on", None, Outcome.COMPLETE),
    "used": (limited, "go_on", None, Outcome.COMPLETE),
    "open key, billed": (outage, "go_on", None, Outcome.COMPLETE),
    "open key, not billed": (lambda stage: outage(stage, Fault.CUT_BEFORE), "go_on", None, Outcome.COMPLETE),
    "vanished": (vanished, "park", Reason.SESSION_VANISHED, Outcome.PARKED),
    "drifted": (drifted, "park", Reason.SESSION_DRIFTED, Outcome.PARKED),
    "foreign": (
        lambda stage: page(stage.sim, "somebody", session="phoenix"),
        "park",
        Reason.SESSION_FOREIGN,
        Outcome.PARKED,
    ),
    "criteria changed": (changed, "park", Reason.CRITERIA_CHANGED, Outcome.PARKED),
    "criteria changed, open key": (changed_with_open_key, "park", Reason.CRITERIA_CHANGED, Outcome.PARKED),
    "criteria known": (renamed, "park", Reason.CRITERIA_KNOWN, Outcome.PARKED),
    "refused before": (refused, "park", Reason.REFUSED, Outcome.PARKED),
    "no slot": (crowded, "no_slot", None, Outcome.WAITING),
}


@pytest.mark.parametrize("limit", [None, 120, 1_000])
@pytest.mark.parametrize("history", HISTORIES)
def test_what_is_planned_is_what_happens(build: Build, history: str, limit: int | None) -> None:
    """The verdict, its reason and its sentence are those of the run, which buys no more than the plan says."""
    stage = build(size=450)
    stage.job()
    act, verdict, reason, outcome = HISTORIES[history]
    act(stage)
    if limit is not None and verdict == "go_on":
        stage.job(records_per_run=limit)
        outcome = Outcome.LIMITED if limit < 300 else Outcome.COMPLETE
    planned = job_of(stage)
    ends, billed = billed_by(stage, "phoenix")
    end = ends["phoenix"]
    assert (planned["audit"]["verdict"], planned["audit"]["reason"]) == (verdict, reason)
    assert (end.outcome, end.reason) == (outcome, reason)
    assert verdict == "go_on" or planned["audit"]["message"] == end.message
    most = planned["at_most"]["records"]
    assert most is None or billed <= most
    assert most is not None or limit is None


def test_an_open_key_is_the_first_thing_that_is_sent(build: Build) -> None:
    """Its take is named, and is the most that a job buys which may buy nothing else."""
    stage = build(size=450, account="budget = { records_per_day = 1_000 }")
    stage.job()
    changed_with_open_key(stage)
    job = job_of(stage)
    assert job["open_key"] == {"take": 100, "sent_first": True}
    assert job["at_most"] == {"records": 100, "pages": 1, "dollars": 1.0, "limit": None}
    assert "a key of 100 records is open, whose page may be billed already: it is sent first" in in_words(report(stage))
    assert billed_by(stage, "phoenix")[1] == 0  # it was billed before, and is only fetched
    assert job_of(stage)["open_key"] is None


def test_a_key_whose_job_is_gone_is_not_forgotten(build: Build) -> None:
    """It stands by its account, with the job that it had, and in the account's sum."""
    stage = build(size=450, account="budget = { records_per_day = 1_000 }")
    stage.job()
    outage(stage, Fault.CUT_BEFORE)
    stage.remove("phoenix")
    stage.job("tampa", search='query = "Tampa, FL"', records_per_run=50)
    planned = report(stage)
    (account,) = planned["accounts"]
    assert account["left_open"] == [
        {
            "job": "phoenix",
            "session": "phoenix",
            "take": 100,
            "audit": {"verdict": "go_on", "reason": None, "message": None},
        }
    ]
    assert account["at_most"] == {"records": 150, "pages": 2, "dollars": 1.5}
    assert "session phoenix of job phoenix, which is gone, has an open key of 100 records" in in_words(planned)
    assert billed_by(stage, "tampa")[1] <= 150


def test_a_disabled_job_settles_its_key_and_asks_nothing(build: Build) -> None:
    """Without an open key it does nothing at all, and takes no slot."""
    stage = build(size=450)
    stage.job()
    outage(stage)
    stage.job(enabled=False, schedule='every = "1h"')
    stage.job("idle", enabled=False, search='query = "Mesa, AZ"')
    settling, idle = job_of(stage), job_of(stage, "idle")
    assert (settling["audit"]["verdict"], settling["at_most"]["records"], settling["next_times"]) == ("go_on", 100, [])
    assert (idle["audit"], idle["at_most"]["records"], idle["slots_needed"]) == (None, 0, 0)


def test_of_two_jobs_on_one_session_one_has_its_key(build: Build) -> None:
    """A job that was copied and disabled does not settle, or cost, the same key once more."""
    stage = build(size=450)
    stage.job()
    outage(stage)
    stage.job("before", session="phoenix", enabled=False)
    assert job_of(stage, "before")["open_key"] is None
    assert job_of(stage)["open_key"]["take"] == 100


def test_slots_are_given_out_by_the_clock(build: Build) -> None:
    """The job that is due first has the last slot; one that runs by hand alone comes after all others."""
    stage = build(account='budget = "unlimited"\nsession_cap = 2\nsession_reserve = 1')
    times = {"by-hand": None, "late": 'every = "6h"', "soon": 'every = "1h"'}
    for name, times_text in times.items():
        stage.job(name, search=f'query = "{name}"', **({"schedule": times_text} if times_text else {}))
    planned = report(stage)
    assert {job["name"]: job["audit"]["verdict"] for job in planned["jobs"]} == {
        "by-hand": "no_slot",
        "late": "no_slot",
        "soon": "go_on",
    }
    slots = planned["accounts"][0]["slots"]
    assert (slots["used"], slots["cap"], slots["reserve"], slots["free"]) == (0, 2, 1, 1)
    assert {job["slots_needed"] for job in planned["jobs"]} == {1}


def test_without_the_list_the_audit_is_unknown(build: Build) -> None:
    """The reason is said; a job that is parked is parked all the same; times, budgets and costs are there."""
    stage = build(account="budget = { records_per_day = 500 }")
    stage.job()
    refused(stage)
    stage.job("tampa", search='query = "Tampa, FL"', schedule='every = "6h"')
    planned = report(stage, UNREACHED)
    (account,) = planned["accounts"]
    parked, tampa = planned["jobs"]
    assert (account["unknown"], account["slots"]["used"], account["slots"]["free"]) == (UNREACHED, None, None)
    assert tampa["audit"] == {"verdict": "unknown", "reason": None, "message": UNREACHED}
    assert (tampa["slots_needed"], tampa["at_most"]["records"], len(tampa["next_times"])) == (None, 500, 3)
    assert (parked["audit"]["verdict"], parked["parked"]["reason"]) == ("park", "refused")
    assert UNREACHED in in_words(planned)


def test_how_a_job_was_parked_and_whether_its_file_has_answered(build: Build) -> None:
    """The park stays until the file answers it; the sentence says what to type."""
    stage = build(size=450)
    stage.job()
    page(stage.sim, "somebody", session="phoenix")
    stage.once("phoenix")
    before = job_of(stage)["parked"]
    stage.job(adopt=True)
    after = job_of(stage)
    assert (before["reason"], before["answered"]) == ("session_foreign", False)
    assert "adopt = true" in before["message"]
    assert (after["parked"]["answered"], after["audit"]["verdict"]) == (True, "go_on")
    assert "its file has answered that by now" in in_words(report(stage))


def test_jobs_that_ask_for_the_same_list(build: Build) -> None:
    """Named to each other, and with the session that has delivered the list already."""
    stage = build(size=50)
    stage.job()
    stage.once("phoenix")
    stage.job("copy", enabled=False)
    stage.job("other", search='query = "Mesa, AZ"')
    overlaps = {job["name"]: job["overlap"] for job in report(stage)["jobs"]}
    assert overlaps == {
        "copy": {"jobs": ["phoenix"], "delivered_by": ["phoenix"]},
        "other": {"jobs": [], "delivered_by": []},
        "phoenix": {"jobs": ["copy"], "delivered_by": []},
    }
    assert "copy: the same list was delivered already by session phoenix" in in_words(report(stage))


def test_a_plan_writes_and_bills_nothing(build: Build) -> None:
    """Neither where there is a history, nor where there is none: then no store is made."""
    stage = build()
    stage.job()
    store = stage.folder / "leadsync.db"
    assert job_of(stage)["audit"]["verdict"] == "go_on"
    assert not store.exists()
    stage.once("phoenix")
    seen, requests = store.read_bytes(), len(stage.sim.bill.requests)
    text = in_words(report(stage))
    assert (store.read_bytes(), len(stage.sim.bill.requests)) == (seen, requests)
    assert text.splitlines()[0].startswith("ACCOUNT  STATE  SLOTS")


def test_it_is_json_with_a_version(build: Build) -> None:
    """Everything in it is plain, money too."""
    stage = build(account="budget = { dollars_per_day = 1.25 }")
    stage.job(schedule=DAILY)
    planned = report(stage)
    assert planned["schema_version"] == 1
    assert json.loads(json.dumps(planned)) == planned


def test_a_paused_account_is_said(build: Build) -> None:
    """Its reason, and that the next due run tries once."""
    stage = build()
    stage.job()
    stage.sim.faults.next(Fault.EMPTY_WALLET)
    stage.once("phoenix")
    planned = report(stage)
    assert (planned["accounts"][0]["state"], planned["accounts"][0]["reason"]) == ("paused", "wallet_empty")
    assert "main: wallet_empty: " in in_words(planned)


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (Denied(Reason.ABILITY_MISSING, 403, "no"), "denied with HTTP 403 (ability_missing): no"),
        (Refused(400, "what?"), "refused with HTTP 400: what?"),
        (SlotsFull(403, "limit", Refused(403, "limit")), "refused with HTTP 403: limit"),
        (Throttled(None), "rate limit"),
        (Lost("timed out"), "(timed out)"),
    ],
)
def test_why_there_is_no_list(listed: Trouble, words: str) -> None:
    """One sentence for each way in which the list can be withheld; a list stays a list."""
    sentence = as_totals(listed)
    assert isinstance(sentence, str)
    assert words in sentence
    assert as_totals({"phoenix": SessionListing("phoenix", 3)}) == {"phoenix": 3}
