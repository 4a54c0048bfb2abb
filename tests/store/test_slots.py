"""The team's slots in the store: reserved before the first key, given back unused, and every deletion written twice."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from leadsync.core.model import (
    CALLED,
    SETTLING,
    End,
    Listing,
    Outcome,
    PageReply,
    Reason,
    Route,
    SessionListing,
)
from leadsync.core.pace import Births
from leadsync.core.slots import Occupancy, Owner, Room, Tenant
from leadsync.core.witness import StoreAnswer
from leadsync.errors import Bug
from leadsync.store.ledger import NewRun, Place, SlotAsked, State, Wish
from leadsync.store.standing import Said
from tests.store.hand import NOW, Hand, leads

ROOM = Room(cap=3, reserve=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = NOW + HOUR
DONE = End(Outcome.COMPLETE, "nothing more")
ROW = SessionListing("phoenix", 5, NOW, NOW - DAY)
WISH = Wish("main", ROW, "housekeeping", "its file is gone")


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    """An open store."""
    return Hand(tmp_path / "leadsync.db")


def listing(*names: str) -> Listing:
    """The vendor's list."""
    return {name: SessionListing(name, 5, NOW, NOW - DAY) for name in names}


def note(hand: Hand, *names: str) -> Occupancy:
    """Have the vendor's list."""
    return hand.do(hand.ledger.note_listing("main", listing(*names), ROOM, LATER))


def reserve(hand: Hand, name: str = "phoenix") -> Occupancy | None:
    """Want a slot for a session."""
    return hand.do(hand.ledger.reserve_slot(hand.session(name).session_id, ROOM, NOW))


def used(hand: Hand) -> int:
    """How many slots are held."""
    return hand.do(hand.ledger.held("main", ROOM)).used


def tenant(hand: Hand, name: str = "phoenix") -> Tenant:
    """A session as one that may hold a slot."""
    return {one.session: one for one in hand.do(hand.ledger.tenants("main"))}[name]


def end(hand: Hand, run_id: int, ended: End = DONE) -> None:
    """End a run."""
    hand.do(hand.ledger.end_run(run_id, ended, 0.0, LATER))


def delivered(hand: Hand, name: str = "phoenix") -> int:
    """A session that has brought its first page, by a run that goes on."""
    run_id = hand.run(name)
    hand.store(hand.key(hand.order(hand.session(name), run_id)), run_id, leads(5), 5, new=True)
    return run_id


def asked(hand: Hand, wish: Wish = WISH) -> SlotAsked:
    """A deletion that may be asked for."""
    found = hand.do(hand.ledger.begin_deletion(wish, NOW))
    assert isinstance(found, SlotAsked)
    return found


def settle(hand: Hand, state: State, wish: Wish = WISH) -> None:
    """A deletion, asked for and ended."""
    hand.do(hand.ledger.end_deletion(asked(hand, wish), state, None, LATER))


def test_a_slot_is_had_while_there_is_one(hand: Hand) -> None:
    """Cap less reserve, others' sessions counted; whoever comes too late hears who holds them, and takes none."""
    note(hand, "theirs")
    assert reserve(hand, "phoenix") is None
    holders = reserve(hand, "tucson")
    assert holders is not None
    assert str(holders) == "2 of 3 are used, 1 kept free: 1 ours (phoenix), 1 foreign"
    assert hand.session("tucson").life.reserved_at is None
    assert reserve(hand, "phoenix") is None
    assert hand.do(hand.ledger.reserve_slot(hand.session("phoenix").session_id, ROOM, LATER)) is None
    assert (hand.session("phoenix").life.reserved_at, used(hand)) == (NOW, 2)


def test_a_slot_that_no_key_went_out_for_is_free_again(hand: Hand) -> None:
    """The run has ended without one; the others' reservations stay."""
    run_id = hand.run()
    reserve(hand, "tucson")
    reserve(hand)
    end(hand, run_id)
    assert (hand.session().life.reserved_at, used(hand)) == (None, 1)


@pytest.mark.parametrize("answered", [True, False])
def test_a_slot_that_a_key_went_out_for_is_kept(hand: Hand, answered: bool) -> None:
    """The session may be there by now, and the last list cannot show it."""
    run_id = hand.run()
    reserve(hand)
    page = hand.key(hand.order(hand.session(), run_id))
    if answered:
        hand.store(page, run_id, leads(5), 5, new=True)
    end(hand, run_id, End(Outcome.FAILED, "outage"))
    assert used(hand) == 1


