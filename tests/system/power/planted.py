"""leadsync with a bug in it, as a program: `planted.py BUG run --config FILE`. The checker must find each of them.

Each bug is one that somebody could write: it passes every test that does not cut the power.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection

from leadsync.__main__ import main
from leadsync.core.letters import Letter
from leadsync.core.model import Lead
from leadsync.inbox.group import GroupCommit
from leadsync.store import engine, opening, pages
from leadsync.store.inbox import Receipt
from leadsync.store.leads import Shelf, Shelved, shelve
from leadsync.store.writer import Writer


def synchronous_normal() -> None:
    """The setting that nearly every guide recommends with WAL."""
    settings = engine._SETTINGS  # noqa: SLF001 - a bug knows no privacy
    faster = tuple(each.replace("synchronous=FULL", "synchronous=NORMAL") for each in settings)
    _replace(engine, "_SETTINGS", faster)
    _replace(opening, "check_settings", lambda _connection: None)


def send_before_commit() -> None:
    """The key is written, and sent; the commit comes with the next transaction."""
    late: list[Any] = []
    at_once = Writer._transaction  # noqa: SLF001 - the same

    def settle() -> None:
        while late:
            late.pop().commit()

    def transaction(self: Writer, do: Callable[[Connection], Any]) -> Any:
        settle()
        return at_once(self, do)

    def without_commit(self: Writer, do: Callable[[Connection], Any]) -> Any:
        settle()
        assert self._connection is not None
        late.append(self._connection.begin())
        return do(self._connection)

    async def write(self: Writer, do: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        how = without_commit if do is pages.journal else transaction
        return await self.off_loop(how, self, lambda connection: do(connection, *args, **kwargs))

    _replace(Writer, "write", write)


def deliveries_behind() -> None:
    """The books are written at once, the deliveries when the next page comes."""
    behind: list[tuple[Shelf, tuple[Lead, ...]]] = []

    def late(connection: Connection, shelf: Shelf, leads: tuple[Lead, ...]) -> Shelved:
        while behind:
            shelve(connection, *behind.pop())
        with connection.begin_nested() as trial:
            shelved = shelve(connection, shelf, leads)
            trial.rollback()
        behind.append((shelf, leads))
        return shelved

    _replace(pages, "shelve", late)


def witness_without_sync() -> None:
    """The witness is written before the send, but nobody waits for the disk."""
    _replace(os, "fdatasync", lambda _handle: None)


def answer_before_commit() -> None:
    """A webhook is answered as soon as it is in line for the store."""
    kept: set[asyncio.Task[Receipt]] = set()
    wait = GroupCommit.keep

    async def keep(self: GroupCommit, letter: Letter) -> Receipt:
        kept.add(asyncio.create_task(wait(self, letter)))
        return Receipt(1, again=False)

    _replace(GroupCommit, "keep", keep)


BUGS: Final = {
    each.__name__: each
    for each in (
        synchronous_normal,
        send_before_commit,
        deliveries_behind,
        witness_without_sync,
        answer_before_commit,
    )
}


def _replace(where: object, name: str, by: object) -> None:
    setattr(where, name, by)


if __name__ == "__main__":
    BUGS[sys.argv.pop(1)]()
    main()
