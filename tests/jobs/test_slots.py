"""The hundred slots with the real daemon: who gets one, who waits, and who runs by itself once one is free."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from leadsync.app import App
from leadsync.core.model import Outcome
from leadsync.core.resume import Choice
from leadsync.errors import StoreFailed
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree
from tests.jobs.deaths import Fate, dies
from tests.jobs.house import (
    DAY_S,
    HOUR_S,
    actions,
    asked_to_delete,
    assert_deletions_in_order,
    foreign,
    keep_house,
    somebody_is_faster,
    waiting_for_a_slot,
)
from tests.stage import Stage

Build = Callable[..., Stage]

SEVEN = [f"new-{number}" for number in range(7)]
RESERVE_2 = "session_reserve = 2"


def seven_new_jobs(stage: Stage, **keys: Any) -> None:
    """Seven jobs that have no session yet."""
    for name in SEVEN:
        stage.job(name, buy_again=True, **keys)


def outcomes(stage: Stage) -> list[str]:
    """How the last run of each of the seven ended, sorted."""
    last = "SELECT job, outcome, max(id) FROM run GROUP BY job"
    return sorted(outcome for job, outcome, _ in stage.rows(last) if job in SEVEN)


def test_four_of_seven_get_a_slot(build: Build) -> None:
    """94 foreign sessions and a reserve of 2: four sessions are made, three jobs wait and say who holds the slots."""
    stage = build(size=20, account=RESERVE_2)
    others = foreign(stage, 94)
    seven_new_jobs(stage)
    ends = stage.once(*SEVEN)
    assert sorted(end.outcome for end in ends.values()) == ["complete"] * 4 + ["waiting"] * 3
    (message,) = {end.message for end in ends.values() if end.outcome is Outcome.WAITING}
    assert "98 of 100 are used, 2 kept free: 4 ours (new-" in message
    assert "94 foreign" in message
    assert len(stage.sim.sessions) == 98
    assert not asked_to_delete(stage)
    assert_deletions_in_order(stage, others)
    assert_books_agree(stage)


def test_pruning_lets_those_who_wait_run(build: Build) -> None:
    """Two orphans are pruned beside a running daemon: two of the three run by themselves, the third goes on waiting."""
    stage = build(size=20, account=RESERVE_2)
    others = foreign(stage, 92)
    for name in ("old-a", "old-b"):
        stage.job(name, buy_again=True)
    stage.once("old-a", "old-b")
    stage.remove("old-a")
    stage.remove("old-b")
    seven_new_jobs(stage, schedule='every = "7d"')
    keep_house(stage, "never")
    assert sorted(end.outcome for end in stage.once(*SEVEN).values()) == ["complete"] * 4 + ["waiting"] * 3
    keep_house(stage, "orphans", orphans=0, every="30d")
    stage.write("UPDATE account SET housekept_at = '2026-11-02 06:00:00'")
    pruned: list[Any] = []

    async def prune(app: App) -> None:
        await asyncio.sleep(HOUR_S)
        assert outcomes(stage) == ["complete"] * 4 + ["waiting"] * 3
        pruned.append(await app.household.prune({"main": ["old-a", "old-b"]}))

    stage.serve(2 * HOUR_S, prune)
    assert [(deed["session"], deed["state"]) for deed in pruned[0]["deeds"]] == [
        ("old-a", "deleted"),
        ("old-b", "deleted"),
    ]
    assert outcomes(stage) == ["complete"] * 6 + ["waiting"]
    assert len(stage.logged("job.called")) in (2, 3)  # the third may be called before the first has its slot
    assert actions(stage) == [("old-a", "prune", "deleted"), ("old-b", "prune", "deleted")]
    assert_deletions_in_order(stage, others)


def test_an_account_that_was_gone_for_a_moment_is_kept_as_before(build: Build) -> None:
    """A reload takes it away in the middle of a round, and the next brings it back: who waits is still called."""
    stage = build(size=20, account="session_cap = 2\nsession_reserve = 0", session_cap=2)
    others = foreign(stage, 2)
    stage.job()
    keep_house(stage, "never", every="1h")
    assert stage.end().outcome is Outcome.WAITING
    stage.sim.list_faults.next(Fault.HANG)

    async def act(app: App) -> None:
        desk = app.office.desks["main"]
        for in_use in (False, True):
            await asyncio.sleep(1)
            desk.in_use = in_use
            desk.renew(desk.terms)
        stage.sim.delete_session(others[0])

    stage.serve(2 * HOUR_S, act)
    assert [line["job"] for line in stage.logged("job.called")] == ["phoenix"]
    assert stage.rows("SELECT outcome FROM run") == [("waiting",), ("complete",)]


def test_an_account_that_is_gone_is_left_alone(build: Build) -> None:
    """While the configuration does not have it, its list is not asked for, and nobody is called."""
    stage = build(size=20)
    stage.job()
    keep_house(stage, "never", every="1h")

    async def act(app: App) -> None:
        await asyncio.sleep(HOUR_S / 2)
        desk = app.office.desks["main"]
        desk.in_use = False
        desk.renew(desk.terms)

    stage.serve(DAY_S, act)
    assert len(stage.logged("slots.reviewed")) == 1


def test_another_interval_holds_at_once(build: Build) -> None:
    """Also where the reload comes in the middle of a round."""
    stage = build(size=20)
    keep_house(stage, "never", every="1d")
    stage.sim.list_faults.next(Fault.HANG)

    async def act(app: App) -> None:
        await asyncio.sleep(1)
        desk = app.office.desks["main"]
        upkeep = replace(desk.terms.upkeep, every=timedelta(hours=1))
        desk.renew(replace(desk.terms, upkeep=upkeep))

    stage.serve(DAY_S, act)
    assert len(stage.logged("slots.reviewed")) > 20


def test_a_job_without_times_is_called_too(build: Build) -> None:
    """What was asked for by `once` beside a daemon runs as soon as there is room, like all others."""
    stage = waiting_for_a_slot(build)

    async def somebody_leaves(_: App) -> None:
        await asyncio.sleep(90 * 60)
        assert len(stage.rows("SELECT * FROM run")) == 1
        stage.sim.delete_session("other-00")

    stage.serve(3 * HOUR_S, somebody_leaves)
    assert stage.rows("SELECT trigger, outcome FROM run") == [("once", "waiting"), ("slot", "complete")]
    assert_books_agree(stage)


@pytest.mark.parametrize(("step", "schedule"), [("call_slot", {"schedule": 'every = "7d"'}), ("begin_run", {})])
def test_a_store_that_fails_at_the_call_ends_nothing(
    build: Build, monkeypatch: pytest.MonkeyPatch, step: str, schedule: dict[str, str]
) -> None:
    """Who waits is called again within a quarter of an hour, whether the call failed or the run that it was for."""
    stage = build(size=20, account="session_cap = 2\nsession_reserve = 0", session_cap=2)
    foreign(stage, 2)
    stage.job(**schedule)
    keep_house(stage, "never", every="1h")
    assert stage.end().outcome is Outcome.WAITING

    async def somebody_leaves(app: App) -> None:
        async def full(*_: object) -> None:
            monkeypatch.undo()
            raise StoreFailed("the disk is full")

        await asyncio.sleep(60)
        monkeypatch.setattr(app.ledger, step, full)
        stage.sim.delete_session("other-00")

    stage.serve(90 * 60, somebody_leaves)
    assert stage.rows("SELECT outcome FROM run")[-1] == ("complete",)
    assert_books_agree(stage)


def test_waiting_is_not_hot(build: Build) -> None:
    """A day without a free slot: the vendor is asked at housekeeping and at the job's own times, and no oftener."""
    stage = build(size=20, account="session_cap = 2\nsession_reserve = 0", session_cap=2)
    foreign(stage, 2)
    stage.job(schedule='every = "6h"')
    stage.serve(DAY_S - 60)
    assert stage.wire.searches == 0
    assert stage.wire.lists <= 9


