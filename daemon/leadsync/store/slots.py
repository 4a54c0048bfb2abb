"""The team's session slots in the store: functions of one connection, each the whole of one transaction of the ledger.

Not the slots of the timetable, which are times. A slot is *reserved* on the session's row before its first key is
journaled, and given back when the run has ended without a key of that life, or when the vendor's list shows it. A
deletion is a row before it is asked for, and that row says how it ended (P7).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import Update
from sqlmodel import col

from leadsync.core.model import Listing, SessionListing
from leadsync.core.pace import WINDOW, Births
from leadsync.core.slots import MADE_ANEW, Occupancy, Room, Tenant, occupancy
from leadsync.errors import Bug
from leadsync.store import sessions
from leadsync.store.sessions import SessionState
from leadsync.store.tables import Account, ListedSession, Page, Run, SearchSession, SlotAction

_KEYS_OF_THIS_LIFE: Final = exists().where(
    col(Page.session_id) == col(SearchSession.id),
    col(Page.epoch) == col(SearchSession.epoch),
    col(Page.state).in_(("asked", "stored")),
)
_OPEN_KEY: Final = exists().where(col(Page.session_id) == col(SearchSession.id), col(Page.state) == "asked")
_RUNNING: Final = exists().where(
    col(Run.account) == col(SearchSession.account),
    col(Run.session) == col(SearchSession.name),
    col(Run.outcome).is_(None),
)

# What every run asks is built once: building a statement costs three times as much as running it.
_OF_ACCOUNT: Final = col(SearchSession.account) == bindparam("of_account")
_UNDER_WAY: Final = select(col(SearchSession.name)).where(_OF_ACCOUNT, _RUNNING)
_LISTED: Final = select(col(ListedSession.name)).where(col(ListedSession.account) == bindparam("of_account"))
_UNUSED: Final = (
    update(SearchSession)
    .where(_OF_ACCOUNT, col(SearchSession.name) == bindparam("named"), ~_KEYS_OF_THIS_LIFE)
    .values(reserved_at=None)
)
_PLACE_OF: Final = select(col(Run.account), col(Run.session)).where(col(Run.id) == bindparam("run"))
_LIST_ANEW: Final = delete(ListedSession).where(col(ListedSession.account) == bindparam("of_account"))
_SHOWN: Final = or_(col(SearchSession.name).in_(bindparam("listed", expanding=True)), and_(~_OPEN_KEY, ~_RUNNING))
_NOT_RESERVED: Final = update(SearchSession).where(_OF_ACCOUNT, _SHOWN).values(reserved_at=None)
_ACCOUNT: Final = col(Account.name) == bindparam("of_account")
_NAMES: Final = select(col(SearchSession.name)).where(_OF_ACCOUNT)
_TOTAL: Final = (
    update(SearchSession)
    .where(_OF_ACCOUNT, col(SearchSession.name) == bindparam("named"))
    .values(vendor_total=bindparam("total"))
)
_NOTE: Final = update(Account).where(_ACCOUNT)
_HOUSEKEPT_AT: Final = select(col(Account.housekept_at)).where(_ACCOUNT)


def _since(since: Any, these: ColumnElement[bool]) -> tuple[Update, Update]:
    """Note since when this is so of a session, now at the latest, and that it is so no more."""
    mine = update(SearchSession).where(_OF_ACCOUNT)
    unknown = or_(since.is_(None), since > bindparam("now"))  # a clock that was ahead has been put back
    begins = mine.where(these, unknown).values({since: bindparam("now")})
    return begins, mine.where(~these, since.is_not(None)).values({since: None})


_NAMED: Final = col(SearchSession.name).in_(bindparam("these", expanding=True))
_ORPHANED: Final = _since(col(SearchSession.orphaned_since), ~_NAMED)
_DORMANT: Final = _since(col(SearchSession.dormant_since), _NAMED)


class State(StrEnum):
    """How a deletion ended. Asked: its answer is not known."""

    ASKED = "asked"
    DELETED = "deleted"
    GONE = "gone"
    KEPT = "kept"
    REFUSED = "refused"

    @property
    def freed(self) -> bool:
        """Whether the session is not there any more."""
        return self in {State.DELETED, State.GONE}


_STORE_DOUBTED: Final = "the store was copied or restored"
_LEFT: Final = and_(col(SlotAction.state) == State.KEPT, col(SlotAction.message) == _STORE_DOUBTED)
_REFUSED: Final = (
    select(col(SlotAction.session), func.max(col(SlotAction.asked_at)))
    .where(col(SlotAction.account) == bindparam("of_account"), col(SlotAction.state) == State.REFUSED)
    .group_by(col(SlotAction.session))
)


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants a session deleted, and why; `row` is what was looked at right before."""

    account: str
    row: SessionListing
    asked_by: str
    why: str


@dataclass(frozen=True, slots=True)
class SlotAsked:
    """A deletion whose answer is not known."""

    action_id: int
    job: str | None
    ledger_total: int | None
    wish: Wish


