"""Batches of owners: durable before they are sent, within the budget, none asked twice at once."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from leadsync.core.hooks import Address
from leadsync.core.letters import Letter, Unreadable
from leadsync.core.trace import GRACE, BatchState, GiveBack, Pause, TraceRoute
from leadsync.core.witness import StoreAnswer
from leadsync.errors import Bug
from leadsync.store import trace_answers, trace_figures
from leadsync.store.standing import Said
from leadsync.store.trace_answers import Answer
from leadsync.store.trace_batches import NoBudget, OpenBatch
from tests.store.hand import NOW, Hand
from tests.store.traces.acts import (
    DAY,
    MAIL,
    OURS,
    PHONE,
    PRICE,
    answer,
    asked,
    end_due,
    follow,
    order,
    out,
    people,
    states,
)


def test_a_batch_is_durable_with_its_items(hand: Hand) -> None:
    """Names go on by generation and number; nobody is in two batches at once; one that is not the next is our bug."""
    subjects = people(hand)
    wrong = order(hand, subjects, name="1-7")
    with pytest.raises(Bug, match="is not the next"):
        hand.do(hand.ledger.traces.journal(wrong, NOW))
    opened = asked(hand, subjects)
    assert (opened.name, opened.items, states(hand)) == ("1-1", 10, {"sent": 10})
    assert hand.do(hand.ledger.traces.next_name()) == "1-2"
    with pytest.raises(Exception, match="UNIQUE"):
        hand.do(hand.ledger.traces.journal(order(hand, subjects), NOW))
    assert hand.do(hand.ledger.traces.last_proof()) == OURS


@pytest.mark.parametrize(
    ("limits", "items", "limit"),
    [
        ({"dollars_day": Decimal("1.5")}, 15, None),
        ({"dollars_day": Decimal("0.9")}, None, "dollars_per_day"),
        ({"dollars_month": Decimal("0.5"), "dollars_day": Decimal(9)}, None, "dollars_per_month"),
    ],
)
def test_a_budget_holds(hand: Hand, limits: dict[str, Any], items: int | None, limit: str | None) -> None:
    """A batch has as many as there is room for, ten at least; what is on its way counts."""
    subjects = people(hand, 30)
    bounded = replace(PRICE, **limits)
    opened = hand.do(hand.ledger.traces.journal(order(hand, subjects, bounded), NOW))
    if items is None:
        assert opened == NoBudget(limit or "", reserved=False)
        return
    assert isinstance(opened, OpenBatch)
    assert (opened.items, opened.nearly) == (items, ("dollars_per_day",))
    rest = subjects[items:]
    assert hand.do(hand.ledger.traces.journal(order(hand, rest, bounded), NOW)) == NoBudget(
        "dollars_per_day", reserved=True
    )
    tomorrow = hand.do(hand.ledger.traces.journal(order(hand, rest, bounded), NOW + DAY))
    assert isinstance(tomorrow, OpenBatch)


def test_what_was_not_taken_gives_its_items_back(hand: Hand) -> None:
    """It reserves nothing any more, what stops further ones is remembered, and its items are wanted as before."""
    opened = asked(hand, people(hand))
    back = GiveBack(BatchState.REFUSED, 400, "bad", Pause("refused", "bad"))
    assert hand.do(hand.ledger.traces.give_back(opened.batch_id, back, NOW))
    assert states(hand) == {"wanted": 10}
    assert hand.do(hand.ledger.traces.pause()) == Pause("refused", "bad")
    figures = hand.do(hand.writer.write(trace_figures.figures))
    assert (figures.out, figures.items.open, figures.wanted_since) == (0, 0, NOW)
    with pytest.raises(Bug, match="in no state"):
        hand.do(hand.ledger.traces.give_back(opened.batch_id, replace(back, pause=None), NOW))
    hand.do(hand.ledger.traces.go_on(NOW))
    assert hand.do(hand.ledger.traces.pause()) == Pause()


def test_the_acknowledgement_says_which_answers_count(hand: Hand) -> None:
    """A doubled request is answered under two ids: one may come first, the acknowledged one's are all taken."""
    opened = asked(hand, people(hand))
    answer(hand, 1, vendor_batch="double", request_id="d1")
    hand.do(hand.ledger.traces.acknowledge(opened.batch_id, "vendor", {key: f"r{key}" for key in range(1, 11)}, NOW))
    for key in range(2, 11):
        answer(hand, key, PHONE)
    with pytest.raises(Unreadable):
        answer(hand, 2, MAIL, vendor_batch="double", request_id="d2")
    assert states(hand) == {"matched": 9, "missed": 1}