def test_an_open_key_does_not_stand_in_its_own_way(hand: Hand) -> None:
    """Its session was deleted, and is counted since the key may make it anew: that is the slot which it asks for."""
    run_id = hand.run()
    hand.key(hand.order(hand.session(), run_id))
    assert note(hand, "theirs").used == 2
    assert reserve(hand) is None
    assert used(hand) == 2


def test_the_list_takes_a_reservations_place(hand: Hand) -> None:
    """A session that it shows is counted by it; one that it does not show is over, unless it is on its way."""
    for name in ("shown", "lost"):
        end(hand, delivered(hand, name))
    run_id = hand.run("asked")
    hand.key(hand.order(hand.session("asked"), run_id))
    end(hand, run_id, End(Outcome.FAILED, "outage"))
    hand.run("runs")
    for name in ("asked", "runs"):
        hand.do(hand.ledger.reserve_slot(hand.session(name).session_id, Room(100, 0), NOW))
    assert note(hand, "shown", "theirs").ours == {"shown": 1, "asked": 1, "runs": 1}
    reserved = "SELECT name, reserved_at IS NOT NULL, vendor_total FROM search_session ORDER BY name"
    assert hand.rows(reserved) == [("asked", 1, None), ("lost", 0, None), ("runs", 1, None), ("shown", 0, 5)]
    assert hand.rows("SELECT slots_used, slots_ours FROM account") == [(4, 3)]
    assert hand.do(hand.ledger.last_listing("main")) == listing("shown", "theirs")
    assert note(hand).used == 2
    assert hand.do(hand.ledger.last_listing("main")) == {}


def test_a_list_that_was_never_had_has_no_time(hand: Hand) -> None:
    """So an empty list is told from none: nothing is claimed of slots that nobody has counted."""
    hand.session()
    assert hand.do(hand.ledger.listed_at("main")) is None
    note(hand)
    assert hand.do(hand.ledger.listed_at("main")) == LATER


def test_a_tenant_is_all_that_the_planner_asks_for(hand: Hand) -> None:
    """Its total, its open key, its run, and that it is ours since a page of ours began it."""
    run_id = delivered(hand)
    page = hand.key(hand.order(hand.session(), run_id))
    one = tenant(hand)
    assert (one.job, one.total, one.asked) == ("phoenix", 5, True)
    assert (one.open_key, one.running, one.refused, one.recovering) == (True, True, False, False)
    assert (one.owner, one.life.created_at, one.life.created_by) == (Owner.OURS, NOW, "phoenix")
    hand.store(page, run_id, (), 5)
    end(hand, run_id)
    assert (tenant(hand).open_key, tenant(hand).running) == (False, False)


def test_since_when_nobody_needs_a_session_is_the_first_that_was_seen_of_it(hand: Hand) -> None:
    """Looked at again it has not become younger; named again by an enabled job, it is needed as ever."""
    hand.session()

    def life(named: dict[str, bool], now: timedelta) -> tuple[object, object]:
        hand.do(hand.ledger.note_jobs("main", named, NOW + now))
        return tenant(hand).life.orphaned_since, tenant(hand).life.dormant_since

    assert life({}, HOUR) == (LATER, None)
    assert life({"tucson": True}, DAY) == (LATER, None)
    assert life({"phoenix": False}, 2 * DAY) == (None, NOW + 2 * DAY)
    assert life({"phoenix": False}, 3 * DAY) == (None, NOW + 2 * DAY)
    assert life({"phoenix": True}, 4 * DAY) == (None, None)


@pytest.mark.parametrize("named", [{}, {"phoenix": False}])
def test_since_when_nobody_needs_a_session_is_never_to_come(hand: Hand, named: dict[str, bool]) -> None:
    """A clock that was ahead, and is put back, keeps no slot for years: it is unused since now at the latest."""
    hand.session()
    for now in (NOW + 365 * DAY, NOW):
        hand.do(hand.ledger.note_jobs("main", named, now))
    life = tenant(hand).life
    assert (life.orphaned_since or life.dormant_since) == NOW


def test_a_deletion_is_written_down_before_it_is_asked_for(hand: Hand) -> None:
    """Who wants it and why, and what was seen right before; wanted again it is the same."""
    end(hand, delivered(hand))
    first = asked(hand)
    assert (first.job, first.ledger_total, first.wish) == ("phoenix", 5, WISH)
    assert asked(hand, replace(WISH, asked_by="person")) == first
    hand = hand.reopened()
    assert hand.do(hand.ledger.unanswered_deletions("main")) == [first]
    assert hand.do(hand.ledger.unanswered_deletions("second")) == []
    assert hand.rows("SELECT asked_by, state, fence FROM slot_action") == [("housekeeping", "asked", 1)]


