"""What a person answers, in the store: one transaction each, and a key that was settled meanwhile is not closed."""

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from leadsync.core.budget import Limits
from leadsync.core.model import Books, End, Outcome, Reason
from leadsync.core.protocol import Fate
from leadsync.core.resume import Remedy
from leadsync.errors import Bug
from leadsync.store.spending import used
from tests.store.hand import NOW, PRICE, Hand, leads

LATER = NOW + timedelta(hours=1)
NEW_EPOCH = Remedy("told", new_epoch=True, closes=Fate.UNKNOWN)
VOID = Remedy("told", unpark=False, closes=Fate.VOID)


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    """A session with 30 properties, a key open, and its job parked."""
    hand = Hand(tmp_path / "leadsync.db")
    run_id = hand.run()
    hand.store(hand.key(hand.order(hand.session(), run_id, 30)), run_id, leads(30), 30, new=True)
    hand.key(hand.order(hand.session(), run_id))
    hand.do(hand.ledger.park(hand.session().session_id, Reason.SESSION_VANISHED, "it is gone", LATER))
    return hand


def answer(hand: Hand, remedy: Remedy) -> None:
    """Do what was answered."""
    hand.do(hand.ledger.answer(hand.session(), remedy, LATER))


@pytest.mark.parametrize(("parked_at", "epoch_begun"), [(NOW, True), (LATER, False)])
def test_the_question_says_what_could_be_bought_again(tmp_path: Path, parked_at: object, epoch_begun: bool) -> None:
    """All that the session ever brought, what an open key may have, and whether the vendor began the epoch."""
    hand = Hand(tmp_path / "leadsync.db")
    run_id = hand.run()
    hand.store(hand.key(hand.order(hand.session(), run_id, 30)), run_id, leads(30), 30, new=True)
    hand.key(hand.order(hand.session(), run_id, 7))
    hand.do(hand.ledger.park(hand.session().session_id, Reason.SESSION_VANISHED, "it is gone", parked_at))  # type: ignore[arg-type]
    question = hand.do(hand.ledger.question(hand.session(), "phoenix", PRICE))
    assert (question.reason, question.known, question.open_take) == (Reason.SESSION_VANISHED, 30, 7)
    assert question.epoch_begun is epoch_begun


def test_a_job_that_waits_with_nothing_has_no_reason(tmp_path: Path) -> None:
    """Neither parked nor an open key."""
    hand = Hand(tmp_path / "leadsync.db")
    question = hand.do(hand.ledger.question(hand.session(), "phoenix", PRICE))
    assert (question.reason, question.known, question.open_take, question.epoch_begun) == (None, 0, None, False)


def test_a_new_epoch_begins_with_nothing(hand: Hand) -> None:
    """The books are empty, the job may run, what was delivered stays; the key's page may be billed, and counts so."""
    answer(hand, NEW_EPOCH)
    state = hand.session()
    assert (state.books, state.criteria, state.parked, state.open_page) == (Books(epoch=2), None, None, None)
    assert hand.rows("SELECT state, billed, take FROM page ORDER BY id") == [("stored", 30, 30), ("unknown", 10, 10)]
    assert hand.one("SELECT count(*) FROM delivery") == 30


@pytest.mark.parametrize(("remedy", "cost_micros"), [(NEW_EPOCH, 400_000), (VOID, 300_000)])
def test_a_closed_key_costs_the_run_that_asked_it(hand: Hand, remedy: Remedy, cost_micros: int) -> None:
    """The history says of money what the budget says: the run ended before a person gave its last page up."""
    (run_id,) = hand.alive
    hand.do(hand.ledger.end_run(run_id, End(Outcome.PARKED, "it is gone", Reason.SESSION_VANISHED), 0.0, NOW))
    answer(hand, remedy)
    assert hand.rows("SELECT pages, records, cost_micros FROM run") == [(1, 30, cost_micros)]


@pytest.mark.parametrize(("is_parked", "spent"), [(False, 10), (True, 0)])
def test_what_is_given_up_stays_in_the_budget_that_reserved_it(hand: Hand, *, is_parked: bool, spent: int) -> None:
    """P10: a key that was asked until today may have been billed today; that of a parked job was not asked so late."""
    if not is_parked:
        hand.do(hand.ledger.unpark(hand.session().session_id))
    later, days = NOW + timedelta(days=2), Limits(UTC, PRICE, records_day=1_000)
    for _ in range(2):
        assert hand.do(hand.writer.write(used, "main", days, later)).records_day == spent
        if hand.session().open_page is not None:
            hand.do(hand.ledger.answer(hand.session(), replace(VOID, closes=Fate.UNKNOWN), later))


def test_a_voided_key_leaves_the_park(hand: Hand) -> None:
    """It answers another question; the number of the key stays used up, and nothing counts as spent for it."""
    answer(hand, VOID)
    assert hand.rows("SELECT state, billed FROM page ORDER BY id") == [("stored", 30), ("void", 0)]
    state = hand.session()
    assert (state.open_page, state.books.next_page, state.books.delivered) == (None, 3, 30)
    assert state.parked is not None
    assert state.criteria is not None


def test_an_acceptance_is_kept_until_its_run_has_ended(hand: Hand) -> None:
    """The leave stands with the session, so that no restart loses it, and goes with the run that it was for."""
    answer(hand, Remedy("told", accepts=Reason.SESSION_DRIFTED))
    assert (hand.session().parked, hand.session().accepted) == (None, Reason.SESSION_DRIFTED)
    (run_id,) = hand.alive
    ended = End(Outcome.LIMITED, "its own limit")
    hand.do(hand.ledger.end_run(run_id, ended, 0.0, NOW, accepted=hand.session().session_id))
    assert hand.session().accepted is None


def test_what_was_refused_binds_nobody(tmp_path: Path) -> None:
    """A session that has delivered nothing forgets its criteria: the job's file was mended."""
    hand = Hand(tmp_path / "leadsync.db")
    hand.key(hand.order(hand.session(), hand.run()))
    assert hand.session().criteria is not None
    answer(hand, VOID)
    assert hand.session().criteria is None


def test_an_open_key_binds_its_session(tmp_path: Path) -> None:
    """What was asked for may be billed: the criteria stay those of its page, whatever the job's file says by now."""
    hand = Hand(tmp_path / "leadsync.db")
    hand.key(hand.order(hand.session(), hand.run()))
    hand.do(hand.ledger.park(hand.session().session_id, Reason.SESSION_FOREIGN, "it is there", LATER))
    answer(hand, Remedy("told", accepts=Reason.SESSION_FOREIGN))
    assert hand.session().criteria == "criteria of phoenix"


def test_a_key_that_is_settled_is_not_closed(hand: Hand) -> None:
    """Whether it was settled while the person thought, or never asked: a bug, and nothing is changed."""
    before = hand.session()
    answer(hand, VOID)
    with pytest.raises(Bug, match="settled by somebody else"):
        hand.do(hand.ledger.answer(before, NEW_EPOCH, LATER))
    with pytest.raises(Bug, match="no open key to close"):
        hand.do(hand.ledger.answer(replace(before, open_page=None), NEW_EPOCH, LATER))
    assert hand.session().books.epoch == 1


def test_a_base_line_and_criteria_can_be_taken_over(hand: Hand) -> None:
    """What the job's file allows: the next pages are compared with these."""
    session_id = hand.session().session_id
    hand.do(hand.ledger.move_base_line(session_id, 12, LATER))
    hand.do(hand.ledger.begin_criteria(session_id, "other"))
    assert (hand.session().books.base_line, hand.session().criteria) == (12, "other")
