"""The journal of pages: functions of one connection, each the whole of one transaction of the ledger.

A page's row goes from `asked` to `stored` or `refused` and nowhere else; the update names the state that it leaves, so
a second attempt finds no row and is a bug, not a second page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, case, func, insert, select, update
from sqlmodel import col

from leadsync.core.books import Judgement, PageCount, judge, starts_new_epoch
from leadsync.core.budget import Limits, Spent, allowed_take, window_starts
from leadsync.core.keys import page_key
from leadsync.core.model import Books, OpenPage, PageReply
from leadsync.core.paging import BudgetSpent, Close, Stored
from leadsync.errors import Bug
from leadsync.store import sessions
from leadsync.store.leads import Shelf, Shelved, shelve
from leadsync.store.tables import MICROS, Account, Installation, Page, SearchSession


@dataclass(frozen=True, slots=True)
class Order:
    """What a run wants to ask next. `request` makes the exact bytes from the key and the take, in records."""

    session_id: int
    run_id: int
    take: int
    limits: Limits
    criteria: str
    request: Callable[[str, int], bytes]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole page that has come. `fresh`: it answers the first sending of its key; `replays` counts the others."""

    page_id: int
    run_id: int
    reply: PageReply
    fresh: bool
    replays: int
    drift_allowed: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a stored page: the event for the protocol, and the figures for the log.

    `total` is the ledger's after the page; `resumed`: the account had been paused, and this answer ended that;
    `learned`: whether totals count their own page, where this page showed it first.
    """

    stored: Stored
    epoch: int
    number: int
    total: int
    redelivered: int
    resumed: bool
    learned: bool | None


def journal(connection: Connection, order: Order, fence: int, now: datetime) -> OpenPage | BudgetSpent:
    """Enter the next key with its bytes and its reservation; refuse what the budget does not have."""
    session = (
        connection.execute(select(SearchSession).where(col(SearchSession.id) == order.session_id)).mappings().one()
    )
    take, limit = allowed_take(order.take, order.limits, spent(connection, session["account"], order.limits, now))
    if take <= 0:
        return BudgetSpent(f"the account's {limit} is spent")
    installation = connection.execute(select(col(Installation.name))).scalar_one()
    number = session["next_page"]
    key = page_key(installation, session["account"], session["name"], session["epoch"], number)
    request = order.request(key, take)
    values = {
        "account": session["account"],
        "session_id": order.session_id,
        "run_id": order.run_id,
        "fence": fence,
        "epoch": session["epoch"],
        "number": number,
        "key": key,
        "take": take,
        "price_micros": int(order.limits.price * MICROS),
        "request": request,
        "state": "asked",
        "asked_at": now,
        "billed": 0,
        "new": 0,
        "replays": 0,
    }
    page_id = connection.execute(insert(Page).values(**values).returning(col(Page.id))).scalar_one()
    begun = {"next_page": number + 1, "criteria": session["criteria"] or order.criteria}
    sessions.change(connection, order.session_id, begun)
    return OpenPage(page_id or 0, key, take, request)


def store(connection: Connection, arrival: Arrival, now: datetime) -> Receipt:
    """Store deliveries, totals and the spent key together (P4), and park the job where the books disagree (P8)."""
    page, session = _open_page(connection, arrival.page_id)
    books = sessions.books_of(session)
    epoch = books.epoch + starts_new_epoch(books, is_new=arrival.reply.is_new)
    shelf = Shelf(page["account"], session["id"], epoch, arrival.page_id)
    shelved = shelve(connection, shelf, arrival.reply.leads)
    counts_own = _counts_own(connection, session["account"])
    judgement = _judge(books, arrival, shelved, counts_own)
    number = page["number"] if epoch == page["epoch"] else 1
    values = _settled("stored", arrival.run_id, now) | {
        "epoch": epoch,
        "number": number,
        "billed": len(arrival.reply.leads),
        "new": shelved.new,
        "total": arrival.reply.total,
        "replays": arrival.replays,
        "request_id": arrival.reply.request_id,
    }
    _leave_asked(connection, arrival.page_id, values)
    _enter_books(connection, session, arrival, judgement, now)
    return Receipt(
        stored=Stored(len(arrival.reply.leads), shelved.new, judgement.reason, judgement.message),
        epoch=epoch,
        number=number,
        total=judgement.books.total,
        redelivered=shelved.known,
        resumed=sessions.resume(connection, page["account"]),
        learned=judgement.counts_own if counts_own is None else None,
    )


def close(connection: Connection, page_id: int, run_id: int, effect: Close, now: datetime) -> None:
    """Close a key that the vendor refused; its number stays used up, and the job parks in the same breath."""
    _, session = _open_page(connection, page_id)
    values = _settled("refused", run_id, now) | {"status": effect.status, "message": effect.message}
    _leave_asked(connection, page_id, values)
    if effect.reason is not None:
        sessions.park(connection, session["id"], effect.reason, effect.message, now)


def _settled(state: str, run_id: int, now: datetime) -> dict[str, Any]:
    """The run that settles a page is the one that it counts for."""
    return {"state": state, "run_id": run_id, "settled_at": now}


def _open_page(connection: Connection, page_id: int) -> tuple[RowMapping, RowMapping]:
    where = (col(Page.id) == page_id, col(Page.state) == "asked")
    page = connection.execute(select(Page).where(*where)).mappings().one_or_none()
    if page is None:
        raise Bug(f"page row {page_id} has no open key")
    session = connection.execute(select(SearchSession).where(col(SearchSession.id) == page["session_id"]))
    return page, session.mappings().one()


def _leave_asked(connection: Connection, page_id: int, values: Mapping[str, Any]) -> None:
    where = (col(Page.id) == page_id, col(Page.state) == "asked")
    if connection.execute(update(Page).where(*where).values(**values)).rowcount != 1:
        raise Bug(f"page row {page_id} was settled by somebody else")


def _counts_own(connection: Connection, account: str) -> bool | None:
    return connection.execute(select(col(Account.counts_own)).where(col(Account.name) == account)).scalar_one()


def _judge(books: Books, arrival: Arrival, shelved: Shelved, counts_own: bool | None) -> Judgement:
    count = PageCount(
        records=len(arrival.reply.leads),
        unique=shelved.unique,
        new=shelved.new,
        total=arrival.reply.total,
        is_new=arrival.reply.is_new,
        fresh=arrival.fresh,
    )
    return judge(books, count, counts_own=counts_own, drift_allowed=arrival.drift_allowed)


def _enter_books(
    connection: Connection, session: RowMapping, arrival: Arrival, judgement: Judgement, now: datetime
) -> None:
    books = judgement.books
    values: dict[str, Any] = {
        "epoch": books.epoch,
        "next_page": books.next_page,
        "delivered": books.delivered,
        "base_line": books.base_line,
        "vendor_total": arrival.reply.total,
        "deleted_at": None,
    }
    if arrival.reply.is_new:
        values["created_at"] = now
    sessions.change(connection, session["id"], values)
    reading = {"counts_own": judgement.counts_own}
    connection.execute(update(Account).where(col(Account.name) == session["account"]).values(**reading))
    if judgement.reason is not None:
        sessions.park(connection, session["id"], judgement.reason, judgement.message, now)


def spent(connection: Connection, account: str, limits: Limits, now: datetime) -> Spent:
    """Add up the account's windows; an open key counts with its whole reservation, as it may be billed."""
    day, month = window_starts(now, limits.zone)
    records = case((col(Page.state) == "asked", col(Page.take)), else_=col(Page.billed))
    today = col(Page.asked_at) >= day
    sums = select(
        *(
            func.coalesce(func.sum(amount), 0)
            for amount in (
                case((today, records), else_=0),
                records,
                case((today, records * col(Page.price_micros)), else_=0),
                records * col(Page.price_micros),
            )
        )
    ).where(col(Page.account) == account, col(Page.asked_at) >= month)
    records_day, records_month, micros_day, micros_month = connection.execute(sums).one()
    return Spent(records_day, records_month, Decimal(micros_day) / MICROS, Decimal(micros_month) / MICROS)
