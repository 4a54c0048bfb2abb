"""Both ends of a real Unix socket in one process: a command that does what the test says, and a client on a thread."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leadsync.control.board import Board
from leadsync.control.client import ask
from leadsync.control.place import socket_of, within_reach
from leadsync.control.server import Command, Errand, Result, listening
from leadsync.errors import LeadsyncError

Work = Callable[[Mapping[str, Any]], Awaitable[Result | LeadsyncError]]
"""What is done, given the arguments; an error that the operator must read is a result too."""


@dataclass(slots=True)
class Heard:
    """A client: what it was told on the way."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    async def ask(self, store: Path, command: str = "do", **arguments: Any) -> dict[str, Any] | None:
        """Ask, on a thread, as the command line does."""
        return await asyncio.to_thread(ask, store, command, arguments, self.lines.append)


async def alive() -> None:
    """A store that answers."""


@asynccontextmanager
async def serving(store: Path, commands: Mapping[str, Command], board: Board) -> AsyncIterator[None]:
    """Listen; whoever connects is heard."""
    async with listening(store, commands, board, alive):
        await _somebody_answers(socket_of(store))
        yield


async def _somebody_answers(socket: Path) -> None:
    """Knock until the socket that is bound is listened on."""
    with within_reach(socket) as name:
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(name)
            except ConnectionRefusedError:
                await asyncio.sleep(0)  # the server begins to listen in a task of its own
                continue
            writer.close()
            await writer.wait_closed()
            return


@asynccontextmanager
async def carrying_out(store: Path, board: Board, work: Work) -> AsyncIterator[None]:
    """Carry out `do`: `work` as a task of a group, for the jobs that it is asked for, on the account `main`."""
    async with asyncio.TaskGroup() as group:

        async def result(arguments: Mapping[str, Any]) -> Result | LeadsyncError:
            return await work(arguments)

        def do(arguments: Mapping[str, Any]) -> Errand:
            return Errand(group.create_task(result(arguments)), tuple(arguments["jobs"]), ("main",))

        async with serving(store, {"do": do}, board):
            yield
