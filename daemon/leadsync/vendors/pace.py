"""How fast an account may speak: the vendor's rate, evenly, and silence where it asked for that.

The vendor counts requests a minute per token over all endpoints. A limiter that allows a full burst would let twice the
rate through in its first minute, so requests are spaced. Two in a hundred are kept back, because what leaves evenly
arrives jittered.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from aiolimiter import AsyncLimiter

_KEPT_BACK: Final = 1.02


class Pace:
    """One per account. Nobody sends without having waited for a turn."""

    def __init__(self, requests_per_minute: int) -> None:
        self._limiter = AsyncLimiter(max_rate=1, time_period=60.0 / requests_per_minute * _KEPT_BACK)
        self._silent_until = 0.0

    def hold(self, wait_s: float) -> None:
        """Send nothing for so long: the vendor said 429 to one of us, and means all."""
        self._silent_until = max(self._silent_until, asyncio.get_running_loop().time() + wait_s)

    async def turn(self, stopping: asyncio.Event) -> None:
        """Wait until the account may send its next request, or until `stopping` is set.

        A hold that comes while one waits costs a new turn; else all who queued before it would leave at its end in the
        same instant.
        """
        loop = asyncio.get_running_loop()
        while not stopping.is_set():
            await sleep_unless(stopping, self._silent_until - loop.time())
            await _or_stop(self._limiter.acquire(), stopping)
            if loop.time() >= self._silent_until:
                return


async def _or_stop(work: Coroutine[Any, Any, None], stopping: asyncio.Event) -> None:
    """Wait for the work or for the stop, whichever comes first; the other is dropped."""
    racing = {asyncio.ensure_future(work), asyncio.ensure_future(stopping.wait())}
    try:
        await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in racing:
            one.cancel()


async def sleep_unless(event: asyncio.Event, wait_s: float) -> None:
    """Sleep so long, or until the event is set."""
    if wait_s <= 0:
        return
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        return
