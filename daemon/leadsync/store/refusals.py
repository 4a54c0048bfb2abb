"""Why a store cannot be used, in the words of whoever has to mend it."""

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DatabaseError

from leadsync.errors import LeadsyncError, StoreFailed, StoreRefused


def out_of_reach(file: Path, cause: object) -> StoreRefused:
    """The file system says no: another user's folder, a read-only or a full disk."""
    return StoreRefused(
        f"{file} cannot be opened ({cause}); nothing was sent. Run leadsync as the user whom {file.parent} belongs to,"
        " and see that it may be written and has room"
    )


def damaged(file: Path, cause: object) -> StoreRefused:
    """SQLite says that this is no database, or not a whole one."""
    return StoreRefused(
        f"the store {file} is damaged ({cause}); nothing was sent. Restore a backup, {_alone(file)}; or try"
        f" `sqlite3 {file.name} .recover` on a copy"
    )


def foreign(file: Path) -> StoreRefused:
    """A database, and not ours."""
    return StoreRefused(f"{file} is a database of another program; set [store] url to a file of leadsync's own")


def older(file: Path) -> StoreRefused:
    """Nobody has worked in it since leadsync was upgraded; who only looks changes nothing."""
    return StoreRefused(
        f"the store {file} is older than this leadsync; `leadsync run` or `leadsync once JOB` upgrades it"
    )


def newer(file: Path, found: str, known: str) -> StoreRefused:
    """A later leadsync has been here."""
    return StoreRefused(
        f"the store {file} was written by a newer leadsync (schema {found}, this version knows up to {known});"
        f" install that version, or restore the backup that was made before its upgrade, {_alone(file)}"
    )


def _alone(file: Path) -> str:
    """A log that a killed process has left would be played into the backup, and damage it."""
    return f"after removing {file.name}-wal and {file.name}-shm, which belong to the store of now"


def because_of(file: Path, error: DatabaseError | sqlite3.Error) -> LeadsyncError:
    """Sort SQLite's errors: weather, those of the file system, and those of the file."""
    cause = error.orig if isinstance(error, DatabaseError) else error
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if code in _WEATHER:
        remedy = "Make room on its disk" if code == sqlite3.SQLITE_FULL else "Try again in a while"
        return StoreFailed(f"the store {file} cannot be used just now ({cause}); nothing was sent. {remedy}")
    return out_of_reach(file, cause) if code in _FILE_SYSTEM else damaged(file, cause)


_PRIMARY: Final = 0xFF
_WEATHER: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
_FILE_SYSTEM: Final = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
)
