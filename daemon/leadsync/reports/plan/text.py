"""The plan for a person's eye: a line an account, a line a job, and what is to be known or done about each."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from leadsync.config.units import duration_text
from leadsync.reports.one_shots import windows_line
from leadsync.reports.slots import slots_cells
from leadsync.reports.text import columns, minute, money

Row: TypeAlias = Mapping[str, Any]

NO_LIMIT = "no limit"


def in_words(report: Row) -> str:
    """Show a plan to a person."""
    accounts = columns(
        (
            "ACCOUNT",
            "STATE",
            "SLOTS",
            "OURS",
            "FOREIGN",
            "WAITING",
            "FULL ON",
            "BUDGET LEFT",
            "ONE RUN OF EACH JOB, AT MOST",
        ),
        [
            (
                one["name"],
                one["state"],
                *slots_cells(one["slots"]),
                _budget_left(one["budget_left"]),
                _total(one["at_most"]),
            )
            for one in report["accounts"]
        ],
    )
    jobs = columns(
        ("JOB", "ROUTE", "AUDIT", "NEXT RUN (UTC)", "RECORDS", "PAGES", "COST AT MOST", "NEW SLOT"),
        [
            (job["name"], job["route"], _verdict(job), _next(job), *_at_most(job["at_most"]), job["slots_needed"])
            for job in report["jobs"]
        ],
    )
    notes = [
        *_of_skip_trace(report["skip_trace"]),
        *_of_accounts(report["accounts"]),
        *(line for job in report["jobs"] for line in _of_job(job)),
    ]
    parts = (accounts, jobs if report["jobs"] else "there is no job", "\n".join(notes))
    return "\n\n".join(part for part in parts if part)


def _budget_left(left: Row) -> str:
    shown = []
    for name, amount in left.items():
        what, per = name.split("_")
        if amount is not None:
            shown.append(f"{money(amount) if what == 'dollars' else f'{amount:,} records'} a {per}")
    return ", ".join(shown) or "unlimited"


def _total(most: Row) -> str:
    return NO_LIMIT if most["records"] is None else f"{most['records']:,} records, {money(most['dollars'])}"


def _at_most(most: Row) -> tuple[object, ...]:
    if most["records"] is None:
        return (NO_LIMIT, NO_LIMIT, NO_LIMIT)
    return (most["records"], most["pages"], money(most["dollars"]))


def _verdict(job: Row) -> str:
    if job["audit"] is None:
        return "done" if job["one_shot"] and job["one_shot"]["outcome"] else "disabled"
    return str(job["audit"]["verdict"]).replace("_", " ")


def _next(job: Row) -> str | None:
    if not job["next_times"]:
        return None
    first = job["next_times"][0]
    return f"{'overdue since ' if first['overdue'] else ''}{minute(first['fire_at'])}"


def _of_skip_trace(tracing: Row | None) -> Iterator[str]:
    if tracing is not None:
        properties = NO_LIMIT if tracing["properties"] is None else f"{tracing['properties']:,} properties"
        most = "no limit of dollars" if tracing["budget_left"] is None else f"{money(tracing['budget_left'])} at most"
        state = "" if tracing["state"] == "ok" else f"; it is {tracing['state']} just now"
        yield (
            f"skip trace: {tracing['wanted']:,} owners are asked for, and those of what the jobs bring ({properties});"
            f" {money(tracing['price_per_match'])} a match, {most}{state}"
        )


def _of_accounts(accounts: list[dict[str, Any]]) -> Iterator[str]:
    for one in accounts:
        if one["reason"]:
            yield f"{one['name']}: {one['reason']}: {one['message']}"
        if one["unknown"]:
            yield f"{one['name']}: {one['unknown']}; what the audit would say is unknown"
        for row in one["housekeeping"]["delete"] or ():
            yield f"{one['name']}: housekeeping deletes session {row['session']}: {row['why']}"
        for row in one["housekeeping"]["unused"] or ():
            yield f"{one['name']}: nobody needs session {row['session']}, and it is kept: {row['why']}"
        for key in one["left_open"]:
            yield (
                f"{one['name']}: session {key['session']} of job {key['job']}, which is gone, has an open key of"
                f" {key['take']} records: {_fate(key['audit'])}"
            )


def _fate(audit: Row) -> str:
    match audit["verdict"]:
        case "go_on":
            return "it is settled first"
        case "unknown":
            return f"it is settled first, if the vendor's list agrees ({audit['message']})"
        case _:
            return f"it waits ({audit['message']}); put the job's file back, then answer with `leadsync resume`"


def _of_job(job: Row) -> Iterator[str]:
    name, parked = job["name"], job["parked"]
    if job["next_times"]:
        yield f"{name}: next at {_times(job)}"
    if job["open_key"]:
        yield f"{name}: {_open_key(job['open_key'])}"
    if parked:
        answered = "; its file has answered that by now" if parked["answered"] else ""
        yield f"{name}: {parked['reason']}: {parked['message']}{answered}"
    if not parked or parked["answered"]:
        yield from _audit(name, job["audit"])
    if job["at_most"]["records"] == 0 and job["at_most"]["limit"]:
        yield f"{name}: would end over budget: the account's {job['at_most']['limit']} is spent"
    yield from _overlap(name, job["overlap"])
    yield from _windows(name, job)


def _windows(name: str, job: Row) -> Iterator[str]:
    progress = job["one_shot"]
    if job["route"] == "async":
        gone = f" ({windows_line(progress['windows'])})" if progress["windows"] else ""
        yield f"{name}: by windows of up to 1,000 records, each asked once, whose results come by webhook{gone}"
    if job["no_inbox"]:
        yield f"{name}: more than async_above records, and goes page by page: there is no [webhooks] in config.toml"


def _audit(name: str, audit: Row | None) -> Iterator[str]:
    if audit and audit["verdict"] == "park":
        yield f"{name}: would park: {audit['reason']}: {audit['message']}"
    if audit and audit["verdict"] == "no_slot":
        yield f"{name}: would wait: {audit['message']}"


def _times(job: Row) -> str:
    """In the job's own zone."""
    times = ", ".join(
        f"{minute(time['local'])}{' (again)' if time['cause'] == 'retry' else ''}" for time in job["next_times"]
    )
    drawn = all(time["planned"] for time in job["next_times"])
    jitter = timedelta(seconds=job["jitter_s"])
    late = f", up to {duration_text(jitter)} later where it is not planned yet" if jitter and not drawn else ""
    return f"{times} ({job['timezone']}){late}"


def _open_key(key: Row) -> str:
    first = "it is sent first" if key["sent_first"] else "it waits, too"
    return f"a key of {key['take']} records is open, whose page may be billed already: {first}"


def _overlap(name: str, overlap: Row) -> Iterator[str]:
    if overlap["jobs"]:
        yield f"{name}: asks for the same list as {', '.join(overlap['jobs'])}"
    if overlap["delivered_by"]:
        yield f"{name}: the same list was delivered already by session {', '.join(overlap['delivered_by'])}"
