"""Housekeeping through the real thing: what is deleted, how, and everything that keeps a session (P7)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from leadsync.app import App
from leadsync.core.model import Listing, Outcome, Reason
from leadsync.core.resume import Choice
from leadsync.core.slots import SlotPlan
from leadsync.core.witness import StoreAnswer
from leadsync.jobs.desk import Desk
from leadsync.jobs.housekeep import HOUSEKEEPING, Round
from leadsync.reports.sessions import prune_in_words, to_prune
from leadsync.simulator import Fault
from leadsync.store.ledger import SlotAsked, State, Wish
from tests.jobs.books import assert_books_agree
from tests.jobs.deaths import Death, Fate, MortalExecutor, MortalWire
from tests.jobs.house import DAY_S, HOUR_S, actions, asked_to_delete, assert_deletions_in_order, foreign, keep_house
from tests.jobs.meddling import Observed, observe
from tests.stage import Stage

Build = Callable[..., Stage]

HARMLESS = [Fault.SLOW, Fault.ODD_JSON]
LOST = [
    Fault.CUT_BEFORE,
    Fault.CUT_AFTER,
    Fault.HANG,
    Fault.TRUNCATED,
    Fault.HTML_200,
    Fault.EMPTY_BODY,
    Fault.UNAVAILABLE_AFTER,
    Fault.GATEWAY_TIMEOUT,
    Fault.BAD_GATEWAY,
    Fault.SERVER_ERROR,
    Fault.REDIRECT,
    Fault.CONFLICT,
    Fault.RATE_LIMITED,
    Fault.RATE_LIMITED_BARE,
]


def orphans(stage: Stage, *names: str, delete: str = "orphans") -> Observed:
    """Sessions of ours whose files are gone, an hour ago; from now on the way to the vendor is watched."""
    for name in names:
        stage.job(name, buy_again=True)
    stage.once(*names)
    for name in names:
        stage.remove(name)
    keep_house(stage, delete)
    stage.once()
    stage.clock.forward(HOUR_S)
    return observe(stage)


def tidy(stage: Stage) -> Round:
    """One round, as a daemon holds it."""

    async def act() -> Round:
        async with stage.app() as app:
            return await app.household.of["main"].housekeeper.round(HOUSEKEEPING)

    return stage.play(act())


def states(stage: Stage) -> list[tuple[str, str]]:
    """Session and state of each deletion."""
    return [(session, state) for session, _, state in actions(stage)]


def test_orphans_go_the_longest_idle_first(build: Build) -> None:
    """Ours go, theirs stay; each is in the ledger and in the log, and the slots are free."""
    stage = build(size=20)
    others = foreign(stage, 3)
    wire = orphans(stage, "zulu", "alfa")
    stage.sim.sessions["alfa"].last_request_at = stage.clock() - timedelta(minutes=30)
    tidy(stage)
    assert states(stage) == [("zulu", "deleted"), ("alfa", "deleted")]
    assert [line["session"] for line in stage.logged("session.deleted")] == ["zulu", "alfa"]
    (line,) = stage.logged("slots.reviewed")
    assert [line[name] for name in ("used", "ours", "foreign", "free", "deleted")] == [3, 0, 3, 92, 2]
    assert stage.rows("SELECT deleted_at IS NULL, reserved_at FROM search_session") == [(0, None)] * 2
    assert_deletions_in_order(stage, others)
    assert not wire.wrongs


@pytest.mark.parametrize("fault", [*LOST, *HARMLESS])
def test_weather_over_a_deletion(build: Build, fault: Fault) -> None:
    """Whatever befalls the answer: the session is gone in the end, and the ledger has one row that says so."""
    stage = build(size=20)
    wire = orphans(stage, "old")
    stage.sim.delete_faults.next(fault)
    done = tidy(stage)
    assert states(stage) in ([("old", "deleted")], [("old", "gone")])
    assert (done.trouble, "old" in stage.sim.sessions) == (None, False)
    assert wire.deletes == (2 if fault in LOST and not fault.advances else 1)
    assert not wire.wrongs


@pytest.mark.parametrize("advances", [True, False])
def test_a_deletion_without_an_answer_is_looked_at_by_the_next_round(build: Build, advances: bool) -> None:
    """After ten minutes it is left as it is, its answer not known; the next round, also of another process, ends it."""
    stage = build(size=20)
    wire = orphans(stage, "old")
    stage.sim.delete_faults.storm(1.0, [Fault.HTML_200 if advances else Fault.BAD_GATEWAY], seed=0)
    stage.sim.list_faults.next(*[None] * (2 if advances else 40))
    stage.sim.list_faults.storm(1.0, [Fault.BAD_GATEWAY], seed=0)
    assert tidy(stage).trouble is not None
    assert states(stage) == [("old", "asked")]
    assert not stage.logged("slots.reviewed")
    stage.sim.delete_faults.calm()
    stage.sim.list_faults.calm()
    assert tidy(stage).trouble is None
    assert states(stage) == [("old", "gone" if advances else "deleted")]
    assert not wire.wrongs


def test_what_a_person_named_and_a_job_uses_by_now_stays(build: Build) -> None:
    """No answer came to the deletion, and the job has its file back when it is looked at again."""
    stage = build(size=20)
    orphans(stage, "old")
    stage.sim.delete_faults.storm(1.0, [Fault.BAD_GATEWAY], seed=0)

    async def name_it() -> None:
        async with stage.app() as app:
            keeper = app.household.of["main"].housekeeper
            planned = await keeper.look()
            assert isinstance(planned, SlotPlan)
            deed = await keeper.delete(planned.fates[0].row, force=False)
            assert deed.state is State.ASKED

    stage.play(name_it())
    stage.sim.delete_faults.calm()
    stage.job("old", buy_again=True)
    tidy(stage)
    assert states(stage) == [("old", "kept")]
    assert "job old is enabled" in stage.logged("session.spared")[-1]["why"]


def test_nobody_is_asked_to_prune_what_is_not_shown(build: Build) -> None:
    """Where the list cannot be had, the last one says nothing of what may go: no session of it is named."""
    stage = build(size=20)
    orphans(stage, "old")

    async def act() -> list[Any]:
        async with stage.app() as app:
            reports = [await app.household.sessions()]
            stage.sim.list_faults.storm(1.0, [Fault.BAD_GATEWAY], seed=0)
            return [*reports, await app.household.sessions()]

    seen, unseen = stage.play(act())
    assert (to_prune(seen), to_prune(unseen)) == ({"main": ["old"]}, {})
    assert "old" not in prune_in_words(unseen)


def test_what_somebody_else_deleted_is_gone(build: Build) -> None:
    """404, a moment after our look: that is what was wanted."""
    stage = build(size=20)
    wire = orphans(stage, "old")
    wire.before_delete[1] = lambda: stage.sim.delete_session("old")
    tidy(stage)
    assert states(stage) == [("old", "gone")]


def test_what_the_vendor_refuses_is_left_alone(build: Build) -> None:
    """400: no second try, not even by the next rounds, until a person names it."""
    stage = build(size=20)
    orphans(stage, "old")
    stage.sim.delete_faults.next(Fault.MALFORMED)
    tidy(stage)
    tidy(stage)
    assert states(stage) == [("old", "refused")]
    assert len(asked_to_delete(stage)) == 1
    assert "old" in stage.sim.sessions
    assert stage.logged("session.unused")


@pytest.mark.parametrize("fault", [Fault.NO_TOKEN, Fault.NO_ABILITY])
def test_a_vendor_that_turns_the_account_down_ends_the_round(build: Build, fault: Fault) -> None:
    """The account pauses, the other sessions are not asked for; the next round tries again."""
    stage = build(size=20)
    wire = orphans(stage, "one", "two")
    stage.sim.delete_faults.next(fault)
    trouble = tidy(stage).trouble
    assert trouble is not None
    assert trouble.reason is not None
    assert stage.one("SELECT paused_reason FROM account") == trouble.reason
    assert states(stage) == [("one", "kept")]
    tidy(stage)
    assert states(stage)[1:] == [("one", "deleted"), ("two", "deleted")]
    assert not wire.wrongs


def somebody_pulls(stage: Stage) -> None:
    """Another client goes on with the session."""
    stage.sim.grow(30)
    stage.sim.foreign_pull("old", 5)


def somebody_asks(stage: Stage) -> None:
    """Another client asked, and there was nothing new: only the time of the last request has moved."""
    stage.sim.sessions["old"].last_request_at = stage.clock()


def somebody_remakes(stage: Stage) -> None:
    """Another client deleted it and made it anew, with as many properties."""
    mould = stage.sim.sessions.pop("old")
    stage.sim.sessions["old"] = replace(mould, created_at=stage.clock())


@pytest.mark.parametrize("meddle", [somebody_pulls, somebody_asks, somebody_remakes])
def test_what_has_moved_stays(build: Build, meddle: Callable[[Stage], None]) -> None:
    """Between the first look and the one right before the deletion: it is spared, and nothing is asked."""
    stage = build(size=20)
    wire = orphans(stage, "old")
    wire.before_list[2] = lambda: meddle(stage)
    tidy(stage)
    assert wire.deletes == 0
    assert [line["why"] for line in stage.logged("session.spared")] == ["it has moved since it was looked at"]


@pytest.mark.parametrize("meddle", [somebody_pulls, somebody_asks, somebody_remakes])
def test_what_another_look_shows_meanwhile_stays(build: Build, meddle: Callable[[Stage], None]) -> None:
    """The deletion is written down and waits for the line, which an audit has: what that has seen counts."""
    stage = build(size=20)
    wire = orphans(stage, "old")

    async def act() -> Round:
        async with stage.app() as app:
            keepers, begin = app.household.of["main"], app.ledger.begin_deletion

            async def and_audit(wish: Wish, now: datetime) -> SlotAsked | str:
                asked = await begin(wish, now)
                meddle(stage)
                await keepers.lister.take(_look_away)
                return asked

            with mock.patch.object(app.ledger, "begin_deletion", and_audit):
                return await keepers.housekeeper.round(HOUSEKEEPING)

    stage.play(act())
    assert wire.deletes == 0
    assert states(stage) == [("old", "gone" if meddle is somebody_remakes else "kept")]


async def _look_away(_: Listing) -> None:
    """Who takes the list for itself."""


@pytest.mark.parametrize("meddle", [somebody_pulls, somebody_asks, somebody_remakes])
@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.BAD_GATEWAY])
def test_what_has_moved_is_not_asked_for_again(build: Build, meddle: Callable[[Stage], None], fault: Fault) -> None:
    """The answer was lost, and meanwhile somebody uses it: the repetition looks first, and leaves it."""
    stage = build(size=20)
    wire = orphans(stage, "old")
    stage.sim.delete_faults.next(fault)
    wire.before_list[3] = lambda: meddle(stage)
    tidy(stage)
    assert wire.deletes == 1
    assert states(stage) == [("old", "gone" if meddle is somebody_remakes else "kept")]
    assert "old" in stage.sim.sessions


def test_what_somebody_made_anew_after_a_lost_answer_was_deleted(build: Build) -> None:
    """The ledger says that the session went, whose list the vendor has forgotten; the one of its name stays, listed."""
    stage = build(size=20)
    wire = orphans(stage, "old")
    stage.sim.delete_faults.next(Fault.CUT_AFTER)
    mould = stage.sim.sessions["old"]

    def remade() -> None:
        stage.sim.sessions["old"] = replace(mould, created_at=stage.clock())

    wire.before_list[3] = remade
    tidy(stage)
    assert (wire.deletes, "old" in stage.sim.sessions) == (1, True)
    assert states(stage) == [("old", "gone")]
    assert stage.one("SELECT deleted_at IS NOT NULL FROM search_session")
    assert stage.rows("SELECT name FROM listed_session") == [("old",)]


def test_a_life_that_we_began_since_is_not_the_one_that_was_deleted(build: Build) -> None:
    """The answer was lost, and a person had the job begin anew before anybody looked: only the former life is gone."""
    stage = build(size=20)
    orphans(stage, "old")
    stage.sim.delete_faults.next(Fault.CUT_AFTER)
    stage.sim.list_faults.next(None, None, Fault.NO_TOKEN)
    tidy(stage)
    assert states(stage) == [("old", "asked")]
    stage.job("old", buy_again=True)
    assert stage.end("old").reason is Reason.SESSION_VANISHED
    stage.resume("old", Choice.NEW_EPOCH)
    assert stage.end("old").outcome is Outcome.COMPLETE
    tidy(stage)
    assert states(stage) == [("old", "gone")]
    assert stage.rows("SELECT deleted_at, vendor_total FROM search_session") == [(None, 20)]


def test_a_job_that_comes_back_while_a_deletion_waits_keeps_its_session(build: Build) -> None:
    """The vendor's rate limit holds the request up, and a reload brings the job's file back: the list is kept (P7)."""
    stage = build(size=20)
    wire = orphans(stage, "old")
    desks: list[Desk] = []

    def comes_back() -> None:
        desks[0].client.hold(60)
        stage.job("old", buy_again=True)
        stage.hang_up()

    async def note_desk(app: App) -> None:
        desks.append(app.office.desks["main"])

    wire.before_list[2] = comes_back
    stage.serve(HOUR_S, note_desk)
    assert len(stage.logged("config.reloaded")) == 1
    assert wire.deletes == 0
    assert states(stage) == [("old", "kept")]


def test_a_session_that_another_account_of_the_team_uses_stays(build: Build) -> None:
    """A job that has another account by now, with the same token, goes on with its session: no orphan of the first."""
    second = '[accounts.second]\ntoken = { file = "token" }\nbase_url = "http://127.0.0.1:9"\nbudget = "unlimited"\n'
    stage = build(size=20, account=f"\n{second}")
    stage.job("old", account="main")
    stage.once("old")
    keep_house(stage, orphans=1)
    stage.job("old", account="second", adopt=True)
    assert stage.end("old").outcome is Outcome.COMPLETE
    stage.serve(3 * DAY_S)
    assert "old" in stage.sim.sessions
    assert not actions(stage)


def test_a_word_about_the_store_beside_a_deletion_ends_nothing_else(build: Build) -> None:
    """A person says that it was restored while a deletion is on its way: what came of that is still written down."""
    stage = build(size=20)
    orphans(stage, "old")

    async def act() -> Round:
        async with stage.app() as app:
            desk = app.office.desks["main"]
            before = desk.client.delete_session

            async def and_speaks(session: str) -> object:
                await app.answer_store(StoreAnswer.RESTORED)
                return await before(session)

            desk.client.delete_session = and_speaks  # type: ignore[method-assign,assignment]
            return await app.household.of["main"].housekeeper.round(HOUSEKEEPING)

    assert stage.play(act()).freed == 1
    assert states(stage) == [("old", "deleted")]
    assert stage.one("SELECT deleted_at IS NOT NULL FROM search_session")


def orphan_with_a_key(stage: Stage) -> Observed:
    """A session whose file is gone, and whose last page is billed and never came."""
    stage.job("old")
    stage.sim.faults.next(None)
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    stage.once("old")
    stage.remove("old")
    keep_house(stage)
    stage.clock.forward(HOUR_S)
    return observe(stage)


def test_an_open_key_keeps_its_session(build: Build) -> None:
    """Its page may be billed: whoever took the file away, it is settled first."""
    stage = build(size=250)
    wire = orphan_with_a_key(stage)
    tidy(stage)
    assert (wire.deletes, stage.one("SELECT count(*) FROM page WHERE state = 'asked'")) == (0, 1)
    stage.sim.faults.calm()
    stage.once()
    assert_books_agree(stage)
    stage.clock.forward(HOUR_S)
    tidy(stage)
    assert states(stage) == [("old", "deleted")]
    assert not wire.wrongs


@pytest.mark.parametrize(("off_s", "gone"), [(-299, True), (299, True), (-302, False), (302, False)])
def test_clocks_that_differ_delete_nothing(build: Build, off_s: int, gone: bool) -> None:
    """More than five minutes apart, either way: ages mean nothing, and that is said."""
    stage = build(size=20)
    orphans(stage, "old")
    stage.sim.now = lambda: stage.clock() + timedelta(seconds=off_s)
    tidy(stage)
    assert ("old" not in stage.sim.sessions) is gone
    assert bool(stage.logged("session.unused")) is not gone


def test_a_round_ends_where_its_account_goes(build: Build) -> None:
    """A reload takes it away while the first deletion is on its way: the second is not asked for."""
    stage = build(size=20)
    orphans(stage, "old-a", "old-b")

    async def act() -> Round:
        async with stage.app() as app:
            keeper, desk = app.household.of["main"].housekeeper, app.office.desks["main"]
            before = desk.client.delete_session

            async def and_goes(session: str) -> object:
                desk.in_use = False
                return await before(session)

            desk.client.delete_session = and_goes  # type: ignore[method-assign,assignment]
            return await keeper.round(HOUSEKEEPING)

    done = stage.play(act())
    assert done.trouble is not None
    assert "does not have the account any more" in done.trouble.message
    assert len(stage.sim.sessions) == 1


def test_never_only_warns(build: Build) -> None:
    """The default deletes nothing, and says once what holds a slot for nobody."""
    stage = build(size=20)
    wire = orphans(stage, "old", delete="never")
    stage.serve(DAY_S)
    assert (wire.deletes, wire.lists) == (0, 4)
    assert [line["session"] for line in stage.logged("session.unused")] == ["old"]
    assert len(stage.logged("slots.reviewed")) == 4


def test_stale_takes_disabled_jobs_too(build: Build) -> None:
    """A disabled job's session goes once it has rested long enough; enabled again in time, it stays."""
    stage = build(size=20)
    for name in ("one", "two"):
        stage.job(name, buy_again=True)
    stage.once("one", "two")
    keep_house(stage, "stale", stale=2)
    stage.job("one", buy_again=True, enabled=False)
    stage.job("two", buy_again=True, enabled=False)
    stage.serve(1.5 * DAY_S)
    assert not actions(stage)
    stage.job("two", buy_again=True)
    stage.serve(1 * DAY_S)
    assert states(stage) == [("one", "deleted")]


