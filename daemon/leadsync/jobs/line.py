"""Those who wait for a slot: called, the longest waiting first, as soon as one may be free, and not more than are free.

Who waits is in the store: a job whose last run ended so. It remembers nothing itself, so a restart forgets nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TypeAlias

import structlog

from leadsync import events
from leadsync.errors import BadWeather
from leadsync.jobs.desk import Desk, Surroundings
from leadsync.store.ledger import Ledger
from leadsync.vendors.pace import result_unless, sleep_unless

Call: TypeAlias = Callable[[str], Awaitable[None]]
"""Has a job run soon, once."""


class Line:
    """One per account of a daemon."""

    def __init__(self, desk: Desk, ledger: Ledger, around: Surroundings, enabled: Collection[str]) -> None:
        self._desk = desk
        self._ledger = ledger
        self._around = around
        self._enabled = enabled

    async def keep(self, call: Call) -> None:
        """Call whom there is room for, whenever a sign says that there may be, until leadsync is asked to stop."""
        sign, stopping = self._desk.vacancy.sign, self._around.stopping
        sign.set()  # those whom an earlier process has left waiting
        while not stopping.is_set():
            await result_unless(stopping, sign.wait())
            sign.clear()
            if stopping.is_set():
                return
            rest_s = await self._look(call)
            if rest_s:
                await result_unless(stopping, sleep_unless(sign, rest_s))
                sign.set()

    async def _look(self, call: Call) -> float:
        """Call whom there is room for; return how long to rest where nobody may be called just now."""
        desk = self._desk
        try:
            waiting = [job for job in await self._ledger.waiting_jobs(desk.name) if job in self._enabled]
            holders = await self._ledger.held(desk.name, desk.terms.room)
        except BadWeather:
            return LOOK_AGAIN_S
        rest_s = desk.vacancy.rest_s(holders.used, asyncio.get_running_loop().time())
        if not waiting or rest_s:
            return rest_s if waiting else 0.0
        for job in waiting[: holders.free]:
            _log.info(events.JOB_CALLED, account=desk.name, job=job, free=holders.free)
            await call(job)
        return 0.0


LOOK_AGAIN_S = 60.0
"""How long one rests where the store cannot be read."""

_log = structlog.get_logger()
