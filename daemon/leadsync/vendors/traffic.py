"""Who may be on the line of an account: many requests at once, or one audit and nobody else.

An audit compares the vendor's totals with the ledger's. Between the vendor's delivery of a page and our commit of it
the two differ by right, so the list is only taken while nothing is on its way.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Traffic:
    """A lock that many senders share and one audit has alone; a waiting audit lets no new sender pass."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._on_their_way = 0
        self._audits = 0

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Hold while a request is out and until its page is stored."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._audits)
            self._on_their_way += 1
        try:
            yield
        finally:
            self._on_their_way -= 1
            await self._wake()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Hold while the vendor's list and the ledger are compared."""
        self._audits += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._on_their_way)
                yield
        finally:
            self._audits -= 1
            await self._wake()

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()
