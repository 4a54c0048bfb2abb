"""Sessions and accounts in the store: functions of one connection, to be called inside a transaction of the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, and_, bindparam, exists, insert, or_, select, update
from sqlmodel import col

from leadsync.core.model import Books, OpenPage, Reason
from leadsync.core.recovery import PAGES_A_GENERATION
from leadsync.core.slots import Life
from leadsync.errors import Bug
from leadsync.store.tables import Account, Installation, Page, SearchSession

_LIFE: Final = tuple(member.name for member in fields(Life))
_NOT_ADOPTED: Final = col(SearchSession.adopted_at).is_(None)
_CHANGE: Final = update(SearchSession).where(col(SearchSession.id) == bindparam("session"))
_OPEN_KEY: Final = (col(Page.state) == "asked", ~col(Page.keyless))

# What every run asks is built once: building a statement costs three times as much as running it.
_OF_ACCOUNT: Final = col(SearchSession.account) == bindparam("of_account")
_THIS: Final = (_OF_ACCOUNT, col(SearchSession.name) == bindparam("named"))
_USED_BY: Final = update(SearchSession).where(*_THIS).values(job=bindparam("user"))
_STATES: Final[Select[*tuple[Any, ...]]] = select(
    SearchSession,
    col(Page.id).label("open_id"),
    col(Page.key).label("open_key"),
    col(Page.take).label("open_take"),
    col(Page.request).label("open_request"),
).outerjoin_from(SearchSession, Page, and_(col(Page.session_id) == col(SearchSession.id), *_OPEN_KEY))
_ONE: Final = _STATES.where(*_THIS)
_ALL: Final = _STATES.where(_OF_ACCOUNT).order_by(col(SearchSession.name))
_ELSEWHERE: Final = _STATES.where(~_OF_ACCOUNT).order_by(col(SearchSession.account), col(SearchSession.name))
_OPEN: Final = _STATES.where(col(Page.id).is_not(None)).order_by(col(SearchSession.account), col(SearchSession.name))
_ACCOUNT: Final = select(col(Account.name)).where(col(Account.name) == bindparam("of_account"))

UNASKED: Final[Mapping[str, int | None]] = {
    "next_page": 1,
    "delivered": 0,
    "base_line": 0,
    **dict.fromkeys(("criteria", "vendor_total", "created_at", "created_by", "adopted_at", "reserved_at")),
    **dict.fromkeys(("deleted_at", "recover_until")),
}
"""An epoch for which nothing was asked yet."""

NOT_PARKED: Final[Mapping[str, None]] = dict.fromkeys(("park_reason", "park_message", "parked_at"))


@dataclass(frozen=True, slots=True)
class Parked:
    """Why a session's job waits for a person, and since when."""

    reason: Reason
    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class SessionState:
    """One session as the ledger has it now. `criteria` is the hash that its epoch began with, None before that.

    `accepted` is what a person has accepted for the next run; `recovering`: billed pages are missing since a restore,
    and are asked for again up to the vendor's total `recover_until`, None before the first audit.
    `life` is what is known of how it came and who needs it.
    """

    session_id: int
    account: str
    name: str
    job: str
    books: Books
    open_page: OpenPage | None
    criteria: str | None
    deleted: bool
    parked: Parked | None
    accepted: Reason | None
    recovering: bool
    recover_until: int | None
    life: Life = field(default_factory=Life)


def enter(connection: Connection, account: str, name: str, job: str) -> SessionState:
    """Return a session, entering it and its account where they are new; `job` is the one that uses it now."""
    this = {"of_account": account, "named": name}
    if connection.execute(_USED_BY, {**this, "user": job}).rowcount == 0:
        connection.execute(insert(SearchSession).values(account=account, name=name, job=job, epoch=1, **UNASKED))
    enter_account(connection, account)
    return _state_of(connection.execute(_ONE, this).mappings().one())


def enter_account(connection: Connection, account: str) -> None:
    """Enter an account where it is new."""
    if connection.execute(_ACCOUNT, {"of_account": account}).first() is None:
        connection.execute(insert(Account).values(name=account))


def all_of(connection: Connection, account: str) -> list[SessionState]:
    """Return all sessions of an account, by name."""
    return [_state_of(row) for row in connection.execute(_ALL, {"of_account": account}).mappings()]


def with_open_keys(connection: Connection) -> list[SessionState]:
    """Return the sessions whose last key has no answer yet, whatever has become of their jobs."""
    return [_state_of(row) for row in connection.execute(_OPEN).mappings()]


def of_other_accounts(connection: Connection, account: str) -> list[SessionState]:
    """Return the sessions of all other accounts, those that the configuration does not have any more included."""
    return [_state_of(row) for row in connection.execute(_ELSEWHERE, {"of_account": account}).mappings()]


def named(session: str, account: str, ours: str) -> str:
    """Name a session as somebody of account `ours` understands it."""
    return session if account == ours else f"{session} of account {account}"


