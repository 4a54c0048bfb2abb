"""What must hold of large one-shots, in the form of `invariants.py`: P1, P2, P3, P6, P10, and that they end (L1)."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from tests.simulation.disk import not_durable

if TYPE_CHECKING:
    from tests.simulation.watch import Request, Watch

COUNTED: Final = "SELECT key, asked_at, CASE WHEN state IN ('asked', 'awaited') THEN take ELSE billed END FROM page"
"""What the ledger takes for spent or reserved, in records."""

MESSAGES: Final = (
    "SELECT subject, digest, state, reason FROM inbox_message WHERE kind IN ('batchdata', 'batchdata-error')"
)

SAME_WINDOW: Final = (
    "SELECT page.key, page.state, other.again FROM async_request AS this JOIN page AS mine ON mine.id = this.page_id"
    " JOIN async_request AS other ON other.life_id = this.life_id AND other.window = this.window"
    " JOIN page ON page.id = other.page_id WHERE mine.key = ? AND page.key != mine.key"
)
"""The earlier requests for the window of a key."""


def subject_of(url: str) -> str:
    """The key of the row in the journal that a webhook is about."""
    return PurePosixPath(url).stem


def digest_of(body: bytes, api_key: str | None = None) -> str:
    """By which the door knows a body that came without an encoding, with that key."""
    apart = b"" if api_key is None else hashlib.sha256(api_key.encode()).hexdigest().encode()
    return hashlib.sha256(apart + b"\n" + body).hexdigest()


def p6_no_session_on_async(_: "Watch", request: "Request") -> Iterator[str]:
    """Nowhere in what is asked is there a word of a session."""
    if b"searchSession" in request.body:
        yield f"a session goes to the async endpoint for {request.key}"


def p3_window_first(watch: "Watch", request: "Request") -> Iterator[str]:
    """A window that leaves is in the journal with these bytes, and no power cut could take it; so is its witness."""
    rows = watch.rows("SELECT id, state, request FROM page WHERE key = ?", request.key)
    if not rows:
        yield f"{request.key} was asked for and is not in the journal"
        return
    ((page_id, state, journaled),) = rows
    if state != "awaited":
        yield f"{request.key} was asked for although it is {state}"
    if journaled != request.body:
        yield f"{request.key} was asked for with other bytes than are journaled"
    yield from not_durable(watch.machine.disk, "keys", page_id)


def p2_each_window_once(watch: "Watch", request: "Request") -> Iterator[str]:
    """A row of the journal leaves once; a window again only where the vendor has not taken it, or it was given up."""
    if watch.pull is not None:
        watch.pull.sent[request.key] += 1
        if watch.pull.sent[request.key] > 1:
            yield f"{request.key} was asked for {watch.pull.sent[request.key]} times"
    taken = {subject_of(result.asked.url) for result in watch.machine.sim.results}
    for key, state, again in watch.rows(SAME_WINDOW, request.key):
        if not again and (state != "void" or key in taken):
            yield f"{request.key} asks for the window of {key} again, which is {state}"


def p10_windows_within_budget(watch: "Watch", request: "Request") -> Iterator[str]:
    """With this window, no more is spent and reserved today than the budget has."""
    bound = watch.budget_for(request.key)
    today = f"{watch.machine.wall():%Y-%m-%d}"
    used = sum(records for _, asked_at, records in watch.rows(COUNTED) if asked_at.startswith(today))
    if used > bound:
        yield f"{used} records are spent or asked for today, of {bound:.0f}"


def p10_billed_is_counted(watch: "Watch", _: object) -> Iterator[str]:
    """What the vendor has billed for a window is counted in the books, though nobody may have told us of it."""
    billed: defaultdict[str, list[int]] = defaultdict(list)
    for result in watch.machine.sim.results:
        if result.made is not None:
            billed[subject_of(result.asked.url)].append(result.records)
    counted = {key: records for key, _, records in watch.rows(COUNTED)}
    for key, records in billed.items():
        # Where somebody in between has sent it twice, the one or the other is known to us.
        if min(records) > counted.get(key, 0):
            yield f"{min(records)} records were billed for {key}, and {counted.get(key, 0)} are in the books"


def p1_results_are_kept(watch: "Watch", _: object) -> Iterator[str]:
    """A result that was answered 200 is there still; what is taken of it is stored, all of it."""
    if watch.pull is None:
        return
    states = {digest: (state, reason) for _, digest, state, reason in watch.rows(MESSAGES)}
    stored = _stored(watch)
    for digest, brought in watch.pull.brought.items():
        state, reason = states.get(digest, ("lost", None))
        if state == "lost":
            yield f"a result for {brought.subject} was answered 200 and is not there"
        missing = brought.ids - stored[brought.subject]
        if state == "taken" and missing:
            yield f"a result for {brought.subject} is taken, and {len(missing)} of it are not in the store"
        # An id that was not acknowledged is that of a request that somebody in between has sent twice.
        if state == "quarantined" and brought.ids and reason != "wrong_id":
            yield f"a result for {brought.subject} is held because of {reason}"


def p1_all_results_are_read(watch: "Watch", _: object) -> Iterator[str]:
    """At the end no result waits to be read."""
    for subject, _, state, _ in watch.rows(MESSAGES):
        if state == "waiting":
            yield f"a result for {subject} was never read"


def l1_the_pull_has_ended(watch: "Watch", _: object) -> Iterator[str]:
    """It is complete with as many as were wanted, or partial for a reason that the vendor or the weather gave."""
    if watch.pull is None:
        return
    lives = watch.rows(
        "SELECT one_shot.id, outcome, wanted, delivered FROM one_shot"
        " JOIN search_session AS s ON s.id = session_id ORDER BY life DESC LIMIT 1"
    )
    for life, outcome, wanted, delivered in lives:
        if (outcome == "complete") is not (delivered >= wanted):
            yield f"the one-shot is {outcome} with {delivered} of {wanted}"
        if outcome != "complete" and not _may_be_partial(watch, life):
            yield f"the one-shot is {outcome} with {delivered} of {wanted}, and nothing stood in its way"
    if not lives:
        yield "the one-shot never began"


def _may_be_partial(watch: "Watch", life: int) -> bool:
    """Whether a window failed, was short because the list had no more, or brought what had come before."""
    windows = dict(watch.rows("SELECT key, state FROM page JOIN async_request ON page_id = id WHERE life_id = ?", life))
    results = [result for result in watch.machine.sim.results if subject_of(result.asked.url) in windows]
    switches = watch.machine.sim.switches
    return (
        not switches.skip_honoured
        or switches.skip_slips > 0
        or "refused" in windows.values()
        # A request that somebody in between has doubled may fail the one time, and bring its page the other.
        or any(result.failure or (result.page and result.records < result.asked.ask.take) for result in results)
        or bool(watch.machine.logged("window.expired"))  # its result may have come since
    )


def _stored(watch: "Watch") -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for key, vendor_id in watch.rows(
        "SELECT page.key, vendor_id FROM delivery JOIN page ON page.id = page_id"
        " JOIN property ON property.id = property_id JOIN async_request USING (page_id)"
    ):
        found[key].add(vendor_id)
    return found


AT_ASK: Final = (p6_no_session_on_async, p3_window_first, p2_each_window_once, p10_windows_within_budget)
AT_START: Final = (p1_results_are_kept, p10_billed_is_counted)
AT_END: Final = (p1_all_results_are_read, l1_the_pull_has_ended)