def test_a_dead_process_leaves_the_unknown(hand: Hand) -> None:
    """What it had sent may be billed: it is unknown, its answers are taken, the first shows that the vendor has it."""
    asked(hand, people(hand))
    assert hand.do(hand.ledger.traces.reap()) == [("1-1", 10)]
    assert hand.do(hand.ledger.traces.reap()) == []
    assert hand.do(hand.writer.write(trace_figures.figures)).unknown == 1
    answer(hand, 4, vendor_batch="learned", request_id="learned")
    assert hand.rows("SELECT state, vendor_id FROM trace_batch") == [("out", "learned")]
    # learned ids are a hint: what a middlebox doubled comes under others
    answer(hand, 4, PHONE, vendor_batch="other", request_id="other")
    assert states(hand) == {"matched": 1, "sent": 9}


def test_asked_again_by_a_persons_word(hand: Hand) -> None:
    """All that are missing, or those of a batch; nobody else."""
    out(hand)
    out(hand, first=10)
    end_due(hand, NOW + DAY)
    again = hand.ledger.traces.ask_again
    assert hand.do(again(["1-7"], NOW)) == 0
    assert hand.do(again(["1-1"], NOW)) == 10
    assert hand.do(again([], NOW)) == 10
    assert hand.do(again([], NOW)) == 0
    assert states(hand) == {"wanted": 20}


def test_nobody_is_asked_again_about_whom_an_answer_may_have_come(hand: Hand) -> None:
    """It waits to be read, as long as the store is in doubt or many came at once: a word then would pay it twice."""
    out(hand)
    end_due(hand, NOW + DAY)
    hand.do(hand.ledger.inbox.receive([Letter(Address("trace-item", "1-1-2"), {}, b"{}", "digest")], NOW))
    assert hand.do(hand.ledger.traces.ask_again([], NOW)) is None
    assert states(hand) == {"missing": 10}


@pytest.mark.parametrize("complete", [False, True])
def test_a_batch_of_a_clock_that_was_far_ahead_waits_no_longer_than_others(hand: Hand, *, complete: bool) -> None:
    """P12: who is missing of it is told in time: after its deadline, or the grace, from when the clock was put back."""
    batch, put_back = out(hand), NOW - 30 * DAY
    if complete:
        hand.do(hand.writer.write(trace_answers.complete, batch.name, "vendor", NOW))
    assert end_due(hand, put_back) == []
    wait = GRACE if complete else DAY
    assert end_due(hand, put_back + wait / 2) == []
    (ended,) = end_due(hand, put_back + wait)
    assert ended.missing == 10


def test_retried_once_but_for_what_waits_in_quarantine(hand: Hand) -> None:
    """`on_missing = "retry"` lets them be wanted; who was missing before is not, nor whose answer nobody could read."""
    out(hand)
    letter = Letter(Address("trace-item", "1-1-2"), {}, b"{}", "digest")
    hand.do(hand.ledger.inbox.receive([letter], NOW))
    hand.do(
        hand.writer.write(
            lambda connection: connection.exec_driver_sql("UPDATE inbox_message SET state = 'quarantined'")
        )
    )
    (ended,) = end_due(hand, NOW + DAY, retry=True)
    assert (ended.missing, ended.retried, states(hand)) == (10, 9, {"missing": 1, "wanted": 9})
    hand.do(hand.writer.write(lambda connection: connection.exec_driver_sql("DELETE FROM inbox_body")))
    wanted = [one.subject_id for one in hand.do(hand.ledger.traces.wanted())]
    asked(hand, wanted, route=TraceRoute.AWAIT)
    hand.do(hand.ledger.traces.reap())
    (ended,) = end_due(hand, NOW + 2 * DAY, retry=True)
    assert (ended.missing, ended.retried, states(hand)) == (9, 0, {"missing": 10})
    assert hand.do(hand.writer.write(trace_figures.missing)) == 10


