"""The journal of pages: functions of one connection, each the whole of one transaction of the ledger.

Which states a row goes through stands at `tables.Page`. Whoever settles an open page reads it first, in the same
transaction: a second attempt finds none and is a bug, not a second page.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, assert_never

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update
from sqlmodel import col

from leadsync.core.books import Judgement, PageCount, judge, starts_new_epoch
from leadsync.core.budget import Exhausted, Granted, Limits, Reserved, grant
from leadsync.core.keys import page_key
from leadsync.core.model import Books, OpenPage, PageReply, Reason
from leadsync.core.protocol import BudgetReserved, BudgetSpent, Close, Fate, Stored
from leadsync.core.recovery import takes_to_try
from leadsync.errors import Bug
from leadsync.store import one_shots, sessions
from leadsync.store.columns import MICROS
from leadsync.store.leads import Shelf, Shelved, shelve
from leadsync.store.spending import spent
from leadsync.store.tables import Account, Installation, Page, SearchSession

# Statements that every page needs are built once: building one costs three times as much as running it.
_SESSION: Final = select(SearchSession).where(col(SearchSession.id) == bindparam("session"))
_OPEN_PAGE: Final = select(Page).where(col(Page.id) == bindparam("page"), col(Page.state) == "asked")
_SETTLE: Final = update(Page).where(col(Page.id) == bindparam("page"), col(Page.state) == "asked")
_NEW_PAGE: Final = insert(Page).returning(col(Page.id))
_ACCOUNT: Final = select(Account).where(col(Account.name) == bindparam("account"))
_INSTALLATION: Final = select(col(Installation.name))

WENT_ALONG: Final = "its session was deleted while the key was open; if its page was billed, it went along"

PAGES_LOOKED_AT: Final = 100
"""The last pages that are left of a session show which takes its old keys may have had."""


@dataclass(frozen=True, slots=True)
class Again:
    """How an old key is asked again. `like` makes bytes for another key and take from those of a page that is left.

    `known`: the vendor has shown that it knows the old keys, so that nothing is billed and no budget is asked.
    """

    like: Callable[[bytes, str, int], bytes]
    page_size: int
    known: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What a run wants to ask next. `request` makes the exact bytes from the key and the take, in records.

    `again` is set where the store was restored and the key has been asked before it. `keyless`: the key is for the
    ledger alone and is not in the bytes. `awaited`: the answer comes by webhook; `whole`: nothing less is asked for.
    """

    session_id: int
    run_id: int
    take: int
    limits: Limits
    criteria: str
    request: Callable[[str, int], bytes]
    again: Again | None = None
    keyless: bool = False
    awaited: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A key that is durable; `nearly` names the limits of the budget of which four fifths are used with it."""

    page: OpenPage
    nearly: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole page that has come. `fresh`: it answers the first sending of its key; `replays` counts the others.

    `ends_pause`: it ends a pause of the account; not so where another job was turned down while it was on its way.
    """

    page_id: int
    run_id: int
    reply: PageReply
    fresh: bool
    replays: int
    drift_allowed: bool
    ends_pause: bool
    recover_until: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a stored page: the event for the protocol, and the figures for the log.

    `total` is the ledger's after the page; `born`: the page began its session; `resumed`: the account had been paused,
    and this answer ended that; `learned`: whether totals count their own page, where this page showed it first.
    """

    stored: Stored
    epoch: int
    number: int
    total: int
    redelivered: int
    born: bool
    resumed: bool
    learned: bool | None


def journal(connection: Connection, order: Order, fence: int, now: datetime) -> Asked | BudgetSpent | BudgetReserved:
    """Enter the next key with its bytes and its reservation; refuse what the budget does not have."""
    session = connection.execute(_SESSION, {"session": order.session_id}).mappings().one()
    if order.again is not None:
        order = _as_before(connection, session, order, order.again)
    match _grant(connection, session["account"], order, now):
        case Exhausted(limit):
            until = f"the next {limit.rpartition('_')[2]}"
            return BudgetSpent(f"the account's {limit} is spent; nothing is asked beyond it before {until}")
        case Reserved(limit):
            return BudgetReserved(f"what is left of the account's {limit} is reserved by open keys")
        case Granted(take, _) if take < order.take and (order.whole or order.again is not None):
            # Other bytes are no way out: a vendor that knows the key would refuse them.
            before = "before" if order.whole else "before the restore"
            page = f"a page of {order.take} records, which was asked for {before}"
            return BudgetSpent(f"what is left of the account's budget has no room for {page}")
        case Granted(take, nearly):
            return Asked(_enter(connection, session, replace(order, take=take), fence, now), nearly)
        case never:
            assert_never(never)


def _as_before(connection: Connection, session: RowMapping, order: Order, again: Again) -> Order:
    """Ask for an old key's page as it was asked for most likely, whatever the job's file says by now."""
    take, request = next(_wordings(connection, order, again, _next_key(connection, session)))
    return replace(order, take=take, request=lambda _key, _take: request)


def _wordings(connection: Connection, order: Order, again: Again, key: str) -> Iterator[tuple[int, bytes]]:
    """Yield each take and the bytes that an old key may have had, the likeliest first, in the same order each time.

    Like the pages that are left, or as the job asks now: between the backup and its end both may have changed.
    """
    stored = (col(Page.session_id) == order.session_id, col(Page.state) == "stored")
    last = select(Page).where(*stored).order_by(col(Page.id).desc()).limit(PAGES_LOOKED_AT)
    left = connection.execute(last).mappings().all()
    likely, guesses = takes_to_try([page["take"] for page in left], again.page_size)
    for takes in (likely, guesses):
        if left:
            yield from ((take, again.like(left[0]["request"], key, take)) for take in takes)
        yield from ((take, order.request(key, take)) for take in takes)


def reword(connection: Connection, page_id: int, order: Order, again: Again) -> OpenPage | None:
    """Give an open key that the vendor knows with other bytes the next that it may have had; None where none is left.

    Its page is billed already, so its new take asks no budget.
    """
    page, _ = _open_page(connection, page_id)
    wordings: dict[bytes, int] = {}
    for take, body in _wordings(connection, order, again, page["key"]):
        wordings.setdefault(body, take)
    bodies = list(wordings)
    at = bodies.index(page["request"]) + 1 if page["request"] in wordings else 0
    if at == len(bodies):
        return None
    request, take = bodies[at], wordings[bodies[at]]
    _change_open(connection, page_id, {"request": request, "take": take})
    return OpenPage(page_id, page["key"], take, request)


def _grant(connection: Connection, account: str, order: Order, now: datetime) -> Granted | Reserved | Exhausted:
    if order.limits.unlimited or (order.again is not None and order.again.known):
        return Granted(order.take)
    return grant(order.take, order.limits, *spent(connection, account, order.limits, now))


def _next_key(connection: Connection, session: RowMapping) -> str:
    installation = connection.execute(_INSTALLATION).scalar_one()
    return page_key(installation, session["account"], session["name"], session["epoch"], session["next_page"])


def _enter(connection: Connection, session: RowMapping, order: Order, fence: int, now: datetime) -> OpenPage:
    number, key = session["next_page"], _next_key(connection, session)
    request = order.request(key, order.take)
    values = {
        "account": session["account"],
        "session_id": order.session_id,
        "run_id": order.run_id,
        "fence": fence,
        "epoch": session["epoch"],
        "number": number,
        "key": key,
        "keyless": order.keyless,
        "take": order.take,
        "price_micros": int(order.limits.price * MICROS),
        "request": request,
        "state": "awaited" if order.awaited else "asked",
        "asked_at": now,
        "billed": 0,
        "new": 0,
        "replays": 0,
    }
    page_id = connection.execute(_NEW_PAGE, values).scalar_one()
    begun = {"next_page": number + 1, "criteria": session["criteria"] or order.criteria}
    sessions.change(connection, order.session_id, begun)
    return OpenPage(page_id or 0, key, order.take, request)


def store(connection: Connection, arrival: Arrival, now: datetime) -> Receipt:
    """Store deliveries, totals and the spent key together (P4), and park the job where the books disagree (P8)."""
    page, session = _open_page(connection, arrival.page_id)
    books = sessions.books_of(session)
    epoch = books.epoch + starts_new_epoch(books, is_new=arrival.reply.is_new)
    shelf = Shelf(page["account"], session["id"], epoch, arrival.page_id)
    shelved = shelve(connection, shelf, arrival.reply.leads)
    account = connection.execute(_ACCOUNT, {"account": page["account"]}).mappings().one()
    if page["keyless"]:
        one_shots.move_cursor(connection, session["id"], arrival.reply.cursor)
        judgement = Judgement(replace(books, delivered=books.delivered + shelved.new), account["counts_own"])
    else:
        judgement = _judge(books, arrival, shelved, account["counts_own"])
    number = page["number"] if epoch == page["epoch"] else 1
    values = _settled("stored", arrival.run_id, now) | {
        "epoch": epoch,
        "number": number,
        "billed": len(arrival.reply.leads),
        "new": shelved.new,
        "total": arrival.reply.total,
        "replays": arrival.replays,
        "asked_at": max(page["asked_at"], now),
        "request_id": arrival.reply.request_id,
    }
    _change_open(connection, arrival.page_id, values)
    if epoch != page["epoch"] and not arrival.fresh:
        _lose(connection, page, arrival.run_id, now)
    born = _enter_books(connection, session, arrival, judgement, now)
    learned = judgement.counts_own if account["counts_own"] is None else None
    if learned is not None:
        sessions.learn_reading(connection, page["account"], counts_own=learned)
    return Receipt(
        stored=Stored(
            len(arrival.reply.leads),
            shelved.new,
            judgement.reason,
            judgement.message,
            recovered=arrival.recover_until is not None and judgement.books.total >= arrival.recover_until,
        ),
        epoch=epoch,
        number=number,
        total=judgement.books.total,
        redelivered=shelved.known,
        born=born,
        resumed=_resumed(connection, account, arrival, keyless=page["keyless"]),
        learned=learned,
    )


def _lose(connection: Connection, page: RowMapping, run_id: int, now: datetime) -> None:
    """Count as spent what earlier sendings of a key may have been billed for, in the session that was there then.

    Their page went with that session, and their key has brought the first page of another.
    """
    lost = {name: value for name, value in page.items() if name != "id"} | _settled(Fate.UNKNOWN.value, run_id, now)
    lost |= {"key": f"{page['key']}-lost", "billed": page["take"], "message": WENT_ALONG}
    connection.execute(_NEW_PAGE, lost)


def close(connection: Connection, page_id: int, run_id: int, effect: Close, now: datetime) -> None:
    """Close a row that brought no page; its number stays used up, and the job parks in the same breath.

    What may be billed is counted as spent.
    """
    page, session = _open_page(connection, page_id)
    billed = page["take"] if effect.fate is Fate.UNKNOWN else 0
    values = _settled(effect.fate.value, run_id, now) | {"billed": billed}
    values |= {"status": effect.status or None, "message": effect.message}
    _change_open(connection, page_id, values)
    if effect.reason is not None:
        sessions.park(connection, session["id"], effect.reason, effect.message, now)


def _settled(state: str, run_id: int, now: datetime) -> dict[str, Any]:
    """The run that settles a page is the one that it counts for."""
    return {"state": state, "run_id": run_id, "settled_at": now}


def _open_page(connection: Connection, page_id: int) -> tuple[RowMapping, RowMapping]:
    page = connection.execute(_OPEN_PAGE, {"page": page_id}).mappings().one_or_none()
    if page is None:
        raise Bug(f"page row {page_id} has no open key")
    return page, connection.execute(_SESSION, {"session": page["session_id"]}).mappings().one()


def _change_open(connection: Connection, page_id: int, values: Mapping[str, Any]) -> None:
    """For a page that this very transaction has found open."""
    connection.execute(_SETTLE, {"page": page_id, **values})


def _judge(books: Books, arrival: Arrival, shelved: Shelved, counts_own: bool | None) -> Judgement:
    count = PageCount(
        records=len(arrival.reply.leads),
        unique=shelved.unique,
        new=shelved.new,
        total=arrival.reply.total,
        is_new=arrival.reply.is_new,
        fresh=arrival.fresh and arrival.recover_until is None,
        recover_until=arrival.recover_until,
    )
    return judge(books, count, counts_own=counts_own, drift_allowed=arrival.drift_allowed)


def _resumed(connection: Connection, account: RowMapping, arrival: Arrival, *, keyless: bool) -> bool:
    """Whether the page ends a pause; one without a session says nothing of the ability that sessions need."""
    paused = account["paused_reason"] not in (None, *([Reason.ABILITY_MISSING] if keyless else []))
    return paused and arrival.ends_pause and sessions.resume(connection, account["name"])


def _enter_books(
    connection: Connection, session: RowMapping, arrival: Arrival, judgement: Judgement, now: datetime
) -> bool:
    """Return whether the page began the session."""
    books = judgement.books
    values: dict[str, Any] = {
        "epoch": books.epoch,
        "next_page": books.next_page,
        "delivered": books.delivered,
        "base_line": books.base_line,
        "vendor_total": arrival.reply.total,
        "deleted_at": None,
    }
    # A page that began a life says so. A first page whose answer was lost may not say it when it comes again; then the
    # session is ours too, if the audit saw that it was not there, and all that the vendor counts we had from it.
    all_ours = judgement.reason is None and arrival.reply.total is not None and not books.base_line
    unseen_birth = session["created_at"] is None and session["reserved_at"] is not None and all_ours
    born = arrival.reply.is_new or unseen_birth
    if born:
        # It holds a slot from now on, whether one was reserved or not; the next list shows it.
        values |= {"created_at": now, "created_by": session["job"], "adopted_at": None}
        values |= {"reserved_at": session["reserved_at"] or now}
    sessions.change(connection, session["id"], values)
    if judgement.reason is not None:
        sessions.park(connection, session["id"], judgement.reason, judgement.message, now)
    return born
