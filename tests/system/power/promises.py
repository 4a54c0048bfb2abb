"""What must hold in whatever a power cut leaves: a promise is a function of the image and of what was said by then.

A promise returns what is wrong, or None. Another door of the daemon adds its own: `Seen.answered` has what it was asked
and has answered, as far as the other side may know.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from leadsync.core.witness import Witness, doubt
from tests.system.power.talk import Exchange

__all__ = ["PAGING", "Image", "Promise", "Seen"]


@dataclass(frozen=True, slots=True)
class Image:
    """A state folder after a power cut, opened as the next process would open it."""

    store: sqlite3.Connection
    witness: Witness | None

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the store; one that has no such table yet has no rows."""
        try:
            return self.store.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


@dataclass(slots=True)
class Seen:
    """What the others may know at some moment. `asked`: requests of ours; `answered`: those to us, with our answer."""

    asked: list[Exchange] = field(default_factory=list)
    answered: list[Exchange] = field(default_factory=list)


Promise = Callable[[Image, Seen], str | None]
"""Returns what is wrong, in words."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was asked for. `came`: the ids in its whole answer, None where there was none by the end."""

    session: str
    key: str
    request: bytes
    came: frozenset[str] | None


@cache
def _page(exchange: Exchange) -> Page | None:
    if not exchange.request.start.startswith("POST /api/v1/property/search "):
        return None
    session = json.loads(exchange.request.body)["options"]["searchSession"]
    return Page(session["id"], session["idempotencyKey"], exchange.request.body, _came(exchange))


def _came(exchange: Exchange) -> frozenset[str] | None:
    if exchange.answer is None or exchange.answer.start.split()[1] != "200":
        return None
    try:
        return frozenset(lead["_id"] for lead in json.loads(exchange.answer.body)["results"]["properties"])
    except (ValueError, KeyError):
        return None


def pages_of(seen: Seen) -> Iterator[Page]:
    """The pages that were asked for, in order; a replay is one more."""
    for exchange in seen.asked:
        page = _page(exchange)
        if page is not None:
            yield page


def store_is_sound(image: Image, _seen: Seen) -> str | None:
    """SQLite recovers whatever it finds to a state that was once committed."""
    verdicts = [*image.rows("PRAGMA integrity_check"), *image.rows("PRAGMA foreign_key_check")]
    return None if verdicts == [("ok",)] else f"the store is damaged: {verdicts[:3]}"


def key_is_durable(image: Image, seen: Seen) -> str | None:
    """P3: before the first byte of a request leaves, its key and its exact bytes are on the disk."""
    journal = dict(image.rows("SELECT key, request FROM page"))
    for page in pages_of(seen):
        if journal.get(page.key) != page.request:
            return f"{page.key} was sent, and the journal has {'another request' if page.key in journal else 'no row'}"
    return None


def page_is_durable(image: Image, seen: Seen) -> str | None:
    """P1, P2: before a session's next key leaves, what the one before has brought is on the disk."""
    stored: dict[str, set[str]] = {key: set() for (key,) in image.rows("SELECT key FROM page WHERE state <> 'asked'")}
    for key, vendor_id in image.rows(
        "SELECT page.key, property.vendor_id FROM delivery JOIN page ON page.id = delivery.page_id"
        " JOIN property ON property.id = delivery.property_id"
    ):
        stored[key].add(vendor_id)
    last: dict[str, str] = {}
    came: dict[str, frozenset[str]] = {}
    for page in pages_of(seen):
        before = last.get(page.session, page.key)
        if before != page.key and not came.get(before, frozenset()) <= stored.get(before, set()):
            return f"{page.key} was sent, and what {before} has brought is not in the store"
        if before != page.key and before not in stored:
            return f"{page.key} was sent, and {before} is still open in the store"
        last[page.session] = page.key
        came[page.key] = page.came or came.get(page.key, frozenset())
    return None


def witness_is_durable(image: Image, seen: Seen) -> str | None:
    """Before a key leaves the witness has counted it, so that an older store is known for one."""
    numbers = dict(image.rows("SELECT key, id FROM page"))
    sent = max((numbers.get(page.key, 0) for page in pages_of(seen)), default=0)
    counted = image.witness.keys if image.witness else 0
    return None if counted >= sent else f"key number {sent} was sent, and the witness has counted {counted}"


def books_are_whole(image: Image, _seen: Seen) -> str | None:
    """P4: deliveries, totals and the spent key are there together, or none of them is."""
    for name, delivered, counted in image.rows(
        "SELECT name, delivered, (SELECT count(DISTINCT property_id) FROM delivery JOIN page"
        " ON page.id = delivery.page_id WHERE session_id = search_session.id AND page.epoch = search_session.epoch)"
        " FROM search_session"
    ):
        if delivered != counted:
            return f"session {name} says that {delivered} were delivered, and has {counted}"
    for key, billed, counted in image.rows(
        "SELECT key, billed, (SELECT count(*) FROM delivery WHERE page_id = page.id) FROM page"
    ):
        if billed != counted:
            return f"{key} says that {billed} were billed, and has {counted}"
    return None


def nothing_is_doubted(image: Image, _seen: Seen) -> str | None:
    """L1: the next start goes on by itself; to a power cut no store looks moved, copied or restored."""
    rows = image.rows("SELECT name, witnessed, doubt FROM installation") or [("one that is drawn then", 0, None)]
    ((name, witnessed, doubted),) = rows
    ((keys,),) = image.rows("SELECT coalesce(max(id), 0) FROM page") or [(0,)]
    found = image.witness
    here = Witness(name, found.machine if found else "", found.place if found else "", keys)
    why = doubted or doubt(found, here, expected=bool(witnessed), original_there=False)
    return f"the next start would park everything: {why}" if why else None


PAGING: tuple[Promise, ...] = (
    store_is_sound,
    key_is_durable,
    page_is_durable,
    witness_is_durable,
    books_are_whole,
    nothing_is_doubted,
)
"""What holds for a daemon that pulls pages."""
