"""Sums that survive a restart: what was bought, what is open, and when a job last went well."""

from datetime import timedelta
from pathlib import Path

import pytest

from leadsync.core.model import SETTLING, End, Outcome, Reason, Route
from leadsync.core.protocol import Close, Fate
from leadsync.store.figures import Bought, bought, last_good_ends, open_keys
from leadsync.store.ledger import NewRun
from tests.store.hand import NOW, Hand, leads


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    """Two pages of job phoenix, of which 5 properties came twice, a lost one, and an open key."""
    hand = Hand(tmp_path / "leadsync.db")
    run_id = hand.run()
    for came, total in ((leads(30), 30), (leads(20, 25), 45)):
        hand.store(hand.key(hand.order(hand.session(), run_id, 50)), run_id, came, total, new=total == 30)
    lost = hand.key(hand.order(hand.session(), run_id, 7))
    hand.do(hand.ledger.close(lost.page_id, run_id, Close(0, "cut", None, Fate.UNKNOWN), NOW))
    hand.key(hand.order(hand.session(), run_id))
    return hand


def test_what_was_bought_is_what_is_in_the_store(hand: Hand) -> None:
    """By account and by the job that uses the session now; a page that never came is no purchase."""
    assert hand.do(hand.writer.write(bought)) == [Bought("main", "phoenix", 2, 50, 45, 0, 0.5)]
    hand.session("phoenix", job="renamed")
    hand = hand.reopened()
    assert [one.job for one in hand.do(hand.writer.write(bought))] == ["renamed"]


def test_open_keys_are_counted_until_they_have_an_answer(hand: Hand) -> None:
    """By account; what is closed, or stored, is open no more."""
    hand.key(hand.order(hand.session("tampa", "second"), hand.run("tampa", "second")))
    assert hand.do(hand.writer.write(open_keys)) == {"main": 1, "second": 1}
    page = hand.session().open_page
    assert page is not None
    hand.store(page, hand.run("other"), (), 45)
    assert hand.do(hand.writer.write(open_keys)) == {"second": 1}


def test_when_a_job_last_went_well(tmp_path: Path) -> None:
    """Its own limit is well, too; later runs that went badly change nothing, and a job that never did has no time."""
    hand = Hand(tmp_path / "leadsync.db")
    ends = [
        ("phoenix", End(Outcome.COMPLETE, "")),
        ("phoenix", End(Outcome.LIMITED, "")),
        ("phoenix", End(Outcome.PARKED, "", Reason.REFUSED)),
        ("tampa", End(Outcome.FAILED, "")),
    ]
    for hours, (job, ended) in enumerate(ends):
        hand.do(hand.ledger.end_run(hand.run(job), ended, 0.0, NOW + timedelta(hours=hours)))
    found = hand.do(hand.writer.write(last_good_ends, ("phoenix", "tampa", "never")))
    assert found == {"phoenix": NOW + timedelta(hours=1)}


def test_a_key_that_is_settled_is_no_success(tmp_path: Path) -> None:
    """A daemon that is restarted every night settles what the job leaves open: the alarm must ring all the same."""
    hand = Hand(tmp_path / "leadsync.db")
    new = NewRun("phoenix", "main", "phoenix", Route.SESSION, SETTLING)
    run_id = hand.do(hand.ledger.begin_run(new, frozenset(), NOW))
    hand.do(hand.ledger.end_run(run_id, End(Outcome.LIMITED, "the key is settled"), 0.0, NOW))
    assert hand.do(hand.writer.write(last_good_ends, ("phoenix",))) == {}
