"""What can be seen from here: files and modes, secrets, the disk, the process, time zones. It judges nothing."""

import re
import zoneinfo
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Final

from leadsync.config import JOBS_FOLDER, SecretSource, Settings, read_secret
from leadsync.errors import ConfigInvalid
from leadsync.reports.doctor.configuration import SecretFacts
from leadsync.reports.doctor.machine import Disk, Process, TimeZones
from leadsync.reports.doctor.service import Unit
from leadsync.store.lock import holder
from leadsync.vendors.http import Http, Reply, Transport

IANA_VERSION: Final = re.compile(r"\d{4}[a-z]+")


@dataclass(frozen=True, slots=True)
class Hands:
    """What the doctor reaches out with. `answers`: whether somebody takes commands for a store, None without a socket.

    `disk_wanted_bytes` is what a run wants to be free; `free_bytes` raises OSError for a folder that is not there;
    `show_unit` returns what systemd says of a unit, nothing where there is no systemd.
    """

    environ: Mapping[str, str]
    now: Callable[[], datetime]
    free_bytes: Callable[[Path], int]
    disk_wanted_bytes: int
    answers: Callable[[Path], bool | None]
    show_unit: Callable[[str], Mapping[str, str]]
    transport: Transport | None = None


def config_modes(path: Path) -> list[tuple[Path, int]]:
    """Return the modes of the configuration's files and folders, of those that can be seen."""
    jobs = path.parent / JOBS_FOLDER
    files = [path.parent, path, jobs]
    with suppress(OSError):
        files += sorted(jobs.glob("*.toml"))
    return [(file, mode) for file in files if (mode := mode_of(file))]


def secret(source: SecretSource, hands: Hands, base: Path) -> tuple[SecretFacts, str]:
    """Try to read a secret; return what there is to say of it, and the secret, "" where it cannot be read."""
    in_unit = bool(hands.environ.get("CREDENTIALS_DIRECTORY"))
    try:
        value = read_secret(source, hands.environ, base).get_secret_value()
    except ConfigInvalid as error:
        return SecretFacts(source, error.problems[0].message, in_unit), ""
    return SecretFacts(source, "", in_unit), value


def disk(hands: Hands, store: Path) -> Disk:
    """Look at the folder of the store, or at the nearest one that is there already."""
    for folder in store.absolute().parents:
        try:
            return Disk(hands.free_bytes(folder), hands.disk_wanted_bytes)
        except FileNotFoundError:
            continue
        except OSError:
            break
    return Disk(None, hands.disk_wanted_bytes)


def process(hands: Hands, settings: Settings, store: Path) -> Process:
    """Look who has the store, without touching the lock."""
    scheduled = sum(job.enabled and job.schedule is not None for job in settings.jobs.values())
    found = holder(store)
    return Process(found.process if found else None, hands.answers(store), scheduled)


def unit(hands: Hands) -> Unit:
    """Ask systemd about our units."""
    return Unit(hands.show_unit("leadsync.service"), hands.show_unit("leadsync.socket"))


async def answer_at(url: str, hands: Hands) -> int | str:
    """Knock from outside, at a path that is nobody's; return the HTTP status, or why there was none."""
    way = Http(url, {}, hands.transport)
    try:
        reply = await way.send("GET", "/")
    finally:
        await way.close()
    return reply.status if isinstance(reply, Reply) else reply.why


def time_zones(now: datetime) -> TimeZones:
    """Read the versions of the databases that Python finds here."""
    return TimeZones(_system_zones(), _package_zones(), now.year)


def _system_zones() -> str | None:
    for folder in map(Path, zoneinfo.TZPATH):
        if (folder / "UTC").exists():
            with suppress(OSError), (folder / "tzdata.zi").open(encoding="ascii", errors="replace") as file:
                found = IANA_VERSION.search(file.readline(80))
                return found[0] if found else ""
            return ""
    return None


def _package_zones() -> str | None:
    """A distribution may have left the package out: its own database is always there."""
    with suppress(ModuleNotFoundError):
        return str(import_module("tzdata").IANA_VERSION)
    return None


def mode_of(path: Path) -> int:
    """The mode of stat, 0 for what is not there or cannot be seen."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0
