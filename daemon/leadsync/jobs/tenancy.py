"""A slot for a new session: reserved in the ledger, or the run waits and says who holds them.

Before a run is turned away, what the policy lets go makes room. The reservation is one transaction, so two jobs cannot
both take the last slot; the end of the run gives it back unused.
"""

import asyncio
from collections.abc import Awaitable, Callable

from leadsync.core.audit import NO_SLOT
from leadsync.core.model import End, Outcome
from leadsync.core.slots import turned_away
from leadsync.jobs.desk import Brief, Desk, Surroundings, Ticket
from leadsync.store.ledger import Ledger


class Tenancy:
    """One per account."""

    def __init__(
        self, desk: Desk, ledger: Ledger, around: Surroundings, *, make_room: Callable[[], Awaitable[object]]
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._around = around
        self._make_room = make_room
        self._new: set[str] = set()

    async def reserve(self, ticket: Ticket) -> End | None:
        """Reserve a slot for the ticket's session; how the run ends where none is to be had."""
        full = await self._reserve(ticket)
        if full is not None:
            await self._make_room()
            full = await self._reserve(ticket)
        if full is None:
            self._new.add(ticket.session.name)
        return full

    async def is_free(self) -> bool:
        """Whether a new session could be made by now, by the list and what was reserved since."""
        if not await self._has_room():
            await self._make_room()
        return await self._has_room()

    async def turned_away(self, end: End) -> End:
        """The vendor has refused the new session; return that end with who holds the slots."""
        holders = await self._ledger.held(self._desk.name, self._desk.terms.room)
        self._desk.vacancy.refused(holders.listed, asyncio.get_running_loop().time())
        return End(Outcome.WAITING, turned_away(end.message, holders))

    def ended(self, brief: Brief, end: End) -> None:
        """A run has ended: the slot that it had reserved may be free again, or its job have to be called."""
        calls = brief.settle_only is not None or end.outcome in {Outcome.FAILED, Outcome.INTERRUPTED}
        if calls or brief.session in self._new:
            self._desk.vacancy.tell()
        self._new.discard(brief.session)

    async def _has_room(self) -> bool:
        desk = self._desk
        holders = await self._ledger.held(desk.name, desk.terms.room)
        return holders.free > 0 and not desk.vacancy.rest_s(holders.listed, asyncio.get_running_loop().time())

    async def _reserve(self, ticket: Ticket) -> End | None:
        desk = self._desk
        now_s = asyncio.get_running_loop().time()
        holders = await self._ledger.held(desk.name, desk.terms.room)
        if desk.vacancy.rest_s(holders.listed, now_s):
            return End(Outcome.WAITING, turned_away("the vendor has refused a new session a moment ago", holders))
        desk.vacancy.tries(now_s)
        full = await self._ledger.reserve_slot(ticket.session.session_id, desk.terms.room, self._around.now())
        return None if full is None else End(Outcome.WAITING, turned_away(NO_SLOT, full))
