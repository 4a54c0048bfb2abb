"""How the store is opened: one connection that does all writes and checkpoints, and short readers.

SQLite in WAL with `synchronous=FULL`: with NORMAL a power cut loses acknowledged commits. Every write begins with
BEGIN IMMEDIATE, because a transaction that reads first and writes later is refused at once when another wrote in
between. Before 3.51.3 SQLite can corrupt a file where two connections checkpoint at the same moment; one writer that
also checkpoints keeps that out of reach.
"""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import NullPool

from leadsync.errors import StoreRefused
from leadsync.store.refusals import foreign

APPLICATION_ID: Final = 0x6C656164  # "lead", seen by file(1)
BUSY_WAIT_MS: Final = 5_000
PAGE_BYTES: Final = 8_192
"""A lead of 2.4 KB fits three to a page; 4,096 took half as much room again and a quarter more time."""

CACHE_KIB: Final = 8_192
"""New ids land anywhere in the index of properties; with SQLite's two MiB it is read again and again."""

_SETTINGS: Final = (
    f"busy_timeout={BUSY_WAIT_MS}",
    f"page_size={PAGE_BYTES}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "mmap_size=0",
    f"cache_size=-{CACHE_KIB}",
    "temp_store=MEMORY",
    "wal_autocheckpoint=1000",
    "journal_size_limit=67108864",
)

Creator = Callable[[], Any]
"""Makes a DBAPI connection in autocommit: the simulation hands in one that forgets what was not synced."""


def sqlite_file(url: str) -> Path:
    """Return the file of a `sqlite:///` URL."""
    return Path(url.removeprefix("sqlite:///"))


def file_creator(path: Path) -> Creator:
    """Connect to a database file, making it with mode 0600 where it is missing."""

    def connect() -> sqlite3.Connection:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    return connect


def wal_bytes(file: Path) -> int:
    """Return the size of the write-ahead log; 0 where there is none."""
    try:
        return file.with_name(f"{file.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0


class Immediate(SQLiteDialect_pysqlite):
    """SQLite on a connection in autocommit; a listener for `begin` would be called for each statement as well."""

    supports_statement_cache = True
    _begin = "BEGIN IMMEDIATE"

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin; without this the driver begins where the first row is written."""
        dbapi_connection.cursor().execute(self._begin)


class Deferred(Immediate):
    """The same for those who only read."""

    supports_statement_cache = True
    _begin = "BEGIN"


registry.register("sqlite.immediate", __name__, Immediate.__name__)
registry.register("sqlite.deferred", __name__, Deferred.__name__)


def open_writer(creator: Creator) -> Engine:
    """Return the engine of the one writer; its connections begin every transaction IMMEDIATE."""
    engine = create_engine("sqlite+immediate://", creator=creator, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    return engine


def open_reader(path: Path) -> Engine:
    """Return an engine that can only read; use its connections briefly, an old reader keeps the WAL from shrinking."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)

    engine = create_engine("sqlite+deferred://", creator=connect, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "connect", _prepare_reader)
    return engine


def check_settings(connection: Connection) -> None:
    """Make sure that what was asked for is what SQLite does; a store without FULL would lose paid pages."""
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    level = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    if (mode, level) != ("wal", 2):
        raise StoreRefused(
            f"the store runs with journal_mode={mode} and synchronous={level}, where a power cut could lose paid pages;"
            " put it on a local disk (WAL does not work over a network)"
        )


def _prepare(connection: Any, _record: object) -> None:
    _refuse_foreign(connection)
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}").fetchall()


def _refuse_foreign(connection: Any) -> None:
    """Look before anything is changed: another program's database must not even be turned to WAL."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if tables and mark != APPLICATION_ID:
        (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
        raise foreign(Path(file))


def _prepare_reader(connection: Any, _record: object) -> None:
    _refuse_foreign(connection)
    for setting in (f"busy_timeout={BUSY_WAIT_MS}", "query_only=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {setting}").fetchall()
