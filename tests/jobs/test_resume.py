"""The ways out of a park: each leads to agreeing books, and a wrong answer changes nothing."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any
from unittest import mock

import pytest

from leadsync.core.model import Outcome, Reason
from leadsync.core.resume import Choice
from leadsync.errors import AnswerRefused, StoreFailed, UsageMistake, VendorSilent
from leadsync.simulator import Fault
from leadsync.store import resuming
from tests.jobs.books import assert_books_agree, assert_keys_in_turn, assert_nothing_lost, assert_totals_agree
from tests.jobs.one_shots import one_shot
from tests.jobs.test_plan_beside import AtOnce
from tests.simulator.caller import page
from tests.stage import Stage

Build = Callable[..., Stage]
Scene = Callable[[Stage], None]

TUCSON = 'query = "Tucson, AZ"'


def leave_a_key_open(stage: Stage, pages: int = 1) -> None:
    """A run whose last page is billed, and never arrives."""
    stage.sim.faults.next(*[None] * pages)
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    assert stage.end().outcome is Outcome.FAILED
    stage.sim.faults.calm()


def vanished(stage: Stage) -> None:
    """Somebody deleted the session."""
    stage.end()
    stage.sim.delete_session("phoenix")


def vanished_with_a_key(stage: Stage) -> None:
    """Somebody deleted it while a key was open."""
    leave_a_key_open(stage)
    stage.sim.delete_session("phoenix")


def vanished_in_mid_run(stage: Stage) -> None:
    """Somebody deleted it between two pages; the page that showed it is paid and stored."""
    stage.wire.before[2] = lambda: stage.sim.delete_session("phoenix")


def foreign(stage: Stage) -> None:
    """Somebody else made a session of that name."""
    page(stage.sim, "somebody", session="phoenix", take=10)


def foreign_with_a_key(stage: Stage) -> None:
    """Somebody else made it while our first key was on its way."""
    stage.sim.faults.storm(1.0, [Fault.CUT_BEFORE], seed=0)
    assert stage.end().outcome is Outcome.FAILED
    stage.sim.faults.calm()
    page(stage.sim, "somebody", session="phoenix", take=130)


def drifted(stage: Stage) -> None:
    """Somebody else pulled from it."""
    stage.job(records_per_run=100)
    stage.end()
    stage.job()
    page(stage.sim, "somebody", session="phoenix", take=10)


def drifted_with_a_key(stage: Stage) -> None:
    """Somebody else pulled from it while a key was open."""
    leave_a_key_open(stage)
    page(stage.sim, "somebody", session="phoenix", take=10)


def changed(stage: Stage) -> None:
    """The job's file asks for something else now."""
    stage.job(records_per_run=100)
    stage.end()
    stage.job(search=TUCSON)


def changed_with_a_key(stage: Stage) -> None:
    """It does, and a key is open."""
    leave_a_key_open(stage)
    stage.job(search=TUCSON)


def known(stage: Stage) -> None:
    """Another session has delivered this list."""
    stage.job("older")
    stage.end("older")


def refused(stage: Stage) -> None:
    """The vendor did not understand the request; the job's file was mended since."""
    stage.sim.faults.next(Fault.MALFORMED)
    assert stage.end().reason is Reason.REFUSED
    stage.job(search=TUCSON)


