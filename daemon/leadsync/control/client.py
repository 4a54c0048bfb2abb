"""The command line's end of the socket: hands a command to the daemon and reads what comes of it."""

import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
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
    with ExitStack() as stack:
        try:
            name = stack.enter_context(within_reach(socket_of(store)))
            _knock(name)
        except OSError:
            # Nobody is there, or we may not enter the folder: that is told where the store is opened.
            return None
        try:
            client = stack.enter_context(_client(name))
            return _read(stack.enter_context(client.stream("POST", f"/{command}", content=request)), on_line)
        except httpx.TransportError as error:
            raise DaemonGone(_GONE) from error


def _knock(name: str) -> None:
    """Raise OSError where nobody opens; httpx would forget to close the socket with which it tried."""
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(CONNECT_WAIT_S)
        knock.connect(name)


def _client(name: str) -> httpx.Client:
    """A command takes as long as its runs, so only the connection has a time-out."""
    timeout = httpx.Timeout(None, connect=CONNECT_WAIT_S)
    return httpx.Client(
        base_url="http://leadsync", transport=httpx.HTTPTransport(uds=name), timeout=timeout, trust_env=False
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
