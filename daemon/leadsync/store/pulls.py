"""How far the pulls by windows are: which may go on, what is asked for again, and what it all came to.

Functions of one connection, to be called inside a transaction of the ledger; the counts also by whoever only reads.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select, update
from sqlmodel import col

from leadsync.core.model import Outcome, Reason, Route
from leadsync.core.retry import deadline_of_now
from leadsync.core.windows import Rest, StillMissing, Window, still_missing
from leadsync.store import inbox, one_shots, windows
from leadsync.store.columns import MICROS
from leadsync.store.tables import AsyncRequest, OneShot, Page, Run, SearchSession
from leadsync.store.windows import REQUESTS, STATES, Expired, windows_of

_COST: Final = col(Page.billed) * col(Page.price_micros)


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


def expire(connection: Connection, again: Collection[str], now: datetime) -> list[Expired]:
    """Let windows expire, see `windows.expire`; none waits for a time that only a clock far ahead has named."""
    ahead = REQUESTS.where(col(Page.state) == "awaited", col(Page.asked_at) > now)
    for row in connection.execute(ahead).mappings().all():
        mine = update(AsyncRequest).where(col(AsyncRequest.page_id) == row["page_id"])
        connection.execute(mine.values(deadline_at=deadline_of_now(row["asked_at"], row["deadline_at"], now)))
    return windows.expire(connection, again, now)


def spare(connection: Connection, life_id: int) -> None:
    """Have no window asked for again because the job's file once said so: it says stop by now.

    Where a person has spoken after a window had ended, that holds.
    """
    spoken_at = connection.execute(select(col(OneShot.ended_at)).where(col(OneShot.id) == life_id)).scalar_one()
    mine = REQUESTS.where(col(AsyncRequest.life_id) == life_id, col(AsyncRequest.again))
    for row in connection.execute(mine).mappings().all():
        # An error that comes late settles once more what had ended before.
        is_late = row["state"] == "refused" and row["deadline_at"] < row["settled_at"]
        ended_at = row["deadline_at"] if is_late else row["settled_at"]
        if spoken_at is None or spoken_at < ended_at:
            request = update(AsyncRequest).where(col(AsyncRequest.page_id) == row["page_id"])
            connection.execute(request.values(again=False))


def goes_by_windows(connection: Connection, account: str, job: str) -> bool:
    """Whether the open life of a job goes by windows."""
    mine = (col(OneShot.account) == account, col(OneShot.job) == job, col(OneShot.outcome).is_(None))
    return (
        connection.execute(select(col(OneShot.id)).where(*mine, col(OneShot.route) == Route.ASYNC)).first() is not None
    )


def is_awaited(connection: Connection, account: str, job: str) -> bool:
    """Whether results are on their way for the open life of a job."""
    mine = (col(OneShot.account) == account, col(OneShot.job) == job, col(OneShot.outcome).is_(None))
    out = (
        select(col(Page.id))
        .join(AsyncRequest, col(AsyncRequest.page_id) == col(Page.id))
        .join(OneShot, col(OneShot.id) == col(AsyncRequest.life_id))
        .where(*mine, col(Page.state) == "awaited")
    )
    return connection.execute(out.limit(1)).first() is not None


def open_pulls(connection: Connection) -> list[OpenPull]:
    """Return the pulls that may have to go on, whatever has become of their jobs."""
    lives = select(OneShot).where(col(OneShot.route) == Route.ASYNC, col(OneShot.outcome).is_(None))
    rows = connection.execute(lives.order_by(col(OneShot.id))).mappings().all()
    return [pull for pull in (_open_pull(connection, row) for row in rows) if pull is not None]


def _open_pull(connection: Connection, life: RowMapping) -> OpenPull | None:
    """None where a run of it is under way, or where it has asked for nothing yet."""
    mine = (col(Run.job) == life["job"], col(Run.account) == life["account"], col(Run.route) == Route.ASYNC)
    last = connection.execute(select(Run).where(*mine).order_by(col(Run.id).desc()).limit(1)).mappings().one_or_none()
    asked = windows_of(connection, life["id"])
    if last is None or last["outcome"] is None or not asked:
        return None
    news = select(func.max(col(Page.settled_at))).join(AsyncRequest, col(AsyncRequest.page_id) == col(Page.id))
    its = (col(AsyncRequest.life_id) == life["id"], col(Page.state).in_(STATES))
    news_at = connection.execute(news.where(*its)).scalar_one()
    denied = last["reason"] is not None and Reason(last["reason"]).pauses_account
    seat = select(col(SearchSession.park_reason)).where(col(SearchSession.id) == life["session_id"])
    answered = connection.execute(seat).scalar_one() is None
    rest = Rest(Outcome(last["outcome"]), last["ended_at"], news_at, life["ended_at"], denied, answered)
    return OpenPull(life["account"], life["job"], life["wanted"], asked, rest)


def ask_again(connection: Connection, account: str, job: str, wanted: int, now: datetime) -> StillMissing | str:
    """Have asked for what is missing of a job's newest life, its windows that never came first; or say why not.

    A life that had ended goes on with that, up to what is `wanted` by now.
    """
    life = one_shots.newest(connection, account, job)
    if life is None or life["route"] != Route.ASYNC:
        return "it has asked for no windows"
    asked = windows_of(connection, life["id"])
    if asked and life["next_page"] == 1:
        return f"its windows are those of the store it was copied from; `leadsync once {job} --again` buys all anew"
    missing = still_missing(life["wanted"], asked)
    if not isinstance(missing, str):  # that the file wants more by now is no reason by itself
        missing = still_missing(wanted, asked)
    if isinstance(missing, str):
        return missing
    mine = (col(AsyncRequest.life_id) == life["id"], col(AsyncRequest.window).in_(missing.numbers))
    keys = select(col(Page.key)).join(AsyncRequest, col(AsyncRequest.page_id) == col(Page.id)).where(*mine)
    came = inbox.pending(connection, list(connection.execute(keys).scalars()))
    if "waiting" in came:
        return (
            "a result for one of them has come and is not read yet: the daemon reads it, or the next one that is"
            " started; then try again"
        )
    if came:
        return (
            "a result for one of them waits in quarantine, and may be billed already; see `leadsync inbox list`, and"
            " release or discard it first"
        )
    connection.execute(update(AsyncRequest).where(*mine).values(again=True))
    one_shots.reopen(connection, life["id"], now)
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
