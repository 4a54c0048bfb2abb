"""/healthz says 503 where the store does not answer: a daemon that only seems alive is not."""

import asyncio
from pathlib import Path

import httpx  # noqa: TID251 - the test edge asks for /healthz

from leadsync.control.board import Board
from leadsync.control.place import socket_of
from leadsync.control.server import listening
from leadsync.errors import StoreFailed


def test_a_store_that_fails_is_503(store: Path) -> None:
    """And 200 again with the next that works."""
    weather = [True, False]

    async def beat() -> None:
        if weather.pop(0):
            raise StoreFailed("the disk is full")

    async def act() -> list[int]:
        transport = httpx.AsyncHTTPTransport(uds=str(socket_of(store)), retries=3)
        async with listening(store, {}, Board(), beat), httpx.AsyncClient(transport=transport) as client:
            return [(await client.get("http://leadsync/healthz")).status_code for _ in range(2)]

    assert asyncio.run(act()) == [503, 200]
