"""The line of those who wait for a slot: nobody is forgotten, called for another session, or held up for nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from leadsync.app import App
from leadsync.core.model import Outcome
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree, our_charges
from tests.jobs.house import HOUR_S, foreign, keep_house, waiting_for_a_slot
from tests.jobs.test_middlebox import refused_with_a_key_on_its_way
from tests.stage import Stage

Build = Callable[..., Stage]

RUNS = "SELECT session, trigger, outcome FROM run ORDER BY id"


def test_who_waits_is_not_forgotten_for_an_old_sessions_key(build: Build) -> None:
    """The job has moved; the key that its old session left open is settled after its new one had found no slot."""
    stage = build(size=20, account="session_cap = 3\nsession_reserve = 0", session_cap=3)
    foreign(stage, 2)
    keep_house(stage, "never", every="1h")
    stage.job()
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    assert stage.end().outcome is Outcome.FAILED
    stage.job(session="phoenix-b", buy_again=True)

    async def then_there_is_room(app: App) -> None:
        await asyncio.sleep(700)  # the old key was sent in vain, and rests
        stage.sim.faults.calm()
        ends = await app.run_all(["phoenix"], again=False)
        assert ends["phoenix"].outcome is Outcome.WAITING
        await asyncio.sleep(2 * HOUR_S)
        stage.sim.delete_session("other-00")

    stage.serve(5 * HOUR_S, then_there_is_room)
    assert stage.rows(RUNS)[1:] == [
        ("phoenix", "start", "failed"),
        ("phoenix-b", "once", "waiting"),
        ("phoenix", "start", "limited"),
        ("phoenix-b", "slot", "complete"),
    ]
    assert_books_agree(stage)


def test_nobody_is_called_for_a_session_that_the_job_has_no_more(build: Build) -> None:
    """The old session's key waits for a slot, and is settled once there is one; the job keeps its own times."""
    stage = refused_with_a_key_on_its_way(build)
    stage.job(schedule='every = "7d"', session="other-00", adopt=True, records_per_run=10)

    async def then_there_is_room(_: App) -> None:
        await asyncio.sleep(3 * HOUR_S)
        stage.sim.delete_session("faster")

    stage.serve(6 * HOUR_S, then_there_is_room)
    assert {(session, trigger) for session, trigger, _ in stage.rows(RUNS)[1:]} == {("phoenix", "start")}
    assert stage.rows(RUNS)[-1][2] == "limited"
    assert [charge.session for charge in our_charges(stage)] == ["phoenix"]
    assert_books_agree(stage)


def test_who_waits_is_called_though_its_key_was_settled_before(build: Build) -> None:
    """The settling has made its session, with the last slot: the job needs no further one, and goes on."""
    stage = refused_with_a_key_on_its_way(build)
    stage.sim.delete_session("faster")
    stage.job("tucson", search='query = "Tucson, AZ"')
    assert stage.end("tucson").outcome is Outcome.WAITING
    stage.serve(HOUR_S)
    assert stage.rows(RUNS)[1:] == [
        ("phoenix", "start", "limited"),
        ("tucson", "once", "waiting"),
        ("phoenix", "retry", "complete"),
    ]
    assert_books_agree(stage)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER])
def test_who_was_called_into_an_outage_is_called_again(build: Build, fault: Fault, restart: bool) -> None:
    """A job that has no times ends complete once the weather clears, also where the daemon stopped meanwhile (L1)."""
    stage = waiting_for_a_slot(build)

    async def then_nobody_answers(_: App) -> None:
        await asyncio.sleep(HOUR_S / 2)
        stage.sim.delete_session("other-00")
        await asyncio.sleep(HOUR_S / 2 - 60)
        stage.sim.faults.storm(1.0, [fault], seed=0)
        await asyncio.sleep(HOUR_S)
        if not restart:
            stage.sim.faults.calm()

    stage.serve((2 if restart else 4) * HOUR_S, then_nobody_answers)
    stage.sim.faults.calm()
    if restart:
        assert stage.rows(RUNS)[-1][2] != "complete"
        stage.serve(HOUR_S)
    assert ("phoenix", "slot", "failed") in stage.rows(RUNS)
    assert stage.rows(RUNS)[-1] == ("phoenix", "slot", "complete")
    assert_books_agree(stage)


def test_the_key_of_who_was_called_and_turned_down_is_settled(build: Build) -> None:
    """The account was denied: the job is not called again for that, but its page may be billed (P1)."""
    stage = waiting_for_a_slot(build)

    async def somebody_leaves(_: App) -> None:
        await asyncio.sleep(HOUR_S / 2)
        stage.sim.delete_session("other-00")
        stage.sim.faults.next(Fault.CUT_AFTER)
        stage.sim.faults.next(Fault.NO_TOKEN)

    stage.serve(3 * HOUR_S, somebody_leaves)
    assert stage.rows(RUNS)[1:] == [("phoenix", "slot", "failed"), ("phoenix", "start", "limited")]
    assert_books_agree(stage)


def test_an_outage_calls_nobody_hot(build: Build) -> None:
    """Who was called is called again a quarter of an hour after its run has failed, and no sooner."""
    stage = build(size=20, account="session_cap = 2\nsession_reserve = 0", session_cap=2)
    foreign(stage, 2)
    stage.job()
    assert stage.end().outcome is Outcome.WAITING
    stage.sim.delete_session("other-00")
    stage.sim.faults.storm(1.0, [Fault.BAD_GATEWAY], seed=0)
    stage.serve(10 * HOUR_S)
    called = [run for run in stage.rows(RUNS) if run[1] == "slot"]
    assert 10 <= len(called) <= 10 * 60 / 25 + 1


def test_a_page_of_a_new_session_ends_the_vendors_refusal(build: Build) -> None:
    """However its run ends: the others need not wait a quarter of an hour each for what is known by then."""
    stage = build(size=20, account="budget = { records_per_day = 10 }", session_cap=1)
    foreign(stage, 1)
    names = [f"new-{number}" for number in range(4)]
    for name in names:
        stage.job(name, buy_again=True)
    keep_house(stage, "never", every="1h")

    async def then_there_is_room(app: App) -> None:
        await app.run_all(names, again=False)
        await asyncio.sleep(2 * HOUR_S)
        stage.sim.switches = replace(stage.sim.switches, session_cap=100)

    stage.serve(4 * HOUR_S, then_there_is_room)
    began = stage.rows("SELECT started_at FROM run WHERE outcome = 'over_budget'")
    assert len(began) == 4
    assert len({started_at[:16] for (started_at,) in began}) == 1