def test_deletions_of_others_are_written_down_each(hand: Hand) -> None:
    """One whose answer is not known stops no other, and a session that the ledger never had has no job."""
    stranger = asked(hand, replace(WISH, row=replace(ROW, session="theirs")))
    assert (stranger.job, stranger.ledger_total) == (None, None)
    assert asked(hand).action_id != stranger.action_id


def test_what_may_be_billed_is_not_deleted(hand: Hand) -> None:
    """Neither with a key open, nor while a run of it is under way, whoever wants it; nothing is written then."""
    run_id = hand.run()
    page = hand.key(hand.order(hand.session(), run_id))
    assert "a key of it is open" in str(hand.do(hand.ledger.begin_deletion(WISH, NOW)))
    hand.store(page, run_id, leads(5), 5, new=True)
    assert hand.do(hand.ledger.begin_deletion(WISH, NOW)) == "a run of it is under way"
    assert hand.one("SELECT count(*) FROM slot_action") == 0


@pytest.mark.parametrize("state", [State.DELETED, State.GONE])
def test_a_session_that_is_gone_holds_no_slot(hand: Hand, state: State) -> None:
    """Neither by the last list nor by a reservation; what it brought stays, so that buying it again is named."""
    end(hand, delivered(hand))
    note(hand, "phoenix", "theirs")
    settle(hand, state)
    assert (used(hand), hand.session().deleted, hand.session().books.delivered) == (1, True, 5)
    assert list(hand.do(hand.ledger.last_listing("main"))) == ["theirs"]
    assert hand.do(hand.ledger.unanswered_deletions("main")) == []


def test_a_session_that_is_gone_keeps_the_slot_of_an_open_key(hand: Hand) -> None:
    """Its deletion had no answer, and a key has gone out since: it makes the session anew."""
    end(hand, delivered(hand))
    deletion = asked(hand)
    run_id = hand.run()
    reserve(hand)
    hand.key(hand.order(hand.session(), run_id))
    end(hand, run_id, End(Outcome.FAILED, "outage"))
    hand.do(hand.ledger.end_deletion(deletion, State.GONE, None, LATER))
    assert (used(hand), hand.session().deleted) == (1, True)


@pytest.mark.parametrize("state", [State.KEPT, State.REFUSED])
def test_a_session_that_stayed_holds_its_slot(hand: Hand, state: State) -> None:
    """What was not done has no effect on the books; the row says how it ended."""
    end(hand, delivered(hand))
    note(hand, "phoenix")
    settle(hand, state)
    assert (used(hand), hand.session().deleted) == (1, False)
    assert hand.one("SELECT state FROM slot_action") == state


def test_another_life_is_another_deletion(hand: Hand) -> None:
    """One has no answer, and the session was made anew since: what is asked now is of the new life, and frees that."""
    end(hand, delivered(hand))
    first = asked(hand)
    anew = replace(first.wish, row=replace(first.wish.row, created_at=NOW + DAY))
    second = hand.do(hand.ledger.begin_deletion(anew, LATER))
    assert isinstance(second, SlotAsked)
    hand.do(hand.ledger.end_deletion(second, State.DELETED, None, LATER))
    assert hand.rows("SELECT state FROM slot_action ORDER BY id") == [("gone",), ("deleted",)]
    assert hand.session().deleted


def test_a_deletion_ends_once(hand: Hand) -> None:
    """A second end is a bug: the first one's stays, and no session is forgotten for the second."""
    one = asked(hand)
    hand.do(hand.ledger.end_deletion(one, State.KEPT, "it has moved", NOW))
    with pytest.raises(Bug, match="ended already"):
        hand.do(hand.ledger.end_deletion(one, State.DELETED, None, LATER))
    assert hand.rows("SELECT state, message FROM slot_action") == [("kept", "it has moved")]


def test_a_refused_deletion_bars_that_life_alone(hand: Hand) -> None:
    """Asked again by policy it would be refused again; a session made anew under the name is another one."""
    end(hand, delivered(hand))
    settle(hand, State.REFUSED)
    assert tenant(hand).refused
    settle(hand, State.GONE)
    run_id = hand.run()
    page = hand.key(hand.order(hand.session(), run_id))
    reply = PageReply(leads(5), 5, is_new=True, has_cursor=True)
    hand.do(hand.ledger.store(hand.arrival(page, run_id, reply), LATER))
    assert not tenant(hand).refused


def test_a_restored_session_is_not_deleted_by_policy(hand: Hand) -> None:
    """Pages of it are missing: it stays before they are here, nor is what the original had asked."""
    end(hand, delivered(hand))
    asked(hand)
    hand.do(hand.ledger.answer_store(Said(StoreAnswer.RESTORED, "unused"), LATER))
    assert tenant(hand).recovering
    assert hand.do(hand.ledger.unanswered_deletions("main")) == []
    assert hand.rows("SELECT state, message FROM slot_action") == [("kept", "the store was copied or restored")]
    hand.do(hand.ledger.recovered(hand.session().session_id))
    assert not tenant(hand).recovering


