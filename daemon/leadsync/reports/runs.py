"""`leadsync runs`: the history, newest first."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, select
from sqlmodel import col

from leadsync.config import Settings
from leadsync.reports import SCHEMA_VERSION
from leadsync.reports.known import refuse_unknown_job
from leadsync.reports.one_shots import windows_line, windows_row
from leadsync.reports.text import columns, money
from leadsync.store.columns import MICROS
from leadsync.store.engine import sqlite_file
from leadsync.store.pulls import counts
from leadsync.store.reading import reading
from leadsync.store.tables import Page, Run

Row: TypeAlias = Mapping[str, Any] | RowMapping


def runs(settings: Settings, *, job: str | None, limit: int) -> dict[str, Any]:
    """Return the last `limit` runs, of one job or of all; `outcome` is null while a run is under way.

    Raises UsageMistake for a job that neither the configuration nor the history knows.
    """
    wanted = select(Run).order_by(col(Run.id).desc()).limit(limit)
    if job is not None:
        wanted = wanted.where(col(Run.job) == job)
    with reading(sqlite_file(settings.store.url)) as connection:
        refuse_unknown_job(settings, connection, job)
        rows = connection.execute(wanted).mappings().all() if connection else []
        history = [run_row(connection, row) for row in rows] if connection else []
    return {"schema_version": SCHEMA_VERSION, "runs": history}


def run_row(connection: Connection, row: Row) -> dict[str, Any]:
    """A run as `status` and `runs` show it; `records` were billed, `new` of them for the first time.

    `windows` are those that it has asked for, with what came for them since; null where it has asked for none.
    """
    return {
        "run": row["id"],
        "job": row["job"],
        "trigger": row["trigger"],
        "route": row["route"],
        "outcome": row["outcome"],
        "reason": row["reason"],
        "message": row["message"],
        "started_at": row["started_at"].isoformat(),
        "ended_at": row["ended_at"].isoformat() if row["ended_at"] else None,
        "pages": row["pages"],
        "records": row["records"],
        "new": row["new"],
        "replays": row["replays"],
        "waited_s": row["waited_s"],
        "cost": row["cost_micros"] / MICROS,
        "windows": windows_row(counts(connection, col(Page.run_id) == row["id"])) if row["route"] == "async" else None,
    }


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
                _message(run),
            )
            for run in report["runs"]
        ],
    )


def _message(run: Row) -> str:
    message = run["message"] or ""
    return message if run["windows"] is None else f"windows: {windows_line(run['windows'])}; {message}"
