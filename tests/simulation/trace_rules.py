"""What must hold of the skip trace, in the form of `invariants.py`: each owner paid once, and no answer lost.

The promises are P1, P2, P3, P9, P10 and L1, for owners. What the vendor knows of somebody is always the same, so every
contact and every miss in the store can be held against it.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from leadsync.simulator.trace_people import find
from tests.simulation.disk import not_durable
from tests.simulation.window_rules import subject_of

if TYPE_CHECKING:
    from tests.simulation.watch import Watch

ITEMS_MIN: Final = 3
"""Of a batch here, where a world has some dozens of owners."""

Words = tuple[tuple[str, str], ...]
"""What is said of an owner in a request, but for key and address: what the vendor knows it by."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A request that leaves: our name of it, and by key what it says of each owner."""

    name: str
    owners: dict[int, Words]


@dataclass(frozen=True, slots=True)
class Answered:
    """A callback that was answered 200. `rightly`: with our key, at the address of whom it speaks of, and readable."""

    kind: str
    subject: str
    digest: str
    rightly: bool


@dataclass(slots=True)
class Hunt:
    """The skip trace of a world.

    `sent` counts requests by name, `batches` are those in which an owner left, `arrivals` say of each arrival at the
    vendor whether it was taken; `answered` are callbacks answered 200. `latest` is the latest time that our clock has
    shown, `again`: a person has had asked again.
    """

    keys: dict[str, Any]
    fresh_for: timedelta
    retries: bool
    owners_per_day: int | None
    sent: Counter[str] = field(default_factory=Counter)
    batches: defaultdict[Words, list[str]] = field(default_factory=lambda: defaultdict(list))
    arrivals: defaultdict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    answered: set[Answered] = field(default_factory=set)
    latest: datetime | None = None
    again: bool = False
    under_way: int = 0


def read(body: bytes) -> Traced:
    """Read a request."""
    skips = json.loads(body)["skips"]
    owners = {
        skip["key"]: tuple(sorted((name, str(value)) for name, value in skip.items() if name not in _OURS))
        for skip in skips
    }
    return Traced(subject_of(skips[0]["webhook_url"]).rpartition("-")[0], owners)


_OURS: Final = frozenset({"key", "webhook_url"})


def p3_batch_first(watch: "Watch", traced: Traced) -> Iterator[str]:
    """A batch that leaves is in the journal with these owners, and no power cut could take it; so is its witness."""
    rows = watch.rows("SELECT id, state, items FROM trace_batch WHERE name = ?", traced.name)
    if not rows:
        yield f"batch {traced.name} was sent and is not in the journal"
        return
    ((batch_id, state, items),) = rows
    keys = {key for (key,) in watch.rows("SELECT key FROM trace_item WHERE batch_id = ?", batch_id)}
    if state != "asked":
        yield f"batch {traced.name} was sent although it is {state}"
    if keys != traced.owners.keys() or items != len(keys):
        yield f"batch {traced.name} was sent with {len(traced.owners)} owners, and {items} are journaled"
    yield from not_durable(watch.machine.disk, "batches", batch_id)


def p2_each_owner_once(watch: "Watch", traced: Traced) -> Iterator[str]:
    """A batch leaves once; an owner again only where it was surely not taken, is stale, or by somebody's word."""
    hunt = watch.hunt
    if hunt is None:
        yield "owners are asked for, and no job wants that"
        return
    now = watch.machine.wall()
    hunt.latest = max(now, hunt.latest or now)
    hunt.sent[traced.name] += 1
    if hunt.sent[traced.name] > 1:
        yield f"batch {traced.name} was sent {hunt.sent[traced.name]} times"
    for words in traced.owners.values():
        for earlier in hunt.batches[words]:
            why_not = _why_not_again(watch, hunt, earlier, words)
            if why_not:
                yield f"an owner of batch {earlier} goes again with {traced.name}: {why_not}"
        hunt.batches[words].append(traced.name)


