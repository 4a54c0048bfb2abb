"""A world in small for the walk: the vendor, the durable facts and the luck that is left, all as frozen values.

`Physics.moves` says what may happen next; the protocol, the audit and the comparison of the books are leadsync's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from leadsync.core.audit import GoOn, Leave, ParkJob, Standing, audit
from leadsync.core.books import PageCount, judge, starts_new_epoch
from leadsync.core.model import Books, End, Lead, Outcome, PageReply, Reason, Tally
from leadsync.core.paging import begin, step
from leadsync.core.protocol import (
    Ask,
    Close,
    Closed,
    Event,
    Finish,
    Halted,
    Journaled,
    Plan,
    Send,
    Step,
    Store,
    Stored,
    Wait,
    Waited,
)
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.core.retry import GIVE_UP_S

MARKET: Final = ("a", "b", "c", "d", "e")
"""All properties that the criteria find; with PAGE_SIZE the last full page is not the last page."""

PAGE_SIZE: Final = 2
NEW_SESSION: Final = Books()
NO_PLAN: Final = Plan(PAGE_SIZE)
SETTLED: Final = End(Outcome.LIMITED, "the open key is settled")


_NO_LEAD: Final = Lead("", None, None, None, None, None, None, None, None, None, b"{}")


class Broken(Exception):
    """A promise of the design does not hold in a world that can be reached; the message begins with its number."""


@dataclass(frozen=True, slots=True)
class Nature:
    """How the vendor is, as long as a world lasts: each is an open question of its API.

    `short_at` is how far the session is where a page is one short in mid-stream; None: never.
    """

    counts_own: bool = True
    replay_total_is_own: bool = True
    replay_says_new: bool = True
    cursor_at_end: bool = False
    short_at: int | None = None


@dataclass(frozen=True, slots=True)
class OpenKey:
    """A journaled key and all that its body says."""

    key: str
    take: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A key that the vendor has answered: its page is kept, and billed. `before` is the total before it."""

    asked: OpenKey
    ids: tuple[str, ...]
    before: int


