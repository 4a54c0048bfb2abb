"""The windows of large one-shots: functions of one connection, to be called inside a transaction of the ledger.

A window's row in the journal goes from `awaited` to stored, unknown (it has expired), refused (the vendor has sent an
error) or void (it was never taken). Whatever comes after that is stored all the same: it is paid for.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, exists, insert, select, update
from sqlmodel import col

from leadsync.core.asking import Untaken
from leadsync.core.budget import Limits
from leadsync.core.letters import Unreadable, Why
from leadsync.core.model import End, Lead, OpenPage, Reason
from leadsync.core.one_shot import Life
from leadsync.core.protocol import BudgetReserved, BudgetSpent
from leadsync.core.windows import (
    TRIES_MAX,
    AskWindow,
    AwaitWindows,
    Window,
    WindowsDone,
    WindowState,
    as_one,
    next_step,
)
from leadsync.store import inbox, one_shots, pages, runs, sessions
from leadsync.store.columns import MICROS
from leadsync.store.lead_tables import Delivery, Property
from leadsync.store.leads import Shelf, shelve
from leadsync.store.tables import Account, AsyncRequest, InboxMessage, OneShot, Page, SearchSession

LEADS_AT_ONCE: Final = 100
"""A result of 26 MB is stored in so many steps, so that it is not held twice."""

NOTHING_CAME: Final = "no result came by its deadline"

STATES: Final[Mapping[str, WindowState]] = {
    "awaited": WindowState.ASKED,
    "stored": WindowState.ARRIVED,
    "unknown": WindowState.EXPIRED,
    "refused": WindowState.REFUSED,
}
"""Those of a row that is a window; a void one is none."""

REQUESTS: Final = select(AsyncRequest, Page).join(Page, col(Page.id) == col(AsyncRequest.page_id))


@dataclass(frozen=True, slots=True)
class WindowOrder:
    """What a run may ask for next. `request` makes the exact bytes from the row's key and the window.

    `most` is what the run may still ask for of its own, in records; None is no limit.
    """

    life: Life
    session_id: int
    run_id: int
    limits: Limits
    criteria: str
    in_flight: int
    deadline: timedelta
    request: Callable[[str, AskWindow], bytes]
    most: int | None = None


@dataclass(frozen=True, slots=True)
class WindowAsked:
    """A window that is durable, with its bytes and its reservation; `nearly` is that of `pages.Asked`."""

    page: OpenPage
    window: AskWindow
    deadline_at: datetime
    nearly: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Whose window it was: for the log, and for who goes on."""

    account: str
    job: str
    run: int
    window: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A result that is stored. `duplicates` are records that had come before in this life; `cost` is in US dollars.

    `late`: the window had ended without it; `further`: a result had come already, and this one brought other records;
    `other_id`: the vendor had acknowledged it with another one; `completes`: the life had ended partial, and is whole.
    """

    place: Place
    records: int
    new: int
    redelivered: int
    cost: float
    late: bool
    further: bool
    other_id: bool
    completes: bool

    @property
    def duplicates(self) -> int:
        """What it brought for nothing."""
        return self.records - self.new


@dataclass(frozen=True, slots=True)
class Failed:
    """The vendor has sent an error for a window. `counts`: it had no result, and has ended with that."""

    place: Place
    message: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Expired:
    """A window for which nothing came; `records` and `cost` (US dollars) count as spent. `again`: it is asked anew."""

    place: Place
    records: int
    cost: float
    again: bool


def windows_of(connection: Connection, life_id: int) -> list[Window]:
    """Return the windows of a life, in the order of their numbers."""
    mine = (col(AsyncRequest.life_id) == life_id, col(Page.state).in_(STATES))
    rows = connection.execute(
        REQUESTS.where(*mine).order_by(col(AsyncRequest.window), col(AsyncRequest.page_id))
    ).mappings()
    return [_as_one(connection, list(several)) for _, several in groupby(rows, key=lambda row: row["window"])]


def _as_one(connection: Connection, requests: Sequence[RowMapping]) -> Window:
    """What has come for any of them meanwhile may be what was paid for: it is read first, or a person looks at it."""
    window = as_one([_window(row) for row in requests])
    if not window.again:
        return window
    came = inbox.pending(connection, [row["key"] for row in requests])
    state = WindowState.ASKED if "waiting" in came else window.state
    return replace(window, state=state, again=not came)


def _window(row: RowMapping) -> Window:
    state, came = STATES[row["state"]], row["state"] == "stored"
    return Window(row["window"], row["take"], state, row["billed"] if came else 0, row["new"], again=row["again"])


def ask(
    connection: Connection, order: WindowOrder, fence: int, now: datetime
) -> WindowAsked | AskWindow | AwaitWindows | WindowsDone | BudgetSpent | BudgetReserved:
    """Journal the next window with its bytes and its reservation, if one may be asked for (P3, P10).

    An AskWindow comes back where it may, and the run has nothing left of its own.
    """
    step = next_step(order.life.wanted, windows_of(connection, order.life.life_id), order.in_flight)
    if not isinstance(step, AskWindow):
        return step
    if order.most is not None and not step.whole:
        step = replace(step, take=min(step.take, order.most))
    if order.most is not None and order.most <= 0:
        return step
    sessions.leave_old_numbers(connection, order.session_id)
    asked = pages.journal(connection, _as_page(order, step), fence, now)
    if not isinstance(asked, pages.Asked):
        return asked
    step = replace(step, take=asked.page.take)
    deadline_at = now + order.deadline
    values = {"page_id": asked.page.page_id, "life_id": order.life.life_id, "deadline_at": deadline_at}
    connection.execute(insert(AsyncRequest).values(**values, window=step.number, skip=step.skip))
    return WindowAsked(asked.page, step, deadline_at, asked.nearly)


def _as_page(order: WindowOrder, step: AskWindow) -> pages.Order:
    return pages.Order(
        session_id=order.session_id,
        run_id=order.run_id,
        take=step.take,
        limits=order.limits,
        criteria=order.criteria,
        request=lambda key, take: order.request(key, replace(step, take=take)),
        keyless=True,
        awaited=True,
        whole=step.whole,
    )


def acknowledge(
    connection: Connection, page_id: int, request_id: str | None, now: datetime, *, ends_pause: bool
) -> bool:
    """The vendor has taken the request; its result may have come before. Return whether that ends a pause.

    It shows that token and wallet are good, and says nothing of the ability that sessions need; `ends_pause` as in
    `pages.Arrival`.
    """
    mine = col(AsyncRequest.page_id) == page_id
    connection.execute(update(AsyncRequest).where(mine).values(acknowledged_at=now))
    unnamed = (col(Page.id) == page_id, col(Page.request_id).is_(None))
    connection.execute(update(Page).where(*unnamed).values(request_id=request_id))
    whose = select(col(Account.name), col(Account.paused_reason)).join(Page, col(Page.account) == col(Account.name))
    account, paused = connection.execute(whose.where(col(Page.id) == page_id)).one()
    heals = ends_pause and paused not in (None, Reason.ABILITY_MISSING)
    return heals and sessions.resume(connection, account)


def withdraw(connection: Connection, page_id: int, untaken: Untaken, now: datetime) -> None:
    """The request was not taken, or never sent: it is no window, and reserves nothing. A refusal parks the job."""
    waits = (col(Page.id) == page_id, col(Page.state) == "awaited")
    void = {"state": "void", "settled_at": now, "status": untaken.status or None, "message": untaken.message}
    connection.execute(update(Page).where(*waits).values(**void))
    end = untaken.then
    if isinstance(end, End) and end.reason is Reason.REFUSED:
        session = connection.execute(select(col(Page.session_id)).where(col(Page.id) == page_id)).scalar_one()
        sessions.park(connection, session, end.reason, end.message, now)


def arrive(connection: Connection, key: str, request_id: str | None, leads: Iterable[Lead], now: datetime) -> Arrived:
    """Store a result: deliveries, totals and the spent reservation together (P4). Raises Unreadable.

    One that has come before, with other bytes, adds what it has beyond the first.
    """
    row = _request(connection, key, request_id)
    further = row["state"] == "stored"
    shelf = Shelf(row["account"], row["session_id"], row["epoch"], row["page_id"])
    records, new, known = _shelve(connection, shelf, leads, _brought(connection, row["page_id"]) if further else set())
    values: dict[str, Any] = {"state": "stored", "billed": records, "new": new, "settled_at": now, "message": None}
    if further:
        values = {"billed": row["billed"] + records, "new": row["new"] + new}
    values |= {"request_id": row["request_id"] or request_id}
    connection.execute(update(Page).where(col(Page.id) == row["page_id"]).values(**values))
    seat = update(SearchSession).where(col(SearchSession.id) == row["session_id"])
    connection.execute(seat.values(delivered=col(SearchSession.delivered) + new))
    runs.add_up(connection, row["run_id"], row["session_id"])
    return Arrived(
        place=_place(row),
        records=records,
        new=new,
        redelivered=known,
        cost=records * row["price_micros"] / MICROS,
        late=row["state"] not in {"awaited", "stored"},
        further=further,
        other_id=request_id is not None and row["request_id"] not in (None, request_id),
        completes=one_shots.amend(connection, row["life_id"]),
    )


def _shelve(connection: Connection, shelf: Shelf, leads: Iterable[Lead], brought: set[str]) -> tuple[int, int, int]:
    """Store leads but for those that were `brought` before; say how many came, were new, and were known."""
    records, new, known = 0, 0, 0
    again = bool(brought)
    left = iter(leads)
    while several := list(islice(left, LEADS_AT_ONCE)):
        fresh = [lead for lead in several if lead.vendor_id not in brought]
        brought.update(lead.vendor_id for lead in fresh)
        shelved = shelve(connection, shelf, fresh)
        records += len(fresh) if again else len(several)
        new, known = new + shelved.new, known + shelved.known
    return records, new, known


def _brought(connection: Connection, page_id: int) -> set[str]:
    mine = select(col(Property.vendor_id)).join(Delivery, col(Delivery.property_id) == col(Property.id))
    return set(connection.execute(mine.where(col(Delivery.page_id) == page_id)).scalars())


def fail(connection: Connection, key: str, request_id: str | None, message: str, now: datetime) -> Failed:
    """The vendor says that it will bring nothing: what was reserved, or counted as spent, is free. Raises Unreadable.

    A result that is here counts for more.
    """
    row = _request(connection, key, request_id)
    counts = row["state"] in {"awaited", "unknown"}
    if counts:
        values = {"state": "refused", "billed": 0, "settled_at": now, "message": message}
        connection.execute(update(Page).where(col(Page.id) == row["page_id"]).values(**values))
        runs.add_up(connection, row["run_id"], row["session_id"])
    return Failed(_place(row), message, counts)


def _request(connection: Connection, key: str, request_id: str | None) -> RowMapping:
    """Return the row that a message is about. Raises Unreadable where there is none, or another id is meant."""
    mine = REQUESTS.add_columns(col(OneShot.job)).join(OneShot, col(OneShot.id) == col(AsyncRequest.life_id))
    row = connection.execute(mine.where(col(Page.key) == key)).mappings().one_or_none()
    if row is None:
        raise Unreadable(
            Why.NOT_ASKED, "the store does not know of its request: it may have been asked for after a backup"
        )
    if request_id is not None and row["request_id"] not in (None, request_id):
        _refuse_anothers(connection, request_id)
    return row


def _refuse_anothers(connection: Connection, request_id: str) -> None:
    """An id that the vendor changes is no reason to lose what is paid for; one of another request of ours is."""
    if connection.execute(select(col(Page.id)).where(col(Page.request_id) == request_id)).first() is not None:
        raise Unreadable(Why.WRONG_ID, "the vendor's id in it is the one with which another request was acknowledged")


def _place(row: RowMapping) -> Place:
    return Place(row["account"], row["job"], row["run_id"], row["window"])


def expire(connection: Connection, again: Collection[str], now: datetime) -> list[Expired]:
    """Let the windows expire whose deadline has passed; those of the jobs `again` are asked for anew, a few times.

    What has come and was not read yet is no reason to wait in vain, and what waits in quarantine none to buy it twice.
    """
    unread = exists().where(col(InboxMessage.subject) == col(Page.key), col(InboxMessage.state) == "waiting")
    due = (col(Page.state) == "awaited", col(AsyncRequest.deadline_at) <= now, ~unread)
    whose = (col(OneShot.job), col(OneShot.outcome))
    rows = connection.execute(
        REQUESTS.add_columns(*whose)
        .join(OneShot, col(OneShot.id) == col(AsyncRequest.life_id))
        .where(*due)
        .order_by(col(Page.id))
    ).mappings()
    return [_expire(connection, row, again, now) for row in rows.all()]


def _expire(connection: Connection, row: RowMapping, again: Collection[str], now: datetime) -> Expired:
    spent = {"state": "unknown", "billed": row["take"], "settled_at": now, "message": NOTHING_CAME}
    connection.execute(update(Page).where(col(Page.id) == row["page_id"]).values(**spent))
    asks = row["job"] in again and row["outcome"] is None and _may_try(connection, row)
    connection.execute(update(AsyncRequest).where(col(AsyncRequest.page_id) == row["page_id"]).values(again=asks))
    runs.add_up(connection, row["run_id"], row["session_id"])
    return Expired(_place(row), row["take"], row["take"] * row["price_micros"] / MICROS, asks)


def _may_try(connection: Connection, row: RowMapping) -> bool:
    """Not where another request for the window has brought it, or has something in quarantine."""
    same = (col(AsyncRequest.life_id) == row["life_id"], col(AsyncRequest.window) == row["window"])
    requests = connection.execute(REQUESTS.where(*same, col(Page.state).in_(STATES))).mappings().all()
    came = any(request["state"] == "stored" for request in requests)
    return len(requests) < TRIES_MAX and not came and not inbox.pending(connection, [one["key"] for one in requests])