def test_a_refusing_vendor_is_not_asked_hot(build: Build) -> None:
    """The vendor's cap is lower than ours: one try a quarter of an hour; once it has room all run."""
    stage = build(size=20, session_cap=2)
    foreign(stage, 2)
    for name in SEVEN:
        stage.job(name, buy_again=True, schedule='every = "24h"')

    async def then_there_is_room(_: App) -> None:
        await asyncio.sleep(36 * HOUR_S)
        assert 1 <= stage.wire.searches <= 18 * 4 + 7
        stage.sim.switches = replace(stage.sim.switches, session_cap=100)

    stage.serve(40 * HOUR_S, then_there_is_room)
    assert outcomes(stage) == ["complete"] * 7
    assert_books_agree(stage)


@pytest.mark.parametrize("status", [400, 403, 409, 422, 429])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_racing_for_the_last_slot_parks_nobody(build: Build, status: int, moment: str) -> None:
    """Somebody takes the last slot between our list and our page, also while a dead process' key is open: it waits.

    That key stays open with its slot: it may be on its way yet, and make the session once there is room.
    """
    stage = build(size=20, account="session_cap = 3\nsession_reserve = 0", session_cap=3, cap_status=status)
    others = foreign(stage, 2)
    stage.job()
    if moment == "after":
        stage.once()  # makes the store
        next(step for step in range(1, 60) if _dies_with_a_key(stage, step))
    stage.wire.before[stage.wire.searches + 1] = lambda: somebody_is_faster(stage)
    end = stage.end()
    assert (end.outcome, end.reason) == (Outcome.WAITING, None)
    assert "3 of 3 are used" in end.message
    assert stage.rows("SELECT park_reason, reserved_at IS NOT NULL FROM search_session") == [(None, moment == "after")]
    stage.sim.delete_session("faster")
    assert stage.end().outcome is Outcome.COMPLETE
    assert_deletions_in_order(stage, others)
    assert_books_agree(stage)


