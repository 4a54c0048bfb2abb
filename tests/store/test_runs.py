"""Runs, sessions and accounts: one run at a time, figures from its pages, pauses that are news once."""

from datetime import timedelta
from pathlib import Path

import pytest

from leadsync.core.audit import Standing
from leadsync.core.model import Books, End, Outcome, Reason, Route, SessionListing, Tally
from leadsync.core.slots import Room
from leadsync.errors import Bug, StoreFailed
from leadsync.store.auditing import standing_of
from leadsync.store.ledger import Figures, NewRun
from tests.store.hand import NOW, Hand, leads

DONE = End(Outcome.COMPLETE, "nothing more")


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    """An open store."""
    return Hand(tmp_path / "leadsync.db")


def two_pages(hand: Hand, run_id: int) -> None:
    """Store a page of 30 and one of 20, of which 5 came before, and leave the third key open."""
    for came, total in ((leads(30), 30), (leads(20, 25), 45)):
        hand.store(hand.key(hand.order(hand.session(), run_id, 50)), run_id, came, total, new=total == 30)
    hand.key(hand.order(hand.session(), run_id))


def test_a_session_is_audited_with_what_its_open_key_may_bill(hand: Hand) -> None:
    """Its books, and how many records are on their way; none, where no key is open."""
    assert standing_of(hand.session()) == Standing("phoenix", Books())
    two_pages(hand, hand.run())
    assert standing_of(hand.session()) == Standing("phoenix", Books(next_page=4, delivered=45), open_take=10)


def test_a_runs_figures_are_those_of_its_pages(hand: Hand) -> None:
    """Pages, records, new ones and cost add up; an open key is none of them."""
    run_id = hand.run()
    two_pages(hand, run_id)
    assert hand.do(hand.ledger.end_run(run_id, DONE, 1.5, NOW)) == Figures(2, 50, 45, 0, 0.5)
    assert hand.rows("SELECT outcome, pages, records, new, waited_s, cost_micros FROM run") == [
        ("complete", 2, 50, 45, 1.5, 500_000)
    ]


def test_a_run_ends_once(hand: Hand) -> None:
    """A second end is a bug: the first one's outcome stays."""
    run_id = hand.run()
    hand.do(hand.ledger.end_run(run_id, DONE, 0.0, NOW))
    with pytest.raises(Bug, match="ended already"):
        hand.do(hand.ledger.end_run(run_id, End(Outcome.FAILED, "late"), 0.0, NOW))
    assert hand.one("SELECT outcome FROM run") == "complete"


def test_a_page_counts_for_the_run_that_settles_it(hand: Hand) -> None:
    """A key that one run left open and the next one settled is in the figures of the second."""
    first = hand.run()
    page = hand.key(hand.order(hand.session(), first))
    hand.do(hand.ledger.end_run(first, End(Outcome.FAILED, "outage"), 0.0, NOW))
    second = hand.run()
    hand.store(page, second, leads(7), 7, new=True)
    assert hand.do(hand.ledger.end_run(second, DONE, 0.0, NOW)).records == 7
    assert hand.rows("SELECT pages FROM run ORDER BY id") == [(0,), (1,)]


@pytest.mark.parametrize("other", [("phoenix", "main"), ("phoenix", "second")])
def test_a_job_runs_once_at_a_time(hand: Hand, other: tuple[str, str]) -> None:
    """The database refuses a second run of a job, or of a session, while one is running (P5)."""
    run_id = hand.run()
    with pytest.raises(StoreFailed, match="UNIQUE"):
        hand.run(*other)
    hand.do(hand.ledger.end_run(run_id, DONE, 0.0, NOW))
    hand.run(*other)


def test_what_a_dead_process_left_is_reaped_once(hand: Hand) -> None:
    """Its run is `interrupted` with the figures of its pages, and the job may run again; ended runs stay."""
    done = hand.run("done")
    hand.do(hand.ledger.end_run(done, DONE, 0.0, NOW))
    run_id = hand.run()
    two_pages(hand, run_id)
    hand.writer.close()
    hand = Hand(hand.file)
    (left,) = hand.do(hand.ledger.reap_runs(NOW))
    assert (left.run_id, left.job, left.figures) == (run_id, "phoenix", Figures(2, 50, 45, 0, 0.5))
    assert hand.do(hand.ledger.reap_runs(NOW)) == []
    assert hand.rows("SELECT outcome FROM run ORDER BY id") == [("complete",), ("interrupted",)]
    assert [state.name for state in hand.do(hand.ledger.sessions_with_open_keys())] == ["phoenix"]
    hand.run()


