"""What must hold, and when it is looked at. Each is a generator of complaints, named for its promise (P1 to P10, L1).

To add one: write it here, with the watch and the thing at hand as its arguments, and put it into the tuple of its
moment. The tuples stand at the end. P1, P4 and the slots are looked at where something could have been lost, at each
start and at the end, and not at each step: they read the whole store.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from leadsync.core.model import Reason
from leadsync.jobs.gate import WITHDRAWN
from tests.simulation import trace_rules, window_rules
from tests.simulation.disk import not_durable
from tests.simulation.mail import p9_acknowledged_is_kept, p9_all_is_read

if TYPE_CHECKING:
    from tests.simulation.watch import Billed, Request, Watch


def p3_journal_first(watch: "Watch", request: "Request") -> Iterator[str]:
    """A key that leaves is in the store with these bytes, open, and no power cut could take it; so is its witness."""
    rows = watch.rows("SELECT id, state, request FROM page WHERE key = ?", request.key)
    if not rows:
        yield f"{request.key} was sent and is not in the journal"
        return
    ((page_id, state, journaled),) = rows
    if state != "asked":
        yield f"{request.key} was sent although it is {state}"
    if journaled != request.body:
        yield f"{request.key} was sent with other bytes than are journaled"
    yield from not_durable(watch.machine.disk, "keys", page_id)


def p2_one_body_a_key(watch: "Watch", request: "Request") -> Iterator[str]:
    """A key is never sent with two bodies, and never again after a later one of its session."""
    digests = watch.machine.sim.bill.bodies_by_key().get((request.session, request.key), set())
    if len(digests) > 1:
        yield f"{request.key} was sent with {len(digests)} bodies"
    later = watch.value(
        "SELECT max(later.id) FROM page AS later JOIN page AS this USING (session_id)"
        " WHERE this.key = ? AND later.id > this.id",
        request.key,
    )
    if later is not None:
        yield f"{request.key} was sent after a later key of its session"


def p5_one_at_a_time(watch: "Watch", request: "Request") -> Iterator[str]:
    """A session has one request out."""
    if watch.flying[id(request.process), request.session] > 1:
        yield f"two requests of {request.session} are out at once"


def p10_within_budget(watch: "Watch", request: "Request") -> Iterator[str]:
    """What the vendor has billed today, and what keys without an answer may cost, whenever asked, is in the budget.

    In that of now, or of when the key was sent first: a budget that was cut since takes nothing back. A key whose
    session was deleted under it may be billed in both of its lives, and counts with that which answered it: when other
    keys were asked for, nobody knew of the other. So it is with a key of an earlier day whose job was parked since, and
    with one of a later day, before the clock was put back: it was in that day's budget, and goes out until it is
    answered.
    """
    bound = watch.budget_for(request.key)
    asked = "SELECT key, take, s.name FROM page JOIN search_session AS s ON s.id = session_id WHERE state = 'asked'"
    open_takes = {key: take for key, take, session in watch.rows(asked) if watch.is_foreseen(session, key)}
    spent = Counter[str]()
    for charge, was_settled in watch.billed_today():
        died = Reason.SESSION_VANISHED in watch.posed[charge.session]
        if charge.key not in open_takes and not (died and was_settled):
            spent[charge.key] = charge.records + (0 if died else spent[charge.key])
    used = spent.total() + sum(open_takes.values())
    if request.key in open_takes and used > bound:
        yield f"{used} records are spent or asked for today, of {bound:.0f}"


def p7_deletions(watch: "Watch", session: str) -> Iterator[str]:
    """A deletion is in the ledger before it leaves; it is of ours alone, of nobody's use, and has not moved."""
    written = watch.rows("SELECT vendor_total FROM slot_action WHERE state = 'asked' AND session = ?", session)
    if not written:
        yield f"{session} is to be deleted, and the ledger does not have that"
    if session not in {name for (name,) in watch.rows("SELECT name FROM search_session")}:
        yield f"{session} is to be deleted, and is not ours"
    open_keys = "SELECT count(*) FROM page JOIN search_session AS s ON s.id = session_id WHERE state = 'asked'"
    if watch.value(f"{open_keys} AND s.name = ?", session):
        yield f"{session} is to be deleted with a key open"
    jobs = watch.settings.jobs.values() if watch.settings is not None else ()
    if any(job.enabled and job.session == session for job in jobs):
        yield f"{session} is to be deleted, and a job uses it"
    listed = watch.listed.get(session)
    if written and listed is not None and written != [(listed,)]:
        yield f"{session} is to be deleted as it was at {written[0][0]}, and had {listed} when it was looked at last"


