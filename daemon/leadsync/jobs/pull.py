"""One run of a session: performs, one after another, the effects that the protocol in `core.paging` decides.

A request and the storing of its page are one stretch of traffic, so that no audit looks in between. All waiting is done
outside of it, and ends at once when leadsync is asked to stop.
"""

import asyncio
from functools import partial
from typing import assert_never

from leadsync import events
from leadsync.core import paging
from leadsync.core.model import PageReply
from leadsync.core.paging import KEY_STAYS_OPEN
from leadsync.core.protocol import (
    Ask,
    AtALoss,
    Close,
    Closed,
    Effect,
    Ended,
    Event,
    Journaled,
    Plan,
    Queue,
    Reword,
    Reworded,
    Send,
    Sending,
    State,
    Step,
    Store,
    Stored,
    Wait,
)
from leadsync.core.retry import GIVE_UP_S
from leadsync.errors import Bug
from leadsync.jobs.desk import Surroundings, Ticket
from leadsync.jobs.gate import STOPPED, Gate
from leadsync.store.ledger import Again, Asked, Ledger, Order
from leadsync.vendors.wire import reworded, search_request


class Pull:
    """One run; made for it and thrown away."""

    def __init__(self, ticket: Ticket, ledger: Ledger, around: Surroundings) -> None:
        self._ticket = ticket
        self._ledger = ledger
        self._around = around
        self._loop = asyncio.get_running_loop()
        self._gate = Gate(ticket, around)
        self._log = self._gate.log

    async def run(self, plan: Plan) -> Ended:
        """Pull until the run ends.

        Raises DiskLow, VendorSilent, StoreFailed, Fenced; an open key is then sent again next time.
        """
        page = self._ticket.session.open_page
        if page is not None:
            self._gate.begin(page)
        try:
            return await self._run(plan, key_open=page is not None)
        finally:
            self._gate.settle()

    async def _run(self, plan: Plan, *, key_open: bool) -> Ended:
        state, effect = paging.begin(plan, key_open=key_open, now_s=self._loop.time())
        while not isinstance(state, Ended):
            if not isinstance(state, Sending):
                state, effect = self._next(plan, state, await self._perform(effect))
                continue
            halted = await self._turn(state.attempt.since_s + GIVE_UP_S)
            if halted is not None:
                state, effect = self._next(plan, state, halted)
                continue
            async with self._ticket.desk.traffic.sending():
                state, effect = await self._exchange(plan, state, effect)
        return state

    async def _turn(self, until_s: float) -> Event | None:
        """Wait until the open key may be sent; return what ends the run before that. Raises VendorSilent."""
        desk, stopping, session = self._ticket.desk, self._around.stopping, self._ticket.session.name
        if desk.breaker.is_open:
            if not await desk.breaker.passed(session, stopping, min(until_s, self._gate.deadline_s)):
                return self._gate.vain(KEY_STAYS_OPEN)
            if desk.denied is not None:
                return desk.denied  # by the answer that closed the breaker
        return None if await desk.client.turn(stopping) else STOPPED

    async def _exchange(self, plan: Plan, state: State, effect: Effect) -> Step:
        """Send, and settle what comes back, before anybody else may look."""
        while isinstance(effect, Send | Store | Close):
            state, effect = self._next(plan, state, await self._perform_within(effect))
        return state, effect

    def _next(self, plan: Plan, state: State, event: Event) -> Step:
        return paging.step(plan, state, event, now_s=self._loop.time(), draw=self._around.draw())

    async def _perform(self, effect: Effect) -> Event:
        match effect:
            case Ask(take):
                return await self._ask(take)
            case Queue(why):
                return await self._gate.queue(why)
            case Reword():
                return await self._reword()
            case Wait():
                return await self._wait(effect)
            case _:
                raise Bug(f"{type(effect).__name__} is performed within an exchange, or not at all")

    async def _perform_within(self, effect: Send | Store | Close) -> Event:
        match effect:
            case Send():
                return await self._send()
            case Store(page, fresh, replays):
                return await self._store(page, fresh=fresh, replays=replays)
            case Close():
                return await self._close(effect)
            case _:
                assert_never(effect)

    async def _ask(self, take: int) -> Event:
        return await self._gate.may_ask() or await self._journal(take)

    async def _journal(self, take: int) -> Event:
        self._gate.note_change()
        asked = await self._ledger.journal(self._order(take), self._around.now(), self._gate.begin)
        if not isinstance(asked, Asked):
            return asked
        self._gate.tell(asked)
        return Journaled()

    def _order(self, take: int) -> Order:
        ticket, brief = self._ticket, self._ticket.brief
        again = Again(reworded, brief.page_size, ticket.keys_known) if ticket.recover_until is not None else None
        return Order(
            session_id=ticket.session.session_id,
            run_id=ticket.run_id,
            take=take,
            limits=ticket.desk.terms.limits,
            criteria=brief.criteria,
            request=partial(search_request, brief.search, brief.options, brief.session),
            again=again,
        )

    async def _reword(self) -> Event:
        """Try other bytes with an old key; the vendor has refused those that were sent, and billed nothing."""
        halted, order = self._gate.halted(), self._order(self._ticket.brief.page_size)
        if halted is not None or order.again is None:
            return halted or AtALoss()
        page = await self._ledger.reword(self._gate.open_page().page_id, order, order.again)
        if page is None:
            return AtALoss()
        self._gate.reword(page)
        self._log.debug(events.KEY_REWORDED, key=page.key, take=page.take)
        return Reworded()

    async def _send(self) -> Event:
        self._around.require_room()
        return await self._gate.send(self._ledger)

    async def _store(self, page: PageReply, *, fresh: bool, replays: int) -> Stored:
        arrival = self._gate.arrival(page, fresh=fresh, replays=replays)
        return self._gate.stored(await self._ledger.store(arrival, self._around.now()), replays)

    async def _close(self, effect: Close) -> Closed:
        page = await self._gate.close(self._ledger, effect)
        self._log.warning(events.KEY_REFUSED, key=page.key, status=effect.status, message=effect.message)
        return Closed()

    async def _wait(self, wait: Wait) -> Event:
        if wait.account_wide:
            self._gate.hold(wait.wait_s)
        else:
            key, wait_s = self._gate.open_page().key, round(wait.wait_s, 1)
            self._log.warning(events.REPLY_LOST, key=key, attempt=wait.attempt, why=wait.why, wait_s=wait_s)
        return await self._gate.rest(wait.wait_s)
