"""What a plan says of jobs that wait for a person, and of those that were answered."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from leadsync.core.model import Outcome, Reason
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from leadsync.reports.plan import in_words
from leadsync.simulator import Fault
from tests.reports.planned import Build, job_of, outage, report
from tests.simulator.caller import page
from tests.stage import Stage

STORE = "leadsync.db"


def drifted(stage: Stage) -> None:
    """Somebody else pulls from the session."""
    stage.job(records_per_run=100)
    stage.once("phoenix")
    stage.job()
    stage.sim.foreign_pull("phoenix", 5)


def changed(stage: Stage) -> None:
    """The job asks for something else."""
    stage.job(records_per_run=100)
    stage.once("phoenix")
    stage.job(search='query = "Mesa, AZ"')


def known(stage: Stage) -> None:
    """Another session has delivered the list."""
    stage.job("older")
    stage.once("older")


def foreign(stage: Stage) -> None:
    """Somebody else made the session."""
    page(stage.sim, "somebody", session="phoenix")


@pytest.mark.parametrize("act", [drifted, changed, known, foreign])
def test_what_a_person_has_accepted_is_planned(build: Build, act: Callable[[Stage], None]) -> None:
    """Before the answer the plan says what to type; after it, that the job goes on, as it then does."""
    stage = build(size=250)
    stage.job()
    act(stage)
    foreseen = job_of(stage)["audit"]["message"]
    assert foreseen == stage.end().message
    assert "`leadsync resume phoenix --accept`" in foreseen
    stage.resume(choice=Choice.ACCEPT)
    answered = job_of(stage)
    assert (answered["parked"], answered["audit"]["verdict"]) == (None, "go_on")
    assert stage.end().outcome is Outcome.COMPLETE


def test_a_store_in_doubt_parks_every_job(build: Build) -> None:
    """Each with the same question, and no job with one of its own; nothing may be bought."""
    stage = build(size=250, account="budget = { records_per_day = 1_000 }")
    stage.job()
    drifted(stage)
    stage.once("phoenix")
    stage.job("tampa", search='query = "Tampa, FL"')
    stage.write("UPDATE installation SET doubt = 'store_moved'")
    planned = report(stage)
    assert [job["audit"]["reason"] for job in planned["jobs"]] == ["store_moved"] * 2
    assert {job["parked"]["message"] for job in planned["jobs"]} == {stage.end().message}
    assert planned["accounts"][0]["at_most"]["records"] == 0
    assert in_words(planned).count("`leadsync resume --store moved`") == 2


def test_a_restored_store_is_not_taken_for_a_drift(build: Build, tmp_path: Path) -> None:
    """Once a person has said so, what the vendor has more is asked for with the old keys."""
    stage = build(size=250)
    stage.job(records_per_run=100)
    stage.once("phoenix")
    with closing(sqlite3.connect(stage.folder / STORE)) as store, closing(sqlite3.connect(tmp_path / STORE)) as copy:
        store.backup(copy)
    stage.job()
    stage.once("phoenix")
    shutil.copy(tmp_path / STORE, stage.folder / STORE)
    assert stage.end().reason is Reason.STORE_RESTORED
    stage.answer_store(StoreAnswer.RESTORED)
    assert job_of(stage)["audit"]["verdict"] == "go_on"
    assert stage.end().outcome is Outcome.COMPLETE


def test_a_key_whose_job_is_gone_may_wait_for_it(build: Build) -> None:
    """Nobody can answer for a job that is not there: its file must come back first."""
    stage = build(size=450)
    stage.job()
    outage(stage, Fault.CUT_BEFORE)
    stage.remove("phoenix")
    stage.sim.foreign_pull("phoenix", 130)
    planned = report(stage)
    (key,) = planned["accounts"][0]["left_open"]
    words = in_words(planned)
    assert key["audit"]["reason"] == "session_drifted"
    assert f"it waits ({key['audit']['message']}); put the job's file back" in words
    assert "leadsync resume phoenix" not in words


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.EMPTY_WALLET, "fill the wallet; the next due run tries once by itself"),
        (Fault.NO_TOKEN, "put a valid token where the configuration says; the next due run tries once by itself"),
    ],
)
def test_a_paused_account_says_what_to_mend(build: Build, fault: Fault, words: str) -> None:
    """As `status` does; its jobs are not parked, since it heals by itself."""
    stage = build()
    stage.job()
    stage.sim.faults.next(fault)
    stage.once("phoenix")
    planned = report(stage)
    assert planned["accounts"][0]["message"].endswith(f"; {words}")
    assert words in in_words(planned)
    assert planned["jobs"][0]["parked"] is None
