"""The skip trace in a real store: nobody is forgotten, nobody is asked for twice at once, every answer counts once."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from leadsync.core.budget import Limits
from leadsync.core.contacts import Contact
from leadsync.core.hooks import Address
from leadsync.core.letters import Letter, Unreadable, Why
from leadsync.core.model import End, Outcome
from leadsync.core.subjects import Place, Subject
from leadsync.core.trace import GRACE, BatchState, GiveBack, TraceRoute, Waiting
from leadsync.core.witness import StoreAnswer
from leadsync.errors import Bug
from leadsync.store import trace_answers, trace_figures
from leadsync.store.standing import Said
from leadsync.store.trace_answers import Answer, Proof
from leadsync.store.trace_batches import BatchOrder, EndedBatch, NoBudget, OpenBatch
from leadsync.store.trace_contacts import forbidden_among
from leadsync.store.trace_subjects import PORTION, Entered, Looked, Owner, Portion, subject_as, subject_from
from tests.store.hand import NOW, UNLIMITED, Hand, leads

PRICE = replace(UNLIMITED, price=Decimal("0.1"))
DAY = timedelta(days=1)
PHONE, MAIL = Contact("phone", "+16025550117", "mobile", do_not_call=False), Contact("email", "pat@example.com")
OURS = "0" * 64


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    """An opened store in which the owners of `phoenix` are traced."""
    hand = Hand(tmp_path / "leadsync.db")
    follow(hand, "phoenix")
    yield hand
    hand.close()


def follow(hand: Hand, *jobs: str) -> dict[str, int]:
    """Trace these jobs' owners."""
    return hand.do(hand.ledger.traces.follow(jobs, NOW))


def deliver(hand: Hand, count: int, first: int = 0, job: str = "phoenix", *, ended: bool = True) -> int:
    """A run of the job brings so many properties."""
    run_id = hand.run(job)
    page = hand.key(hand.order(hand.session(job), run_id, count))
    hand.store(page, run_id, leads(count, first), first + count, new=first == 0)
    if ended:
        hand.do(hand.ledger.end_run(run_id, End(Outcome.COMPLETE, ""), 0.0, NOW))
        hand.alive.discard(run_id)
    return run_id


def portion(hand: Hand, job: str = "phoenix") -> Portion | None:
    """The next deliveries that nobody has looked at."""
    return hand.do(hand.ledger.traces.next_portion(job))


def enter(hand: Hand, owners: dict[int, list[str]], job: str = "phoenix", at: datetime = NOW) -> Entered:
    """Look at what is next: delivery by delivery, who owns it."""
    found = portion(hand, job)
    assert found is not None
    looked = Looked({one: [Owner(name, name.encode()) for name in names] for one, names in owners.items()}, 1, 2)
    return hand.do(hand.ledger.traces.enter(found, looked, at - DAY, at))


def people(hand: Hand, count: int = 10, first: int = 0) -> list[int]:
    """So many properties, each with an owner of its own; return who is wanted."""
    deliver(hand, count, first)
    begin = hand.one("SELECT max(id) FROM delivery") - count + 1
    enter(hand, {begin + at: [f"owner-{first + at}"] for at in range(count)})
    return [one.subject_id for one in hand.do(hand.ledger.traces.wanted())]


def order(hand: Hand, subjects: list[int], limits: Limits = PRICE, **more: Any) -> BatchOrder:
    """What is to be asked next; the bytes say how many."""
    name = hand.do(hand.ledger.traces.next_name())
    whole: dict[str, Any] = {
        "name": name,
        "route": TraceRoute.BATCH,
        "subjects": subjects,
        "limits": limits,
        "key_digest": OURS,
    }
    return BatchOrder(**whole | {"deadline": DAY, "request": lambda take: b"x" * take} | more)


def asked(hand: Hand, subjects: list[int], **more: Any) -> OpenBatch:
    """Journal a batch that the budget must allow."""
    opened = hand.do(hand.ledger.traces.journal(order(hand, subjects, **more), NOW))
    assert isinstance(opened, OpenBatch)
    hand.do(hand.ledger.traces.vouch(opened.batch_id))
    return opened


def out(hand: Hand, count: int = 10, first: int = 0) -> OpenBatch:
    """A batch of so many that the vendor has acknowledged."""
    opened = asked(hand, people(hand, count, first))
    ids = {key: f"r{key}" for key in range(1, count + 1)}
    hand.do(hand.ledger.traces.acknowledge(opened.batch_id, "vendor", ids, NOW))
    return opened