def p7_not_too_many(watch: "Watch", request: "Request") -> Iterator[str]:
    """A key that makes a session goes out with a slot reserved, and that one was free by the list of then."""
    row = watch.rows(
        "SELECT reserved_at, next_page, delivered, base_line, listed_at FROM search_session AS s"
        " JOIN account ON account.name = s.account WHERE s.name = ?",
        request.session,
    )
    listed = {name for (name,) in watch.rows("SELECT name FROM listed_session")}
    if not row or request.session in listed or watch.settings is None or request.session in watch.touched:
        return
    ((reserved_at, next_page, delivered, base_line, listed_at),) = row
    if next_page > 2 or delivered or base_line:
        return
    if reserved_at is None:
        yield f"{request.session} is made without a slot"
    elif listed_at is not None and request.session not in watch.reserved:
        held = listed | watch.reservations()
        account = watch.settings.accounts["main"]
        if len(held) > account.session_cap - account.session_reserve:
            yield f"{request.session} is made as number {len(held)} of {account.session_cap}"


def p8_books_before_money(watch: "Watch", billed: "Billed") -> Iterator[str]:
    """Where the vendor bills a new page, our total was the vendor's, unless somebody has meddled since we looked."""
    charge = billed.charge
    session = watch.machine.sim.sessions.get(charge.session)
    rows = watch.rows("SELECT base_line + delivered FROM search_session WHERE name = ?", charge.session)
    if session is None or not rows or billed.settled:
        return
    before = session.total - len(charge.indexes)
    if rows[0][0] == before:
        watch.touched.pop(charge.session, None)
        return
    if Reason.SESSION_DRIFTED in watch.posed[charge.session] and watch.value("SELECT counts_own FROM account") is None:
        return  # a person lets it go on, and whether a total counts its own page nobody knows yet
    left = watch.touched.get(charge.session, 0)
    watch.touched[charge.session] = left - 1
    if left <= 0:
        yield f"{charge.session} was billed at the vendor's total of {before}, with {rows[0][0]} in our books"


def p1_nothing_lost(watch: "Watch", _: object) -> Iterator[str]:
    """Each page that was billed is stored as it was billed, or its key is open and will bring it."""
    states = dict(watch.rows("SELECT key, state FROM page"))
    delivered = _delivered(watch)
    bought: defaultdict[str, list[set[str]]] = defaultdict(list)
    for billed in watch.charges:
        charge = billed.charge
        # Where somebody has deleted a session, a person may begin it anew, and is told that an open page is lost then.
        let_go = states.get(charge.key) == "unknown" and Reason.SESSION_VANISHED in watch.posed[charge.session]
        if charge.records and not billed.settled and not let_go:
            bought[charge.key].append({watch.machine.sim.world.id_of(index) for index in charge.indexes})
    for key, pages in bought.items():
        state = states.get(key, "unknown")
        if state != "asked" and delivered.get(key, set()) not in pages:
            yield f"the page of {key} was billed and is not in the store, where the key is {state}"


def p4_one_transaction(watch: "Watch", _: object) -> Iterator[str]:
    """A stored page has all of its deliveries, no other page has any, and the session's total counts them."""
    delivered = _delivered(watch)
    for key, state, new in watch.rows("SELECT key, state, new FROM page"):
        count = len(delivered.get(key, ()))
        if (state == "stored") != (key in delivered) and (count or new):
            yield f"{key} is {state} and has {count} deliveries"
    totals = watch.rows(
        "SELECT s.name, s.delivered, count(DISTINCT d.property_id) FROM search_session AS s"
        " LEFT JOIN page AS p ON p.session_id = s.id AND p.epoch = s.epoch AND p.state = 'stored'"
        " LEFT JOIN delivery AS d ON d.page_id = p.id GROUP BY s.id"
    )
    for name, counted, found in totals:
        if counted != found:
            yield f"{name} counts {counted} properties and has {found}"


def p4_never_in_part(watch: "Watch", _: object) -> Iterator[str]:
    """At no moment has a page been stored, and what it brought not."""
    latest = watch.rows(
        "SELECT key, new, (SELECT count(*) FROM delivery WHERE page_id = page.id) FROM page"
        " WHERE state = 'stored' ORDER BY id DESC LIMIT 5"
    )
    for key, new, found in latest:
        if found < new:
            yield f"{key} is stored with {new} new properties, of which {found} are there"


