"""What all stages of a process have in common, made once: an empty store, and an engine with its compiled statements.

Both cost more than many a play, and promise nothing that `tests/store` does not hold.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine

from leadsync.store import engine, migrate
from leadsync.store.engine import Creator, file_creator

_creators: list[Creator] = []


def shared_engine(creator: Creator) -> Engine:
    """What stands in for `open_writer`: all openings share one engine, and what SQLAlchemy has compiled for it."""
    _creators[:] = [creator]
    return _engine()


def ready_creator(file: Path) -> Creator:
    """Connect to a store; one that is not there yet is made as the migrations would make it."""
    connect = file_creator(file)

    def ready() -> Any:
        if not file.exists():
            file.touch(0o600)
            file.write_bytes(empty_store())
        return connect()

    return ready


@cache
def empty_store() -> bytes:
    """An empty store of today's schema: what the migrations make."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "leadsync.db"
        migrate.upgrade(engine.open_writer(file_creator(file)), file)
        return file.read_bytes()


@cache
def _engine() -> Engine:
    return engine.open_writer(_connect)


def _connect() -> Any:
    return _creators[0]()
