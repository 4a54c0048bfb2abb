"""`leadsync status`: books, slots, budgets and last runs, as the store has them.

Slots are the vendor's last list plus what leadsync created, and minus what it deleted, since; nothing is asked of the
vendor.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, select
from sqlmodel import col

from leadsync.config import Account, Job, Settings
from leadsync.config.limits import limits_of
from leadsync.core.budget import Limits, Spent
from leadsync.core.model import Outcome, Reason
from leadsync.core.resume import ask_again_command
from leadsync.core.slots import Room
from leadsync.core.watch import Held
from leadsync.core.witness import DOUBTS
from leadsync.errors import Problem
from leadsync.reports import SCHEMA_VERSION
from leadsync.reports.one_shots import progress_of, seat_of, windows_line
from leadsync.reports.runs import run_row
from leadsync.reports.slots import slots_cells, slots_report, slots_unknown
from leadsync.reports.text import columns, minute, money, told
from leadsync.reports.traces import in_words as trace_in_words
from leadsync.reports.traces import skip_trace
from leadsync.store import line, slots, tables
from leadsync.store.engine import sqlite_file
from leadsync.store.inbox import counts as inbox_counts
from leadsync.store.lock import holder
from leadsync.store.reading import reading
from leadsync.store.spending import used
from leadsync.store.tables import Installation, Run, SearchSession, Slot
from leadsync.store.watching import open_conditions

Row: TypeAlias = Mapping[str, Any] | RowMapping

_NEW_ACCOUNT: Row = {"paused_reason": None, "paused_message": None}
_NO_MAIL: Row = {"waiting": 0, "quarantined": 0}
_NEW_SESSION: Row = {"delivered": 0, "base_line": 0, "vendor_total": None, "park_reason": None, "park_message": None}


def status(settings: Settings, now: datetime, problems: Sequence[Problem] = ()) -> dict[str, Any]:
    """Return `accounts`, `jobs` and `conditions`; times are ISO 8601 in UTC, costs US dollars.

    `process` is the leadsync that has the store, if one has, and `serving` whether that is the daemon.
    `reload_refused`: why it goes by older files than those here. `overdue`: the job's time has passed, and it does not
    run. `inbox` counts the webhooks that wait to be read, and those in quarantine. `conditions` are those that were
    held at the daemon's last look, `problems` those of files whose jobs are left out. `skip_trace` is how that stands
    (see `reports.traces`).
    """
    return {**_as_stored(settings, now), "problems": [asdict(problem) for problem in problems]}


def _as_stored(settings: Settings, now: datetime) -> dict[str, Any]:
    file = sqlite_file(settings.store.url)
    with reading(file) as connection:
        if connection is None:
            return {
                "schema_version": SCHEMA_VERSION,
                "process": None,
                "serving": False,
                "reload_refused": None,
                "inbox": dict(_NO_MAIL),
                "accounts": [_new_account(name, one) for name, one in settings.accounts.items()],
                "jobs": [_job(job, _NEW_SESSION, progress_of(None, job)) for job in settings.jobs.values()],
                "conditions": [],
                "skip_trace": skip_trace(settings, None, now),
            }
        alive = holder(file)
        serving = alive is not None and alive.serves
        refused = connection.execute(select(col(Installation.reload_refused))).scalar_one() if serving else None
        return {
            "schema_version": SCHEMA_VERSION,
            "process": alive and alive.process,
            "serving": serving,
            "reload_refused": refused,
            "inbox": inbox_counts(connection),
            "accounts": [_stored_account(connection, name, one, now) for name, one in settings.accounts.items()],
            "jobs": [_stored_job(connection, job, now, alive=alive is not None) for job in settings.jobs.values()],
            "conditions": [_condition(one) for one in open_conditions(connection)],
            "skip_trace": skip_trace(settings, connection, now),
        }


def in_words(report: Row) -> str:
    """Show a status to a person: a line an account, a line a job, and what to do about those that wait."""
    accounts = columns(
        ("ACCOUNT", "STATE", "SLOTS", "OURS", "FOREIGN", "WAITING", "FULL ON", "BUDGET USED"),
        [(one["name"], one["state"], *slots_cells(one["slots"]), _budget_line(one)) for one in report["accounts"]],
    )
    jobs = columns(
        ("JOB", "STATE", "SESSION", "DELIVERED", "VENDOR", "LAST RUN", "ENDED", "NEW", "COST", "NEXT RUN"),
        [
            (
                job["name"],
                _job_state(job),
                job["session"],
                _delivered(job),
                job["vendor_total"],
                *_last(job),
                _next(job),
            )
            for job in report["jobs"]
        ],
    )
    waiting = [
        f"{one['name']}: {one['reason']}: {one['message']}"
        for one in [*report["accounts"], *report["jobs"]]
        if one["reason"]
    ]
    waiting += [line for job in report["jobs"] for line in _windows(job) or _unknown(job)]
    conditions = list(_conditions(report))
    tracing = "\n".join(trace_in_words(report["skip_trace"])) if report["skip_trace"] else ""
    notes = ("\n".join(waiting), _in_quarantine(report), tracing, "\n".join(conditions))
    parts = (_who_runs(report), accounts, jobs, _left_out(report), *notes)
    return "\n\n".join(part for part in parts if part)


def _new_account(name: str, account: Account) -> dict[str, Any]:
    room = Room(account.session_cap, account.session_reserve)
    return _account(name, _NEW_ACCOUNT, Spent(), limits_of(account), slots_unknown(room))


def _stored_account(connection: Connection, name: str, account: Account, now: datetime) -> dict[str, Any]:
    where = col(tables.Account.name) == name
    row = connection.execute(select(tables.Account).where(where)).mappings().one_or_none()
    spent = used(connection, name, limits_of(account), now)
    return _account(name, row or _NEW_ACCOUNT, spent, limits_of(account), _slots_of(connection, name, account, now))


def _slots_of(connection: Connection, name: str, account: Account, now: datetime) -> dict[str, Any]:
    """The last list, with what of ours has come and gone since."""
    room, waiting = (
        Room(account.session_cap, account.session_reserve),
        [place.job for place in line.waiting(connection, name)],
    )
    if slots.listed_at(connection, name) is None:
        return slots_unknown(room, waiting)
    return slots_report(slots.held(connection, name, room), waiting, slots.births(connection, name, now), now)


def _account(name: str, row: Row, used: Spent, limits: Limits, slots: Row) -> dict[str, Any]:
    return {
        "name": name,
        "state": "paused" if row["paused_reason"] else "ok",
        "reason": row["paused_reason"],
        "message": _told(row["paused_reason"], row["paused_message"], name),
        "slots": slots,
        "budget": _budget(limits, used),
    }


def _budget(limits: Limits, used: Spent) -> dict[str, Any]:
    """Each window's `spent` (what open keys have reserved included) and `limit`, null where there is none."""
    return {
        name: {"spent": float(amount) if name.startswith("dollars") else amount, "limit": _plain(limit)}
        for name, amount, limit in (
            ("records_day", used.records_day, limits.records_day),
            ("records_month", used.records_month, limits.records_month),
            ("dollars_day", used.dollars_day, limits.dollars_day),
            ("dollars_month", used.dollars_month, limits.dollars_month),
        )
    }