def known_criteria(connection: Connection, session: SessionState, criteria: str, *, is_new: bool) -> str | None:
    """Name another session of the account that has delivered these criteria, or asked for them; or one of the job.

    What was asked for and has no answer may be billed. A job that names another account, or whose account has another
    name by now, would buy its list anew; but not where it goes on with its session: one that is not new is the same.
    """
    theirs = [col(SearchSession.job) == session.job]
    if not is_new:
        theirs.append(col(SearchSession.name) != session.name)
    asked = exists().where(
        col(Page.session_id) == col(SearchSession.id),
        col(Page.epoch) == col(SearchSession.epoch),
        col(Page.state).in_(("asked", "awaited")),
    )
    found = connection.execute(
        select(col(SearchSession.name), col(SearchSession.account))
        .where(
            or_(col(SearchSession.account) == session.account, and_(*theirs)),
            col(SearchSession.criteria) == criteria,
            or_(col(SearchSession.delivered) > 0, asked),
            col(SearchSession.id) != session.session_id,
        )
        .order_by(col(SearchSession.account) != session.account)
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    name, account = found
    return named(name, account, session.account)


def change(connection: Connection, session_id: int, values: Mapping[str, Any]) -> None:
    """Set columns of one session."""
    if connection.execute(_CHANGE, {"session": session_id, **values}).rowcount != 1:
        raise Bug(f"session row {session_id} is not in the ledger")


def park(connection: Connection, session_id: int, reason: Reason, message: str, now: datetime) -> None:
    """Park the session's job until a person answers."""
    change(connection, session_id, {"park_reason": reason.value, "park_message": message, "parked_at": now})


def move_base_line(connection: Connection, session_id: int, base_line: int, now: datetime) -> None:
    """Count from the vendor's total; a session that no page of ours has begun is adopted with that."""
    change(connection, session_id, {"base_line": base_line})
    unmade = (col(SearchSession.id) == session_id, col(SearchSession.created_at).is_(None))
    connection.execute(update(SearchSession).where(*unmade, _NOT_ADOPTED).values(adopted_at=now))


def unpark(connection: Connection, session_id: int) -> None:
    """Let the job go on: the job file, or a person, has answered."""
    change(connection, session_id, NOT_PARKED)


def recovered(connection: Connection, session_id: int) -> None:
    """Ask no old keys any more; the next key has a number that none of before the restore can have."""
    generation = connection.execute(select(col(Installation.generation))).scalar_one()
    used = select(col(SearchSession.next_page)).where(col(SearchSession.id) == session_id)
    next_page = connection.execute(used).scalar_one()
    first = 1 if next_page == 1 else generation * PAGES_A_GENERATION + 1
    done = {"recovering": False, "recover_until": None, "next_page": max(next_page, first)}
    change(connection, session_id, done)


def leave_old_numbers(connection: Connection, session_id: int) -> None:
    """In a restored store a result for a number of after the backup may still come: none is given twice."""
    generation = connection.execute(select(col(Installation.generation))).scalar_one()
    first = generation * PAGES_A_GENERATION + 1
    if generation > 1:
        unused = (col(SearchSession.id) == session_id, col(SearchSession.next_page) == 1)
        connection.execute(update(SearchSession).where(*unused).values(next_page=first))


def books_of(row: RowMapping) -> Books:
    """Read the books of the present epoch out of a session's row."""
    return Books(row["epoch"], row["next_page"], row["delivered"], row["base_line"])


def learn_reading(connection: Connection, account: str, *, counts_own: bool) -> None:
    """Remember whether the account's totals count the page that they come with."""
    connection.execute(update(Account).where(col(Account.name) == account).values(counts_own=counts_own))


def pause(connection: Connection, account: str, reason: Reason, message: str, now: datetime) -> bool:
    """Pause an account; return whether that is news."""
    row = connection.execute(select(col(Account.paused_reason)).where(col(Account.name) == account)).scalar_one()
    values = {"paused_reason": reason.value, "paused_message": message, "paused_at": now}
    connection.execute(update(Account).where(col(Account.name) == account).values(**values))
    return row != reason.value


def resume(connection: Connection, account: str) -> bool:
    """End an account's pause; return whether there was one."""
    where = (col(Account.name) == account, col(Account.paused_reason).is_not(None))
    values = {"paused_reason": None, "paused_message": None, "paused_at": None}
    return connection.execute(update(Account).where(*where).values(**values)).rowcount > 0


def _state_of(row: RowMapping) -> SessionState:
    """Read a row of `_STATES`."""
    page = None
    if row["open_id"] is not None:
        page = OpenPage(row["open_id"], row["open_key"], row["open_take"], row["open_request"])
    parked = None
    if row["park_reason"] is not None:
        parked = Parked(Reason(row["park_reason"]), row["park_message"], row["parked_at"])
    return SessionState(
        session_id=row["id"],
        account=row["account"],
        name=row["name"],
        job=row["job"],
        books=books_of(row),
        open_page=page,
        criteria=row["criteria"],
        deleted=row["deleted_at"] is not None,
        parked=parked,
        accepted=Reason(row["accepted"]) if row["accepted"] else None,
        recovering=row["recovering"],
        recover_until=row["recover_until"],
        life=Life(**{name: row[name] for name in _LIFE}),
    )
