"""Answers of the skip trace: each counts once, only what speaks of whom we asked for, late ones too."""

from dataclasses import replace
from typing import Any

import pytest

from leadsync.core.hooks import Address
from leadsync.core.letters import Letter, Unreadable, Why
from leadsync.core.trace import GRACE, BatchState, GiveBack, Pause, TraceRoute
from leadsync.store import trace_answers
from leadsync.store.trace_answers import Answer, Proof
from leadsync.store.trace_batches import EndedBatch
from leadsync.store.trace_contacts import forbidden_among
from leadsync.store.trace_spending import spent
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
    out,
    people,
    states,
)


def test_an_answer_refutes_a_refusal(hand: Hand) -> None:
    """Where the vendor has answered about an item it has the batch, whatever it says of that: nothing is given back."""
    opened = asked(hand, people(hand))
    answer(hand, 1, PHONE)
    assert not hand.do(hand.ledger.traces.give_back(opened.batch_id, GiveBack(BatchState.VOID, None, "why"), NOW))
    assert states(hand) == {"matched": 1, "sent": 9}
    assert hand.one("SELECT state FROM trace_batch") == "unknown"


def test_an_answer_that_nobody_has_read_yet_refutes_a_refusal(hand: Hand) -> None:
    """It has come through the door and waits: who was asked for is not asked for in the next batch as well."""
    opened = asked(hand, people(hand))
    hand.do(hand.ledger.inbox.receive([Letter(Address("trace-item", "1-1-2"), {}, b"{}", "digest")], NOW))
    throttled = GiveBack(BatchState.REFUSED, 429, "the vendor's rate limit")
    assert not hand.do(hand.ledger.traces.give_back(opened.batch_id, throttled, NOW))
    assert states(hand) == {"sent": 10}


def test_an_answer_after_a_refusal_is_taken(hand: Hand) -> None:
    """What was sent twice on the way is refused for its own first copy: that is billed, and is not bought once more."""
    opened = asked(hand, people(hand))
    full = GiveBack(BatchState.REFUSED, 429, "the day is full", Pause(parked_until=NOW + DAY))
    assert hand.do(hand.ledger.traces.give_back(opened.batch_id, full, NOW))
    answer(hand, 1, PHONE)
    assert states(hand) == {"matched": 1, "wanted": 9}
    billed, reserved = hand.do(hand.writer.write(spent, PRICE, NOW))
    assert (billed.records_day, reserved.records_day) == (1, 0)
    again = asked(hand, [one.subject_id for one in hand.do(hand.ledger.traces.wanted())])
    answer(hand, 2, PHONE)
    answer(hand, 1, PHONE, batch=again.name)
    assert states(hand) == {"matched": 2, "sent": 8}


def test_answers_before_the_acknowledgement(hand: Hand) -> None:
    """All of them may come first: the batch is settled when it is acknowledged, or found to be unknown, not before."""
    opened = asked(hand, people(hand))
    last = [answer(hand, key, PHONE) for key in range(1, 11)]
    assert last == [False] * 9 + [True]
    assert end_due(hand) == []
    hand.do(hand.ledger.traces.acknowledge(opened.batch_id, "vendor", {}, NOW))
    assert end_due(hand) == [EndedBatch("1-1", 10, 10, 0, 0, 0, 1.0)]
    hand.do(hand.ledger.traces.note_unknown(opened.batch_id, "too late"))
    assert hand.one("SELECT state FROM trace_batch") == "settled"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"batch": "1-9"}, Why.NOT_ASKED),
        ({"key": 11}, Why.WRONG_ID),
        ({"vendor_batch": "another"}, Why.WRONG_ID),
        ({"request_id": "another"}, Why.WRONG_ID),
    ],
)
def test_what_speaks_of_something_else_is_not_taken(hand: Hand, more: dict[str, Any], why: Why) -> None:
    """A batch that nobody asked for, a key that it does not have, ids that were acknowledged for another."""
    out(hand)
    with pytest.raises(Unreadable) as odd:
        answer(hand, more.pop("key", 1), PHONE, **more)
    assert odd.value.why is why
    assert states(hand) == {"sent": 10}


@pytest.mark.parametrize(("came", "ours", "believed"), [(OURS, None, True), ("now", "now", True), ("x", OURS, False)])
def test_the_key_must_come_back(hand: Hand, came: str, ours: str | None, *, believed: bool) -> None:
    """The one that the batch was asked with, or the one of today; nothing else, and not nothing."""
    out(hand)
    for proof in (Proof(came, ours), Proof(came if believed else None, ours)):
        if believed:
            hand.do(hand.writer.write(trace_answers.check_key, "1-1", proof))
        else:
            with pytest.raises(Unreadable) as odd:
                hand.do(hand.writer.write(trace_answers.check_key, "1-1", proof))
            assert odd.value.why is Why.WRONG_KEY


