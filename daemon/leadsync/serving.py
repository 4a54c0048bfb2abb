"""A web server of our own in the daemon's loop, for as long as a block lasts, and the socket that it serves on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeAlias

import uvicorn
from starlette.types import ASGIApp

from leadsync.config.units import split_address
from leadsync.errors import CannotListen

BACKLOG: Final = 2_048
"""Connections that wait to be taken."""

Protocol: TypeAlias = Callable[..., asyncio.Protocol]
"""Makes one of a connection, in the place of uvicorn's own."""


@asynccontextmanager
async def serving(
    app: ASGIApp, taken: socket.socket, *, goodbye_s: int, protocol: Protocol | None = None
) -> AsyncIterator[None]:
    """Serve on a socket until the end of the block.

    Then no more connections are taken, and the requests under way have so long for their answers. A server that dies
    takes the daemon with it: half alive it would be noticed by nobody.
    """
    config = uvicorn.Config(
        app,
        http=protocol or "httptools",  # type: ignore[arg-type] # uvicorn only ever calls it
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=goodbye_s,
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(sockets=[taken]))
        try:
            yield
        finally:
            server.should_exit = True


def bound_to(listen: str, table: str) -> socket.socket:
    """Return a socket that listens on an address which a table of the configuration names. Raises CannotListen."""
    host, port = split_address(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(
            f"{listen} cannot be had ({error.strerror or error}); see who has it (ss -tlnp), or set listen under"
            f" {table} to another address"
        ) from error


class _Server(uvicorn.Server):
    """Signals are the daemon's affair."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
