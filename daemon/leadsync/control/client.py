"""The command line's end of the socket: hands a command to the daemon and reads what comes of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx  # noqa: TID251 - a socket of our own, no vendor
import msgspec

from leadsync import __version__
from leadsync.control.place import socket_of, within_reach
from leadsync.errors import DaemonGone, DaemonRefused

OnLine: TypeAlias = Callable[[dict[str, Any]], None]
"""Gets each line of the log that belongs to the command, as it happens."""

CONNECT_WAIT_S: Final = 5.0


def ask(store: Path, command: str, arguments: Mapping[str, Any], on_line: OnLine) -> dict[str, Any] | None:
    """Have the daemon of this store carry out a command; None where no daemon can be reached.

    Raises DaemonRefused where it will not, DaemonGone where it ended before the command did.
    """
    request = msgspec.json.encode({"version": __version__, **arguments})
    try:
        with _connected(socket_of(store)) as client, client.stream("POST", f"/{command}", content=request) as response:
            return _read(response, on_line)
    except httpx.ConnectError:
        return None
    except httpx.TransportError as error:
        raise DaemonGone(_GONE) from error


@contextmanager
def _connected(socket: Path) -> Iterator[httpx.Client]:
    """Give a client of the socket. A command takes as long as its runs; only whether anybody is there is known soon."""
    with ExitStack() as stack:
        try:
            name = stack.enter_context(within_reach(socket))
        except OSError as error:
            # Whoever may not enter the folder is told so where the store is opened.
            raise httpx.ConnectError("the state folder cannot be entered") from error
        timeout = httpx.Timeout(None, connect=CONNECT_WAIT_S)
        transport = httpx.HTTPTransport(uds=name)
        yield stack.enter_context(
            httpx.Client(base_url="http://leadsync", transport=transport, timeout=timeout, trust_env=False)
        )


def _read(response: httpx.Response, on_line: OnLine) -> dict[str, Any]:
    for text in response.iter_lines():
        match msgspec.json.decode(text):
            case {"line": line}:
                on_line(line)
            case {"result": result}:
                return dict(result)
            case {"error": {"exit_code": exit_code, "message": message}}:
                raise DaemonRefused(message, exit_code)
    raise DaemonGone(_GONE)


_GONE: Final = "the daemon ended before it answered; what it had begun is safe: see `leadsync status` and its log"