def _stored_job(connection: Connection, job: Job, now: datetime, *, alive: bool) -> dict[str, Any]:
    where = (col(SearchSession.account) == job.account, col(SearchSession.name) == seat_of(connection, job))
    row = connection.execute(select(SearchSession).where(*where)).mappings().one_or_none()
    session = {**(row or _NEW_SESSION), **_doubt(connection)}
    progress = progress_of(connection, job)
    runs = select(Run).where(col(Run.job) == job.name).order_by(col(Run.id).desc())
    running = connection.execute(runs.where(col(Run.outcome).is_(None)).limit(1)).first() is not None
    last = connection.execute(runs.where(col(Run.outcome).is_not(None)).limit(1)).mappings().one_or_none()
    shown = _job(job, session, progress, running=running and alive)
    shown["last_run"] = run_row(connection, last) if last else None
    due_at = _next_run_at(connection, job) if shown["state"] != "done" else None
    if due_at is not None:
        shown["next_run_at"] = due_at.isoformat()
        shown["overdue"] = due_at < now and shown["state"] != "running"
    return shown


def _doubt(connection: Connection) -> dict[str, str]:
    """What parks every job until a person has said what became of the store."""
    doubt = connection.execute(select(col(Installation.doubt))).scalar_one()
    return {"park_reason": doubt, "park_message": DOUBTS[Reason(doubt)]} if doubt else {}


def _next_run_at(connection: Connection, job: Job) -> datetime | None:
    """When the job's next slot fires, jitter included, as a daemon has planned it."""
    if not job.enabled or job.schedule is None:
        return None
    planned = (col(Slot.job) == job.name, col(Slot.state) == "planned")
    first = select(col(Slot.fire_at)).where(*planned).order_by(col(Slot.fire_at)).limit(1)
    return connection.execute(first).scalar_one_or_none()