def test_a_restart_does_not_shift_the_rounds(build: Build) -> None:
    """Every six hours, also where the daemon is restarted every hour; at once where none was ever held."""
    stage = build(size=20)
    for _ in range(13):
        stage.serve(HOUR_S)
    assert len(stage.logged("slots.reviewed")) == 3


def test_a_store_in_doubt_keeps_no_house(build: Build) -> None:
    """A copy must not delete its original's sessions: neither by policy, nor what it had asked for before."""
    stage = build(size=20)
    wire = orphans(stage, "old")
    stage.write("UPDATE installation SET doubt = 'store_copied'")
    assert tidy(stage).trouble is not None
    assert (wire.deletes, wire.lists) == (0, 0)


def test_a_list_that_changes_between_its_pages_is_taken_again(build: Build) -> None:
    """150 sessions, two pages: one goes in between, and none of ours is missed or taken for gone."""
    stage = build(size=200, session_cap=200)
    foreign(stage, 80)
    wire = orphans(stage, "old")
    mould = stage.sim.sessions["other-00"]
    stage.sim.sessions.update({f"more-{n}": replace(mould, id=f"more-{n}") for n in range(70)})
    wire.before_list[2] = lambda: stage.sim.delete_session("other-05")
    tidy(stage)
    assert states(stage) == [("old", "deleted")]
    assert stage.rows("SELECT slots_used, slots_ours FROM account") == [(150, 1)]
    assert not wire.wrongs


