"""The daemon's end of the socket: takes a command, streams what happens, answers how it ended.

Who waits may go away; what was begun goes on. Only the owner of the state folder can reach the socket (mode 0600).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from leadsync import __version__, events
from leadsync.control.board import Board, Reader
from leadsync.control.place import socket_of, within_reach
from leadsync.errors import CannotListen, DaemonDiffers, LeadsyncError

Result: TypeAlias = Mapping[str, Any]

GOODBYE_S: Final = 3
"""How long a stop waits for those who read the answer of a command that has ended."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A command under way: its work, and the jobs and accounts whose log lines belong to it.

    The work is a task of whoever carries it out: it outlives whoever asked. An error that the operator must read is its
    result; one that is raised is a bug, and ends the daemon.
    """

    work: asyncio.Task[Result | LeadsyncError]
    jobs: tuple[str, ...]
    accounts: tuple[str, ...]


Command: TypeAlias = Callable[[Mapping[str, Any]], Errand]
"""Begins to carry out a command with these arguments. Raises OperatorMistake where that cannot be."""


@asynccontextmanager
async def listening(store: Path, commands: Mapping[str, Command], board: Board) -> AsyncIterator[None]:
    """Carry out commands until the end of the block; then those who still read get the rest of their answer."""
    routes = [Route(f"/{name}", _endpoint(command, board), methods=["POST"]) for name, command in commands.items()]
    config = uvicorn.Config(
        Starlette(routes=routes),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=GOODBYE_S,
    )
    server = _Server(config)
    with _bound(socket_of(store)) as bound:
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    """Signals are the daemon's affair."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _bound(path: Path) -> Iterator[socket.socket]:
    """Make the socket; what a dead daemon has left there is taken away, since the store's lock is ours."""
    with socket.socket(socket.AF_UNIX) as bound:
        try:
            path.unlink(missing_ok=True)
            with within_reach(path) as name:
                bound.bind(name)
            # Nobody can connect before uvicorn listens on it.
            path.chmod(0o600)
        except OSError as error:
            raise CannotListen(f"the control socket {path} cannot be made ({error.strerror})") from error
        try:
            yield bound
        finally:
            path.unlink(missing_ok=True)


def _endpoint(command: Command, board: Board) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def answer(request: Request) -> Response:
        arguments = msgspec.json.decode(await request.body(), type=dict[str, Any])
        try:
            _refuse_other_version(arguments.get("version"))
            errand = command(arguments)
        except LeadsyncError as error:
            return Response(_last_line(error))
        _log.info(events.COMMAND_RECEIVED, command=request.url.path.strip("/"), jobs=errand.jobs)
        # In this same round of the loop: the work has not logged anything yet.
        reader = board.follow(errand.work, errand.jobs, errand.accounts)
        return StreamingResponse(_tell(errand.work, reader), media_type="application/x-ndjson")

    return answer


async def _tell(work: asyncio.Task[Result | LeadsyncError], reader: Reader) -> AsyncIterator[bytes]:
    while (line := await reader.lines.get()) is not None:
        yield _line({"line": line})
    if not work.cancelled() and work.exception() is None:
        yield _last_line(work.result())


def _last_line(result: Result | LeadsyncError) -> bytes:
    if isinstance(result, LeadsyncError):
        return _line({"error": {"exit_code": result.exit_code, "message": str(result)}})
    return _line({"result": result})


def _line(value: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _refuse_other_version(theirs: object) -> None:
    if theirs != __version__:
        raise DaemonDiffers(
            f"the daemon is leadsync {__version__} and this command is leadsync {theirs}; nothing was done. Restart the"
            " daemon (systemctl restart leadsync), so that it is the version that is installed"
        )


_log = structlog.get_logger()
