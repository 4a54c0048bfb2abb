"""The daemon's end of the socket: takes a command, streams what happens, answers how it ended.

Who waits may go away; what was begun goes on. Only the owner of the state folder can reach the socket (mode 0600).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from leadsync import __version__, events
from leadsync.control.board import Board, Reader
from leadsync.control.health import Beat, health_route
from leadsync.control.place import socket_of, within_reach
from leadsync.errors import CannotListen, DaemonDiffers, LeadsyncError
from leadsync.serving import serving

Result: TypeAlias = Mapping[str, Any]

REQUEST_WAIT_S: Final = 1.0
"""How long a command may take to arrive: it comes from this machine, and is small."""

GOODBYE_S: Final = 2
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
async def listening(store: Path, commands: Mapping[str, Command], board: Board, beat: Beat) -> AsyncIterator[None]:
    """Carry out commands until the end of the block; then those who still read get the rest of their answer.

    `beat` is what /healthz looks at.
    """
    command = Route("/{command}", _endpoint(commands, board), methods=["POST"])
    app = Starlette(routes=[health_route(beat), command])
    with _bound(socket_of(store)) as bound:
        async with serving(app, bound, goodbye_s=GOODBYE_S):
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
            raise CannotListen(f"the control socket {path} cannot be made ({error.strerror or error})") from error
        try:
            yield bound
        finally:
            path.unlink(missing_ok=True)


def _endpoint(commands: Mapping[str, Command], board: Board) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def answer(request: Request) -> Response:
        name = request.path_params["command"]
        try:
            async with asyncio.timeout(REQUEST_WAIT_S):
                arguments = msgspec.json.decode(await request.body(), type=dict[str, Any])
            _refuse_other_version(name, arguments.get("version"), commands)
            errand = commands[name](arguments)
        except LeadsyncError as error:
            return Response(_last_line(error))
        except (TimeoutError, ClientDisconnect, msgspec.DecodeError):
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        _log.info(events.COMMAND_RECEIVED, command=name, jobs=errand.jobs)
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


def _refuse_other_version(command: str, theirs: object, commands: Collection[str]) -> None:
    if theirs != __version__ or command not in commands:
        raise DaemonDiffers(
            f"the daemon is leadsync {__version__} and this command is leadsync {theirs}; nothing was done. Restart the"
            " daemon (systemctl restart leadsync), so that it is the version that is installed"
        )


_log = structlog.get_logger()
