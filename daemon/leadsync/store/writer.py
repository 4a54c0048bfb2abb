"""The one writer: every transaction of the process goes through here, one after another, off the event loop.

A transaction begins by looking at the fence: an instance that lost its lock finds a higher number there and may not
write any more (P5). It is all or nothing (P4), and whoever waits for it learns which.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from leadsync.errors import Fenced, StoreFailed

P = ParamSpec("P")
T = TypeVar("T")


class Writer:
    """Owns the writing connection and the executor on whose single thread it lives."""

    def __init__(self, engine: Engine, executor: Executor) -> None:
        self._engine = engine
        self._executor = executor
        self._connection: Connection | None = None
        self._fence: int | None = None
        # The page path hands its rows straight to the driver, whose errors SQLAlchemy then does not see.
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error

    async def off_loop(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `do` on the writer's thread. A caller that is cancelled goes; what has begun is finished."""
        work = asyncio.get_running_loop().run_in_executor(self._executor, lambda: do(*args, **kwargs))
        return await asyncio.shield(work)

    async def write(self, do: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `do(connection, ...)` as one transaction. Raises StoreFailed (nothing happened) or Fenced."""
        return await self.off_loop(self._transaction, lambda connection: do(connection, *args, **kwargs))

    def open(self, prepare: Callable[[Connection], int]) -> None:
        """Connect, and let `prepare` return the fence that this instance writes under. Call on the writer's thread."""
        self._connection = self._engine.connect()
        with self._connection.begin():
            self._fence = prepare(self._connection)

    @property
    def fence(self) -> int:
        """The number that this instance writes under."""
        if self._fence is None:
            raise Fenced("the store is not open")
        return self._fence

    def close(self) -> None:
        """Let the connection go; the last one out checkpoints the WAL. Call on the writer's thread."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._fence = None

    def _transaction(self, do: Callable[[Connection], T]) -> T:
        if self._connection is None:
            raise Fenced("the store is not open")
        try:
            with self._connection.begin():
                self._check_fence(self._connection)
                return do(self._connection)
        except (SQLAlchemyError, self._driver_error) as error:
            raise _failed(error) from error

    def _check_fence(self, connection: Connection) -> None:
        # Every transaction asks this, and SQLAlchemy would take longer over it than SQLite over a short one.
        cursor = connection.connection.cursor()
        cursor.execute("SELECT fence FROM installation")
        (found,) = cursor.fetchone() or (None,)
        if found != self._fence:
            raise Fenced(f"another leadsync has taken this store over (fence {found}, ours is {self._fence})")


def _failed(error: Exception) -> StoreFailed:
    """Keep the database's own words and drop the statement: its parameters may be personal data."""
    cause = getattr(error, "orig", None) or error
    return StoreFailed(f"the store could not be written ({cause}); nothing of this step was kept")