@dataclass(frozen=True, slots=True)
class Vendor:
    """A forward-only session that remembers its keys. `bill` outlives the session."""

    answered: tuple[Answered, ...] = ()
    bill: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """The distinct properties that this life of the session has delivered."""
        return sum(len(page.ids) for page in self.answered)

    @property
    def listed_total(self) -> int | None:
        """What the list of sessions says."""
        return self.total if self.answered else None

    def page_of(self, key: str) -> Answered | None:
        """The page that a key has brought, if it has brought one."""
        return next((page for page in self.answered if page.asked.key == key), None)

    def ask(self, nature: Nature, asked: OpenKey) -> tuple["Vendor", PageReply]:
        """Answer a request: the next page of the session, or once more the page of its key."""
        page = self.page_of(asked.key)
        if page is not None:
            if page.asked != asked:
                raise Broken(f"P2: key {asked.key} is sent with another body")
            return self, self._reply(nature, page, replayed=True)
        take = asked.take - 1 if self.total == nature.short_at else asked.take
        page = Answered(asked, MARKET[self.total : self.total + take], self.total)
        after = Vendor((*self.answered, page), self.bill + page.ids)
        return after, after._reply(nature, page, replayed=False)

    def _reply(self, nature: Nature, page: Answered, *, replayed: bool) -> PageReply:
        own = page.before + len(page.ids) * nature.counts_own
        is_first = page == self.answered[0]
        return PageReply(
            leads=tuple(_NO_LEAD._replace(vendor_id=vendor_id) for vendor_id in page.ids),
            total=self.total if replayed and not nature.replay_total_is_own else own,
            is_new=is_first and (nature.replay_says_new or not replayed),
            has_cursor=bool(page.ids) or nature.cursor_at_end,
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What survives a crash. `stored` holds epoch and id of every delivery."""

    books: Books = NEW_SESSION
    open_key: OpenKey | None = None
    stored: frozenset[tuple[int, str]] = frozenset()
    counts_own: bool | None = None
    parked: Reason | None = None

    @property
    def ids(self) -> set[str]:
        """The properties in the store."""
        return {vendor_id for _, vendor_id in self.stored}


class Ledger:
    """What leadsync's store promises: each method is one transaction, or says by its length that it is more."""

    def journal(self, facts: Facts, take: int) -> Facts:
        """Make the next key durable with its body."""
        if facts.open_key is not None:
            raise Broken("P2: a new key is journaled while another is open")
        books = facts.books
        key = OpenKey(f"{books.epoch}-{books.next_page}", take)
        return replace(facts, open_key=key, books=replace(books, next_page=books.next_page + 1))

    def to_send(self, facts: Facts, _send: Send) -> Facts:
        """Return the facts whose open key is sent."""
        return facts

    def store(self, facts: Facts, store: Store) -> tuple[tuple[Facts, ...], Stored]:
        """Return the facts after each commit that storing a page takes, and the event of the last."""
        page, books = store.page, facts.books
        epoch = books.epoch + starts_new_epoch(books, is_new=page.is_new)
        rows = frozenset((epoch, lead.vendor_id) for lead in page.leads)
        new = len(rows - facts.stored)
        count = PageCount(len(page.leads), len(rows), new, page.total, is_new=page.is_new, fresh=store.fresh)
        judged = judge(books, count, counts_own=facts.counts_own, drift_allowed=False)
        after = Facts(judged.books, None, facts.stored | rows, judged.counts_own, judged.reason)
        return (after,), Stored(len(page.leads), new, judged.reason, judged.message)

    def close(self, facts: Facts, close: Close) -> Facts:
        """Close the open key; its number stays used up."""
        return replace(facts, open_key=None, parked=close.reason)


@dataclass(frozen=True, slots=True)
class Luck:
    """How much may still go wrong. Oddities: a stop, a 429, a refusal, a denial, a slot taken by another."""

    crashes: int = 0
    losses: int = 0
    oddities: int = 0
    deletions: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """One world; `machine` is None between two runs."""

    luck: Luck
    facts: Facts = Facts()
    vendor: Vendor = Vendor()
    plan: Plan = NO_PLAN
    machine: Step | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the job has ended as it should."""
        return self.machine is not None and _is_complete(self.machine)


Move: TypeAlias = tuple[str, World]


@dataclass(frozen=True, slots=True)
class Physics:
    """What may happen in a world: first what happens if nothing goes wrong, then all that the luck allows."""

    nature: Nature
    ledger: Ledger

    def moves(self, world: World) -> Iterator[Move]:
        """Yield the worlds that may come next, each with what happened; none where the job waits or is done."""
        yield from self._between_runs(world) if world.machine is None else self._perform(world, world.machine)
        if world.luck.crashes and world.machine is not None:
            yield "crash", _down(replace(world, luck=_less(world.luck, "crashes")))
        if world.luck.deletions and world.vendor.answered:
            vendor = replace(world.vendor, answered=())
            yield "deletion", replace(world, vendor=vendor, luck=_less(world.luck, "deletions"))

    def _between_runs(self, world: World) -> Iterator[Move]:
        """Audit, then begin; an open key may be settled first by a run of its own, as at a start."""
        facts = world.facts
        if facts.parked is not None:
            if facts.parked is Reason.REFUSED:
                yield "resume", replace(world, facts=replace(facts, parked=None))
            return
        open_take = facts.open_key.take if facts.open_key else None
        standing = Standing("phoenix", facts.books, open_take)
        match audit(standing, world.vendor.listed_total, Leave()):
            case GoOn(None):
                yield "run", self._begin(world, None)
                if facts.open_key is not None:
                    yield "settling run", self._begin(world, SETTLED)
            case ParkJob(reason):
                yield "audit parks", replace(world, facts=replace(facts, parked=reason))
            case verdict:
                raise Broken(f"L1: an audit without a cause says {verdict}")

    def _begin(self, world: World, settle_only: End | None) -> World:
        key_open = world.facts.open_key is not None
        new_session = not world.facts.books.total and not key_open
        plan = Plan(PAGE_SIZE, new_session=new_session, settle_only=settle_only)
        return replace(world, plan=plan, machine=begin(plan, key_open=key_open, now_s=0.0))

    def _perform(self, world: World, machine: Step) -> Iterator[Move]:
        match machine[1]:
            case Ask(take):
                yield "journal", _next(replace(world, facts=self.ledger.journal(world.facts, take)), Journaled())
                yield from _odd(world, Halted("stop"))
            case Send() as send:
                yield from self._send(replace(world, facts=self.ledger.to_send(world.facts, send)))
            case Wait():
                yield "wait", _next(world, Waited())
                yield from _odd(world, Halted("stop"))
            case Store() as store:
                yield from self._store(world, store)
            case Close() as close:
                yield "close", _next(replace(world, facts=self.ledger.close(world.facts, close)), Closed())
            case Finish():
                if not _is_complete(machine):
                    yield "finish", _down(world)

    def _send(self, world: World) -> Iterator[Move]:
        key = world.facts.open_key
        if key is None:
            raise Broken("P3: something is sent that is not in the journal")
        is_new = world.vendor.page_of(key.key) is None
        if is_new and any(set(page.ids) - world.facts.ids for page in world.vendor.answered):
            raise Broken("P2: a new key is sent while the page of an older one is not stored")
        vendor, reply = world.vendor.ask(self.nature, key)
        answered = replace(world, vendor=vendor)
        yield "reply", _next(answered, reply)
        if world.luck.losses:
            less = _less(world.luck, "losses")
            for late, now_s in (("", 0.0), (", at last", GIVE_UP_S + 1)):
                yield f"request lost{late}", _next(replace(world, luck=less), Lost("cut"), now_s)
                yield f"reply lost{late}", _next(replace(answered, luck=less), Lost("cut"), now_s)
        yield from _odd(world, Halted("stop"), Throttled(None), Denied(Reason.WALLET_EMPTY, 403, "empty"))
        if is_new:
            yield from _odd(world, Refused(400, "malformed"))
        if not world.vendor.answered:
            yield from _odd(world, SlotsFull(403, "session limit", Denied(Reason.ABILITY_MISSING, 403, "")))

    def _store(self, world: World, store: Store) -> Iterator[Move]:
        commits, stored = self.ledger.store(world.facts, store)
        yield "store", _next(replace(world, facts=commits[-1]), stored)
        if world.luck.crashes:
            for half in commits[:-1]:
                yield "crash between commits", _down(replace(world, facts=half, luck=_less(world.luck, "crashes")))


def _next(world: World, event: Event, now_s: float = 0.0) -> World:
    """Step the machine; of its tally the world keeps what a decision reads, so that equal worlds are one."""
    assert world.machine is not None
    state, effect = step(world.plan, world.machine[0], event, now_s=now_s, draw=0.0)
    tally = Tally(pages=min(state.tally.pages, 1), barren=state.tally.barren)
    return World(world.luck, world.facts, world.vendor, world.plan, (replace(state, tally=tally), effect))


def _odd(world: World, *events: Event) -> Iterator[Move]:
    if world.luck.oddities:
        for event in events:
            yield type(event).__name__, _next(replace(world, luck=_less(world.luck, "oddities")), event)


def _less(luck: Luck, kind: str) -> Luck:
    return replace(luck, **{kind: getattr(luck, kind) - 1})


def _down(world: World) -> World:
    """Forget what only the process knew."""
    return replace(world, plan=NO_PLAN, machine=None)


def _is_complete(machine: Step) -> bool:
    effect = machine[1]
    return isinstance(effect, Finish) and effect.end.outcome is Outcome.COMPLETE