def _job(job: Job, session: Row, progress: Row | None, *, running: bool = False) -> dict[str, Any]:
    state = "running" if running else "parked" if session["park_reason"] else "idle"
    is_done = progress is not None and progress["outcome"] is not None
    return {
        "name": job.name,
        "kind": job.kind,
        "enabled": job.enabled,
        "account": job.account,
        "session": job.session if progress is None else progress["session"],
        "state": "done" if is_done and state == "idle" else state,
        "reason": session["park_reason"],
        "message": _told(session["park_reason"], session["park_message"], job.name),
        "delivered": session["delivered"],
        "base_line": session["base_line"],
        "vendor_total": session["vendor_total"],
        "one_shot": progress,
        "last_run": None,
        "next_run_at": None,
        "overdue": False,
    }


def _condition(one: Held) -> dict[str, Any]:
    """A condition that is held: `subject` is a job or an account, null where leadsync as a whole is meant."""
    about = one.key.condition.about
    return {
        "name": one.key.condition,
        "subject": one.key.subject or None,
        "severity": about.severity,
        "began_at": one.began_at.isoformat(),
        "message": f"{about.meaning} ({one.detail})",
        "do": about.do,
    }


def _conditions(report: Row) -> Iterator[str]:
    """Nobody has looked since the daemon ended: what was held then may be over by now."""
    if report["conditions"] and not report["serving"]:
        yield "as things stood when the daemon last looked, which is not running:"
    yield from map(_condition_line, report["conditions"])


def _condition_line(one: Row) -> str:
    whose = f" {one['subject']}" if one["subject"] else ""
    since = minute(one["began_at"])
    return f"{one['severity']} since {since}: {one['name']}{whose}: {one['message']}; {one['do']}"


def _told(reason: str | None, message: str | None, job: str) -> str | None:
    return told(message or "", Reason(reason), job) if reason else None


def _plain(limit: object) -> object:
    return limit if limit is None or isinstance(limit, int) else float(str(limit))


def _budget_line(account: Row) -> str:
    parts = []
    for name, window in account["budget"].items():
        what, per = name.split("_")
        show = money if what == "dollars" else "{:,} records".format
        if window["limit"] is not None:
            parts.append(f"{show(window['spent'])} of {show(window['limit'])} a {per}")
    return ", ".join(parts) or "unlimited"


def _job_state(job: Row) -> str:
    return str(job["state"]) if job["enabled"] else "disabled"


def _delivered(job: Row) -> object:
    progress = job["one_shot"]
    return job["delivered"] if progress is None else f"{job['delivered']} of {progress['wanted']}"


def _unknown(job: Row) -> Iterator[str]:
    progress = job["one_shot"]
    if progress is not None and progress["unknown"]:
        yield (
            f"{job['name']}: {progress['unknown']:,} records may be billed, count as spent, and are not here: the"
            " answer to a request without a key was lost"
        )


def _windows(job: Row) -> list[str]:
    """What became of the windows of a large one-shot, and what is missing."""
    name, windows = job["name"], (job["one_shot"] or {}).get("windows")
    if windows is None:
        return []
    again = windows["expired"] + windows["failed"] and job["one_shot"]["outcome"] != Outcome.COMPLETE
    missing = f"; `{ask_again_command(name)}` asks again for what never came" if again else ""
    return [f"{name}: windows: {windows_line(windows)}{missing}"]


def _last(job: Row) -> tuple[object, ...]:
    last = job["last_run"]
    if last is None:
        return ("never", None, None, None)
    return (last["outcome"], minute(last["ended_at"]), last["new"], money(last["cost"]))


def _next(job: Row) -> str | None:
    if job["next_run_at"] is None:
        return None
    return f"{'overdue since ' if job['overdue'] else ''}{minute(job['next_run_at'])}"


def _left_out(report: Row) -> str:
    files = dict.fromkeys(problem["file"] for problem in report["problems"])
    return f"not shown, since the file is not as it should be: {', '.join(files)}" if files else ""


def _in_quarantine(report: Row) -> str:
    count = report["inbox"]["quarantined"]
    return f"webhooks in quarantine: {count:,}; `leadsync inbox list` says why" if count else ""


def _who_runs(report: Row) -> str:
    """Say so where nobody will run what is planned (P12)."""
    if report["serving"]:
        at_work = f"the daemon is at work (process {report['process']})"
        refused = report["reload_refused"]
        return (
            at_work
            if refused is None
            else f"{at_work}\nthe daemon goes by older files: a reload was refused: {refused}"
        )
    if any(job["next_run_at"] for job in report["jobs"]):
        return "the daemon is not running: no job runs by its schedule until `systemctl start leadsync`"
    return ""
