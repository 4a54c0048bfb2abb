"""What the store shows of how things stand, and the conditions that are held; functions of one connection each.

Another fact is a field of `Look` (or of one of its parts) and a function beside those below.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, or_, select, update
from sqlmodel import col

from leadsync.core.budget import Limits, Spent
from leadsync.core.conditions import Condition as Name
from leadsync.core.model import SETTLING, End, Outcome, Reason, Route
from leadsync.core.notices import OWED_FOR, is_kept
from leadsync.core.slots import Occupancy, Room
from leadsync.core.unusual import Past
from leadsync.core.watch import Held, Key, Told, TraceFacts
from leadsync.store import inbox, slots, trace_figures, trace_pause
from leadsync.store.columns import UtcDateTime
from leadsync.store.spending import spent
from leadsync.store.tables import Account, Condition, Installation, OneShot, Run, SearchSession, Slot

LAST_RUNS: Final = 3
PAST_RUNS_MAX: Final = 4_000
"""More than a month of quarters of an hour; a job that runs more often is known for a shorter time."""

KEPT_FOR: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Watched:
    """Whom to look at: the accounts with what is granted to them, the jobs with their accounts and sessions.

    A one-shot has None: its lives have sessions of their own, and a session of its name is another job's.
    """

    accounts: Mapping[str, tuple[Limits, Room]]
    jobs: Mapping[str, tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class AccountLook:
    """One account. `billed` is this day's and this month's, `used` is that with what open keys have reserved.

    `slots` is None before the first list was had.
    """

    paused: Reason | None
    billed: Spent
    used: Spent
    slots: Occupancy | None


@dataclass(frozen=True, slots=True)
class JobLook:
    """One job. `due_at`: the oldest time that is not done; `next_at`: the next that is planned; `last`: newest first.

    `last_run` is the row id of its newest run that has ended, 0 where there is none; `waits`: its newest own
    run wants a slot, for the session that the job has now; one that settles an open key is none of its own.
    """

    due_at: datetime | None
    next_at: datetime | None
    running_since: datetime | None
    parked: Reason | None
    last: tuple[End, ...]
    last_run: int
    waits: bool


@dataclass(frozen=True, slots=True)
class Look:
    """How things stand. `inbox` counts webhooks as `store.inbox.counts` does."""

    doubt: Reason | None
    reload_refused: str | None
    accounts: Mapping[str, AccountLook]
    jobs: Mapping[str, JobLook]
    inbox: Mapping[str, int]
    traces: TraceFacts = field(default_factory=TraceFacts)


# Statements that every job needs are built once: building one costs three times as much as running it.
_MINE: Final = col(Run.job) == bindparam("of_job")
_RUNNING: Final = select(col(Run.started_at)).where(_MINE, col(Run.outcome).is_(None))
_ENDED: Final = select(Run).where(_MINE, col(Run.outcome).is_not(None)).order_by(col(Run.id).desc())
_LAST: Final = _ENDED.limit(LAST_RUNS)
_LAST_OWN: Final = _ENDED.where(col(Run.trigger) != SETTLING).limit(1)
_PAST: Final = (
    select(col(Run.started_at), col(Run.outcome), col(Run.records))
    .where(_MINE, col(Run.outcome).is_not(None))
    .order_by(col(Run.id).desc())
    .limit(PAST_RUNS_MAX)
)
_TIMES: Final = select(col(Slot.state), col(Slot.fire_at)).where(
    col(Slot.job) == bindparam("of_job"), col(Slot.state).in_(("planned", "taken"))
)
_PARKED: Final = select(col(SearchSession.park_reason)).where(
    col(SearchSession.account) == bindparam("account"), col(SearchSession.name) == bindparam("session")
)
_LIFE_PARKED: Final = (
    select(col(SearchSession.park_reason))
    .join(OneShot, col(OneShot.session_id) == col(SearchSession.id))
    .where(
        col(OneShot.account) == bindparam("account"),
        col(OneShot.job) == bindparam("of_job"),
        col(OneShot.outcome).is_(None),
    )
)
"""A one-shot is parked on the seat of its life, whose name no file has."""


def look(connection: Connection, watched: Watched, now: datetime) -> Look:
    """Read how things stand with these accounts and jobs."""
    whole = select(col(Installation.doubt), col(Installation.reload_refused))
    doubt, reload_refused = connection.execute(whole).one()
    accounts = {name: _account(connection, name, *granted, now) for name, granted in watched.accounts.items()}
    jobs = {name: _job(connection, name, *session) for name, session in watched.jobs.items()}
    traces = TraceFacts(trace_pause.pause_of(connection).paused, trace_figures.missing(connection))
    mail = inbox.counts(connection)
    return Look(Reason(doubt) if doubt else None, reload_refused, accounts, jobs, mail, traces)


def past(connection: Connection, job: str) -> list[Past]:
    """Read a job's latest runs that have ended, oldest first."""
    rows = connection.execute(_PAST, {"of_job": job}).all()
    return [Past(started_at, Outcome(outcome or ""), records) for started_at, outcome, records in reversed(rows)]