SCENES = [
    (vanished, Reason.SESSION_VANISHED, Choice.NEW_EPOCH),
    (vanished_with_a_key, Reason.SESSION_VANISHED, Choice.NEW_EPOCH),
    (vanished_in_mid_run, Reason.SESSION_VANISHED, Choice.NEW_EPOCH),
    (foreign, Reason.SESSION_FOREIGN, Choice.ACCEPT),
    (foreign_with_a_key, Reason.SESSION_FOREIGN, Choice.ACCEPT),
    (drifted, Reason.SESSION_DRIFTED, Choice.ACCEPT),
    (drifted_with_a_key, Reason.SESSION_DRIFTED, Choice.ACCEPT),
    (changed, Reason.CRITERIA_CHANGED, Choice.ACCEPT),
    (changed_with_a_key, Reason.CRITERIA_CHANGED, Choice.ACCEPT),
    (known, Reason.CRITERIA_KNOWN, Choice.ACCEPT),
    (refused, Reason.REFUSED, None),
]
IDS = [scene.__name__ for scene, _, _ in SCENES]


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize(("scene", "reason", "choice"), SCENES, ids=IDS)
def test_each_way_out_leads_to_agreeing_books(
    build: Build, scene: Scene, reason: Reason, choice: Choice | None, *, counts: bool
) -> None:
    """The message names the command; the command lets the job complete, twice, with the vendor's totals."""
    stage = build(size=250, totals_count_page=counts)
    stage.job()
    scene(stage)
    end = stage.end()
    assert (end.outcome, end.reason) == (Outcome.PARKED, reason)
    assert f"`leadsync resume phoenix{f' {choice}' if choice else ''}`" in end.message
    billed = stage.sim.bill.records
    stage.resume(choice=choice)
    assert stage.sim.bill.records == billed
    assert stage.one("SELECT count(*) FROM search_session WHERE park_reason IS NOT NULL") == 0
    for _ in range(2):
        assert stage.end().outcome is Outcome.COMPLETE
    assert_totals_agree(stage)
    assert_keys_in_turn(stage)
    if reason is not Reason.SESSION_VANISHED:
        assert_nothing_lost(stage)


@pytest.mark.parametrize(("scene", "reason", "choice"), SCENES, ids=IDS)
def test_a_wrong_answer_changes_nothing(build: Build, scene: Scene, reason: Reason, choice: Choice | None) -> None:
    """Every other answer is refused with what to type, and the store is what it was."""
    stage = build(size=250)
    stage.job()
    scene(stage)
    assert stage.end().reason is reason
    before = contents(stage)
    for other in {None, *Choice} - {choice, Choice.VOID_KEY, Choice.ASK_AGAIN}:
        with pytest.raises(UsageMistake, match="leadsync resume phoenix"):
            stage.resume(choice=other)
    assert contents(stage) == before


def contents(stage: Stage) -> list[str]:
    """All that the store holds about sessions, pages and leads."""
    with closing(sqlite3.connect(stage.folder / "leadsync.db")) as store:
        return [line for line in store.iterdump() if "installation" not in line]


def test_what_it_may_cost_is_said(build: Build) -> None:
    """Beginning anew buys everything again: how many, and what they cost."""
    stage = build(size=250, account="price_per_record = 0.64")
    stage.job()
    vanished(stage)
    stage.end()
    assert "250 properties may come and be billed again, about $160.00" in stage.resume(choice=Choice.NEW_EPOCH)


@pytest.mark.parametrize("scene", [leave_a_key_open, Stage.end])
def test_a_session_that_is_there_after_all_is_not_begun_anew(build: Build, scene: Scene) -> None:
    """A wrong token, or a list that left it out, had parked the job: its key is asked again, and nothing is lost."""
    stage = build(size=250)
    stage.job(records_per_run=200)
    scene(stage)
    ours = stage.sim.sessions.pop("phoenix")
    assert stage.end().reason is Reason.SESSION_VANISHED
    stage.sim.sessions["phoenix"] = ours
    assert "is at the vendor after all" in stage.resume(choice=Choice.NEW_EPOCH)
    assert stage.end().outcome.ended_well
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.one("SELECT epoch FROM search_session") == 1
    assert_books_agree(stage)


def test_a_key_is_not_given_up_unseen(build: Build) -> None:
    """Whether its session is there again the vendor's list alone can say: without one the key stays open."""
    stage = build(size=250)
    stage.job()
    vanished_with_a_key(stage)
    assert stage.end().reason is Reason.SESSION_VANISHED
    stage.sim.list_faults.next(Fault.NO_TOKEN)
    with pytest.raises(VendorSilent, match="stays open"):
        stage.resume(choice=Choice.NEW_EPOCH)
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 1


def drifted_and_accepted(build: Build) -> Stage:
    """A job that parked since its session had moved, which a person has accepted."""
    stage = build(size=250)
    stage.job()
    drifted(stage)
    assert stage.end().reason is Reason.SESSION_DRIFTED
    stage.resume(choice=Choice.ACCEPT)
    return stage


