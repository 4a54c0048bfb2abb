"""Those who wait for a slot: called, the longest waiting first, as soon as one may be free, and not more than are free.

Who waits is in the store: a job whose last run ended so, or was called and then cut short. So a restart forgets nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import Final, TypeAlias

import structlog

from leadsync import events
from leadsync.errors import BadWeather
from leadsync.jobs.desk import Desk, Surroundings
from leadsync.store.ledger import Ledger, Place
from leadsync.waiting import result_unless, sleep_unless

LOOK_AGAIN_S: Final = 60.0
"""How long one rests where the store cannot be read or written."""

CALL_AGAIN_S: Final = 900.0
"""How long it is believed that who was called will come: a run that the store did not let begin does not.

Who came, and whose run was cut short, rests as long before it is called again.
"""

Call: TypeAlias = Callable[[str], Awaitable[None]]
"""Has a job run soon, once."""


class Line:
    """One per account of a daemon."""

    def __init__(self, desk: Desk, ledger: Ledger, around: Surroundings) -> None:
        self._desk = desk
        self._ledger = ledger
        self._around = around
        self._called: dict[Place, float] = {}

    async def keep(self, call: Call) -> None:
        """Call whom there is room for, whenever a sign says so, until leadsync is asked to stop.

        While the configuration does not have the account nobody is called; it may come back at any time.
        """
        sign, stopping = self._desk.vacancy.sign, self._around.stopping
        sign.set()  # those whom an earlier process has left waiting
        while not stopping.is_set():
            await result_unless(stopping, sign.wait())
            sign.clear()
            rest_s = await self._look(call) if self._desk.in_use and not stopping.is_set() else 0.0
            if rest_s:
                await result_unless(stopping, sleep_unless(sign, rest_s))
                sign.set()

    async def _look(self, call: Call) -> float:
        """Call whom there is room for; return how long to rest where somebody waits yet, or may not be called."""
        try:
            return await self._call(call)
        except BadWeather:
            return LOOK_AGAIN_S

    async def _call(self, call: Call) -> float:
        desk, now_s = self._desk, asyncio.get_running_loop().time()
        waiting = [place for place in await self._ledger.waiting(desk.name) if self._is_wanted(place)]
        self._called = {place: self._called.get(place, now_s if place.cut_short else -inf) for place in waiting}
        if not waiting:
            return 0.0
        holders = await self._ledger.held(desk.name, desk.terms.room)
        rest_s = desk.vacancy.rest_s(holders.listed, now_s)
        if rest_s:
            return rest_s
        room = holders.free + sum(place.has_slot for place in waiting)
        if desk.vacancy.doubted:
            room = min(room, 1)
        # Who was called and has not begun yet, or rests, will take a slot that still looks free.
        coming = {place for place, at_s in self._called.items() if now_s - at_s < CALL_AGAIN_S}
        there = sorted((place for place in waiting if place not in coming), key=lambda place: not place.has_slot)
        now = there[: max(room - len(coming), 0)]
        for place in now:
            await call(place.job)
            self._called[place] = now_s
            _log.info(events.JOB_CALLED, account=desk.name, job=place.job, free=holders.free)
        return CALL_AGAIN_S if coming or now else 0.0

    def _is_wanted(self, place: Place) -> bool:
        """Whether its job still wants that session: for another one nobody has asked for a run now."""
        return (place.job, place.session) in self._desk.terms.jobs.enabled.items()


_log = structlog.get_logger()
