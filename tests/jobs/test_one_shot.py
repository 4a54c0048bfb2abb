"""A one-shot: so many records, once, by a throw-away session or without one; then it is done, and asks nothing more."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from leadsync.core.model import Outcome, Reason, Route
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from leadsync.simulator import Fault
from tests.jobs.books import assert_keys_in_turn
from tests.jobs.one_shots import SEAT, assert_all_here, assert_each_once, one_shot, route_of
from tests.jobs.test_witness import elsewhere
from tests.simulator.caller import page
from tests.stage import Stage

Build = Callable[..., Stage]
WAYS = pytest.mark.parametrize("ability", [True, False], ids=["throwaway", "plain"])


@pytest.mark.parametrize(("size", "outcome", "records"), [(1_000, Outcome.COMPLETE, 300), (250, Outcome.PARTIAL, 250)])
@WAYS
def test_it_brings_what_is_wanted_and_no_more(
    build: Build, size: int, outcome: Outcome, records: int, ability: bool
) -> None:
    """Whole or drained, its records and their cost are exact, and nothing of it is left at the vendor."""
    stage = build(size=size, session_ability=ability)
    one_shot(stage)
    assert stage.end("bulk").outcome is outcome
    assert stage.sim.bill.records == stage.one("SELECT count(*) FROM delivery") == records
    route = Route.THROWAWAY if ability else Route.PLAIN
    figures = "SELECT route, outcome, records, new, cost_micros FROM run"
    assert stage.rows(figures) == [(route, outcome, records, records, records * 10_000)]
    assert not stage.sim.sessions
    assert_all_here(stage)


@WAYS
def test_what_is_done_asks_nothing(build: Build, ability: bool) -> None:
    """No later run, and no start, sends a single request for it; how it ended is said each time."""
    stage = build(size=250, session_ability=ability)
    one_shot(stage)
    stage.end("bulk")
    stage.sim.grow(500)
    seen = len(stage.sim.bill.requests)
    end = stage.end("bulk")
    assert (end.outcome, stage.one("SELECT count(*) FROM run")) == (Outcome.PARTIAL, 1)
    assert "done before, with 250 of 300 records" in end.message
    assert len(stage.sim.bill.requests) == seen


@WAYS
def test_again_is_a_new_life(build: Build, ability: bool) -> None:
    """`--again` buys the list anew, under another name, and then that life is done."""
    stage = build(size=1_000, session_ability=ability)
    one_shot(stage)
    stage.end("bulk")
    assert stage.once("bulk", again=True)["bulk"].outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 600
    assert stage.rows("SELECT count(*), sum(redelivered) FROM delivery") == [(600, 300)]
    assert stage.rows("SELECT life, outcome FROM one_shot") == [(1, "complete"), (2, "complete")]
    stage.end("bulk")
    assert stage.sim.bill.records == 600
    assert not stage.sim.sessions


@WAYS
def test_again_in_the_middle_begins_from_nothing(build: Build, ability: bool) -> None:
    """A life that was not done is left, and its session goes, too."""
    stage = build(size=1_000, session_ability=ability)
    one_shot(stage, records_per_run=100)
    assert stage.end("bulk").outcome is Outcome.LIMITED
    one_shot(stage)
    assert stage.once("bulk", again=True)["bulk"].outcome is Outcome.COMPLETE
    assert stage.rows("SELECT life, outcome FROM one_shot") == [(1, "interrupted"), (2, "complete")]
    assert stage.sim.bill.records == 400
    assert not stage.sim.sessions


def test_again_waits_for_an_open_key(build: Build) -> None:
    """A page that may be billed is fetched before anything is begun anew."""
    stage = build(size=1_000)
    one_shot(stage)
    stage.sim.faults.next(None, Fault.NO_TOKEN)
    stage.end("bulk")
    end = stage.once("bulk", again=True)["bulk"]
    assert (end.outcome, stage.one("SELECT max(life) FROM one_shot")) == (Outcome.FAILED, 1)
    assert "run it without --again" in end.message
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 300


@WAYS
def test_a_run_of_its_own_limit_goes_on_next_time(build: Build, ability: bool) -> None:
    """`records_per_run` cuts it into runs; together they bring what is wanted, once."""
    stage = build(size=1_000, session_ability=ability)
    one_shot(stage, records_per_run=130)
    assert [stage.end("bulk").outcome for _ in range(3)] == [Outcome.LIMITED, Outcome.LIMITED, Outcome.COMPLETE]
    assert stage.rows("SELECT records FROM run") == [(130,), (130,), (40,)]
    assert_all_here(stage)
    assert_each_once(stage)


@WAYS
def test_a_budget_holds_and_the_next_day_goes_on(build: Build, ability: bool) -> None:
    """The account's budget is not overshot by a one-shot; it goes on when there is room (P10)."""
    stage = build(size=1_000, session_ability=ability, account="budget = { records_per_day = 170 }")
    one_shot(stage)
    assert (stage.end("bulk").outcome, stage.sim.bill.records) == (Outcome.OVER_BUDGET, 170)
    stage.clock.forward(86_400)
    assert (stage.end("bulk").outcome, stage.sim.bill.records) == (Outcome.COMPLETE, 300)


