"""Why a store cannot be used, in the words of whoever has to mend it."""

from pathlib import Path

from sqlalchemy.exc import DatabaseError, OperationalError

from leadsync.errors import StoreRefused


def out_of_reach(file: Path, cause: object) -> StoreRefused:
    """The file system says no: another user's folder, a read-only or a full disk."""
    return StoreRefused(
        f"{file} cannot be opened ({cause}); nothing was sent. Run leadsync as the user whom {file.parent} belongs to,"
        " and see that it may be written and has room"
    )


def damaged(file: Path, cause: object) -> StoreRefused:
    """SQLite says that this is no database, or not a whole one."""
    return StoreRefused(
        f"the store {file} is damaged ({cause}); nothing was sent. Restore a backup, or try"
        f" `sqlite3 {file.name} .recover` on a copy"
    )


def foreign(file: Path) -> StoreRefused:
    """A database, and not ours."""
    return StoreRefused(f"{file} is a database of another program; set [store] url to a file of leadsync's own")


def newer(file: Path, found: str, known: str) -> StoreRefused:
    """A later leadsync has been here."""
    return StoreRefused(
        f"the store {file} was written by a newer leadsync (schema {found}, this version knows up to {known});"
        " install that version, or restore the backup that was made before its upgrade"
    )


def because_of(file: Path, error: DatabaseError) -> StoreRefused:
    """Sort SQLite's errors: those of the file system, and those of the file."""
    return out_of_reach(file, error.orig) if isinstance(error, OperationalError) else damaged(file, error.orig)