def _dies_with_a_key(stage: Stage, step: int) -> bool:
    """Whether a process that dies at that step leaves a key open."""
    assert dies(stage, Fate(step, "after"), "phoenix")
    return bool(stage.rows("SELECT * FROM page WHERE state = 'asked'"))


def test_a_slot_outlives_a_crash(build: Build) -> None:
    """The key that is open may have made its session: its slot is counted after the restart, and given to nobody."""
    stage = build(size=20, account="session_cap = 1\nsession_reserve = 0", lists_unused=False)
    stage.job()
    stage.job("tampa", buy_again=True)
    stage.sim.faults.storm(1.0, [Fault.CUT_BEFORE], seed=0)
    assert stage.end().outcome is Outcome.FAILED
    stage.sim.faults.calm()
    assert stage.one("SELECT count(*) FROM search_session WHERE reserved_at IS NOT NULL") == 1
    assert stage.end("tampa").outcome is Outcome.WAITING
    assert stage.end().outcome is Outcome.COMPLETE


@pytest.mark.parametrize("cause", ["criteria_known", "refused", "budget"])
def test_a_slot_that_is_not_used_is_given_back(build: Build, cause: str) -> None:
    """A run that parks, is refused or has no money left takes no slot from the next one."""
    budget = "\nbudget = { records_per_day = 20 }" if cause == "budget" else ""
    stage = build(size=20, account=f"session_cap = 2\nsession_reserve = 0{budget}")
    stage.job("first")
    stage.once("first")
    stage.job(buy_again=cause != "criteria_known")
    if cause == "refused":
        stage.sim.faults.next(Fault.MALFORMED)
    assert not stage.end().outcome.ended_well
    assert stage.one("SELECT count(*) FROM search_session WHERE reserved_at IS NOT NULL AND name = 'phoenix'") == 0
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 0


def test_a_deleted_session_that_is_used_again_is_redelivered(build: Build) -> None:
    """Its ids stay in the ledger: the cost is named before anything is bought again, and what comes is marked."""
    stage = build(size=20)
    stage.job()
    stage.once("phoenix")
    stage.remove("phoenix")
    keep_house(stage)
    stage.serve(HOUR_S)
    assert actions(stage) == [("phoenix", "housekeeping", "deleted")]
    assert stage.rows("SELECT why, vendor_total, ledger_total, job FROM slot_action") == [
        ("the file of job phoenix is gone", 20, 20, "phoenix")
    ]
    stage.job()
    end = stage.end()
    assert end.outcome is Outcome.PARKED
    assert "was deleted by leadsync; the next page would bring and bill its 20 properties again" in end.message
    assert "20 properties may come and be billed again, about $0.20" in stage.resume(choice=Choice.NEW_EPOCH)
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.one("SELECT count(*) FROM delivery WHERE redelivered") == 20
    assert stage.rows("SELECT deleted_at, created_by FROM search_session") == [(None, "phoenix")]
