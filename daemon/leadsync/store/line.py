"""The line of those who wait for a session slot, as the runs tell it: functions of one connection."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, and_, bindparam, case, exists, func, or_, select
from sqlmodel import col

from leadsync.core.model import CALLED, SETTLING, Outcome, Route
from leadsync.store.tables import ListedSession, Run, SearchSession

_OF_ITS_RUN: Final = and_(col(SearchSession.account) == col(Run.account), col(SearchSession.name) == col(Run.session))
_LAST_RUNS: Final = (
    select(func.max(col(Run.id)))
    .where(col(Run.account) == bindparam("of_account"), col(Run.trigger) != SETTLING)
    .group_by(col(Run.job))
)
_CUT_SHORT: Final = and_(
    col(Run.trigger) == CALLED,
    col(Run.outcome).in_((Outcome.FAILED, Outcome.INTERRUPTED)),
    col(Run.reason).is_(None),
)
_IS_THERE: Final = exists().where(
    col(ListedSession.account) == col(Run.account), col(ListedSession.name) == col(Run.session)
)
_WAITING: Final = (
    select(
        col(Run.job),
        col(Run.id),
        case((col(Run.route) == Route.SESSION, col(Run.session))),
        or_(col(SearchSession.reserved_at).is_not(None), _IS_THERE, col(Run.route) == Route.PLAIN),
        _CUT_SHORT,
    )
    .outerjoin(SearchSession, _OF_ITS_RUN)
    .where(
        col(Run.id).in_(_LAST_RUNS),
        or_(col(Run.outcome) == Outcome.WAITING, _CUT_SHORT),
        col(Run.route) != Route.ASYNC,  # it waits for a webhook
    )
    .order_by(col(Run.id))
)


@dataclass(frozen=True, slots=True)
class Place:
    """A job's place in the line of those who wait for a slot: the run that ended so, and the session that it wanted.

    A one-shot's `session` is None: its life has one. `has_slot`: it needs no further one, since one is reserved for it
    (a key of its session may be on its way yet), the vendor has its session by now, or it goes without one.
    `cut_short`: it was called, and weather or a crash ended that run; nobody else runs it again.
    """

    job: str
    run_id: int
    session: str | None = None
    has_slot: bool = False
    cut_short: bool = False


def waiting(connection: Connection, account: str) -> list[Place]:
    """Return the jobs whose last own run waits for a slot, the one that has waited longest first.

    A run that only settles an open key, maybe of a session that the job had before, takes nobody out of the line.
    """
    found = connection.execute(_WAITING, {"of_account": account})
    return [
        Place(job, run_id or 0, session, bool(has_slot), bool(cut_short))
        for job, run_id, session, has_slot, cut_short in found
    ]
