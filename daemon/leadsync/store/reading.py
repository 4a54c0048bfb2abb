"""Reading the store beside a daemon that writes it: short connections that can only read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DatabaseError

from leadsync.store.engine import open_reader
from leadsync.store.migrate import HEAD, revision
from leadsync.store.refusals import because_of, older, out_of_reach
from leadsync.store.tables import Installation


@contextmanager
def reading(file: Path) -> Iterator[Connection | None]:
    """Open the store for a moment; None where nothing was ever stored, or a first start was cut short.

    Raises StoreRefused where it is not one of this version or damaged, StoreFailed where it cannot be read just now.
    """
    if not _is_there(file):
        yield None
        return
    try:
        with open_reader(file).connect() as connection:
            found = revision(connection, file)
            if found not in (None, HEAD):
                raise older(file)
            yield connection if found and _has_begun(connection) else None
    except DatabaseError as error:
        raise because_of(file, error) from error


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:  # whoever may not enter the folder does not see whether it is
        raise out_of_reach(file, error.strerror) from error


def _has_begun(connection: Connection) -> bool:
    """Whether an instance has ever opened the store, and not only made its tables."""
    return connection.execute(select(func.count()).select_from(Installation)).scalar_one() > 0
