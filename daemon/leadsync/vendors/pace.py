"""How fast an account may speak: the vendor's rate, evenly, and silence where it asked for that.

The vendor counts requests a minute per token over all endpoints. A limiter that allows a full burst would let twice the
rate through in its first minute, so requests are spaced. Two in a hundred are kept back, because what leaves evenly
arrives jittered.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

from aiolimiter import AsyncLimiter

_KEPT_BACK: Final = 1.02


class Pace:
    """One per account. Entering it waits for the account's turn."""

    def __init__(self, requests_per_minute: int) -> None:
        self._limiter = AsyncLimiter(max_rate=1, time_period=60.0 / requests_per_minute * _KEPT_BACK)
        self._silent_until = 0.0

    def hold(self, wait_s: float) -> None:
        """Send nothing for so long: the vendor said 429 to one of us, and means all."""
        self._silent_until = max(self._silent_until, asyncio.get_running_loop().time() + wait_s)

    async def __aenter__(self) -> Self:
        """Wait until the account may send its next request; a hold that came meanwhile costs a new turn.

        Else all who queued before the hold would leave at its end in the same instant.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(self._silent_until - loop.time(), 0.0))
            await self._limiter.acquire()
            if loop.time() >= self._silent_until:
                return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Nothing to give back: what was sent was sent."""
