"""A real door on a real socket before a real store, and hands that knock: politely, rudely, and many at once."""

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from leadsync.core.hooks import Address, HookKey, hook_url
from leadsync.core.letters import Letter
from leadsync.inbox.guard import Limits
from leadsync.inbox.listen import Behind, door_open
from leadsync.store.engine import file_creator
from leadsync.store.inbox import Receipt
from leadsync.store.ledger import Ledger
from leadsync.store.opening import Place, close_store, open_store

__all__ = ["LIMITS", "Doorway", "Knock", "Store", "doorway"]

KIB: Final = 1024

LIMITS: Final = Limits(
    head_within_s=0.3,
    head_max_bytes=16 * KIB,
    request_within_s=0.6,
    body_max_bytes=256 * KIB,
    connections_max=512,
    of_address_max=64,
    proxies=frozenset({"127.0.0.1"}),
)
"""Those of the configuration, with less time and room."""

BODIES: Final = "SELECT subject, body FROM inbox_message JOIN inbox_body ON message_id = id ORDER BY id"

Store = Callable[[Sequence[Letter]], Awaitable[Sequence[Receipt]]]


@dataclass(frozen=True, slots=True)
class Doorway:
    """An open door. `connections` are where its attackers come from, unless they say."""

    port: int
    hooks: HookKey
    ledger: Ledger
    file: Path

    def path(self, subject: str = "01K", kind: str = "async") -> str:
        """A right address."""
        return hook_url("", self.hooks, Address(kind, subject))

    def rows(self, query: str = BODIES) -> list[tuple[Any, ...]]:
        """What the store has, as another process sees it: what is not committed is not there."""
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as store:
            return store.execute(query).fetchall()

    @asynccontextmanager
    async def knock(self, origin: str = "127.0.0.1") -> AsyncIterator["Knock"]:
        """Connect, from an address of this machine."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(origin, 0))
        try:
            yield Knock(reader, writer)
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def post(self, body: bytes, path: str | None = None, origin: str = "127.0.0.1", head: str = "") -> int:
        """Send one message as an honest sender does; return the status, 0 where the connection ended without one."""
        try:
            async with self.knock(origin) as knock:
                knock.say(
                    f"POST {path or self.path()} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n"
                )
                knock.send(body)
                return await knock.status()
        except OSError:
            return 0


@dataclass(frozen=True, slots=True)
class Knock:
    """One connection, from the outside."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, text: str) -> None:
        """Send text."""
        self.writer.write(text.encode("latin-1"))

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def status(self) -> int:
        """The status of the next answer, 0 where the connection ends before there is one."""
        return int((await self.head() or "HTTP/1.1 0").split()[1])

    async def head(self) -> str:
        """The head of the next answer, whose body is empty; nothing where the connection ends before."""
        try:
            return (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError):
            return ""

    async def rest(self) -> bytes:
        """All that comes until the connection ends."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    async def is_cut(self) -> bool:
        """Wait until the connection ends without an answer."""
        return await self.rest() == b""

    async def drip(self, pieces: Sequence[bytes], wait_s: float) -> None:
        """Send piece after piece, slowly, until the other side has had enough."""
        try:
            for piece in pieces:
                self.writer.write(piece)
                await self.writer.drain()
                await asyncio.sleep(wait_s)
        except ConnectionError:
            return


@asynccontextmanager
async def doorway(
    folder: Path, limits: Limits = LIMITS, store: Callable[[Store], Store] | None = None
) -> AsyncIterator[Doorway]:
    """Open a store and the door before it; `store` may stand between the two."""
    file = folder / "leadsync.db"
    executor = ThreadPoolExecutor(1)
    place = Place(file, file_creator(file), executor, lambda: "0123456789abcdef", lambda: bytes(32))
    writer, opened = await open_store(place, datetime.now(UTC))
    ledger = Ledger(writer, opened)

    async def keep(letters: Sequence[Letter]) -> Sequence[Receipt]:
        return await ledger.inbox.receive(letters, datetime.now(UTC))

    behind = Behind(lambda: ledger.hooks, store(keep) if store else keep, lambda: None)
    try:
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as taken:
            async with door_open(taken, limits, behind):
                yield Doorway(taken.getsockname()[1], ledger.hooks, ledger, file)
        await close_store(writer, datetime.now(UTC))
    finally:
        executor.shutdown()