@WAYS
def test_short_pages_and_cursors_that_stay_are_no_end(build: Build, ability: bool) -> None:
    """What the vendor's open questions leave open about the end of a list changes nothing."""
    stage = build(size=1_000, session_ability=ability, short_page_rate=0.5, end="cursor_stays")
    one_shot(stage, records=1_200)
    assert stage.end("bulk").outcome is Outcome.PARTIAL
    assert stage.sim.bill.records == 1_000
    assert_all_here(stage)


@WAYS
def test_a_refusal_parks_until_it_is_answered(build: Build, ability: bool) -> None:
    """What the vendor refuses waits for a person, on either way, and goes on where it was."""
    stage = build(size=1_000, session_ability=ability)
    one_shot(stage)
    stage.sim.faults.next(None, Fault.MALFORMED)
    end = stage.end("bulk")
    assert (end.outcome, end.reason, stage.sim.bill.records) == (Outcome.PARKED, Reason.REFUSED, 100)
    assert stage.end("bulk").outcome is Outcome.PARKED
    stage.resume("bulk")
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 300


@WAYS
def test_another_list_waits_for_a_person(build: Build, ability: bool) -> None:
    """Changed criteria are asked about in the middle of a life; accepted, the other list begins at its top."""
    stage = build(size=1_000, session_ability=ability)
    one_shot(stage, records_per_run=100)
    stage.end("bulk")
    one_shot(stage, search='query = "AZ"')
    assert stage.end("bulk").reason is Reason.CRITERIA_CHANGED
    assert stage.sim.bill.records == 100
    stage.resume("bulk", Choice.ACCEPT)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.one("SELECT count(DISTINCT property_id) FROM delivery") == 300


@WAYS
def test_a_list_that_is_known_is_not_bought_unasked(build: Build, ability: bool) -> None:
    """What a session of the account has delivered, a one-shot buys after a person's word alone."""
    stage = build(size=250)
    stage.job("phoenix")
    stage.end("phoenix")
    stage.sim.switches = type(stage.sim.switches)(session_ability=ability)
    one_shot(stage, records=200)
    assert stage.end("bulk").reason is Reason.CRITERIA_KNOWN
    stage.resume("bulk", Choice.ACCEPT)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 450


def test_no_free_slot_sends_it_without_a_session(build: Build) -> None:
    """Where it is known that no slot is free, the plain way is taken, and no session is made."""
    stage = build(size=1_000, account="session_cap = 2\nsession_reserve = 1")
    stage.job("phoenix", search='query = "AZ"')
    stage.end("phoenix")
    one_shot(stage)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert route_of(stage) == Route.PLAIN
    assert list(stage.sim.sessions) == ["phoenix"]


@pytest.mark.parametrize("fault", [Fault.BAD_GATEWAY, Fault.CUT_BEFORE, Fault.NO_TOKEN])
def test_an_outage_never_chooses_the_route(build: Build, fault: Fault) -> None:
    """Where neither slots nor abilities can be known, nothing is sent; when they are, the way is the session."""
    stage = build(size=1_000)
    one_shot(stage)
    stage.sim.list_faults.next(*[fault] * 100)
    assert stage.end("bulk").outcome is Outcome.FAILED
    assert (stage.sim.bill.records, stage.wire.searches) == (0, 0)
    stage.sim.list_faults.calm()
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert route_of(stage) == Route.THROWAWAY


def test_a_lost_answer_costs_nothing_in_a_session(build: Build) -> None:
    """By a session a lost reply is asked for again with its key: 300 billed, 300 stored."""
    stage = build(size=1_000)
    one_shot(stage)
    stage.sim.faults.next(None, Fault.CUT_AFTER, Fault.HTML_200, None, Fault.HANG)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.sim.bill.by_session == {SEAT: 300}
    assert_all_here(stage)
    assert_keys_in_turn(stage)


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.CUT_BEFORE, Fault.BAD_GATEWAY, Fault.TRUNCATED])
def test_a_lost_answer_to_the_deletion_leaves_nothing(build: Build, fault: Fault) -> None:
    """The session is looked at again and is gone in the end; the ledger has the deletion before and after (P7)."""
    stage = build(size=1_000)
    one_shot(stage)
    stage.sim.delete_faults.next(fault)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert not stage.sim.sessions
    ((asked_by, state),) = stage.rows("SELECT asked_by, state FROM slot_action")
    assert (asked_by, state in ("deleted", "gone")) == ("one_shot", True)


def test_a_deletion_that_fails_is_made_up_for(build: Build) -> None:
    """The records are here, so the run is complete; its session goes with the next run, which asks nothing else."""
    stage = build(size=1_000)
    one_shot(stage)
    stage.sim.delete_faults.next(*[Fault.NO_TOKEN] * 2)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert list(stage.sim.sessions) == [SEAT]
    stage.sim.delete_faults.calm()
    searches = stage.wire.searches
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert (list(stage.sim.sessions), stage.wire.searches) == ([], searches)


