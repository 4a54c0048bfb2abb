"""What the machine offers, judged: disk, process, time zones, SQLite. Pure: facts in, checks out."""

from dataclasses import dataclass
from typing import Final

from leadsync.reports.doctor.check import Check, ok, unknown, wrong

MIB: Final = 1024**2

TIME_ZONES_YEARS_MAX: Final = 2
"""Some country changes its rules almost every year; after two a schedule somewhere is off by an hour."""

SAFE_SQLITE: Final = (3, 51, 3)
"""Before it, two connections that checkpoint at the same moment can corrupt the file (see `store.engine`)."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes that are free where the store lies, and that a run wants before it asks for a page. None: unreadable."""

    free_bytes: int | None
    wanted_bytes: int


@dataclass(frozen=True, slots=True)
class Process:
    """Who has the store. `answers`: whether somebody at the socket does, None where there is no socket."""

    holder: int | None
    answers: bool | None
    scheduled_jobs: int


@dataclass(frozen=True, slots=True)
class TimeZones:
    """The two databases, such as "2026f": the system's folder is taken first, then Python's package tzdata.

    "" is one whose version cannot be told, None one that is not there.
    """

    system: str | None
    package: str | None
    year: int


def judge_disk(disk: Disk) -> Check:
    """A page that is paid for must find room."""
    if disk.free_bytes is None:
        return unknown("disk", "how much is free cannot be seen: the store's folder cannot be entered")
    sizes = f"{disk.free_bytes / MIB:,.0f} MiB are free where the store lies"
    if disk.free_bytes < disk.wanted_bytes:
        least = f"no page is asked for below {disk.wanted_bytes // MIB:,} MiB"
        return wrong("disk", f"{sizes}; {least}", "make room there, or move the store to a larger disk")
    return ok("disk", sizes)


def judge_process(process: Process) -> Check:
    """Whether a leadsync is at work, and a daemon takes commands."""
    who = f"leadsync is at work (process {process.holder})"
    match process.holder, process.answers:
        case None, True:
            message = "the control socket answers, but nobody is known to have the store"
            return wrong("process", message, "see which leadsync that is: ps -C leadsync")
        case None, _:
            message = "no leadsync is at work"
            if process.scheduled_jobs:
                message += f": none of {process.scheduled_jobs} scheduled job(s) runs at its time"
                return ok("process", message, "start it: systemctl start leadsync, or `leadsync run`")
            return ok("process", message)
        case _, True:
            return ok("process", f"{who}, and takes commands")
        case _, None:
            return ok("process", f"{who}; it is no daemon, or just starting: there is no control socket")
        case _:
            do = "look at its log (journalctl -u leadsync), then restart it: what is open is safe"
            return wrong("process", f"{who}, and its control socket does not answer", do)


def judge_time_zones(zones: TimeZones) -> Check:
    """Schedules and budget days go by these rules."""
    used, where = (zones.package, "the package tzdata") if zones.system is None else (zones.system, "the system's")
    if used is None:
        return wrong("time_zones", "there is no time zone database", "install the package tzdata")
    if not used:
        return unknown("time_zones", f"{where} is used, and does not say its version")
    message = f"{used}, {where}"
    if zones.year - int(used[:4]) >= TIME_ZONES_YEARS_MAX:
        do = "update it (apt install tzdata, pip install -U tzdata): rules have changed since"
        return wrong("time_zones", f"{message}, is old", do)
    if zones.system and zones.package and zones.package > zones.system:
        do = "update the system's, or set PYTHONTZPATH= (empty) for leadsync, if a zone of yours has changed since"
        return ok("time_zones", f"{message}, is used; the package tzdata would be newer: {zones.package}", do)
    return ok("time_zones", message)


def judge_sqlite(version: tuple[int, ...]) -> Check:
    """An old SQLite is safe with one writer; it must stay the only one."""
    message = ".".join(map(str, version))
    if version < SAFE_SQLITE:
        safe = ".".join(map(str, SAFE_SQLITE))
        message += f" is safe as leadsync uses it, with one writer; before {safe} a second one could damage the store"
        return ok("sqlite", message, "do not write to the store or checkpoint it with another program")
    return ok("sqlite", message)
