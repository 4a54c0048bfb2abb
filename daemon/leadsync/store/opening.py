"""Opening the store: up to date, checked, fenced, and closed in order.

The lock is taken first (see `lock`). After a clean stop the file is trusted for a week; after any other it is looked
through before anything is spent on its word.
"""

import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DatabaseError
from sqlmodel import col

from leadsync.core.hooks import HookKey
from leadsync.core.model import Reason
from leadsync.store import migrate, standing
from leadsync.store.engine import Creator, check_settings, open_writer
from leadsync.store.refusals import because_of, damaged, out_of_reach
from leadsync.store.tables import Installation
from leadsync.store.witness import WitnessFile
from leadsync.store.writer import Writer

_ONE_ROW: Final = 1

LOOK_THROUGH_EVERY: Final = timedelta(days=7)
"""Damage that a disk does by itself is found by looking; at each start that would cost minutes with a large store."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening found. `clean`: the last process closed the store; `backup` was made before an upgrade.

    `doubt`: nothing may be spent until a person has said what became of the store. `hooks` is what addresses of
    webhooks are made and known with.
    """

    installation: str
    fence: int
    clean: bool
    upgraded_from: str | None
    backup: Path | None
    doubt: Reason | None
    witness: WitnessFile
    hooks: HookKey


@dataclass(frozen=True, slots=True)
class Place:
    """Where the store is and what opens it: the seams that a simulation replaces."""

    file: Path
    creator: Creator
    executor: Executor
    installation_name: Callable[[], str]
    hook_secret: Callable[[], bytes]


async def open_store(place: Place, now: datetime) -> tuple[Writer, Opened]:
    """Open the store for writing. Raises StoreRefused or StoreFailed; nothing was spent then."""
    engine = open_writer(place.creator)
    writer = Writer(engine, place.executor)
    found: list[Opened] = []
    witness = WitnessFile(place.file)

    def prepare(upgraded: tuple[str | None, Path | None], connection: Connection) -> int:
        name, fence, clean = _take_over(connection, place, now)
        doubt = standing.look(connection, place.file, witness)
        _sync_folder(place.file.parent)  # else a power cut may leave a store that says it has a witness, and none
        hooks = HookKey(name, _hook_secret(connection, place))
        found.append(Opened(name, fence, clean, *upgraded, doubt, witness, hooks))
        return fence

    def work() -> None:
        try:
            upgraded = migrate.upgrade(engine, place.file)
            writer.open(partial(prepare, upgraded))
        except OSError as error:
            raise out_of_reach(place.file, error.strerror) from error
        except (DatabaseError, sqlite3.Error) as error:
            raise because_of(place.file, error) from error

    await writer.off_loop(work)
    return writer, found[0]


async def close_store(writer: Writer, now: datetime) -> None:
    """Write down that the stop was clean, and let the file go."""
    await writer.write(_note_stop, now)
    await writer.off_loop(writer.close)


def _take_over(connection: Connection, place: Place, now: datetime) -> tuple[str, int, bool]:
    check_settings(connection)
    row = connection.execute(select(Installation)).mappings().one_or_none()
    if row is None:
        name = place.installation_name()
        values = {"id": _ONE_ROW, "name": name, "fence": 1, "created_at": now, "checked_at": now}
        connection.execute(insert(Installation).values(**values))
        return name, 1, True
    clean = row["stopped_at"] is not None
    checked_at = row["checked_at"]
    if not clean or checked_at is None or not timedelta() <= now - checked_at < LOOK_THROUGH_EVERY:
        _look_through(connection, place.file)
        checked_at = now
    fence = row["fence"] + 1
    fresh = {"stopped_at": None, "checked_at": checked_at, "reload_refused": None}
    connection.execute(update(Installation).values(fence=fence, **fresh))
    return row["name"], fence, clean


def _hook_secret(connection: Connection, place: Place) -> bytes:
    """Return the secret of the store's addresses; it is drawn once, and comes back with every backup."""
    secret = connection.execute(select(col(Installation.hook_secret))).scalar_one()
    if secret is None:
        secret = place.hook_secret()
        connection.execute(update(Installation).values(hook_secret=secret))
    return secret


def _look_through(connection: Connection, file: Path) -> None:
    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if verdict != "ok":
        raise damaged(file, verdict)


def _note_stop(connection: Connection, now: datetime) -> None:
    connection.execute(update(Installation).where(col(Installation.id) == _ONE_ROW).values(stopped_at=now))


def _sync_folder(folder: Path) -> None:
    """SQLite syncs the file but not the folder that names it; once is enough."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