def all_tenants(connection: Connection, account: str) -> list[Tenant]:
    """Return the account's sessions as the planner wants them, by name."""
    running = set(connection.execute(_UNDER_WAY, {"of_account": account}).scalars())
    refused = _refused_since(connection, account)
    return [_tenant(state, running, refused) for state in sessions.all_of(connection, account)]


def _refused_since(connection: Connection, account: str) -> Mapping[str, datetime]:
    """When the vendor refused last to delete each session."""
    return {row[0]: row[1] for row in connection.execute(_REFUSED, {"of_account": account})}


def _tenant(state: SessionState, running: set[str], refused: Mapping[str, datetime]) -> Tenant:
    refused_at, created_at = refused.get(state.name), state.life.created_at
    return Tenant(
        session=state.name,
        job=state.job,
        total=state.books.total,
        asked=state.books.asked_before,
        life=state.life,
        open_key=state.open_page is not None,
        running=state.name in running,
        refused=refused_at is not None and (created_at is None or refused_at >= created_at),
        recovering=state.recovering,
    )


def held(connection: Connection, account: str, room: Room, *, but: str | None = None) -> Occupancy:
    """Count who holds slots, `but` for one session: the last list, and what of ours has been reserved since."""
    listed = connection.execute(_LISTED, {"of_account": account}).scalars()
    others = (tenant for tenant in all_tenants(connection, account) if tenant.session != but)
    return occupancy((name for name in listed if name != but), others, room)


def reserve(connection: Connection, session_id: int, room: Room, now: datetime) -> Occupancy | None:
    """Let a session have a slot, None; or say who holds them all. A session that has one keeps it."""
    row = connection.execute(select(SearchSession).where(col(SearchSession.id) == session_id)).mappings().one()
    if row["reserved_at"] is not None:
        return None
    # One whose key may be on its way is counted already, and may not stand in its own way.
    holders = held(connection, row["account"], room, but=row["name"])
    if not holders.free:
        return holders
    sessions.change(connection, session_id, {"reserved_at": now})
    return None


def give_back(connection: Connection, run_id: int) -> None:
    """A run has ended: the slot that it had reserved is free again, unless a key of this life went out for it."""
    account, session = connection.execute(_PLACE_OF, {"run": run_id}).one()
    connection.execute(_UNUSED, {"of_account": account, "named": session})


def note_listing(connection: Connection, account: str, listing: Listing, room: Room, now: datetime) -> Occupancy:
    """Remember what the vendor's session list said, and return who holds the slots by it.

    A reservation is over once the list shows its session; and where it does not, unless something may still be on its
    way. Nothing of the account was, while the list was taken.
    """
    connection.execute(_LIST_ANEW, {"of_account": account})
    if listing:
        connection.execute(insert(ListedSession), [_listed(account, row) for row in listing.values()])
    connection.execute(_NOT_RESERVED, {"of_account": account, "listed": list(listing)})
    totals = {name: row.total for name, row in listing.items()}
    names = connection.execute(_NAMES, {"of_account": account}).scalars().all()
    if names:
        known = [{"of_account": account, "named": name, "total": totals.get(name)} for name in names]
        connection.execute(_TOTAL, known)
    holders = held(connection, account, room)
    seen = {"listed_at": now, "slots_used": holders.used, "slots_ours": holders.ours_in_all}
    connection.execute(_NOTE, {"of_account": account, **seen})
    return holders


def _listed(account: str, row: SessionListing) -> dict[str, Any]:
    return {
        "account": account,
        "name": row.session,
        "total": row.total,
        "created_at": row.created_at,
        "last_request_at": row.last_request_at,
    }


def last_listing(connection: Connection, account: str) -> dict[str, SessionListing]:
    """Return the vendor's last list."""
    rows = connection.execute(select(ListedSession).where(col(ListedSession.account) == account)).mappings()
    return {
        row["name"]: SessionListing(row["name"], row["total"], row["last_request_at"], row["created_at"])
        for row in rows
    }


def note_jobs(connection: Connection, account: str, named: Mapping[str, bool], now: datetime) -> None:
    """Note since when no job file names a session, or its job is disabled; `named` says which are, and enabled."""
    sessions.enter_account(connection, account)
    asleep = [session for session, enabled in named.items() if not enabled]
    for statements, these in ((_ORPHANED, list(named)), (_DORMANT, asleep)):
        begins, ends = statements
        connection.execute(begins, {"of_account": account, "these": these, "now": now})
        connection.execute(ends, {"of_account": account, "these": these})


