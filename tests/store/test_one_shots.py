"""The lives of one-shots in the store: one open at a time, each on a seat of its own, and what is lost counts."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from leadsync.core.model import Books, End, OpenPage, Outcome, PageReply, Reason, Route, SessionListing
from leadsync.core.one_shot import Life, Wanted
from leadsync.core.protocol import Close, Fate
from leadsync.core.witness import StoreAnswer
from leadsync.errors import Bug
from leadsync.store.ledger import Figures, SessionState, SlotAsked, State, Wish
from leadsync.store.one_shots import NOBODY_WAITED
from leadsync.store.standing import Said
from tests.store.hand import NOW, Hand, leads

WANTED = Wanted("main", "bulk", 300)
AGAIN = replace(WANTED, again=True)
LATER = NOW + timedelta(hours=1)
SEAT = "bulk-0123456789abcdef-1"
LIVES = "SELECT life, outcome FROM one_shot ORDER BY life"


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    """An open store."""
    return Hand(tmp_path / "leadsync.db")


def life(hand: Hand, wanted: Wanted = WANTED) -> Life:
    """The life that a run is for, which need not wait."""
    found = hand.do(hand.ledger.life(wanted, NOW))
    assert found is not None
    return found


def seat(hand: Hand) -> SessionState:
    """The seat of the first life."""
    return hand.session(SEAT, job="bulk")


def ask(hand: Hand, run_id: int, take: int = 10, *, keyless: bool = False) -> OpenPage:
    """Journal a request of the first life; keyless where it goes without a session."""
    return hand.key(replace(hand.order(seat(hand), run_id, take), keyless=keyless))


def bring(hand: Hand, page: OpenPage, run_id: int, records: int, first: int = 0) -> None:
    """Store the page of a keyless request; the list goes on from there."""
    reply = PageReply(leads(records, first), None, is_new=False, has_cursor=True, cursor=f"after {first + records}")
    hand.do(hand.ledger.store(hand.arrival(page, run_id, reply), NOW))


def begun(hand: Hand, route: Route) -> tuple[Life, int]:
    """A life with a run of it, gone this way."""
    one, run_id = life(hand), hand.run("bulk")
    hand.do(hand.ledger.take_route(one, run_id, route))
    return one, run_id


def test_who_had_no_session_is_named(hand: Hand) -> None:
    """What a one-shot brought by its cursor or by webhook is in no list of the vendor's."""
    begun(hand, Route.PLAIN)
    other = hand.do(hand.ledger.life(replace(WANTED, job="thrown"), NOW))
    assert other is not None
    hand.do(hand.ledger.take_route(other, hand.run("thrown"), Route.THROWAWAY))
    assert hand.do(hand.ledger.without_session("main")) == {SEAT}


def test_a_life_is_begun_once(hand: Hand) -> None:
    """Until it has ended each run is for the same one, on the same seat, and wants what the job's file says by now."""
    assert hand.do(hand.ledger.seat("main", "bulk")) is None
    first = life(hand)
    assert first == Life(1, 1, SEAT, 300, 0, None, asked=False, cursor=None, unknown=0, ended=None)
    assert life(hand, replace(WANTED, records=500)) == replace(first, wanted=500)
    assert hand.one("SELECT wanted FROM one_shot") == 500
    assert hand.do(hand.ledger.seat("main", "bulk")) == SEAT
    assert life(hand, Wanted("second", "bulk", 300)).life_id != first.life_id


def test_what_has_ended_stays_ended(hand: Hand) -> None:
    """A later run gets the life as it ended, and a second end is a bug: nothing of it is asked or written again."""
    one = life(hand)
    hand.do(hand.ledger.end_life(one, Outcome.PARTIAL, NOW))
    assert life(hand, replace(WANTED, records=500)) == replace(one, ended=Outcome.PARTIAL)
    with pytest.raises(Bug, match="ended already"):
        hand.do(hand.ledger.end_life(one, Outcome.COMPLETE, LATER))
    assert hand.rows(LIVES) == [(1, "partial")]