def test_an_acceptance_that_the_store_could_not_forget_is_none(build: Build) -> None:
    """The run that it was for has ended: that and the acceptance are written together, or neither is."""
    stage = drifted_and_accepted(build)
    lost = mock.patch.object(resuming, "forget_acceptance", side_effect=StoreFailed("disk I/O error"))
    stage.job(records_per_run=10)
    with lost:
        stage.end()
    ended = stage.one("SELECT outcome FROM run ORDER BY id DESC LIMIT 1")
    accepted = stage.one("SELECT accepted FROM search_session")
    assert (ended is None) is (accepted is not None)


def test_an_acceptance_is_for_one_run(build: Build) -> None:
    """Who accepted one drift has not accepted the next."""
    stage = drifted_and_accepted(build)
    stage.job(records_per_run=10)
    assert stage.end().outcome is Outcome.LIMITED
    page(stage.sim, "again", session="phoenix", take=10)
    stage.clock.forward(3_600)
    assert stage.end().reason is Reason.SESSION_DRIFTED


def test_one_answer_after_another_leads_out(build: Build) -> None:
    """A session that was taken over stays that while the next question is answered: nobody is asked in a circle."""
    stage = build(size=250)
    stage.job("older")
    stage.end("older")
    foreign(stage)
    stage.job()
    for reason in (Reason.SESSION_FOREIGN, Reason.CRITERIA_KNOWN):
        assert stage.end().reason is reason
        stage.resume(choice=Choice.ACCEPT)
    assert stage.end().outcome is Outcome.COMPLETE
    assert_totals_agree(stage)


def test_a_key_that_is_never_answered_can_be_closed(build: Build) -> None:
    """Where the vendor's total has not moved nothing was billed: the key is closed, and the next one goes out."""
    stage = build(size=250)
    stage.job(records_per_run=100)
    stage.end()
    stage.job()
    stage.sim.faults.storm(1.0, [Fault.CUT_BEFORE], seed=0)
    assert stage.end().outcome is Outcome.FAILED
    stage.sim.faults.calm()
    assert "nothing was billed" in stage.resume(choice=Choice.VOID_KEY)
    assert stage.rows("SELECT state FROM page") == [("stored",), ("void",)]
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_a_first_key_of_a_session_that_is_not_there_may_be_billed(build: Build) -> None:
    """Its page was billed, its answer lost, and somebody has deleted the session: closing the key says what is lost."""
    stage = build(size=250)
    stage.job()
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    assert stage.end().outcome is Outcome.FAILED
    stage.sim.faults.calm()
    stage.sim.delete_session("phoenix")
    assert "the budget counts it as spent" in stage.resume(choice=Choice.VOID_KEY)
    assert stage.rows("SELECT state, take FROM page") == [("unknown", stage.sim.bill.records)]


def test_a_key_whose_page_was_billed_is_kept(build: Build) -> None:
    """Where the total has moved the page is paid: closing its key would lose it, so that is refused."""
    stage = build(size=250)
    stage.job()
    leave_a_key_open(stage)
    with pytest.raises(AnswerRefused, match="was billed"):
        stage.resume(choice=Choice.VOID_KEY)
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 1
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_there_is_nothing_to_answer(build: Build) -> None:
    """A job that is not parked, and a key that is not open, are told so."""
    stage = build()
    stage.job()
    stage.end()
    for choice in (None, *Choice):
        with pytest.raises(UsageMistake, match="nothing was changed"):
            stage.resume(choice=choice)


@pytest.mark.parametrize("ability", [True, False], ids=["throwaway", "plain"])
def test_a_one_shot_whose_account_has_another_name_is_not_bought_again(build: Build, ability: bool) -> None:
    """The ledger keeps it under the old name: it parks, as the plan says, until somebody wants the list twice."""
    stage = build(size=80, session_ability=ability)
    one_shot(stage, records=50)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    config = stage.folder / "config.toml"
    config.write_text(config.read_text().replace("[accounts.main]", "[accounts.team]"))

    async def plan() -> dict[str, Any]:
        async with stage.app() as app:
            asyncio.get_running_loop().set_default_executor(AtOnce())
            return await app.plan()

    assert stage.play(plan())["jobs"][0]["audit"]["reason"] == "criteria_known"
    end = stage.end("bulk")
    assert (end.outcome, end.reason) == (Outcome.PARKED, Reason.CRITERIA_KNOWN)
    assert "of account main has delivered these criteria" in end.message
    assert stage.sim.bill.records == 50
    stage.resume("bulk", Choice.ACCEPT)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 100