def _why_not_again(watch: "Watch", hunt: Hunt, batch: str, words: Words) -> str:
    rows = watch.rows(
        "SELECT batch.state, item.state, item.answered_at, subject.sent FROM trace_batch AS batch"
        " LEFT JOIN trace_item AS item ON item.batch_id = batch.id"
        " LEFT JOIN trace_subject AS subject ON subject.id = item.subject_id WHERE name = ?",
        batch,
    )
    state = rows[0][0]
    if state in {"refused", "void"}:
        # What somebody in between has sent twice may be refused the one time and taken the other.
        return "the vendor had taken it" if hunt.arrivals[batch] == [True] else ""
    ((item, answered_at),) = [
        (item, at) for _, item, at, sent in rows if sent and _written_down(sent) == _known_by(dict(words))
    ]
    if item in {"matched", "missed"}:
        assert hunt.latest is not None
        fresh = datetime.fromisoformat(answered_at).replace(tzinfo=UTC) + hunt.fresh_for > hunt.latest
        return f"it is {item}, and fresh" if fresh else ""
    if item == "missing":
        return "" if hunt.retries or hunt.again else "it is missing, and nobody has asked for it again"
    return f"it is {item}"


def _known_by(said: Mapping[str, Any]) -> Words:
    names = ("first_name", "last_name", "address", "city", "zip", "mail_address", "mail_city", "mail_zip")
    return tuple((name, said.get(name) or "") for name in names)


def _written_down(sent: bytes) -> Words:
    """The same of what the store has of somebody."""
    subject = json.loads(sent)
    at, mailing = subject["property_at"] or {}, subject["mailing_at"] or {}
    places = {"address": at.get("street"), "city": at.get("city"), "zip": at.get("zip")}
    mail = {"mail_address": mailing.get("street"), "mail_city": mailing.get("city"), "mail_zip": mailing.get("zip")}
    return _known_by({**subject, **places, **mail})


def p10_owners_within_budget(watch: "Watch", traced: Traced) -> Iterator[str]:
    """With this batch, no more is spent and reserved today than the budget has."""
    hunt = watch.hunt
    fences = watch.rows(
        "SELECT b.fence, i.fence FROM trace_batch AS b, installation AS i WHERE b.name = ?", traced.name
    )
    if hunt is None or hunt.owners_per_day is None or any(then != now for then, now in fences):
        return
    today = f"{watch.machine.wall():%Y-%m-%d}%"
    counted = "SELECT sum(items) FROM trace_batch WHERE asked_at LIKE ? AND state NOT IN ('refused', 'void')"
    used = watch.value(counted, today) or 0
    if used > hunt.owners_per_day:
        yield f"{used} owners are asked for today, of {hunt.owners_per_day}"


def p10_owners_billed_are_counted(watch: "Watch", _: object) -> Iterator[str]:
    """What the vendor has billed of a batch counts in its books, though nobody may have told us of it."""
    billed: Counter[str] = Counter()
    for batch in watch.machine.sim.traces.batches:
        name = subject_of(batch.asked.owners[0].url).rpartition("-")[0]
        billed[name] = max(billed[name], sum(owner.dollars > 0 for owner in batch.owners))
    books = {name: 0 if state in {"refused", "void"} else items for name, state, items in watch.rows(BATCHES)}
    for name, owners in billed.items():
        if owners > books.get(name, 0) and (watch.hunt is None or watch.hunt.arrivals[name] == [True]):
            yield f"{owners} owners of {name} were billed, and {books.get(name, 0)} are in the books"


BATCHES: Final = "SELECT name, state, items FROM trace_batch"


def p1_answers_are_kept(watch: "Watch", _: object) -> Iterator[str]:
    """A callback that was answered 200 is there; one that comes rightly is read, and any other is not taken."""
    if watch.hunt is None or not watch.hunt.answered:
        return
    kinds = "kind IN ('trace-item', 'trace-done')"
    there = {
        (subject, digest): (state, reason)
        for subject, digest, state, reason in watch.rows(
            f"SELECT subject, digest, state, reason FROM inbox_message WHERE {kinds}"  # noqa: S608
        )
    }
    for one in watch.hunt.answered:
        state, reason = there.get((one.subject, one.digest), ("lost", None))
        if state == "lost":
            yield f"an answer about {one.subject} was answered 200 and is not there"
        if state == "taken" and not one.rightly:
            yield f"an answer about {one.subject} is taken that does not belong there"
        if state == "quarantined" and one.rightly and not _may_be_held(watch, one):
            yield f"an answer about {one.subject} is held because of {reason}"


def _may_be_held(watch: "Watch", one: Answered) -> bool:
    """What the vendor did twice has other ids the second time; what it did though it had refused was given back."""
    assert watch.hunt is not None
    name = one.subject.rpartition("-")[0] if one.kind == "trace-item" else one.subject
    return len(watch.hunt.arrivals[name]) > 1


