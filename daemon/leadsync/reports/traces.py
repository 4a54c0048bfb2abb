"""How the skip trace stands, for `status` and `traces list`: one plain JSON-able structure, and its words.

Nobody is named in it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, RowMapping, select
from sqlmodel import col

from leadsync.config import Settings, SkipTrace
from leadsync.config.limits import trace_limits_of
from leadsync.core.budget import Limits, Spent
from leadsync.core.model import Reason
from leadsync.core.packing import ITEMS_MIN
from leadsync.core.resume import way_out
from leadsync.core.trace import DAY, MISSES_MAY_BE_BILLED, Items, Pause, State, lies_ahead
from leadsync.core.witness import DOUBTS
from leadsync.reports import SCHEMA_VERSION
from leadsync.reports.text import columns, minute, money
from leadsync.store import trace_figures
from leadsync.store.columns import MICROS
from leadsync.store.engine import sqlite_file
from leadsync.store.reading import reading
from leadsync.store.tables import Installation
from leadsync.store.trace_pause import pause_of
from leadsync.store.trace_spending import spent

Row: TypeAlias = Mapping[str, Any] | RowMapping

LISTED: Final = 20
"""Batches that are shown though nothing of them is open or missing."""

_NOTHING: Final = trace_figures.TraceFigures(dict.fromkeys(State, 0), Items(), 0, 0, None, 0.0)


def skip_trace(settings: Settings, connection: Connection | None, now: datetime) -> dict[str, Any] | None:
    """Return how the skip trace stands, null where the configuration has none; costs are US dollars.

    `state` is ok, paused (with its `reason`) or parked (the vendor's daily limit), `until` when it goes on by itself.
    `owners` counts by state, `held_since` is set where fewer than ten wait. `items_out` of `batches_out` have no answer
    yet. `cost` is what all matches have cost; each window of the budget has `spent`, reservations included, which
    counts a miss as well while nobody knows whether one is billed.
    """
    section = settings.skip_trace
    if section is None:
        return None
    found = trace_figures.figures(connection) if connection else _NOTHING
    wanted = found.subjects[State.WANTED]
    is_held = 0 < wanted < ITEMS_MIN and found.wanted_since is not None
    return {
        **_standing(connection, now),
        "budget": _budget(section, connection, now),
        "owners": {state.value: count for state, count in found.subjects.items()},
        "held_since": found.wanted_since.isoformat() if is_held and found.wanted_since else None,
        "batches_out": found.out,
        "batches_unknown": found.unknown,
        "items_out": found.items.open,
        "cost": found.dollars,
        "misses_may_be_billed": MISSES_MAY_BE_BILLED,
        "jobs": [_job(row) for row in (trace_figures.jobs(connection) if connection else [])],
    }


def traces(settings: Settings, now: datetime) -> dict[str, Any]:
    """Return `skip_trace` as `status` has it, and `batches` that are out, lack an answer or are new, newest first."""
    with reading(sqlite_file(settings.store.url)) as connection:
        rows = trace_figures.batches(connection, LISTED) if connection else []
        return {
            "schema_version": SCHEMA_VERSION,
            "skip_trace": skip_trace(settings, connection, now),
            "batches": [_batch(row) for row in rows],
        }


def traces_in_words(report: Row) -> str:
    """Show the list to a person."""
    if report["skip_trace"] is None and not report["batches"]:
        return "there is no [skip_trace] in the configuration, and nobody was ever traced"
    table = columns(
        ("BATCH", "STATE", "ASKED", "OWNERS", "MATCHED", "MISSED", "MISSING", "OPEN", "COST", "MESSAGE"),
        [
            (
                one["batch"],
                one["state"],
                minute(one["asked_at"]),
                *(one[name] for name in ("items", "matched", "missed", "missing", "open")),
                money(one["cost"]),
                one["message"],
            )
            for one in report["batches"]
        ],
    )
    lines = "\n".join(in_words(report["skip_trace"])) if report["skip_trace"] else ""
    return "\n\n".join(part for part in (lines, table if report["batches"] else "no batch was ever sent") if part)


def in_words(report: Row) -> Iterator[str]:
    """Say how the skip trace stands, in a few lines."""
    owners = report["owners"]
    found = ", ".join(f"{owners[name]:,} {name}" for name in ("matched", "missed", "wanted", "sent"))
    spent_so_far = f"{_budget_words(report['budget'])}; {money(report['cost'])} so far"
    yield f"skip trace: {report['state']}; owners: {found}; {spent_so_far}"
    if report["reason"]:
        until = f", tried again at {minute(report['until'])}" if report["until"] else ""
        yield f"skip trace: {report['reason']}: {report['message']}{until}; {_way_out(Reason(report['reason']))}"
    elif report["until"]:
        yield f"skip trace: the vendor's daily limit is reached; it goes on at {minute(report['until'])}"
    if report["batches_out"]:
        unknown = f", of which {report['batches_unknown']:,} may not have arrived" if report["batches_unknown"] else ""
        yield f"skip trace: {report['items_out']:,} answers of {report['batches_out']:,} batches are awaited{unknown}"
    if report["held_since"]:
        yield f"skip trace: {owners['wanted']} owners wait for company since {minute(report['held_since'])}"
    if owners["missing"]:
        yield (
            f"skip trace: {owners['missing']:,} owners had no answer in time: `leadsync traces list` says of which"
            " batches, `leadsync traces again` asks again and may cost twice"
        )
    for job in report["jobs"]:
        unsendable = job["no_owner"] + job["no_address"]
        yield (
            f"skip trace: {job['job']}: {job['properties']:,} properties since {minute(job['since'])}, of which"
            f" {unsendable:,} have no owner's name or no whole address"
        )


def outlook(settings: Settings, now: datetime) -> dict[str, Any] | None:
    """Return what the skip trace may ask and cost next, null where no job has owners found; nobody is asked."""
    section = settings.skip_trace
    if section is None or not any(job.skip_trace.enabled for job in settings.jobs.values()):
        return None
    with reading(sqlite_file(settings.store.url)) as connection:
        found = trace_figures.figures(connection) if connection else _NOTHING
        return {
            "state": _standing(connection, now)["state"],
            "wanted": found.subjects[State.WANTED],
            "price_per_match": float(section.price_per_match),
            "budget_left": budget_left(section, connection, now),
        }


def budget_left(section: SkipTrace, connection: Connection | None, now: datetime) -> float | None:
    """Return what is left to spend on owners, reservations taken off; None where there is no limit."""
    limits, used = trace_limits_of(section), _used(section, connection, now)
    windows = ((limits.dollars_day, used.dollars_day), (limits.dollars_month, used.dollars_month))
    left = [float(limit - amount) for limit, amount in windows if limit is not None]
    return max(min(left), 0.0) if left else None


def _standing(connection: Connection | None, now: datetime) -> dict[str, Any]:
    """What is in the way; the store's doubt is in everybody's."""
    here = pause_of(connection) if connection else Pause()
    doubt = connection.execute(select(col(Installation.doubt))).scalar_one() if connection else None
    reason, message = (doubt, DOUBTS[Reason(doubt)]) if doubt else (here.paused, here.message)
    parked_until = here.parked_until if here.parked_until and lies_ahead(here.parked_until, DAY, now) else None
    again_at = None if doubt else here.again_at  # no time ends a doubt
    state, until = ("paused", again_at) if reason else ("parked" if parked_until else "ok", parked_until)
    return {"state": state, "reason": reason, "message": message, "until": until.isoformat() if until else None}


def _way_out(reason: Reason) -> str:
    return way_out(reason, "") if reason in DOUBTS else "`leadsync traces resume` ends the pause"


def _used(section: SkipTrace, connection: Connection | None, now: datetime) -> Spent:
    if connection is None:
        return Spent()
    billed, reserved = spent(connection, trace_limits_of(section), now)
    return billed.plus(reserved)


def _budget(section: SkipTrace, connection: Connection | None, now: datetime) -> dict[str, Any]:
    limits: Limits = trace_limits_of(section)
    used = _used(section, connection, now)
    return {
        name: {"spent": float(amount), "limit": None if limit is None else float(limit)}
        for name, amount, limit in (
            ("dollars_day", used.dollars_day, limits.dollars_day),
            ("dollars_month", used.dollars_month, limits.dollars_month),
        )
    }


def _budget_words(budget: Row) -> str:
    parts = [
        f"{money(window['spent'])} of {money(window['limit'])} a {name.removeprefix('dollars_')}"
        for name, window in budget.items()
        if window["limit"] is not None
    ]
    return ", ".join(parts) or "budget unlimited"


def _job(row: Row) -> dict[str, Any]:
    names = ("job", "properties", "owners", "no_owner", "no_address")
    return {**{name: row[name] for name in names}, "since": row["since"].isoformat()}


def _batch(row: Row) -> dict[str, Any]:
    names = ("route", "state", "items", "matched", "missed", "missing", "vendor_id", "status", "message")
    is_void = row["state"] in ("refused", "void")
    is_open = 0 if is_void else row["items"] - row["matched"] - row["missed"] - row["missing"]
    return {
        "batch": row["name"],
        **{name: row[name] for name in names},
        "open": is_open,
        "asked_at": row["asked_at"].isoformat(),
        "deadline_at": row["deadline_at"].isoformat(),
        "settled_at": row["settled_at"].isoformat() if row["settled_at"] else None,
        "cost": row["matched"] * row["price_micros"] / MICROS,
    }
