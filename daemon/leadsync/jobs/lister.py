"""The vendor's session list for those who cannot do without: insisted on for ten minutes, and noted in the ledger.

It is taken with nothing of the account on its way, so that it can be compared with the ledger.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import structlog

from leadsync import events
from leadsync.core.model import End, Listing, Outcome
from leadsync.core.protocol import Wait
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.core.retry import GIVE_UP_S, is_in_time, wait_after
from leadsync.jobs.desk import Desk, Surroundings
from leadsync.jobs.listing import note
from leadsync.store.ledger import Ledger
from leadsync.vendors.breaker import THE_LIST
from leadsync.vendors.wire import Trouble
from leadsync.waiting import sleep_unless

Look: TypeAlias = Callable[[Listing], Awaitable[None]]
"""Reads the ledger beside the list, before anything else of the account is sent."""

STOPPED: Final = End(Outcome.INTERRUPTED, "leadsync was asked to stop; nothing was sent or billed")


class Lister:
    """One per account."""

    def __init__(self, desk: Desk, ledger: Ledger, around: Surroundings) -> None:
        self._desk = desk
        self._ledger = ledger
        self._around = around

    async def take(self, look: Look) -> End | None:
        """Take the list and look at it; an End where it cannot be had. Nothing was sent or billed then."""
        began_s, attempt = asyncio.get_running_loop().time(), 0
        while True:
            end = await self._turn(began_s + GIVE_UP_S)
            if end is not None:
                return end
            async with self._desk.traffic.quiet():
                listed = await self._desk.client.list_sessions(self._around.stopping)
                self._desk.hear(THE_LIST, listed, self._around)
                if isinstance(listed, dict):
                    await note(self._desk, self._ledger, listed, self._around.now())
                    await look(listed)
                    return None
            attempt += 1
            end = await self._after(listed, attempt, began_s)
            if end is not None:
                return end

    async def _turn(self, until_s: float) -> End | None:
        """Wait until the list may be asked for, or say how the run ends."""
        desk, stopping = self._desk, self._around.stopping
        if await desk.breaker.passed(THE_LIST, stopping, until_s) and await desk.client.turn(stopping):
            return None
        return STOPPED if stopping.is_set() else _not_had(desk.silence(self._around))

    async def _after(self, trouble: Trouble, attempt: int, began_s: float) -> End | None:
        """Wait and return None to ask again, or say how the run ends."""
        plain = trouble.otherwise if isinstance(trouble, SlotsFull) else trouble
        match plain:
            case Denied(reason, status, message):
                self._desk.denied = plain
                return End(Outcome.FAILED, f"the session list was denied with HTTP {status}: {message}", reason)
            case Refused(status, message):
                return End(Outcome.FAILED, f"the session list was refused with HTTP {status}: {message}")
            case Throttled() | Lost():
                return await self._delay(wait_after(plain, attempt, self._around.draw()), began_s)

    async def _delay(self, wait: Wait, began_s: float) -> End | None:
        if wait.account_wide:
            self._desk.client.hold(wait.wait_s)
        if not is_in_time(wait, began_s, asyncio.get_running_loop().time()):
            return _not_had(wait.why)
        _log.warning(events.AUDIT_DELAYED, account=self._desk.name, why=wait.why, wait_s=round(wait.wait_s, 1))
        await sleep_unless(self._around.stopping, wait.wait_s)
        return STOPPED if self._around.stopping.is_set() else None


_log = structlog.get_logger()


def _not_had(why: str) -> End:
    return End(Outcome.FAILED, f"the session list could not be had ({why}); nothing was sent or billed")