def p1_answers_are_entered(watch: "Watch", _: object) -> Iterator[str]:
    """What is taken has its effect: nobody who was answered about is open, missing or given back."""
    if watch.hunt is None:
        return
    items = {f"{name}-{key}": state for name, key, state, _ in watch.rows(ITEMS)}
    taken = watch.rows("SELECT subject FROM inbox_message WHERE kind = 'trace-item' AND state = 'taken'")
    for (subject,) in taken:
        if items.get(subject) not in {"matched", "missed"}:
            yield f"an answer about {subject} is taken, and that is {items.get(subject, 'nowhere')}"
    answered = {subject for (subject,) in taken}
    for name, key, state, route in watch.rows(ITEMS):
        if state in {"matched", "missed"} and route == "batch" and f"{name}-{key}" not in answered:
            yield f"{name}-{key} is {state}, and no answer about it was taken"


ITEMS: Final = (
    "SELECT batch.name, item.key, item.state, batch.route FROM trace_item AS item"
    " JOIN trace_batch AS batch ON batch.id = item.batch_id"
)


def p1_contacts_are_the_vendors(watch: "Watch", _: object) -> Iterator[str]:
    """Who is matched or missed is that at the vendor, too, and has all the contacts that it has, and no others."""
    if watch.hunt is None:
        return
    truth, rate = watch.machine.sim.world.seed, watch.machine.sim.traces.switches.match_rate
    subjects = watch.rows("SELECT id, sent, state FROM trace_subject")
    there = {_written_down(sent): (subject_id, state) for subject_id, sent, state in subjects}
    contacts: defaultdict[int, set[str]] = defaultdict(set)
    for subject_id, value in watch.rows("SELECT subject_id, value FROM contact"):
        contacts[subject_id].add(value)
    for words in watch.hunt.batches:
        subject_id, state = there.get(_known_by(dict(words)), (0, "nowhere"))
        if state == "nowhere":
            yield "an owner was asked for, and is not in the store"
        found = find(truth, words, rate)
        vendors = {f"+1{digits}" for digits, _, _ in found.phones} | set(found.emails) if found else set()
        if state in {"matched", "missed"} and (state == "matched") is not (found is not None):
            yield f"owner {subject_id} is {state}, and the vendor says otherwise"
        if state == "matched" and contacts[subject_id] != vendors:
            yield f"owner {subject_id} has {len(contacts[subject_id])} contacts, of {len(vendors)}"
        if contacts[subject_id] - vendors:
            yield f"owner {subject_id} has another's contacts"


def l1_nobody_is_forgotten(watch: "Watch", _: object) -> Iterator[str]:
    """At the end nobody is waited for, and whoever is wanted still has a reason that the operator is told.

    A batch that went out as the daemon was asked to stop has its time before it, as has whoever a page brought then.
    """
    if watch.hunt is None:
        return
    now, a_minute_ago = (
        f"{watch.machine.wall() - ago:%Y-%m-%d %H:%M:%S}" for ago in (timedelta(), timedelta(minutes=1))
    )
    for (name,) in watch.rows("SELECT name FROM trace_batch WHERE settled_at IS NULL AND deadline_at < ?", now):
        yield f"batch {name} is never settled"
    wanted = watch.value("SELECT count(*) FROM trace_subject WHERE state = 'wanted' AND wanted_at < ?", a_minute_ago)
    hindered = watch.hunt.owners_per_day is not None or watch.rows("SELECT 1 FROM trace_desk WHERE parked_until > ''")
    if wanted >= ITEMS_MIN and not hindered:
        yield f"{wanted} owners are wanted, and nobody asks for them"
    for (subject,) in watch.rows(
        "SELECT id FROM trace_subject WHERE state = 'sent' AND id NOT IN"
        " (SELECT subject_id FROM trace_item JOIN trace_batch AS b ON b.id = batch_id WHERE settled_at IS NULL)"
    ):
        yield f"owner {subject} is waited for, and no batch is out"


AT_TRACE: Final = (p3_batch_first, p2_each_owner_once, p10_owners_within_budget)
AT_START: Final = (
    p1_answers_are_kept,
    p1_answers_are_entered,
    p1_contacts_are_the_vendors,
    p10_owners_billed_are_counted,
)
AT_END: Final = (l1_nobody_is_forgotten,)
