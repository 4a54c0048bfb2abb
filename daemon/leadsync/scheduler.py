"""APScheduler 3, in memory: says when, never what. It keeps one alarm a name and rings once its time has come.

The slots are rows of the store; here is only what wakes us up for them, so a lost alarm loses nothing. An alarm that is
late still rings: APScheduler's own grace of one second would drop a run after a clock jump or a busy moment.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler  # noqa: TID251 - this is the one module

RINGS_MAX: Final = 1_000


class Alarms(Protocol):
    """What a simulation puts in place of the machine's clock."""

    def set(self, name: str, at: datetime, ring: Callable[[], None]) -> None:
        """Call `ring` once, at that time or right after it; an alarm of the same name is replaced."""

    def close(self) -> None:
        """Ring no more."""


class Scheduler:
    """The alarms of the real clock; made in a running event loop, where they ring."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(event_loop=asyncio.get_running_loop(), timezone=UTC)
        self._scheduler.start()

    def set(self, name: str, at: datetime, ring: Callable[[], None]) -> None:
        """Call `ring` once, at that time or right after it; an alarm of the same name is replaced."""
        self._scheduler.add_job(
            _call,
            "date",
            (ring,),
            id=name,
            run_date=at,
            misfire_grace_time=None,
            coalesce=True,
            # A ring takes no time, but APScheduler skips one that comes before it has noted the end of the last.
            max_instances=RINGS_MAX,
            replace_existing=True,
        )

    def close(self) -> None:
        """Ring no more."""
        self._scheduler.shutdown(wait=False)


async def _call(ring: Callable[[], None]) -> None:
    """Ring on the loop: what is no coroutine APScheduler calls on a thread of its own."""
    ring()
