"""The seams: whatever touches the outside, as it really is unless somebody says otherwise.

It alone reads the clock, draws randomness and makes a thread; a test or a simulation replaces what it wants to steer.
"""

import os
import random
import secrets
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from leadsync.store.engine import Creator, file_creator

if TYPE_CHECKING:
    from leadsync.jobs.notify import Send
    from leadsync.scheduler import Alarms
    from leadsync.vendors.http import Transport


def _now() -> datetime:
    return datetime.now(UTC)


def _installation_name() -> str:
    return secrets.token_hex(8)


def _hook_secret() -> bytes:
    return secrets.token_bytes(32)


def _one_thread() -> Executor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _scheduler() -> "Alarms":
    from leadsync.scheduler import Scheduler  # noqa: PLC0415 - a third of a second that a look at the clock never pays

    return Scheduler()


def _notifier(url: str) -> "Send | None":
    from leadsync.vendors.notifiers import apprise_notifier  # noqa: PLC0415 - an extra that need not be installed

    return apprise_notifier(url)


@dataclass(frozen=True, slots=True)
class Outside:
    """Time, chance, threads, files and the network."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = _now
    draw: Callable[[], float] = random.random
    installation_name: Callable[[], str] = _installation_name
    hook_secret: Callable[[], bytes] = _hook_secret
    executor: Callable[[], Executor] = _one_thread
    creator: Callable[[Path], Creator] = file_creator
    free_bytes: Callable[[Path], int] = _free_bytes
    transport: "Transport | None" = None
    alarms: Callable[[], "Alarms"] = _scheduler
    notifier: Callable[[str], "Send | None"] = _notifier