def leave_behind(stage: Stage) -> None:
    """A one-shot that is done, whose session could not be deleted."""
    one_shot(stage)
    stage.sim.delete_faults.next(*[Fault.NO_TOKEN] * 2)
    stage.end("bulk")
    stage.sim.delete_faults.calm()


def test_a_copied_store_throws_nothing_away(build: Build, tmp_path: Path) -> None:
    """The session is the original's: the copy leaves it alone, also once a person has said whose it is (P7)."""
    stage = build(size=1_000)
    leave_behind(stage)
    copy = elsewhere(stage, tmp_path / "copy", "leadsync.db")
    one_shot(copy)
    copy.end("bulk")
    copy.answer_store(StoreAnswer.COPIED)
    copy.end("bulk")
    assert list(stage.sim.sessions) == [SEAT]
    stage.end("bulk")
    assert not stage.sim.sessions


def test_a_session_that_somebody_else_uses_is_not_thrown_away(build: Build) -> None:
    """Its total is not the ledger's any more: it stays, and that is said (P7)."""
    stage = build(size=1_000)
    leave_behind(stage)
    page(stage.sim, "theirs", session=SEAT, take=10)
    stage.end("bulk")
    assert list(stage.sim.sessions) == [SEAT]
    assert "somebody else uses it" in stage.logged("session.spared")[-1]["why"]


def test_a_session_that_somebody_deleted_asks_a_person(build: Build) -> None:
    """In the middle of a life it is a question, with its cost; the answer brings what is wanted in the end."""
    stage = build(size=1_000)
    one_shot(stage, records_per_run=100)
    stage.end("bulk")
    stage.sim.delete_session(SEAT)
    one_shot(stage)
    assert stage.end("bulk").reason is Reason.SESSION_VANISHED
    stage.resume("bulk", Choice.NEW_EPOCH)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.one("SELECT count(DISTINCT property_id) FROM delivery") == 300
    assert not stage.sim.sessions


def test_its_session_is_held_while_it_runs(build: Build) -> None:
    """Who deletes it never does so under its run, and the run waits for a deletion that is under way."""
    stage = build(size=1_000)
    one_shot(stage, records_per_run=100)
    stage.end("bulk")
    one_shot(stage)
    found_idle: list[bool] = []

    async def act() -> None:
        async with stage.app() as app, asyncio.TaskGroup() as group:

            async def look() -> None:
                async with app.dispatch.if_idle("main", SEAT) as idle:
                    found_idle.append(idle)

            stage.wire.before[2] = lambda: group.create_task(look())
            async with app.dispatch.if_idle("main", SEAT) as idle:
                found_idle.append(idle)
                group.create_task(app.once(["bulk"]))
                await asyncio.sleep(600)
                assert stage.sim.bill.records == 100

    stage.play(act())
    assert found_idle == [True, False]
    assert stage.one("SELECT outcome FROM run ORDER BY id DESC LIMIT 1") == Outcome.COMPLETE
    assert_each_once(stage)


def test_a_disabled_one_shot_keeps_its_session(build: Build) -> None:
    """Housekeeping does not throw away what is half done: enabled again, it goes on and buys nothing twice."""
    stage = build(size=1_000)
    one_shot(stage, records_per_run=100)
    stage.end("bulk")
    one_shot(stage, enabled=False)
    stage.serve(60)
    assert list(stage.sim.sessions) == [SEAT]
    one_shot(stage)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert_each_once(stage)


def test_side_by_side_and_beside_an_incremental_job(build: Build) -> None:
    """Several at once keep their own sessions and their own figures."""
    stage = build(size=1_000)
    for name in ("one", "two"):
        stage.job(name, kind="one_shot", records=230, buy_again=True)
    stage.job("phoenix", buy_again=True)
    ends = stage.once("one", "two", "phoenix")
    assert {end.outcome for end in ends.values()} == {Outcome.COMPLETE}
    assert sorted(stage.sim.bill.by_session.values()) == [230, 230, 1_000]
    assert list(stage.sim.sessions) == ["phoenix"]
    assert_all_here(stage)


def test_the_daemon_runs_it_once(build: Build) -> None:
    """An `at` and a cron of a one-shot: each brings its records once, and no later time asks anything."""
    stage = build(size=1_000)
    one_shot(stage, schedule='cron = "*/15 * * * *"', buy_again=True)
    stage.job("later", kind="one_shot", records=50, buy_again=True, schedule="at = 2026-11-02T06:40:00Z")
    stage.serve(7_200)
    assert stage.sim.bill.records == 350
    assert sorted(stage.rows("SELECT job, outcome FROM run")) == [("bulk", "complete"), ("later", "complete")]
    seen = stage.wire.searches
    stage.serve(3_600)
    assert stage.wire.searches == seen
    assert_all_here(stage)