def begin_deletion(connection: Connection, wish: Wish, fence: int, now: datetime) -> SlotAsked | str:
    """Write down that a session is about to be deleted, unless that was done; a sentence where it must not be."""
    mine = (col(SearchSession.account) == wish.account, col(SearchSession.name) == wish.row.session)
    found = select(SearchSession, _OPEN_KEY.label("open_key"), _RUNNING.label("running")).where(*mine)
    row = connection.execute(found).mappings().one_or_none()
    if row is not None and row["open_key"]:
        return "a key of it is open: its page may be billed, and would be lost"
    if row is not None and row["running"]:
        return "a run of it is under way"
    for asked in unanswered(connection, wish.account):
        if asked.wish.row.session == wish.row.session:
            if asked.wish.row.created_at == wish.row.created_at:
                return asked
            end_deletion(connection, asked, State.GONE, MADE_ANEW, now)
    job = row["job"] if row is not None else None
    total = row["base_line"] + row["delivered"] if row is not None else None
    values = {
        "account": wish.account,
        "session": wish.row.session,
        "job": job,
        "asked_by": wish.asked_by,
        "why": wish.why,
        "fence": fence,
        "vendor_total": wish.row.total,
        "ledger_total": total,
        "created_at": wish.row.created_at,
        "last_request_at": wish.row.last_request_at,
        "state": State.ASKED,
        "asked_at": now,
    }
    action_id = connection.execute(insert(SlotAction).values(**values).returning(col(SlotAction.id))).scalar_one()
    return SlotAsked(action_id or 0, job, total, wish)


def end_deletion(connection: Connection, asked: SlotAsked, state: State, message: str | None, now: datetime) -> None:
    """Write down how a deletion ended; a session that is gone holds no slot, and its ids stay in the ledger.

    Also of one that was left because of the store while it was on its way.
    """
    where = (col(SlotAction.id) == asked.action_id, or_(col(SlotAction.state) == State.ASKED, _LEFT))
    ended = update(SlotAction).where(*where).values(state=state, message=message, ended_at=now)
    if connection.execute(ended).rowcount != 1:
        raise Bug(f"deletion {asked.action_id} has ended already")
    if state.freed:
        _forget(connection, asked, now)


def _forget(connection: Connection, asked: SlotAsked, now: datetime) -> None:
    """Another of its name holds a slot, too; and a life that we began since, or took over, is not the one that went."""
    account, row = asked.wish.account, asked.wish.row
    listed = (col(ListedSession.account) == account, col(ListedSession.name) == row.session)
    same = col(ListedSession.created_at).is_not_distinct_from(row.created_at)
    connection.execute(delete(ListedSession).where(*listed, same))
    then = select(col(SlotAction.asked_at)).where(col(SlotAction.id) == asked.action_id).scalar_subquery()
    before = (
        func.coalesce(began, then) <= then for began in (col(SearchSession.created_at), col(SearchSession.adopted_at))
    )
    mine = (col(SearchSession.account) == account, col(SearchSession.name) == row.session, *before)
    connection.execute(update(SearchSession).where(*mine).values(deleted_at=now, vendor_total=None))
    # A key that is on its way makes the session anew, in the slot that it has.
    connection.execute(update(SearchSession).where(*mine, ~_OPEN_KEY).values(reserved_at=None))


def unanswered(connection: Connection, account: str) -> list[SlotAsked]:
    """Return the deletions that were asked for and have no answer, oldest first."""
    where = (col(SlotAction.account) == account, col(SlotAction.state) == State.ASKED)
    rows = connection.execute(select(SlotAction).where(*where).order_by(col(SlotAction.id))).mappings()
    return [_asked(row) for row in rows.all()]


def _asked(row: RowMapping) -> SlotAsked:
    seen = SessionListing(row["session"], row["vendor_total"], row["last_request_at"], row["created_at"])
    return SlotAsked(
        row["id"], row["job"], row["ledger_total"], Wish(row["account"], seen, row["asked_by"], row["why"])
    )


def leave_actions(connection: Connection, now: datetime) -> None:
    """The store was copied or restored: what its original had asked for is not asked again."""
    asked = update(SlotAction).where(col(SlotAction.state) == State.ASKED)
    connection.execute(asked.values(state=State.KEPT, message=_STORE_DOUBTED, ended_at=now))


def births(connection: Connection, account: str, now: datetime) -> Births:
    """Return when the listed sessions were made, and how many older ones we have deleted lately."""
    listed = (col(ListedSession.account) == account, col(ListedSession.created_at).is_not(None))
    created = connection.execute(select(col(ListedSession.created_at)).where(*listed)).scalars()
    since = now - WINDOW
    gone = select(func.count()).where(
        col(SlotAction.account) == account,
        col(SlotAction.state).in_((State.DELETED, State.GONE)),
        col(SlotAction.ended_at) > since,
        col(SlotAction.created_at) <= since,
    )
    return Births(tuple(at for at in created if at), connection.execute(gone).scalar_one())


def listed_at(connection: Connection, account: str) -> datetime | None:
    """When the vendor's list was had last."""
    return connection.execute(select(col(Account.listed_at)).where(col(Account.name) == account)).scalar()


def housekept_at(connection: Connection, account: str) -> datetime | None:
    """When the account's slots were looked after last."""
    return connection.execute(_HOUSEKEPT_AT, {"of_account": account}).scalar()


def note_housekeeping(connection: Connection, account: str, now: datetime) -> None:
    """The account's slots have been looked after."""
    connection.execute(_NOTE, {"of_account": account, "housekept_at": now})