def _account(connection: Connection, name: str, limits: Limits, room: Room, now: datetime) -> AccountLook:
    billed, reserved = spent(connection, name, limits, now)
    used = billed.plus(reserved)
    row = connection.execute(select(Account).where(col(Account.name) == name)).mappings().one_or_none()
    if row is None:
        return AccountLook(None, billed, used, None)
    paused = Reason(row["paused_reason"]) if row["paused_reason"] else None
    return AccountLook(paused, billed, used, slots.held(connection, name, room) if row["listed_at"] else None)


def _job(connection: Connection, name: str, account: str, session: str | None) -> JobLook:
    times = connection.execute(_TIMES, {"of_job": name}).all()
    last = connection.execute(_LAST, {"of_job": name}).mappings().all()
    if session is None:
        parked = connection.execute(_LIFE_PARKED, {"account": account, "of_job": name}).scalar_one_or_none()
    else:
        parked = connection.execute(_PARKED, {"account": account, "session": session}).scalar_one_or_none()
    return JobLook(
        due_at=min((fire_at for _, fire_at in times), default=None),
        next_at=min((fire_at for state, fire_at in times if state == "planned"), default=None),
        running_since=connection.execute(_RUNNING, {"of_job": name}).scalar_one_or_none(),
        parked=Reason(parked) if parked else None,
        last=tuple(_end(row) for row in last),
        last_run=last[0]["id"] if last else 0,
        waits=_waits(connection, name, session),
    )


def _waits(connection: Connection, job: str, session: str | None) -> bool:
    """Who waits by another way waits for a webhook, and for a session that the job has no more nobody waits."""
    last = connection.execute(_LAST_OWN, {"of_job": job}).mappings().one_or_none()
    if last is None or last["outcome"] != Outcome.WAITING:
        return False
    route, wanted = last["route"], last["session"]
    return bool(route == Route.THROWAWAY or (route == Route.SESSION and wanted == session))


def _end(row: RowMapping) -> End:
    return End(Outcome(row["outcome"]), row["message"] or "", Reason(row["reason"]) if row["reason"] else None)


_THIS: Final = (
    col(Condition.name) == bindparam("of_name"),
    col(Condition.subject) == bindparam("of_subject"),
    col(Condition.began_at) == bindparam("of_began_at", type_=UtcDateTime),
)
_NAMES: Final = frozenset(Name)


def open_conditions(connection: Connection) -> list[Held]:
    """Read what is held, oldest first."""
    rows = connection.execute(select(Condition).where(col(Condition.ended_at).is_(None)).order_by(col(Condition.id)))
    return [_held(row) for row in rows.mappings() if row["name"] in _NAMES]


def conditions(connection: Connection, now: datetime) -> list[Held]:
    """Read what is held, and what ended lately (see `core.notices.is_kept`); forget what ended three months ago."""
    connection.execute(delete(Condition).where(col(Condition.ended_at) < now - KEPT_FOR))
    lately = or_(col(Condition.ended_at).is_(None), col(Condition.ended_at) > now - OWED_FOR)
    rows = connection.execute(select(Condition).where(lately).order_by(col(Condition.id))).mappings()
    found = [_held(row) for row in rows if row["name"] in _NAMES]
    return [one for one in found if is_kept(one, now)]


def _held(row: RowMapping) -> Held:
    return Held(
        key=Key(Name(row["name"]), row["subject"]),
        began_at=row["began_at"],
        worst=row["worst"],
        detail=row["detail"],
        said=row["said"],
        gone_at=row["ended_at"],
        ended_at=row["ended_at"],
        told=msgspec.json.decode(row["told"], type=dict[str, Told]),
    )


def note(connection: Connection, changed: Collection[Held]) -> None:
    """Enter conditions, or bring their rows up to date: first what is over, since it may have begun anew meanwhile."""
    for one in sorted(changed, key=lambda one: one.ended_at is None):
        this = {"of_name": one.key.condition, "of_subject": one.key.subject, "of_began_at": one.began_at}
        values = {
            "ended_at": one.ended_at,
            "worst": one.worst,
            "said": one.said,
            "detail": one.detail,
            "told": msgspec.json.encode(one.told).decode(),
        }
        if connection.execute(update(Condition).where(*_THIS).values(**values), this).rowcount == 0:
            name, subject = one.key
            connection.execute(
                insert(Condition).values(name=name.value, subject=subject, began_at=one.began_at, **values)
            )
