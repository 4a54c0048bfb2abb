"""How far the pulls by windows are: which may go on, what is asked for again, and what it all came to.

Functions of one connection, to be called inside a transaction of the ledger; the counts also by whoever only reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, select, update
from sqlmodel import col

from leadsync.core.model import Outcome, Reason, Route
from leadsync.core.windows import Rest, StillMissing, Window, still_missing
from leadsync.store import one_shots
from leadsync.store.columns import MICROS
from leadsync.store.tables import AsyncRequest, InboxMessage, OneShot, Page, Run
from leadsync.store.windows import STATES, windows_of

_COST: Final = col(Page.billed) * col(Page.price_micros)
_SAME_JOB: Final = (col(Run.account) == col(OneShot.account), col(Run.job) == col(OneShot.job))


@dataclass(frozen=True, slots=True)
class OpenPull:
    """The open life of a one-shot that has asked for windows, and that no run is at just now."""

    account: str
    job: str
    wanted: int
    windows: Sequence[Window]
    rest: Rest


@dataclass(frozen=True, slots=True)
class Counts:
    """The requests for windows by what became of them; `take` records were asked for in all, and `records` came.

    `new` of these came for the first time. `cost` is in US dollars: what was billed, and what may have been.
    """

    asked: int
    unanswered: int
    arrived: int
    expired: int
    failed: int
    take: int
    records: int
    new: int
    cost: float


def next_deadline(connection: Connection) -> datetime | None:
    """When the first of the unanswered windows expires."""
    waits = select(func.min(col(AsyncRequest.deadline_at))).join(Page, col(Page.id) == col(AsyncRequest.page_id))
    return connection.execute(waits.where(col(Page.state) == "awaited")).scalar_one()


def open_pulls(connection: Connection) -> list[OpenPull]:
    """Return the pulls that may have to go on, whatever has become of their jobs."""
    last = select(func.max(col(Run.id))).where(col(Run.route) == Route.ASYNC).group_by(col(Run.account), col(Run.job))
    lives = connection.execute(
        select(OneShot, col(Run.outcome).label("ended"), col(Run.ended_at).label("run_ended_at"), col(Run.reason))
        .join(Run, and_(*_SAME_JOB, col(Run.id).in_(last)))
        .where(col(OneShot.route) == Route.ASYNC, col(OneShot.outcome).is_(None), col(Run.outcome).is_not(None))
        .order_by(col(OneShot.id))
    ).mappings()
    pulls = []
    for row in lives.all():
        windows = windows_of(connection, row["id"])
        if windows:
            pulls.append(OpenPull(row["account"], row["job"], row["wanted"], windows, _rest(connection, row)))
    return pulls


def _rest(connection: Connection, row: RowMapping) -> Rest:
    news = select(func.max(col(Page.settled_at))).join(AsyncRequest, col(AsyncRequest.page_id) == col(Page.id))
    mine = (col(AsyncRequest.life_id) == row["id"], col(Page.state) != "void")
    news_at = connection.execute(news.where(*mine)).scalar_one()
    denied = row["reason"] is not None and Reason(row["reason"]).pauses_account
    return Rest(Outcome(row["ended"]), row["run_ended_at"], news_at, denied)


def ask_again(connection: Connection, account: str, job: str) -> StillMissing | str:
    """Have asked for what is missing of a job's newest life, its windows that never came first; or say why not.

    A life that had ended goes on with that.
    """
    life = one_shots.newest(connection, account, job)
    if life is None or life["route"] != Route.ASYNC:
        return "it has asked for no windows"
    missing = still_missing(life["wanted"], windows_of(connection, life["id"]))
    if isinstance(missing, str):
        return missing
    mine = (col(AsyncRequest.life_id) == life["id"], col(AsyncRequest.window).in_(missing.numbers))
    keys = select(col(Page.key)).join(AsyncRequest, col(AsyncRequest.page_id) == col(Page.id)).where(*mine)
    unread = (col(InboxMessage.subject).in_(keys), col(InboxMessage.state) == "waiting")
    if connection.execute(select(col(InboxMessage.id)).where(*unread)).first() is not None:
        return "a result for one of them has just come and is not read yet; try again in a moment"
    connection.execute(update(AsyncRequest).where(*mine).values(again=True))
    one_shots.reopen(connection, life["id"])
    return missing


def counts(connection: Connection, mine: ColumnElement[bool]) -> Counts | None:
    """Count the windows that a condition on their rows describes; None where there are none."""
    sums = (func.count(), *(func.sum(amount) for amount in (col(Page.take), col(Page.billed), col(Page.new), _COST)))
    grouped = select(col(Page.state), *sums).join(AsyncRequest, col(AsyncRequest.page_id) == col(Page.id))
    rows = connection.execute(grouped.where(mine, col(Page.state).in_(STATES)).group_by(col(Page.state))).all()
    if not rows:
        return None
    by_state = {row[0]: row[1] for row in rows}
    came = next((row for row in rows if row[0] == "stored"), ("stored", 0, 0, 0, 0, 0))
    return Counts(
        asked=sum(by_state.values()),
        unanswered=by_state.get("awaited", 0),
        arrived=by_state.get("stored", 0),
        expired=by_state.get("unknown", 0),
        failed=by_state.get("refused", 0),
        take=sum(row[2] for row in rows),
        records=came[3],
        new=came[4],
        cost=sum(row[5] for row in rows) / MICROS,
    )
