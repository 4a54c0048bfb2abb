"""What tests of the skip trace do to a store: follow a job, deliver, look at owners, ask, and take answers."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from leadsync.core.budget import Limits
from leadsync.core.contacts import Contact
from leadsync.core.model import End, Outcome
from leadsync.core.trace import TraceRoute
from leadsync.store import trace_answers
from leadsync.store.trace_answers import Answer
from leadsync.store.trace_batches import BatchOrder, EndedBatch, OpenBatch
from leadsync.store.trace_subjects import Entered, Looked, Owner, Portion
from tests.store.hand import NOW, UNLIMITED, Hand, leads

PRICE = replace(UNLIMITED, price=Decimal("0.1"))
DAY = timedelta(days=1)
PHONE, MAIL = Contact("phone", "+16025550117", "mobile", do_not_call=False), Contact("email", "pat@example.com")
OURS = "0" * 64


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
