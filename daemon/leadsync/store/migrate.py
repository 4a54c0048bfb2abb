"""Bringing the schema up to date at start: a backup first, then all steps in one transaction; a newer store is refused.

Alembic takes half a second to import, so it is only met when there is something to do.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from leadsync.store.engine import APPLICATION_ID
from leadsync.store.refusals import newer

HEAD: Final = "0012"
"""The newest revision; a test holds it equal to alembic's."""

KNOWN: Final = frozenset({"0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", HEAD})


def revision(connection: Connection, file: Path) -> str | None:
    """Return the schema's revision, None where nothing was ever stored.

    Raises StoreRefused where a newer leadsync has written it.
    """
    tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one()
    if not tables:
        return None
    found = str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
    if found not in KNOWN:
        raise newer(file, found, HEAD)
    return found


def upgrade(engine: Engine, file: Path) -> tuple[str | None, Path | None]:
    """Bring the store to HEAD; return the revision it had and the backup, if one was made."""
    with engine.connect() as connection:
        found = revision(connection, file)
    if found == HEAD:
        return found, None
    backup = back_up(file, found) if found is not None else None
    _run_alembic(engine)
    return found, backup


def back_up(file: Path, found: str) -> Path:
    """Copy the store with SQLite's backup API: in WAL mode a copy of the file alone is no backup."""
    target = file.with_name(f"{file.name}.before-{found}-upgrade")
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    return target


def _run_alembic(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 - half a second that a store which is up to date never pays
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", "leadsync.store:migrations")
    with engine.connect() as connection:
        # Batch migrations rebuild tables; their rows must not be checked against tables that are on the move.
        # SQLite ignores this inside a transaction, so it goes past SQLAlchemy, which would begin one.
        connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
