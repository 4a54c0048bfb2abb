"""The lives of one-shot jobs: functions of one connection, to be called inside a transaction of the ledger.

A life is open until its outcome is written, and a job has one open life at most. Each sits on a session row of its own.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    MappingResult,
    RowMapping,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlmodel import col

from leadsync.core.model import Outcome, Route
from leadsync.core.one_shot import Life, Wanted, seat_name
from leadsync.core.protocol import Fate
from leadsync.errors import Bug
from leadsync.store import sessions
from leadsync.store.tables import Installation, OneShot, Page, Run, SearchSession

NOBODY_WAITED: Final = "its run ended before the answer was stored"

_KEYLESS_OPEN: Final = (col(Page.keyless), col(Page.state) == literal_column("'asked'"))
_GIVE_UP: Final = (
    update(Page)
    .where(*_KEYLESS_OPEN)
    .values(state=Fate.UNKNOWN.value, billed=col(Page.take), settled_at=bindparam("now"), message=NOBODY_WAITED)
)
_GIVE_UP_RUN: Final = _GIVE_UP.where(col(Page.run_id) == bindparam("run"))
_GIVE_UP_SEAT: Final = _GIVE_UP.where(col(Page.session_id) == bindparam("seat"))


def newest(connection: Connection, account: str, job: str) -> Mapping[str, Any] | None:
    """Return the row of a job's newest life, with its seat's name and how far that has asked and been answered."""
    row = _newest(connection, account, job).one_or_none()
    return _named(row) if row is not None else None


def without_session(connection: Connection, account: str) -> set[str]:
    """Return the names under which one-shots are counted that the vendor knows nothing of: they had no session."""
    seats = select(col(SearchSession.name)).join(OneShot, col(OneShot.session_id) == col(SearchSession.id))
    no_session = col(OneShot.route).in_((Route.PLAIN.value, Route.ASYNC.value))
    return set(connection.execute(seats.where(col(OneShot.account) == account, no_session)).scalars())


def next_seat(connection: Connection, account: str, job: str) -> str:
    """Return the name under which the life after the newest one is counted: a restored store may have had it."""
    row = newest(connection, account, job)
    return _seat(connection, job, row["life"] + 1 if row is not None else 1)


def enter(connection: Connection, wanted: Wanted, now: datetime) -> Life | None:
    """Return the life that a run is for: the open one, the one that has ended, or the next.

    None where the next must wait, since a key of the open one may be billed.
    """
    row = newest(connection, wanted.account, wanted.job)
    if row is not None and wanted.again and row["outcome"] is None and not _abandon(connection, row, now):
        return None
    if row is None or wanted.again:
        row = _begin(connection, wanted, row["life"] + 1 if row is not None else 1, now)
    elif row["outcome"] is None:
        _change(connection, row["id"], {"wanted": wanted.records})
        row = {**row, "wanted": wanted.records}
    connection.execute(_GIVE_UP_SEAT, {"seat": row["session_id"], "now": now})
    return _life(connection, row)


def take_route(connection: Connection, life: Life, run_id: int, route: Route) -> None:
    """Let a life go this way; its run and its seat say so, too."""
    _change(connection, life.life_id, {"route": route.value})
    throwaway = route is Route.THROWAWAY
    seat = update(SearchSession).where(col(SearchSession.id) == _seat_of(life))
    connection.execute(seat.values(throwaway=throwaway))
    run = update(Run).where(col(Run.id) == run_id)
    connection.execute(run.values(route=route.value, session=life.seat if throwaway else None))


def move_cursor(connection: Connection, session_id: int, cursor: str | None) -> None:
    """Go on from here; in the transaction that stores the page which named it. None begins at the top."""
    connection.execute(update(OneShot).where(col(OneShot.session_id) == session_id).values(cursor=cursor))


def begin_criteria(connection: Connection, session_id: int, criteria: str) -> None:
    """Go on with other criteria; a cursor of the old ones means nothing any more."""
    sessions.change(connection, session_id, {"criteria": criteria})
    move_cursor(connection, session_id, None)


def end(connection: Connection, life_id: int, outcome: Outcome, now: datetime) -> None:
    """End a life: nothing more is asked for it, and a throw-away session has given what it had."""
    values = {"outcome": outcome.value, "ended_at": now}
    alive = (col(OneShot.id) == life_id, col(OneShot.outcome).is_(None))
    if connection.execute(update(OneShot).where(*alive).values(**values)).rowcount != 1:
        raise Bug(f"life {life_id} of a one-shot has ended already")
    seat = select(col(OneShot.session_id)).where(col(OneShot.id) == life_id).scalar_subquery()
    drained = update(SearchSession).where(col(SearchSession.id) == seat, col(SearchSession.throwaway))
    connection.execute(drained.values(drained_at=now))


def amend(connection: Connection, life_id: int) -> bool:
    """Let a life that had ended partial be complete where all is here by now; return whether it is that now."""
    mine = (col(OneShot.id) == life_id, col(OneShot.outcome) == Outcome.PARTIAL)
    delivered = select(col(SearchSession.delivered)).where(col(SearchSession.id) == col(OneShot.session_id))
    whole = update(OneShot).where(*mine, col(OneShot.wanted) <= delivered.scalar_subquery())
    return connection.execute(whole.values(outcome=Outcome.COMPLETE.value)).rowcount > 0


def reopen(connection: Connection, life_id: int, now: datetime) -> None:
    """Let a life go on that had ended, or rests; that a person has said so is not forgotten before a run of it."""
    _change(connection, life_id, {"outcome": None, "ended_at": now})


def leftovers(connection: Connection, account: str, job: str) -> list[str]:
    """Return the job's throw-away sessions that have given what they had, and may still be at the vendor.

    Not those that a person is asked about.
    """
    names = select(col(SearchSession.name)).where(
        col(SearchSession.account) == account,
        col(SearchSession.job) == job,
        col(SearchSession.throwaway),
        col(SearchSession.drained_at).is_not(None),
        col(SearchSession.deleted_at).is_(None),
        col(SearchSession.park_reason).is_(None),
        col(SearchSession.next_page) > 1,
    )
    return list(connection.execute(names).scalars())


def give_up_run(connection: Connection, run_id: int, now: datetime) -> None:
    """Count as spent what a run has asked without a key, and whose answer nobody waits for any more."""
    connection.execute(_GIVE_UP_RUN, {"run": run_id, "now": now})


def leave_to_the_original(connection: Connection, now: datetime) -> None:
    """In a copied store: what was under way goes on in the store that this one was copied from, sessions included."""
    values = {"outcome": Outcome.PARTIAL.value, "ended_at": now}
    connection.execute(update(OneShot).where(col(OneShot.outcome).is_(None)).values(**values))
    connection.execute(update(SearchSession).values(throwaway=False, drained_at=None))


def _begin(connection: Connection, wanted: Wanted, number: int, now: datetime) -> Mapping[str, Any]:
    seat = sessions.enter(connection, wanted.account, _seat(connection, wanted.job, number), wanted.job)
    values = {"account": wanted.account, "job": wanted.job, "life": number, "session_id": seat.session_id}
    connection.execute(insert(OneShot).values(**values, wanted=wanted.records, begun_at=now))
    return _named(_newest(connection, wanted.account, wanted.job).one())


def _newest(connection: Connection, account: str, job: str) -> MappingResult:
    seat = SearchSession
    return connection.execute(
        select(OneShot, col(seat.name).label("seat"), col(seat.delivered), col(seat.next_page))
        .join(seat, col(seat.id) == col(OneShot.session_id))
        .where(col(OneShot.account) == account, col(OneShot.job) == job)
        .order_by(col(OneShot.life).desc())
        .limit(1)
    ).mappings()


def _named(row: RowMapping) -> Mapping[str, Any]:
    return {str(name): value for name, value in row.items()}


def _seat(connection: Connection, job: str, number: int) -> str:
    return seat_name(job, connection.execute(select(col(Installation.name))).scalar_one(), number)


def _abandon(connection: Connection, row: Mapping[str, Any], now: datetime) -> bool:
    """End an open life for the sake of the next; not while one of its keys is open."""
    open_key = (col(Page.session_id) == row["session_id"], col(Page.state) == "asked", ~col(Page.keyless))
    if connection.execute(select(col(Page.id)).where(*open_key)).first() is not None:
        return False
    connection.execute(_GIVE_UP_SEAT, {"seat": row["session_id"], "now": now})
    end(connection, row["id"], Outcome.INTERRUPTED, now)
    return True


def _life(connection: Connection, row: Mapping[str, Any]) -> Life:
    return Life(
        life_id=row["id"],
        number=row["life"],
        seat=row["seat"],
        wanted=row["wanted"],
        delivered=row["delivered"],
        route=Route(row["route"]) if row["route"] else None,
        asked=row["next_page"] > 1,
        cursor=row["cursor"],
        unknown=_unknown(connection, row["session_id"]),
        ended=Outcome(row["outcome"]) if row["outcome"] else None,
    )


def _unknown(connection: Connection, session_id: int) -> int:
    """How many records the lost answers may have cost that no later page has made up for."""
    mine: ColumnElement[bool] = col(Page.session_id) == session_id
    stored = select(func.coalesce(func.max(col(Page.number)), 0)).where(mine, col(Page.state) == "stored")
    lost = select(func.coalesce(func.sum(col(Page.billed)), 0)).where(
        mine, col(Page.state) == Fate.UNKNOWN.value, col(Page.number) > stored.scalar_subquery()
    )
    return connection.execute(lost).scalar_one()


def _seat_of(life: Life) -> Any:
    return select(col(OneShot.session_id)).where(col(OneShot.id) == life.life_id).scalar_subquery()


def _change(connection: Connection, life_id: int, values: Mapping[str, Any]) -> None:
    connection.execute(update(OneShot).where(col(OneShot.id) == life_id).values(**values))
