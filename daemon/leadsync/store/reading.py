"""Reading the store beside a daemon that writes it: short connections that can only read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from leadsync.errors import StoreRefused
from leadsync.store.engine import open_reader
from leadsync.store.migrate import HEAD, refuse_newer, revision


def store_exists(file: Path) -> bool:
    """Whether anything was ever stored there."""
    return file.exists() and file.stat().st_size > 0


@contextmanager
def reading(file: Path) -> Iterator[Connection]:
    """Open the store for a moment. Raises StoreRefused where it is not one of this version, or cannot be read."""
    try:
        with open_reader(file).connect() as connection:
            found = revision(connection)
            refuse_newer(found)
            if found != HEAD:
                raise StoreRefused("the store is older than this leadsync; `leadsync once JOB` brings it up to date")
            yield connection
    except DatabaseError as error:
        raise StoreRefused(f"the store {file} cannot be read ({error.orig}); look at its owner and mode") from error
