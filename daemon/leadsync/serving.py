"""A web server of our own in the daemon's loop, for as long as a block lasts, and the socket that it serves on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn

from leadsync.config.units import split_address
from leadsync.errors import CannotListen

BACKLOG: Final = 2_048
"""Connections that wait to be taken."""


@asynccontextmanager
async def serving(config: uvicorn.Config, bound: socket.socket) -> AsyncIterator[None]:
    """Serve on a socket; at the end take no more connections, and let the requests under way have their answers.

    A server that dies takes the daemon with it: half alive it would be noticed by nobody.
    """
    server = _Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(sockets=[bound]))
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