def test_an_answer_counts_once_and_a_match_is_never_undone(hand: Hand) -> None:
    """Copies change nothing; a match after a miss is taken, a miss after a match is not."""
    out(hand)
    changes = hand.one("SELECT count(*) FROM change")
    for _ in range(3):
        answer(hand, 1)
    answer(hand, 1, PHONE)
    answer(hand, 1)
    answer(hand, 1, replace(PHONE, type=""), MAIL)
    assert hand.rows("SELECT matched, missed, missing FROM trace_batch") == [(1, 0, 0)]
    assert hand.one("SELECT count(*) FROM change") == changes + 3
    assert hand.rows("SELECT kind, type FROM contact ORDER BY id") == [("phone", "mobile"), ("email", "")]


def test_a_late_miss_undoes_no_match_of_a_later_batch(hand: Hand) -> None:
    """Missing, asked for again and found: what the first batch says in the end takes nobody's contacts away."""
    out(hand)
    end_due(hand, NOW + DAY)
    hand.do(hand.ledger.traces.ask_again([], NOW))
    again = asked(hand, [one.subject_id for one in hand.do(hand.ledger.traces.wanted())])
    answer(hand, 1, PHONE, batch=again.name)
    answer(hand, 1)
    assert states(hand) == {"matched": 1, "sent": 9}
    assert hand.rows("SELECT matched, missed, missing FROM trace_batch") == [(0, 1, 9), (1, 0, 0)]


def test_what_forbids_a_call_is_never_undone_and_holds_for_the_number(hand: Hand) -> None:
    """Nothing said does not wipe it, nor does the opposite; whoever shares the number is touched by it."""
    out(hand)
    answer(hand, 1, replace(PHONE, do_not_call=None))
    answer(hand, 2, PHONE)
    answer(hand, 1, PHONE)
    changes = hand.one("SELECT count(*) FROM change")
    answer(hand, 1, replace(PHONE, do_not_call=True))
    assert hand.one("SELECT count(*) FROM change") == changes + 2
    answer(hand, 1, PHONE)
    answer(hand, 1, replace(PHONE, do_not_call=None))
    assert hand.rows("SELECT do_not_call FROM contact ORDER BY id") == [(1,), (0,)]
    answer(hand, 3, replace(PHONE, do_not_call=True))
    assert hand.do(hand.writer.write(forbidden_among, {PHONE.value})) == {PHONE.value}
    assert hand.do(hand.writer.write(forbidden_among, set())) == set()


def test_what_does_not_come_is_missing_and_comes_late_all_the_same(hand: Hand) -> None:
    """After the grace of the completion or the deadline; unread answers and patience put that off."""
    out(hand)
    answer(hand, 1, PHONE)
    hand.do(hand.writer.write(trace_answers.complete, "1-1", "vendor", NOW))
    hand.do(hand.writer.write(trace_answers.complete, "1-1", None, NOW + DAY))
    assert hand.do(hand.ledger.traces.next_due()) == NOW + GRACE
    assert end_due(hand) == []
    assert end_due(hand, NOW + GRACE, patient=True) == []
    letter = Letter(Address("trace-item", "1-1-2"), {}, b"{}", "digest")
    hand.do(hand.ledger.inbox.receive([letter], NOW))
    assert end_due(hand, NOW + GRACE) == []
    hand.do(
        hand.writer.write(lambda connection: connection.exec_driver_sql("UPDATE inbox_message SET state = 'taken'"))
    )
    (ended,) = end_due(hand, NOW + GRACE)
    assert (ended.matched, ended.missed, ended.missing, ended.retried) == (1, 0, 9, 0)
    assert ended.cost == pytest.approx(0.1)
    assert hand.do(hand.ledger.traces.next_due()) is None
    assert states(hand) == {"matched": 1, "missing": 9}
    assert answer(hand, 2, MAIL, at=NOW + DAY) is False
    assert hand.rows("SELECT matched, missed, missing, state FROM trace_batch") == [(2, 0, 8, "settled")]
    with pytest.raises(Unreadable):
        hand.do(hand.writer.write(trace_answers.complete, "1-1", "another", NOW))


def test_a_completion_may_come_before_the_acknowledgement(hand: Hand) -> None:
    """It shows that the vendor has the batch, and under which id."""
    asked(hand, people(hand))
    hand.do(hand.ledger.traces.reap())
    hand.do(hand.writer.write(trace_answers.complete, "1-1", "vendor", NOW))
    assert hand.rows("SELECT state, vendor_id FROM trace_batch") == [("out", "vendor")]


def test_answers_that_come_at_once(hand: Hand) -> None:
    """In one reply, and one transaction; what belongs to no item is counted, and what none is about goes missing."""
    opened = asked(hand, people(hand, 3), route=TraceRoute.AWAIT)
    answers = [Answer(opened.name, key, None, None, matched=False) for key in (1, 2, 9)]
    assert hand.do(hand.ledger.traces.answer(opened.batch_id, answers, NOW)) == 1
    assert end_due(hand) == []
    (ended,) = end_due(hand, NOW + GRACE)
    assert (ended.missed, ended.missing) == (2, 1)