def test_again_begins_the_next_on_another_seat(hand: Hand) -> None:
    """After one that has ended, and in the middle of one, which is left; the newest one is the job's from then on."""
    hand.do(hand.ledger.end_life(life(hand), Outcome.COMPLETE, NOW))
    assert life(hand, AGAIN).seat == "bulk-0123456789abcdef-2"
    assert life(hand, AGAIN).seat == "bulk-0123456789abcdef-3"
    assert hand.rows(LIVES) == [(1, "complete"), (2, "interrupted"), (3, None)]
    assert life(hand).number == 3
    assert hand.do(hand.ledger.seat("main", "bulk")) == "bulk-0123456789abcdef-3"


def test_again_waits_for_a_key_that_may_be_billed(hand: Hand) -> None:
    """The session's page can still be had for nothing: before it is here the life is not left, nor another begun."""
    page = ask(hand, begun(hand, Route.THROWAWAY)[1])
    assert hand.do(hand.ledger.life(AGAIN, NOW)) is None
    assert hand.rows(LIVES) == [(1, None)]
    state = hand.session(SEAT, job="bulk")
    assert (state.open_page, life(hand).asked) == (page, True)


def test_again_waits_for_nothing_that_cannot_be_had(hand: Hand) -> None:
    """A request without a key has no answer any more: all that it may have cost is spent, and the next life begins."""
    ask(hand, begun(hand, Route.PLAIN)[1], 7, keyless=True)
    assert life(hand, AGAIN).number == 2
    assert hand.rows("SELECT state, billed, message FROM page") == [("unknown", 7, NOBODY_WAITED)]
    assert hand.rows(LIVES) == [(1, "interrupted"), (2, None)]


@pytest.mark.parametrize(
    ("route", "session", "throwaway"), [(Route.THROWAWAY, SEAT, 1), (Route.PLAIN, None, 0)], ids=["throwaway", "plain"]
)
def test_a_way_is_known_to_all_who_ask(hand: Hand, route: Route, session: str | None, throwaway: int) -> None:
    """The life, its run and its seat say it; a session that the vendor never hears of holds nobody up."""
    begun(hand, route)
    assert life(hand).route is route
    assert hand.rows("SELECT route, session FROM run") == [(route.value, session)]
    assert hand.rows("SELECT name, throwaway FROM search_session") == [(SEAT, throwaway)]


def test_a_cursor_moves_with_its_page(hand: Hand) -> None:
    """The next search goes on behind what is stored, and other criteria begin at the top."""
    _, run_id = begun(hand, Route.PLAIN)
    bring(hand, ask(hand, run_id, keyless=True), run_id, 10)
    assert (life(hand).cursor, life(hand).delivered) == ("after 10", 10)
    assert seat(hand).books == Books(next_page=2, delivered=10)
    hand.do(hand.ledger.begin_criteria(seat(hand).session_id, "other"))
    assert (life(hand).cursor, seat(hand).criteria) == (None, "other")


def test_what_is_lost_counts_until_it_is_made_up_for(hand: Hand) -> None:
    """A run's end gives up what it had asked without a key: spent, in its figures, and unknown until a page comes."""
    _, run_id = begun(hand, Route.PLAIN)
    ask(hand, run_id, 7, keyless=True)
    assert life(hand).unknown == 7
    figures = hand.do(hand.ledger.end_run(run_id, End(Outcome.PARTIAL, "lost"), 0.0, NOW))
    assert figures == Figures(0, 0, 0, 0, 0.07)
    again = hand.run("bulk")
    hand.do(
        hand.ledger.close(ask(hand, again, 5, keyless=True).page_id, again, Close(0, "cut", None, Fate.UNKNOWN), NOW)
    )
    assert life(hand).unknown == 12
    bring(hand, ask(hand, again, keyless=True), again, 10)
    assert life(hand).unknown == 0


def test_a_page_without_a_session_lifts_no_pause_for_sessions(hand: Hand) -> None:
    """That the token has no sessions is not disproved by a search that needs none; an empty wallet is."""
    _, run_id = begun(hand, Route.PLAIN)
    for reason, left in ((Reason.ABILITY_MISSING, "ability_missing"), (Reason.WALLET_EMPTY, None)):
        page = ask(hand, run_id, keyless=True)
        hand.do(hand.ledger.pause("main", reason, "HTTP 403", NOW))
        bring(hand, page, run_id, 1)
        assert hand.one("SELECT paused_reason FROM account") == left


