"""How the skip trace stands, counted for those who show it; functions of one connection each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, case, func, select
from sqlmodel import col

from leadsync.core.trace import BatchState, Items, State
from leadsync.store.columns import MICROS
from leadsync.store.trace_tables import TraceBatch, TraceJob, TraceSubject

_TAKEN: Final = col(TraceBatch.state).not_in((BatchState.REFUSED, BatchState.VOID))
_ENDED: Final = col(TraceBatch.matched) + col(TraceBatch.missed) + col(TraceBatch.missing)
_SUMS: Final = select(
    *(
        func.coalesce(func.sum(figure), 0)
        for figure in (
            case((_TAKEN, col(TraceBatch.items) - _ENDED), else_=0),
            col(TraceBatch.matched),
            col(TraceBatch.missed),
            col(TraceBatch.missing),
            col(TraceBatch.matched) * col(TraceBatch.price_micros),
        )
    )
)
_OPEN: Final = col(TraceBatch.settled_at).is_(None)


@dataclass(frozen=True, slots=True)
class TraceFigures:
    """All that was ever asked. `subjects` by state; `out` batches are on their way, of which `unknown` may not be.

    `dollars` is what the matches cost.
    """

    subjects: Mapping[State, int]
    items: Items
    out: int
    unknown: int
    wanted_since: datetime | None
    dollars: float


def figures(connection: Connection) -> TraceFigures:
    """Count everything."""
    by_state = select(col(TraceSubject.state), func.count()).group_by(col(TraceSubject.state))
    counted = {State(state): count for state, count in connection.execute(by_state)}
    *items, micros = connection.execute(_SUMS).one()
    states = select(col(TraceBatch.state), func.count()).where(_OPEN).group_by(col(TraceBatch.state))
    out = {row[0]: row[1] for row in connection.execute(states)}
    wanted = select(func.min(col(TraceSubject.wanted_at))).where(col(TraceSubject.state) == State.WANTED)
    return TraceFigures(
        subjects={state: counted.get(state, 0) for state in State},
        items=Items(*items),
        out=sum(out.values()),
        unknown=out.get(BatchState.UNKNOWN, 0),
        wanted_since=connection.execute(wanted).scalar_one(),
        dollars=micros / MICROS,
    )


def missing(connection: Connection) -> int:
    """Count the subjects about whom the vendor said nothing in time."""
    counted = select(func.count()).select_from(TraceSubject).where(col(TraceSubject.state) == State.MISSING)
    return connection.execute(counted).scalar_one()


def jobs(connection: Connection) -> list[RowMapping]:
    """Return the jobs whose owners are traced, with what was seen in their properties."""
    return list(connection.execute(select(TraceJob).order_by(col(TraceJob.job))).mappings())


def batches(connection: Connection, limit: int) -> list[RowMapping]:
    """Return the batches that are out or lack an answer, and the newest of all others, newest first."""
    newest: Select[Any] = select(col(TraceBatch.id)).order_by(col(TraceBatch.id).desc()).limit(limit)
    shown = _OPEN | (col(TraceBatch.missing) > 0) | col(TraceBatch.id).in_(newest)
    return list(connection.execute(select(TraceBatch).where(shown).order_by(col(TraceBatch.id).desc())).mappings())