def _delivered(watch: "Watch") -> dict[str, set[str]]:
    rows = watch.rows(
        "SELECT page.key, property.vendor_id FROM delivery JOIN page ON page.id = delivery.page_id"
        " JOIN property ON property.id = delivery.property_id"
    )
    found: defaultdict[str, set[str]] = defaultdict(set)
    for key, vendor_id in rows:
        found[key].add(vendor_id)
    return found


def slots_once(watch: "Watch", _: object) -> Iterator[str]:
    """A job has not begun more runs by its schedule than slots were taken; one by a file that has changed goes on."""
    rows = watch.rows(
        "SELECT job, count(*), (SELECT count(*) FROM slot WHERE slot.job = run.job AND cause = 'schedule'"
        " AND state IN ('taken', 'done')) FROM run WHERE trigger = 'schedule'"
        " AND coalesce(message, '') != ? GROUP BY job",
        WITHDRAWN.message,
    )
    for job, runs, slots in rows:
        if runs > slots and job not in watch.edited:
            yield f"{job} ran {runs} times by its schedule, at {slots} slots"


def l1_parked_for_a_reason(watch: "Watch", _: object) -> Iterator[str]:
    """A job is parked only with a question that was really posed; a store is never doubted that nobody touched."""
    for name, reason in watch.rows("SELECT name, park_reason FROM search_session WHERE park_reason IS NOT NULL"):
        if reason not in watch.posed[name]:
            yield f"{name} is parked {reason}, and nobody has done anything of that kind"
    doubt = watch.value("SELECT doubt FROM installation")
    if doubt:
        yield f"the store is doubted: {doubt}"


def park_stays(watch: "Watch", _: object) -> Iterator[str]:
    """Who was seen parked is so until a person has answered, whatever a later audit finds.

    Criteria that are undone are an answer, and stand in the job's file.
    """
    now = watch.parks()
    for name in watch.parked.keys() - now.keys() - watch.answering:
        if watch.parked[name] != Reason.CRITERIA_CHANGED or name not in watch.filed:
            yield f"{name} is not parked {watch.parked[name]} any more, and nobody has answered"
    watch.parked = now


def complete_is_whole(watch: "Watch", _: object) -> Iterator[str]:
    """A session whose job is complete has delivered everything that its criteria select."""
    sim = watch.machine.sim
    for name, session in sim.sessions.items():
        everything = Reason.CRITERIA_CHANGED not in watch.posed[name] and name not in watch.retired
        if everything and session.total != sim.world.size:
            yield f"{name} is complete with {session.total} of {sim.world.size} properties"


def p8_totals_agree(watch: "Watch", _: object) -> Iterator[str]:
    """At the end no key is open, and each session's total is the vendor's, unless its job waits for a person.

    A run that begins as the world ends leaves its key unsent.
    """
    for key, name in watch.rows(
        "SELECT key, name FROM page JOIN search_session AS s ON s.id = session_id"
        " WHERE state = 'asked' AND park_reason IS NULL"
    ):
        if key in watch.first_days:
            yield f"{key} of {name} is open still"
    sessions = watch.machine.sim.sessions
    for name, total in watch.rows(
        "SELECT name, base_line + delivered FROM search_session WHERE park_reason IS NULL"
        " AND id NOT IN (SELECT session_id FROM one_shot)"
    ):
        vendor = sessions[name].total if name in sessions else 0
        if total != vendor and name not in watch.touched:
            yield f"{name} has {total} in our books, {vendor} in the vendor's"


AT_SEND: Final = (
    p3_journal_first,
    p2_one_body_a_key,
    p4_never_in_part,
    p5_one_at_a_time,
    p7_not_too_many,
    p10_within_budget,
    park_stays,
)
AT_DELETE: Final = (p7_deletions,)
AT_CHARGE: Final = (p8_books_before_money, p4_never_in_part)
AT_START: Final = (
    p1_nothing_lost,
    p4_one_transaction,
    slots_once,
    park_stays,
    l1_parked_for_a_reason,
    p9_acknowledged_is_kept,
    *window_rules.AT_START,
    *trace_rules.AT_START,
)
AT_END: Final = (
    p8_totals_agree,
    complete_is_whole,
    p9_acknowledged_is_kept,
    p9_all_is_read,
    *window_rules.AT_END,
    *trace_rules.AT_END,
)
