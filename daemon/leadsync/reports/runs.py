"""`leadsync runs`: the history, newest first."""

from typing import Any

from sqlalchemy import select
from sqlmodel import col

from leadsync.config import Settings
from leadsync.reports import SCHEMA_VERSION
from leadsync.reports.known import refuse_unknown_job
from leadsync.reports.status import run_row
from leadsync.reports.text import columns, money
from leadsync.store.engine import sqlite_file
from leadsync.store.reading import reading
from leadsync.store.tables import Run


def runs(settings: Settings, *, job: str | None, limit: int) -> dict[str, Any]:
    """Return the last `limit` runs, of one job or of all; `outcome` is null while a run is under way.

    Raises UsageMistake for a job that neither the configuration nor the history knows.
    """
    wanted = select(Run).order_by(col(Run.id).desc()).limit(limit)
    if job is not None:
        wanted = wanted.where(col(Run.job) == job)
    with reading(sqlite_file(settings.store.url)) as connection:
        refuse_unknown_job(settings, connection, job)
        history = [run_row(row) for row in connection.execute(wanted).mappings()] if connection else []
    return {"schema_version": SCHEMA_VERSION, "runs": history}


def in_words(report: dict[str, Any]) -> str:
    """Show the history to a person."""
    if not report["runs"]:
        return "no run yet"
    head = (
        "RUN",
        "JOB",
        "TRIGGER",
        "STARTED",
        "OUTCOME",
        "PAGES",
        "RECORDS",
        "NEW",
        "REPLAYS",
        "WAITED",
        "COST",
        "MESSAGE",
    )
    return columns(
        head,
        [
            (
                run["run"],
                run["job"],
                run["trigger"],
                run["started_at"][:19].replace("T", " "),
                run["outcome"] or "running",
                run["pages"],
                run["records"],
                run["new"],
                run["replays"],
                f"{run['waited_s']:,.0f} s",
                money(run["cost"]),
                run["message"] or "",
            )
            for run in report["runs"]
        ],
    )
