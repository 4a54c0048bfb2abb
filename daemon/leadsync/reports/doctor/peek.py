"""What can be seen of the store, from outside and from inside. It judges nothing.

The store is opened by a connection that can only read, and nothing is left behind: where a write-ahead log lies, it is
neither folded in nor removed, and where none does, none stays.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, create_engine, select
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool
from sqlmodel import col

from leadsync.core.model import Reason
from leadsync.errors import StoreFailed, StoreRefused
from leadsync.reports.doctor.look import mode_of
from leadsync.reports.doctor.store import Inside, StoreFacts
from leadsync.store.engine import APPLICATION_ID
from leadsync.store.migrate import HEAD, revision
from leadsync.store.refusals import because_of, foreign, older, out_of_reach
from leadsync.store.tables import Installation

BUSY_WAIT_S: Final = 5.0

INTEGRITY_WAIT_MAX: Final = timedelta(seconds=30)
"""A person waits; and while one reads, the write-ahead log cannot shrink."""

LOOK_EVERY_STEPS: Final = 1_000
"""Steps of SQLite's machine between two looks at the clock: well below a millisecond."""


def peek(file: Path, now: Callable[[], datetime]) -> StoreFacts:
    """Look at the store from outside and from inside; `now` says when that has taken too long."""
    wal = file.with_name(f"{file.name}-wal")
    try:
        backups = tuple(str(backup) for backup in sorted(file.parent.glob(f"{file.name}.before-*-upgrade")))
        wal_bytes = wal.stat().st_size if wal.exists() else 0
        return StoreFacts(file, mode_of(file), mode_of(file.parent), _inside(file, now), wal_bytes, backups)
    except PermissionError as error:
        return StoreFacts(file, 0, 0, str(out_of_reach(file, error.strerror)))


@contextmanager
def reading(file: Path) -> Iterator[Connection | None]:
    """Open the store for a look that leaves nothing behind; None where nothing was ever stored.

    Raises StoreRefused where it is not one of this version or damaged, StoreFailed where it cannot be read just now.
    """
    if not file.exists():
        yield None
        return
    engine = create_engine("sqlite://", creator=lambda: _connect(file), poolclass=NullPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            yield connection if _schema(connection, file) else None
    except DatabaseError as error:
        raise because_of(file, error) from error


def _connect(file: Path) -> sqlite3.Connection:
    # The last connection that may write folds a left-over log into the file when it closes, and one that may not
    # leaves an empty log behind.
    mode = "ro" if file.with_name(f"{file.name}-wal").exists() else "rw"
    uri = f"{file.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_WAIT_S)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _schema(connection: Connection, file: Path) -> str | None:
    tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one()
    if tables and connection.exec_driver_sql("PRAGMA application_id").scalar_one() != APPLICATION_ID:
        raise foreign(file)
    found = revision(connection, file)
    if found not in (None, HEAD):
        raise older(file)
    return found


def _inside(file: Path, now: Callable[[], datetime]) -> Inside | str | None:
    try:
        with reading(file) as connection:
            return _read(connection, now) if connection else None
    except (StoreRefused, StoreFailed) as refusal:
        return str(refusal)


def _read(connection: Connection, now: Callable[[], datetime]) -> Inside:
    columns = (col(Installation.stopped_at), col(Installation.doubt))
    stopped_at, doubt = connection.execute(select(*columns)).one_or_none() or (None, None)
    return Inside(
        schema=HEAD,
        journal_mode=connection.exec_driver_sql("PRAGMA journal_mode").scalar_one(),
        quick_check=_quick_check(connection, now),
        clean=stopped_at is not None,
        doubt=Reason(doubt) if doubt else None,
    )


def _quick_check(connection: Connection, now: Callable[[], datetime]) -> str | None:
    """Let SQLite look the file through; None where that took too long."""
    deadline = now() + INTEGRITY_WAIT_MAX
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: now() > deadline, LOOK_EVERY_STEPS)
    try:
        return str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    except OperationalError as error:
        if "interrupted" in str(error.orig):
            return None
        raise
    finally:
        driver.set_progress_handler(None, 0)
