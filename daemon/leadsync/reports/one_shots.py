"""How far a one-shot has come, for those who show jobs: one plain JSON-able structure."""

from typing import Any

from sqlalchemy import Connection, func, select
from sqlmodel import col

from leadsync.config import Job
from leadsync.core.model import Route
from leadsync.core.windows import yet_to_ask
from leadsync.reports.text import money
from leadsync.store import one_shots
from leadsync.store.pulls import Counts, counts
from leadsync.store.tables import AsyncRequest, Page
from leadsync.store.windows import windows_of


def seat_of(connection: Connection | None, job: Job) -> str:
    """Return the name under which a job's pages are counted: its session, or a one-shot's newest life's, or ""."""
    if job.kind != "one_shot":
        return job.session
    row = one_shots.newest(connection, job.account, job.name) if connection else None
    return row["seat"] if row is not None else ""


def progress_of(connection: Connection | None, job: Job) -> dict[str, Any] | None:
    """Return how far a one-shot has come in its newest life; None where it is none.

    `session` is null where it has none, `unknown` counts records that may be billed and never came, `windows` is null
    where it asks for none, `outcome` is null until it is done.
    """
    if job.kind != "one_shot":
        return None
    row = one_shots.newest(connection, job.account, job.name) if connection else None
    if connection is None or row is None:
        never = dict.fromkeys(("route", "session", "windows", "outcome"))
        return {"life": 0, **never, "wanted": job.records, "delivered": 0, "unknown": 0}
    lost = select(func.coalesce(func.sum(col(Page.billed)), 0)).where(
        col(Page.session_id) == row["session_id"], col(Page.state) == "unknown"
    )
    return {
        "life": row["life"],
        "route": row["route"],
        "session": row["seat"] if row["route"] == "throwaway" else None,
        "wanted": row["wanted"],
        "delivered": row["delivered"],
        "unknown": connection.execute(lost).scalar_one(),
        "windows": windows_row(counts(connection, col(AsyncRequest.life_id) == row["id"])),
        "outcome": row["outcome"],
    }


def missing_of(connection: Connection | None, job: Job) -> int | None:
    """Return how many records a one-shot asks for yet, at most, if its life goes on; None where it is none.

    It goes by what its file wants by now, as its next run does.
    """
    if job.records is None:
        return None
    row = one_shots.newest(connection, job.account, job.name) if connection else None
    if connection is None or row is None:
        return job.records
    if row["route"] == Route.ASYNC:
        return yet_to_ask(job.records, windows_of(connection, row["id"]))
    return max(job.records - int(row["delivered"]), 0)


def windows_row(counted: Counts | None) -> dict[str, Any] | None:
    """Show what became of windows; `cost` is in US dollars, with what may be billed and never came."""
    if counted is None:
        return None
    return {
        "asked": counted.asked,
        "unanswered": counted.unanswered,
        "arrived": counted.arrived,
        "expired": counted.expired,
        "failed": counted.failed,
        "take": counted.take,
        "records": counted.records,
        "duplicates": counted.records - counted.new,
        "cost": counted.cost,
    }


def windows_line(windows: dict[str, Any]) -> str:
    """Say it in a line."""
    parts = [f"{windows['asked']} asked", f"{windows['arrived']} arrived"]
    parts += [f"{windows[name]} {name}" for name in ("unanswered", "expired", "failed") if windows[name]]
    parts += [f"{windows['duplicates']:,} duplicates"] if windows["duplicates"] else []
    return f"{', '.join(parts)}; {money(windows['cost'])}"