def answer(hand: Hand, key: int, *contacts: Contact, at: datetime = NOW, **more: Any) -> bool:
    """Take an answer as its handler does: a match where there are contacts."""
    whole: dict[str, Any] = {
        "batch": "1-1",
        "key": key,
        "vendor_batch": "vendor",
        "request_id": f"r{key}",
        "matched": bool(contacts),
    }
    given = Answer(**whole | {"contacts": contacts} | more)
    return hand.do(hand.writer.write(trace_answers.take_item, given, at))


def end_due(hand: Hand, at: datetime = NOW, *, patient: bool = False, retry: bool = False) -> list[EndedBatch]:
    """Settle what is answered or overdue."""
    return hand.do(hand.ledger.traces.end_due(at, patient=patient, retry=retry))


def states(hand: Hand) -> dict[str, int]:
    """How many subjects are in each state."""
    return dict(hand.rows("SELECT state, count(*) FROM trace_subject GROUP BY state"))


def test_it_begins_where_the_ledger_ends(tmp_path: Path) -> None:
    """What was delivered before a job's file said so is left alone; all of it is looked at when somebody asks."""
    hand = Hand(tmp_path / "leadsync.db")
    deliver(hand, 5)
    assert follow(hand, "phoenix") == {}
    assert portion(hand) is None
    assert hand.do(hand.ledger.traces.include_older("phoenix")) == 5
    assert hand.do(hand.ledger.traces.include_older("tampa")) is None
    found = portion(hand)
    assert found is not None
    assert (found.before, found.upto, len(found.brought)) == (0, 5, 5)
    assert portion(hand, "tampa") is None
    hand.close()


def test_a_run_that_has_not_ended_waits(hand: Hand) -> None:
    """Its owners are packed together when it has; what other jobs bring meanwhile moves no mark beyond it."""
    follow(hand, "phoenix", "tampa")
    run_id = deliver(hand, 3, ended=False)
    deliver(hand, 2, job="tampa")
    assert portion(hand) is None
    found = portion(hand, "tampa")
    assert found is not None
    assert [one.delivery_id for one in found.brought] == [4, 5]
    hand.do(hand.ledger.end_run(run_id, End(Outcome.COMPLETE, ""), 0.0, NOW))
    found = portion(hand)
    assert found is not None
    assert (found.upto, [one.delivery_id for one in found.brought]) == (5, [1, 2, 3])


def test_many_deliveries_come_in_portions(hand: Hand) -> None:
    """Some megabytes at a time; the mark goes to the last that was looked at, and a portion counts once."""
    deliver(hand, PORTION + 2)
    first = portion(hand)
    assert first is not None
    assert (first.upto, len(first.brought)) == (PORTION, PORTION)
    looked = Looked({1: [Owner("a", b"a")]}, 3, 4)
    assert hand.do(hand.ledger.traces.enter(first, looked, NOW, NOW)).new == 1
    assert hand.do(hand.ledger.traces.enter(first, looked, NOW, NOW)) == Entered()
    second = portion(hand)
    assert second is not None
    assert len(second.brought) == 2
    (job,) = hand.do(hand.writer.write(trace_figures.jobs))
    assert (job["properties"], job["owners"], job["no_owner"], job["no_address"]) == (PORTION, 1, 3, 4)


def test_properties_without_owners_are_counted(hand: Hand) -> None:
    """Nobody is wanted, and the mark moves on."""
    deliver(hand, 3)
    assert enter(hand, {}) == Entered(3, 0, 0, 0, 0, 1, 2)
    assert portion(hand) is None


def test_switched_off_what_is_left_is_told(hand: Hand) -> None:
    """The mark goes; how much nobody has looked at is said, and begun anew it begins at the end."""
    deliver(hand, 3)
    assert follow(hand) == {"phoenix": 3}
    assert portion(hand) is None
    assert follow(hand, "phoenix") == {}
    assert portion(hand) is None


def test_an_owner_is_one_subject_whoever_brings_it(hand: Hand) -> None:
    """Two properties, two jobs: one subject; its answer is a change of each, at once for those that come later."""
    deliver(hand, 2)
    assert enter(hand, {1: ["pat", "sam"], 2: ["pat"]}) == Entered(2, 2, 0, 0, 0, 1, 2)
    wanted = [one.subject_id for one in hand.do(hand.ledger.traces.wanted())]
    asked(hand, wanted, route=TraceRoute.AWAIT)
    changes = hand.one("SELECT count(*) FROM change")
    assert answer(hand, 1, PHONE) is False
    assert hand.one("SELECT count(*) FROM change") == changes + 2
    follow(hand, "phoenix", "tampa")
    deliver(hand, 1, first=7, job="tampa")
    entered = enter(hand, {3: ["pat"]}, job="tampa")
    assert (entered.new, entered.known, entered.touched) == (0, 1, 1)
    assert states(hand) == {"matched": 1, "sent": 1}
    deliver(hand, 1, first=8, job="tampa")
    entered = enter(hand, {4: ["pat", "sam"]}, job="tampa", at=NOW + 2 * DAY)
    assert (entered.again, entered.known, entered.touched) == (1, 1, 1)
    assert states(hand) == {"wanted": 1, "sent": 1}


