"""How far a one-shot has come, for those who show jobs: one plain JSON-able structure."""

from typing import Any

from sqlalchemy import Connection, func, select
from sqlmodel import col

from leadsync.config import Job
from leadsync.store import one_shots
from leadsync.store.tables import Page


def seat_of(connection: Connection | None, job: Job) -> str:
    """Return the name under which a job's pages are counted: its session, or a one-shot's newest life's, or ""."""
    if job.kind != "one_shot":
        return job.session
    row = one_shots.newest(connection, job.account, job.name) if connection else None
    return row["seat"] if row is not None else ""


def progress_of(connection: Connection | None, job: Job) -> dict[str, Any] | None:
    """Return how far a one-shot has come in its newest life; None where it is none.

    `session` is null on the plain route, `unknown` counts records that may be billed and never came, `outcome` is null
    until it is done.
    """
    if job.kind != "one_shot":
        return None
    row = one_shots.newest(connection, job.account, job.name) if connection else None
    if connection is None or row is None:
        never = {"life": 0, "route": None, "session": None, "delivered": 0, "unknown": 0, "outcome": None}
        return {**never, "wanted": job.records}
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
        "outcome": row["outcome"],
    }
