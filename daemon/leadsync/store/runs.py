"""The rows of runs: begun, ended, and those that a dead process left behind.

A run's figures are added up from its pages when it ends, so they are right whoever ends it, also after a crash.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, case, func, insert, or_, select, update
from sqlmodel import col

from leadsync.core.model import End, Outcome, Route, Tally
from leadsync.errors import Bug
from leadsync.store import one_shots, slots
from leadsync.store.columns import MICROS
from leadsync.store.tables import Page, Run

# What every run asks is built once: building a statement costs three times as much as running it.
_STORED: Final = col(Page.state) == "stored"
_SUMS: Final = select(
    *(
        func.coalesce(func.sum(amount), 0)
        for amount in (
            case((_STORED, 1), else_=0),
            case((_STORED, col(Page.billed)), else_=0),
            col(Page.new),
            col(Page.replays),
            col(Page.billed) * col(Page.price_micros),
        )
    ),
).where(col(Page.run_id) == bindparam("run"), or_(_STORED, col(Page.state) == "unknown"))
_SUMS_THERE: Final = _SUMS.where(col(Page.session_id) == bindparam("of_session"))
_NEW: Final = insert(Run).returning(col(Run.id))
_LEFT: Final = select(col(Run.id), col(Run.job)).where(col(Run.outcome).is_(None))
_OF_JOB: Final = col(Run.job) == bindparam("of_job")
_OF_SESSION: Final = and_(col(Run.account) == bindparam("of_account"), col(Run.session) == bindparam("of_session"))
_LEFT_OF: Final = _LEFT.where(or_(_OF_JOB, _OF_SESSION), col(Run.id).not_in(bindparam("alive", expanding=True)))
_END: Final = update(Run).where(col(Run.id) == bindparam("run"), col(Run.outcome).is_(None))


@dataclass(frozen=True, slots=True)
class NewRun:
    """What begins. `trigger` is what made it begin: `once`, `start`, `schedule`, `retry`, `slot`, `webhook`."""

    job: str
    account: str
    session: str | None
    route: Route
    trigger: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run did. `cost` is in US dollars."""

    pages: int
    records: int
    new: int
    replays: int
    cost: float

    @classmethod
    def of(cls, tally: Tally) -> "Figures":
        """What the run itself remembers, for when the store cannot be asked; the cost is not in it."""
        return cls(tally.pages, tally.records, tally.new, tally.replays, 0.0)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A run that its process did not live to end."""

    run_id: int
    job: str
    figures: Figures


def begin(connection: Connection, run: NewRun, alive: Collection[int], now: datetime) -> int:
    """Enter a running run and return its row id; the store refuses a second one of the same job or session.

    Where the store failed just as a run ended, its row still says that it runs: it is ended here, unless it is `alive`.
    """
    # Nothing equals NULL: a run without a session meets those of its job alone.
    place = {"of_job": run.job, "of_account": run.account, "of_session": run.session, "alive": list(alive)}
    for left, _ in _running(connection, _LEFT_OF, place):
        end(connection, left, End(Outcome.INTERRUPTED, "its end could not be written into the store"), 0.0, now)
    values = {
        "job": run.job,
        "account": run.account,
        "session": run.session,
        "route": run.route.value,
        "trigger": run.trigger,
        "started_at": now,
        **dict.fromkeys(("pages", "records", "new", "replays", "waited_s", "cost_micros"), 0),
    }
    return connection.execute(_NEW, values).scalar_one() or 0


def end(connection: Connection, run_id: int, ended: End, waited_s: float, now: datetime) -> Figures:
    """End a run once; its figures come from its pages, and a slot that it did not use is free again.

    What it leaves open without a key is lost with it.
    """
    one_shots.give_up_run(connection, run_id, now)
    figures, cost_micros = _added(connection.execute(_SUMS, {"run": run_id}).one())
    values: dict[str, Any] = {
        "ended_at": now,
        "outcome": ended.outcome.value,
        "reason": ended.reason.value if ended.reason else None,
        "message": ended.message,
        "pages": figures.pages,
        "records": figures.records,
        "new": figures.new,
        "replays": figures.replays,
        "waited_s": waited_s,
        "cost_micros": cost_micros,
    }
    if connection.execute(_END, {"run": run_id, **values}).rowcount != 1:
        raise Bug(f"run {run_id} has ended already")
    slots.give_back(connection, run_id)
    return figures


def add_up(connection: Connection, run_id: int, session_id: int) -> None:
    """Bring a run's figures up to what has come since it ended; one that is running adds them up at its end.

    `session_id` is where its pages are counted: it finds them without a look at all.
    """
    sums = connection.execute(_SUMS_THERE, {"run": run_id, "of_session": session_id}).one()
    figures, cost_micros = _added(sums)
    values = {"pages": figures.pages, "records": figures.records, "new": figures.new, "cost_micros": cost_micros}
    connection.execute(update(Run).where(col(Run.id) == run_id, col(Run.outcome).is_not(None)).values(**values))


def reap(connection: Connection, now: datetime) -> list[Interrupted]:
    """End the runs that a dead process left running, and return them."""
    ended = End(Outcome.INTERRUPTED, "leadsync was killed or lost power during this run")
    return [
        Interrupted(run, job, end(connection, run, ended, 0.0, now)) for run, job in _running(connection, _LEFT, {})
    ]


def _running(connection: Connection, left: Select[int | None, str], place: Mapping[str, Any]) -> list[tuple[int, str]]:
    return [(run_id or 0, job) for run_id, job in connection.execute(left, place)]


def _added(sums: Sequence[Any]) -> tuple[Figures, int]:
    """A page whose answer was lost is none, and costs what it may have cost."""
    pages, records, new, replays, micros = sums
    return Figures(pages, records, new, replays, micros / MICROS), micros
