"""How fast an account may speak: the vendor's rate, evenly, and silence where it asked for that.

The vendor counts requests a minute per token over all endpoints. A limiter that allows a full burst would let twice the
rate through in its first minute, so requests are spaced. Two in a hundred are kept back, because what leaves evenly
arrives jittered.
"""

import asyncio
from typing import Final

from aiolimiter import AsyncLimiter

from leadsync.waiting import result_unless, sleep_unless

_KEPT_BACK: Final = 1.02


class Pace:
    """One per account. Nobody sends without having waited for a turn."""

    def __init__(self, requests_per_minute: int) -> None:
        self._silent_until = 0.0
        self.change(requests_per_minute)

    def change(self, requests_per_minute: int) -> None:
        """Speak at another rate from now on; who queues already leaves at the old one."""
        self._limiter = AsyncLimiter(max_rate=1, time_period=60.0 / requests_per_minute * _KEPT_BACK)

    def hold(self, wait_s: float) -> None:
        """Send nothing for so long: the vendor said 429 to one of us, and means all."""
        self._silent_until = max(self._silent_until, asyncio.get_running_loop().time() + wait_s)

    async def turn(self, stopping: asyncio.Event) -> bool:
        """Wait until the account may send its next request; False where `stopping` was set before that.

        A hold that comes while one waits costs a new turn; else all who queued before it would leave at its end in the
        same instant.
        """
        loop = asyncio.get_running_loop()
        while True:
            # The hold may be made longer while one sleeps through it, so the time is looked at again.
            while (left_s := self._silent_until - loop.time()) > 0:
                if stopping.is_set():
                    return False
                await sleep_unless(stopping, left_s)
            if await result_unless(stopping, self._acquire()) is None:
                return False
            if loop.time() >= self._silent_until:
                return True

    async def _acquire(self) -> bool:
        await self._limiter.acquire()
        return True
