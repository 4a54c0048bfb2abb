"""Who may be on the line of an account: many requests at once, or one audit and nobody else.

An audit compares the vendor's totals with the ledger's. Between the vendor's delivery of a page and our commit of it
the two differ by right, so the list is only taken while nothing is on its way.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Traffic:
    """A lock that many senders share and one audit has alone; a waiting audit lets no new sender pass.

    Whoever is cancelled while it waits goes at once, whoever else has the line: of a condition it would have to get the
    lock back first, which an audit keeps for as long as its list takes.
    """

    def __init__(self) -> None:
        self._on_their_way = 0
        self._audits = 0
        self._alone = asyncio.Lock()
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Hold while a request is out and until its page is stored."""
        while self._audits:
            await self._changed.wait()
        self._on_their_way += 1
        try:
            yield
        finally:
            self._on_their_way -= 1
            self._wake()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Hold while the vendor's list and the ledger are compared."""
        self._audits += 1
        try:
            async with self._alone:
                while self._on_their_way:
                    await self._changed.wait()
                yield
        finally:
            self._audits -= 1
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