def test_the_list_shows_what_is_open_or_missing_and_the_newest(hand: Hand) -> None:
    """However old: nobody has to look for what needs them."""
    out(hand)
    end_due(hand, NOW + DAY)
    done = asked(hand, people(hand, 10, first=10), route=TraceRoute.AWAIT)
    answers = [Answer(done.name, key, None, None, matched=False) for key in range(1, 11)]
    hand.do(hand.ledger.traces.answer(done.batch_id, answers, NOW))
    end_due(hand)
    asked(hand, people(hand, 10, first=20))
    names = [row["name"] for row in hand.do(hand.writer.write(trace_figures.batches, 1))]
    assert names == ["1-3", "1-1"]


@pytest.mark.parametrize("said", [StoreAnswer.COPIED, StoreAnswer.RESTORED])
def test_a_copied_or_restored_store_asks_for_nobody(hand: Hand, said: StoreAnswer) -> None:
    """Until a further word; a restored store gives no name again that the one it replaces may have given."""
    out(hand)
    hand.do(hand.ledger.answer_store(Said(said, "fedcba9876543210"), NOW))
    assert hand.do(hand.ledger.traces.pause()).paused == f"store_{said}"
    generation = 2 if said is StoreAnswer.RESTORED else 1
    assert hand.do(hand.ledger.traces.next_name()) == f"{generation}-2"


def test_a_word_about_the_store_comes_before_a_batch_that_was_packed(hand: Hand) -> None:
    """Whoever was chosen before it is not asked for after it, whatever the batch would have been called."""
    subjects = people(hand)
    packed = order(hand, subjects)
    hand.do(hand.ledger.answer_store(Said(StoreAnswer.RESTORED, "x"), NOW))
    assert hand.do(hand.ledger.traces.journal(packed, NOW)) is None
    assert states(hand) == {"wanted": 10}


def test_who_is_answered_about_after_the_packing_is_not_bought(hand: Hand) -> None:
    """A late answer may come between the choice and the journal: the batch is packed anew, without that owner."""
    out(hand)
    end_due(hand, NOW + DAY)
    hand.do(hand.ledger.traces.ask_again([], NOW))
    packed = order(hand, [one.subject_id for one in hand.do(hand.ledger.traces.wanted())])
    answer(hand, 1, PHONE)
    assert hand.do(hand.ledger.traces.journal(packed, NOW)) is None
    assert states(hand) == {"matched": 1, "wanted": 9}


def test_whom_a_job_of_before_wanted_waits_for_the_word_too(hand: Hand) -> None:
    """Asked for after the backup, perhaps: they would go out again although no job has owners found by now."""
    people(hand)
    follow(hand)
    hand.do(hand.ledger.answer_store(Said(StoreAnswer.RESTORED, "x"), NOW))
    assert hand.do(hand.ledger.traces.pause()).paused == "store_restored"


def test_a_store_that_never_traced_has_nothing_to_ask(tmp_path: Path) -> None:
    """Its restore pauses no skip trace."""
    hand = Hand(tmp_path / "leadsync.db")
    hand.do(hand.ledger.answer_store(Said(StoreAnswer.RESTORED, "x"), NOW))
    assert hand.do(hand.ledger.traces.pause()) == Pause()
    assert hand.do(hand.ledger.traces.last_proof()) is None
    hand.close()


def test_the_witness_knows_batches(hand: Hand) -> None:
    """A store that is behind its last batch was restored: it is noticed before anything is spent."""
    copy = hand.file.with_name("backup.db")
    hand.do(hand.writer.write(lambda connection: connection.exec_driver_sql("SELECT 1").scalar_one()))
    hand.close()
    copy.write_bytes(hand.file.read_bytes())
    hand.__post_init__()
    opened = out(hand)
    hand.do(hand.ledger.traces.vouch(opened.batch_id))
    hand.close()
    hand.file.write_bytes(copy.read_bytes())
    hand.__post_init__()
    assert hand.ledger.doubt == "store_restored"