WAITS = End(Outcome.WAITING, "")


def wait(
    hand: Hand,
    job: str,
    route: Route = Route.SESSION,
    *,
    ended: End = WAITS,
    trigger: str = "schedule",
    session: str = "",
) -> int:
    """A run that has ended, as one that waits unless said."""
    new = NewRun(job, "main", session or job, route, trigger)
    run_id = hand.do(hand.ledger.begin_run(new, frozenset(), NOW))
    end(hand, run_id, ended)
    return run_id


def test_who_waits_longest_is_first_in_the_line(hand: Hand) -> None:
    """By each job's last run: one that ran since is out of the line, and who waits for a webhook wants no slot."""
    wait(hand, "b")
    first = wait(hand, "c", Route.THROWAWAY)
    wait(hand, "hooked", Route.ASYNC)
    wait(hand, "done")
    wait(hand, "done", ended=DONE)
    last = wait(hand, "b")
    assert hand.do(hand.ledger.waiting("main")) == [Place("c", first), Place("b", last, "b")]
    assert hand.do(hand.ledger.waiting("second")) == []


def test_a_run_that_settles_a_key_is_not_its_jobs_own(hand: Hand) -> None:
    """It takes the job out of no line, and brings it into none."""
    own = wait(hand, "phoenix", session="phoenix-b")
    wait(hand, "phoenix", ended=End(Outcome.LIMITED, ""), trigger=SETTLING)
    wait(hand, "done", ended=DONE)
    wait(hand, "done", trigger=SETTLING)
    assert hand.do(hand.ledger.waiting("main")) == [Place("phoenix", own, "phoenix-b")]


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("trigger", [CALLED, "once", "schedule"])
@pytest.mark.parametrize("reason", [None, Reason.TOKEN_REFUSED])
def test_who_was_called_and_cut_short_waits_on(
    hand: Hand, outcome: Outcome, trigger: str, reason: Reason | None
) -> None:
    """By weather or a crash; a run at a time of the job's own is made up for, and what has a reason is not."""
    wait(hand, "phoenix")
    run_id = wait(hand, "phoenix", ended=End(outcome, "", reason), trigger=trigger)
    cut_short = outcome in {Outcome.FAILED, Outcome.INTERRUPTED} and trigger == CALLED and reason is None
    is_there = cut_short or outcome is Outcome.WAITING
    place = Place("phoenix", run_id, "phoenix", cut_short=cut_short)
    assert hand.do(hand.ledger.waiting("main")) == ([place] if is_there else [])


def test_who_waits_and_needs_no_further_slot_is_told(hand: Hand) -> None:
    """Its session is there by now, made by a request that came late; or it goes without one."""
    listed = wait(hand, "phoenix")
    plain = wait(hand, "plain", Route.PLAIN, ended=End(Outcome.FAILED, ""), trigger=CALLED)
    wait(hand, "tucson")
    note(hand, "phoenix")
    with_slot = [place.run_id for place in hand.do(hand.ledger.waiting("main")) if place.has_slot]
    assert with_slot == [listed, plain]


def test_the_pace_counts_what_was_born_and_what_old_ones_left(hand: Hand) -> None:
    """Those listed with a time of birth, less those older than the window that were deleted in it."""
    born = {"phoenix": NOW - DAY, "tucson": None}
    rows = {name: SessionListing(name, 5, None, at) for name, at in born.items()}
    hand.do(hand.ledger.note_listing("main", rows, ROOM, NOW))
    for name, age, state in (
        ("old", 40 * DAY, State.DELETED),
        ("gone", 40 * DAY, State.GONE),
        ("young", DAY, State.DELETED),
        ("stays", 40 * DAY, State.REFUSED),
    ):
        settle(hand, state, replace(WISH, row=SessionListing(name, 5, None, NOW - age)))
    assert hand.do(hand.ledger.births("main", LATER)) == Births((NOW - DAY,), 2)
    assert hand.do(hand.ledger.births("main", LATER + 31 * DAY)).deleted == 0


def test_an_account_remembers_when_its_slots_were_looked_after(hand: Hand) -> None:
    """So that a restart does not do it again; an account of which nothing is known has no time."""
    assert hand.do(hand.ledger.housekept_at("main")) is None
    hand.session()
    hand.do(hand.ledger.note_housekeeping("main", LATER))
    hand = hand.reopened()
    assert hand.do(hand.ledger.housekept_at("main")) == LATER
