"""The vendor's search sessions: forward only, each property once in a life, a key's page again for nothing.

    key known, its page kept      the same page again: nothing advances, nothing is billed
    key known, other body         as the switch says
    session unknown               it begins a life, while a slot is free
    else                          the next properties that it never had: delivered and billed

No IO and no clock: requests and times go in, pages and refusals come out.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import datetime

from leadsync.simulator.bill import NO_MONEY, Bill, page_charge
from leadsync.simulator.criteria import Criteria, Selection, select
from leadsync.simulator.switches import Switches
from leadsync.simulator.world import World

__all__ = ["Ask", "Page", "Refusal", "Session", "Sessions"]

TAKE_MAX = 500


@dataclass(frozen=True, slots=True)
class Ask:
    """A search as it was sent; `session` and `key` are '' where there is none.

    `identity` tells criteria apart, sort included, and `body_sha256` bodies.
    """

    session: str
    key: str
    criteria: Criteria
    identity: str
    take: int
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a search brought: properties by index; `found` is how many its criteria select in all.

    `total` is the session's totalDelivered as the reply shall carry it; `more` is whether there is a cursor.
    """

    indexes: tuple[int, ...]
    found: int
    more: bool
    total: int = 0
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that changed nothing."""

    status: int
    message: str


@dataclass(slots=True)
class Session:
    """One life of a session; it ends with its deletion. `positions`: how far each criteria has been read."""

    id: str
    created_at: datetime
    criteria: Criteria
    identity: str
    last_request_at: datetime | None = None
    pages: int = 0
    delivered: set[int] = field(default_factory=set)
    positions: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All properties ever delivered in this life."""
        return len(self.delivered)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A key's page, with what tells whether it still counts."""

    page: Page
    body_sha256: str
    at: datetime
    pages: int