def done(hand: Hand) -> Life:
    """A throw-away life that has brought 10 records and ended."""
    one, run_id = begun(hand, Route.THROWAWAY)
    hand.store(ask(hand, run_id), run_id, leads(10), 10, new=True)
    hand.do(hand.ledger.end_run(run_id, End(Outcome.COMPLETE, "done"), 0.0, NOW))
    hand.do(hand.ledger.end_life(one, Outcome.COMPLETE, NOW))
    return one


def test_a_throw_away_session_is_left_over_until_it_is_gone(hand: Hand) -> None:
    """From the end of its life on; not while a person is asked about it, and not once it is deleted."""
    done(hand)
    assert hand.do(hand.ledger.leftovers("main", "bulk")) == [SEAT]
    assert hand.do(hand.ledger.leftovers("second", "bulk")) == []
    hand.do(hand.ledger.park(seat(hand).session_id, Reason.SESSION_DRIFTED, "who?", NOW))
    assert hand.do(hand.ledger.leftovers("main", "bulk")) == []
    hand.do(hand.ledger.unpark(seat(hand).session_id))
    asked = hand.do(hand.ledger.begin_deletion(Wish("main", SessionListing(SEAT, 10), "one_shot", "drained"), LATER))
    assert isinstance(asked, SlotAsked)
    hand.do(hand.ledger.end_deletion(asked, State.DELETED, None, LATER))
    assert hand.do(hand.ledger.leftovers("main", "bulk")) == []


def test_a_life_in_the_middle_or_without_a_session_leaves_nothing_over(hand: Hand) -> None:
    """Nothing is thrown away that will be needed, or that never was at the vendor."""
    one, run_id = begun(hand, Route.THROWAWAY)
    hand.store(ask(hand, run_id), run_id, leads(10), 10, new=True)
    assert hand.do(hand.ledger.leftovers("main", "bulk")) == []
    hand.do(hand.ledger.take_route(one, run_id, Route.PLAIN))
    hand.do(hand.ledger.end_life(one, Outcome.COMPLETE, NOW))
    assert hand.do(hand.ledger.leftovers("main", "bulk")) == []


def test_a_session_that_never_asked_is_no_leftover(hand: Hand) -> None:
    """It is drained before its first key: the vendor has never heard of it."""
    one, _ = begun(hand, Route.THROWAWAY)
    hand.do(hand.ledger.end_life(one, Outcome.PARTIAL, NOW))
    assert seat(hand).life.drained_at == NOW
    assert hand.do(hand.ledger.leftovers("main", "bulk")) == []


def test_a_copy_leaves_the_lives_to_the_original(hand: Hand) -> None:
    """What was open is partial there, no session is thrown away, and the next life has a seat of the copy's name."""
    done(hand)
    life(hand, AGAIN)
    hand.do(hand.ledger.answer_store(Said(StoreAnswer.COPIED, "fedcba9876543210"), LATER))
    assert hand.rows(LIVES) == [(1, "complete"), (2, "partial")]
    assert hand.do(hand.ledger.leftovers("main", "bulk")) == []
    assert life(hand).ended is Outcome.PARTIAL
    assert life(hand, AGAIN).seat == "bulk-fedcba9876543210-3"


def test_a_restored_store_looks_for_the_life_that_it_may_have_lost(hand: Hand) -> None:
    """The seat after the newest that is left is entered, so that the audit asks for its missing pages, too."""
    done(hand)
    said = Said(StoreAnswer.RESTORED, "unused", (), (("main", "bulk"), ("main", "other")))
    hand.do(hand.ledger.answer_store(said, LATER))
    assert hand.rows("SELECT name, job, recovering FROM search_session ORDER BY name") == [
        (SEAT, "bulk", 1),
        ("bulk-0123456789abcdef-2", "bulk", 1),
        ("other-0123456789abcdef-1", "other", 1),
    ]