def test_older_deliveries_looked_at_again_are_linked_once(hand: Hand) -> None:
    """`traces older` doubles no link and no change."""
    deliver(hand, 1)
    enter(hand, {1: ["pat"]})
    asked(hand, [1], route=TraceRoute.AWAIT)
    answer(hand, 1, PHONE)
    hand.do(hand.ledger.traces.include_older("phoenix"))
    assert enter(hand, {1: ["pat"]}).touched == 0
    assert hand.rows("SELECT delivery_id, subject_id FROM trace_delivery") == [(1, 1)]


def test_what_is_sent_is_written_down_as_it_is(hand: Hand) -> None:
    """A subject reads back as it was; its records and earlier contacts are had for the suppression list."""
    at = Place("9 Elm St", "Mesa", "AZ", "85201")
    subject = Subject(at, None, "Pat", "Doe")
    assert subject_from(subject_as(subject)) == subject
    opened = out(hand)
    answer(hand, 1, MAIL)
    answer(hand, 2, MAIL, PHONE)
    record, *_ = hand.do(hand.ledger.traces.records_of([1, 2]))
    assert (record.subject_id, record.property_id, record.known) == (1, f"{0:032x}", frozenset({MAIL.value}))
    assert json.loads(record.body) == {"_id": record.property_id}
    hand.do(hand.ledger.traces.suppress([3]))
    assert states(hand) == {"matched": 2, "sent": 8}
    assert opened.request == b"x" * 10


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
    back = GiveBack(BatchState.REFUSED, 400, "bad", Waiting("refused", "bad"))
    assert hand.do(hand.ledger.traces.give_back(opened.batch_id, back, NOW))
    assert states(hand) == {"wanted": 10}
    assert hand.do(hand.ledger.traces.waiting()) == Waiting("refused", "bad")
    figures = hand.do(hand.writer.write(trace_figures.figures))
    assert (figures.out, figures.items.open, figures.wanted_since) == (0, 0, NOW)
    with pytest.raises(Bug, match="in no state"):
        hand.do(hand.ledger.traces.give_back(opened.batch_id, replace(back, hindrance=None), NOW))
    hand.do(hand.ledger.traces.wait(Waiting(), NOW))
    assert hand.do(hand.ledger.traces.waiting()) == Waiting()


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


def test_an_answer_refutes_a_refusal(hand: Hand) -> None:
    """Where the vendor has answered about an item it has the batch, whatever it says of that: nothing is given back."""
    opened = asked(hand, people(hand))
    answer(hand, 1, PHONE)
    assert not hand.do(hand.ledger.traces.give_back(opened.batch_id, GiveBack(BatchState.VOID, None, "why"), NOW))
    assert states(hand) == {"matched": 1, "sent": 9}
    assert hand.one("SELECT state FROM trace_batch") == "unknown"


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
    hand.do(hand.ledger.receive([letter], NOW))
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


def test_retried_once_but_for_what_waits_in_quarantine(hand: Hand) -> None:
    """`on_missing = "retry"` lets them be wanted; who was missing before is not, nor whose answer nobody could read."""
    out(hand)
    letter = Letter(Address("trace-item", "1-1-2"), {}, b"{}", "digest")
    hand.do(hand.ledger.receive([letter], NOW))
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
    assert hand.do(hand.ledger.traces.waiting()).paused == f"store_{said}"
    generation = 2 if said is StoreAnswer.RESTORED else 1
    assert hand.do(hand.ledger.traces.next_name()) == f"{generation}-2"


def test_a_store_that_never_traced_has_nothing_to_ask(tmp_path: Path) -> None:
    """Its restore pauses no skip trace."""
    hand = Hand(tmp_path / "leadsync.db")
    hand.do(hand.ledger.answer_store(Said(StoreAnswer.RESTORED, "x"), NOW))
    assert hand.do(hand.ledger.traces.waiting()) == Waiting()
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