class Sessions:
    """All sessions of the team; `by_id` holds the living, oldest first."""

    def __init__(self, world: World, bill: Bill) -> None:
        self.by_id: dict[str, Session] = {}
        self._world = world
        self._bill = bill
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._selections: dict[str, Selection] = {}

    def ask(self, ask: Ask, switches: Switches, now: datetime) -> Page | Refusal:
        """Answer a search that names a session."""
        kept = self._kept_page(ask, switches, now)
        if kept is not None:
            return self._replay(ask, kept, switches)
        refusal = self._refusal(ask, switches)
        if refusal is not None:
            return refusal
        is_new = ask.session not in self.by_id
        session = self.by_id.setdefault(ask.session, Session(ask.session, now, ask.criteria, ask.identity))
        if switches.changed_criteria == "keep":
            ask = replace(ask, criteria=session.criteria, identity=session.identity)
        return self._advance(session, ask, switches, now, is_new=is_new)

    def search(self, ask: Ask, position: int, switches: Switches, take_max: int = TAKE_MAX) -> Page | Refusal:
        """Answer a search without a session, from that position of its results on: billed each time."""
        if self.broke(switches):
            return Refusal(403, NO_MONEY)
        selection = self._selection(ask.criteria, ask.identity)
        found = selection.count(self._world.size)
        end = min(found, position + min(ask.take, take_max))
        indexes = tuple(selection.nth(place) for place in range(position, end))
        self._bill.charge(page_charge("", "", indexes, switches.price_dollars))
        return Page(indexes, found, more=bool(indexes) or switches.end == "cursor_stays")

    def found(self, ask: Ask) -> int:
        """How many properties the criteria select."""
        return self._selection(ask.criteria, ask.identity).count(self._world.size)

    def pull(self, session_id: str, count: int, switches: Switches, now: datetime) -> int:
        """Somebody else's pull on a living session, without a key; returns how many properties came.

        Raises KeyError where there is no such session.
        """
        session = self.by_id[session_id]
        indexes = self._next_indexes(session, session.criteria, session.identity, count)
        self._deliver(session, indexes, now)
        charge = page_charge(session_id, "", indexes, switches.price_dollars)
        self._bill.charge(replace(charge, foreign=True))
        return len(indexes)

    def delete(self, session_id: str, switches: Switches) -> bool:
        """End a session's life: its slot is free, what it delivered is forgotten. False where there is none."""
        if self.by_id.pop(session_id, None) is None:
            return False
        if switches.deletion_forgets_keys:
            self._kept = {key: kept for key, kept in self._kept.items() if key[0] != session_id}
        return True

    def forget_keys(self) -> None:
        """From now on every key is as new."""
        self._kept.clear()

    def broke(self, switches: Switches) -> bool:
        """Whether the wallet cannot pay for one more record."""
        return self._bill.balance(switches) < switches.price_dollars

    def _kept_page(self, ask: Ask, switches: Switches, now: datetime) -> _Kept | None:
        kept = self._kept.get((ask.session, ask.key)) if ask.key else None
        if kept is None:
            return None
        session = self.by_id.get(ask.session)
        further = session.pages - kept.pages if session else 0
        aged = switches.key_age_max_s is not None and (now - kept.at).total_seconds() >= switches.key_age_max_s
        crowded = switches.key_pages_max is not None and further >= switches.key_pages_max
        return None if aged or crowded else kept

    def _replay(self, ask: Ask, kept: _Kept, switches: Switches) -> Page | Refusal:
        if kept.body_sha256 != ask.body_sha256 and switches.other_body != "first_reply":
            status = 409 if switches.other_body == "conflict" else 400
            return Refusal(status, "idempotencyKey was already used with a different request body.")
        page = replace(kept.page, is_new=kept.page.is_new and switches.replay_says_new)
        session = self.by_id.get(ask.session)
        if switches.replay_total == "own" or session is None:
            return page
        return replace(page, total=session.total)

    def _refusal(self, ask: Ask, switches: Switches) -> Refusal | None:
        if self.broke(switches):
            return Refusal(403, NO_MONEY)
        session = self.by_id.get(ask.session)
        if session is None:
            full = len(self.by_id) >= switches.session_cap
            return Refusal(switches.cap_status, switches.cap_message) if full else None
        if switches.changed_criteria == "refuse" and session.identity != ask.identity:
            return Refusal(400, "searchCriteria differ from those that this search session was created with.")
        return None

    def _advance(self, session: Session, ask: Ask, switches: Switches, now: datetime, *, is_new: bool) -> Page:
        before = session.total
        count = self._page_size(session, ask, switches)
        indexes = self._next_indexes(session, ask.criteria, ask.identity, count)
        self._deliver(session, indexes, now)
        self._bill.charge(page_charge(session.id, ask.key, indexes, switches.price_dollars))
        page = Page(
            indexes,
            self.found(ask),
            more=bool(indexes) or switches.end == "cursor_stays",
            total=session.total if switches.totals_count_page else before,
            is_new=is_new,
        )
        if ask.key:
            self._kept[session.id, ask.key] = _Kept(page, ask.body_sha256, now, session.pages)
        return page

    def _page_size(self, session: Session, ask: Ask, switches: Switches) -> int:
        take = min(ask.take, TAKE_MAX)
        rng = random.Random(f"page {self._world.seed} {session.id} {session.pages}")
        short = take > 1 and rng.random() < switches.short_page_rate
        return rng.randint(1, take - 1) if short else take

    def _next_indexes(self, session: Session, criteria: Criteria, identity: str, count: int) -> tuple[int, ...]:
        selection = self._selection(criteria, identity)
        found = selection.count(self._world.size)
        position = session.positions.get(identity, 0)
        indexes: list[int] = []
        while len(indexes) < count and position < found:
            index = selection.nth(position)
            position += 1
            if index not in session.delivered:
                indexes.append(index)
        session.positions[identity] = position
        return tuple(indexes)

    def _deliver(self, session: Session, indexes: tuple[int, ...], now: datetime) -> None:
        session.delivered.update(indexes)
        session.pages += 1
        if indexes:
            session.last_request_at = now

    def _selection(self, criteria: Criteria, identity: str) -> Selection:
        if identity not in self._selections:
            self._selections[identity] = select(self._world, criteria)
        return self._selections[identity]