def test_a_session_is_entered_once(hand: Hand) -> None:
    """The same account and name is the same session, whichever job uses it now."""
    first = hand.session("phoenix", job="old")
    again = hand.session("phoenix", job="new")
    assert (first.session_id, first.job) == (again.session_id, "old")
    assert (again.job, again.books, again.criteria) == ("new", Books(), None)
    assert hand.session("phoenix", account="second", job="third").session_id != first.session_id
    assert [state.name for state in hand.do(hand.ledger.sessions("main"))] == ["phoenix"]


def test_a_pause_is_news_once(hand: Hand) -> None:
    """The same reason again is no news, another one is, and an answered page ends the pause."""
    run_id = hand.run()
    page = hand.key(hand.order(hand.session(), run_id))
    news = [
        hand.do(hand.ledger.pause("main", reason, "HTTP 403", NOW))
        for reason in (Reason.ABILITY_MISSING, Reason.ABILITY_MISSING, Reason.WALLET_EMPTY)
    ]
    assert news == [True, False, True]
    assert hand.one("SELECT paused_reason FROM account") == "wallet_empty"
    assert hand.store(page, run_id, leads(1), 1, new=True).resumed
    assert hand.rows("SELECT paused_reason, paused_message, paused_at FROM account") == [(None, None, None)]
    assert not hand.store(hand.key(hand.order(hand.session(), run_id)), run_id, (), 1).resumed


def test_a_park_stays_until_it_is_lifted(hand: Hand) -> None:
    """Reason, message and time are kept over a restart; `unpark` takes them away."""
    session_id = hand.session().session_id
    since = NOW + timedelta(hours=1)
    hand.do(hand.ledger.park(session_id, Reason.SESSION_FOREIGN, "not ours", since))
    hand = hand.reopened()
    parked = hand.session().parked
    assert parked is not None
    assert (parked.reason, parked.message, parked.since) == (Reason.SESSION_FOREIGN, "not ours", since)
    hand.do(hand.ledger.unpark(session_id))
    assert hand.session().parked is None


ROOM = Room(100, 5)


def listing(**totals: int) -> dict[str, SessionListing]:
    """The vendor's list, by totals."""
    return {name: SessionListing(name, total) for name, total in totals.items()}


def test_the_vendors_list_is_remembered(hand: Hand) -> None:
    """Slots in use, how many are ours, and each session's total: None for one that the list does not have."""
    run_id = hand.run("ours")
    hand.store(hand.key(hand.order(hand.session("ours"), run_id)), run_id, leads(5), 5, new=True)
    hand.session("never-asked")
    hand.do(hand.ledger.note_listing("main", listing(ours=5, **{"never-asked": 9}, theirs=2), ROOM, NOW))
    assert hand.rows("SELECT slots_used, slots_ours FROM account") == [(3, 1)]
    assert hand.rows("SELECT name, vendor_total FROM search_session ORDER BY id") == [("ours", 5), ("never-asked", 9)]
    hand.do(hand.ledger.note_listing("main", {}, ROOM, NOW))
    assert hand.rows("SELECT vendor_total FROM search_session") == [(None,), (None,)]


def test_a_session_that_is_not_there_is_a_bug(hand: Hand) -> None:
    """A row id that the ledger does not have is our mistake, not a silent nothing."""
    with pytest.raises(Bug, match="session row 7"):
        hand.do(hand.ledger.move_base_line(7, 3, NOW))


def test_a_run_whose_end_was_not_written_stops_nobody(hand: Hand) -> None:
    """The store failed just as it ended: the next run of the job ends it, unless it is alive."""
    left = hand.run()
    hand.alive.clear()
    hand.run()
    assert hand.rows("SELECT id, outcome FROM run ORDER BY id") == [(left, "interrupted"), (left + 1, None)]


def test_a_run_remembers_what_it_did_where_the_store_cannot_be_asked() -> None:
    """All but the cost, which is in the store alone."""
    assert Figures.of(Tally(pages=2, records=50, new=45, replays=1, waited_s=3.0)) == Figures(2, 50, 45, 1, 0.0)


def test_a_time_without_an_offset_is_not_stored(hand: Hand) -> None:
    """Nobody knows what it means."""
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(StoreFailed, match="without an offset"):
        hand.do(hand.ledger.park(hand.session().session_id, Reason.REFUSED, "", naive))


def test_runs_without_a_session_hold_up_their_own_job_alone(hand: Hand) -> None:
    """Two jobs run side by side; one job does not."""
    for job in ("one", "two"):
        new = NewRun(job, "main", None, Route.PLAIN, "once")
        hand.alive.add(hand.do(hand.ledger.begin_run(new, hand.alive, NOW)))
    with pytest.raises(StoreFailed, match="UNIQUE"):
        hand.do(hand.ledger.begin_run(NewRun("one", "main", None, Route.PLAIN, "once"), hand.alive, NOW))
    assert hand.rows("SELECT job, outcome FROM run") == [("one", None), ("two", None)]
