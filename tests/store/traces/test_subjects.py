"""Whom jobs have brought: nobody is forgotten, nobody is two, what is left out is counted."""

import json
from pathlib import Path

from leadsync.core.model import End, Outcome
from leadsync.core.subjects import Place, Subject
from leadsync.core.trace import TraceRoute
from leadsync.store import trace_figures
from leadsync.store.trace_subjects import PORTION, Entered, Looked, Owner, subject_as, subject_from
from tests.store.hand import NOW, Hand
from tests.store.traces.acts import (
    DAY,
    MAIL,
    PHONE,
    answer,
    asked,
    deliver,
    enter,
    follow,
    out,
    portion,
    states,
)


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
