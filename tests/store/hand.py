"""A real store, open in the test's hand: the ledger's methods without an event loop around each, and SQL to look."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from leadsync.core.budget import Limits
from leadsync.core.model import Lead, OpenPage, PageReply, Route
from leadsync.core.protocol import BudgetReserved, BudgetSpent
from leadsync.store.engine import Creator, file_creator
from leadsync.store.ledger import Arrival, Asked, Ledger, NewRun, Order, Receipt, SessionState
from leadsync.store.opening import Opened, Place, close_store, open_store
from leadsync.store.writer import Writer
from leadsync.vendors.wire import search_request
from tests.stage import InlineExecutor

T = TypeVar("T")
NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
PRICE = Decimal("0.01")
UNLIMITED = Limits(UTC, PRICE)


def lead(vendor_id: str, **fields: Any) -> Lead:
    """A property with that id; all else is None unless it is given, and the bytes name the id."""
    blank: dict[str, Any] = dict.fromkeys(Lead._fields)
    return Lead(**blank | {"vendor_id": vendor_id, "body": f'{{"_id":"{vendor_id}"}}'.encode()} | fields)


def leads(count: int, first: int = 0) -> tuple[Lead, ...]:
    """So many properties, numbered."""
    return tuple(lead(f"{number:032x}") for number in range(first, first + count))


@dataclass(slots=True)
class Hand:
    """One opened store and its ledger. `installation` is the name that a new store gets."""

    file: Path
    creator: Creator | None = None
    installation: str = "0123456789abcdef"
    ledger: Ledger = field(init=False)
    writer: Writer = field(init=False)
    alive: set[int] = field(default_factory=set)
    opened: Opened = field(init=False)

    def __post_init__(self) -> None:
        creator = self.creator or file_creator(self.file)
        place = Place(self.file, creator, InlineExecutor(), lambda: self.installation, lambda: bytes(32))
        self.writer, self.opened = self.do(open_store(place, NOW))
        self.ledger = Ledger(self.writer, self.opened)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for one method."""
        return asyncio.run(work)

    def close(self) -> None:
        """Stop cleanly."""
        self.do(close_store(self.writer, NOW))

    def reopened(self) -> "Hand":
        """Stop cleanly and open anew."""
        self.close()
        return Hand(self.file)

    def session(self, name: str = "phoenix", account: str = "main", job: str = "") -> SessionState:
        """The session as the ledger has it now, entered where it is new."""
        return self.do(self.ledger.session(account, name, job or name))

    def run(self, name: str = "phoenix", account: str = "main") -> int:
        """Begin a run of the job of that name."""
        new = NewRun(name, account, name, Route.SESSION, "once")
        run_id = self.do(self.ledger.begin_run(new, frozenset(self.alive), NOW))
        self.alive.add(run_id)
        return run_id

    def order(self, session: SessionState, run_id: int, take: int = 10, limits: Limits = UNLIMITED) -> Order:
        """What a run of that session asks for next."""
        request = partial(search_request, {"query": "Phoenix, AZ"}, {}, session.name)
        return Order(session.session_id, run_id, take, limits, f"criteria of {session.name}", request)

    def ask(self, order: Order, now: datetime = NOW) -> OpenPage | BudgetSpent | BudgetReserved:
        """Journal an order, and have its key witnessed."""
        asked = self.do(self.ledger.journal(order, now, lambda _page: None))
        if not isinstance(asked, Asked):
            return asked
        self.do(self.ledger.vouch(asked.page.page_id))
        return asked.page

    def key(self, order: Order, now: datetime = NOW) -> OpenPage:
        """Journal an order that the budget must allow."""
        page = self.ask(order, now)
        assert isinstance(page, OpenPage)
        return page

    def store(self, page: OpenPage, run_id: int, came: tuple[Lead, ...], total: int, *, new: bool = False) -> Receipt:
        """Store a fresh page with these leads; `total` is the vendor's after it, `new` whether it says so."""
        reply = PageReply(came, total, is_new=new, has_cursor=bool(came), request_id="01K")
        return self.do(self.ledger.store(self.arrival(page, run_id, reply), NOW))

    def arrival(self, page: OpenPage, run_id: int, reply: PageReply) -> Arrival:
        """The answer to a first sending, where no drift is allowed."""
        return Arrival(page.page_id, run_id, reply, fresh=True, replays=0, drift_allowed=False, ends_pause=True)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the store with SQL of the test's own."""
        return self.do(self.writer.write(lambda connection: [tuple(row) for row in connection.exec_driver_sql(query)]))

    def one(self, query: str) -> Any:
        """The one value that a query returns."""
        ((value,),) = self.rows(query)
        return value
