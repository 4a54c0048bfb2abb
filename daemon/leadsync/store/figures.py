"""Sums over all that the store has, for figures that must survive a restart; functions of one connection each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlmodel import col

from leadsync.core.model import SETTLING
from leadsync.store.columns import MICROS
from leadsync.store.tables import Page, Run, SearchSession


@dataclass(frozen=True, slots=True)
class Bought:
    """What all pages of an account's job have brought; `records` were billed, `dollars` is what they cost."""

    account: str
    job: str
    pages: int
    records: int
    new: int
    replays: int
    dollars: float


def bought(connection: Connection) -> list[Bought]:
    """Add up every stored page, by account and by the job that uses its session now."""
    amounts = (col(Page.billed), col(Page.new), col(Page.replays), col(Page.billed) * col(Page.price_micros))
    whose = (col(Page.account), col(SearchSession.job))
    sums = (
        select(*whose, func.count(), *(func.coalesce(func.sum(amount), 0) for amount in amounts))
        .join(SearchSession, col(SearchSession.id) == col(Page.session_id))
        .where(col(Page.state) == "stored")
        .group_by(*whose)
    )
    return [
        Bought(account, job, pages, records, new, replays, micros / MICROS)
        for account, job, pages, records, new, replays, micros in connection.execute(sums)
    ]


def open_keys(connection: Connection) -> dict[str, int]:
    """Count the keys that have no answer yet, by account."""
    counts = select(col(Page.account), func.count()).where(col(Page.state) == "asked").group_by(col(Page.account))
    return {row[0]: row[1] for row in connection.execute(counts)}


def last_good_ends(connection: Connection, jobs: Iterable[str]) -> dict[str, datetime]:
    """Say when a run of each of these jobs last ended well; those of which none has are left out.

    One that only settles a key which an earlier run had left open is none of its own.
    """
    found = {}
    for job in jobs:
        well = (col(Run.job) == job, col(Run.trigger) != SETTLING, col(Run.outcome).in_(("complete", "limited")))
        ended_at = connection.execute(
            select(col(Run.ended_at)).where(*well).order_by(col(Run.id).desc()).limit(1)
        ).scalar_one_or_none()
        if ended_at is not None:
            found[job] = ended_at
    return found