@pytest.mark.parametrize("moment", ["before", "after"])
def test_death_at_any_step(build: Build, moment: str) -> None:
    """A process that dies anywhere in a round: the next one ends what was begun, and every deletion has its row."""
    stage = build(size=20)
    names = [f"old-{number:02}" for number in range(30)]
    wire = orphans(stage, *names)
    alive = stage.outside
    steps = 0
    for step in range(1, 60):
        fate = Fate(step, moment)  # type: ignore[arg-type]
        stage.change(executor=lambda fate=fate: MortalExecutor(fate), transport=_Mortal(wire, fate))
        try:
            tidy(stage)
        except* Death:
            steps += 1
        stage.outside = alive
        if not fate.dead:
            break
    tidy(stage)
    assert steps > 10
    assert not set(names) & set(stage.sim.sessions)
    assert {state for _, state in states(stage)} <= {"deleted", "gone"}
    assert {session for session, _ in states(stage)} == set(names)
    assert not wire.wrongs


class _Mortal(MortalWire):
    """A watched way from a process with a fate."""

    def __init__(self, wire: Observed, fate: Fate) -> None:
        super().__init__(wire, fate)
        self._watched = wire

    async def handle_async_request(self, request: object) -> object:  # type: ignore[override]
        """Carry a request, unless death comes first."""
        self._fate.strike("before")
        response = await self._watched.handle_async_request(request)  # type: ignore[arg-type]
        self._fate.strike("after")
        return response


def test_a_session_whose_run_has_begun_is_left(build: Build) -> None:
    """A round never waits for a run, since the run may wait for the slot that the round would free."""
    stage = build(size=20)
    wire = orphans(stage, "old")

    async def act() -> Round:
        async with stage.app() as app, app.dispatch.alone("old", "main", "old"), asyncio.timeout(HOUR_S):
            return await app.household.of["main"].housekeeper.round(HOUSEKEEPING)

    assert stage.play(act()).freed == 0
    assert wire.deletes == 0
