"""One run of a search without a session: performs, one after another, the effects that `core.plain` decides.

A request has no key, so nothing lies between its journal and the line: the turn is taken before. What has come exists
nowhere else, so a store that fails is tried again.
"""

import asyncio
from functools import partial

from leadsync import events
from leadsync.core import plain
from leadsync.core.model import PageReply
from leadsync.core.plain import PlainPlan, State, Step
from leadsync.core.protocol import (
    Ask,
    Close,
    Closed,
    Effect,
    Ended,
    Event,
    Fate,
    Journaled,
    Queue,
    Send,
    Store,
    Stored,
    Wait,
)
from leadsync.core.retry import STORE_AGAIN_S
from leadsync.errors import Bug, StoreFailed
from leadsync.jobs.desk import Surroundings, Ticket
from leadsync.jobs.gate import STOPPED, Gate
from leadsync.store.ledger import Asked, Ledger, Order
from leadsync.vendors.wire import plain_request


class Plain:
    """One run; made for it and thrown away. `cursor` is where it goes on, None at the top of the list."""

    def __init__(self, ticket: Ticket, ledger: Ledger, around: Surroundings, *, cursor: str | None) -> None:
        self._ticket = ticket
        self._ledger = ledger
        self._around = around
        self._cursor = cursor
        self._loop = asyncio.get_running_loop()
        self._gate = Gate(ticket, around)

    async def run(self, plan: PlainPlan) -> Ended:
        """Pull until the run ends. Raises DiskLow, VendorSilent, StoreFailed, Fenced."""
        try:
            return await self._run(plan)
        finally:
            self._gate.settle()

    async def _run(self, plan: PlainPlan) -> Ended:
        state, effect = plain.begin(plan, now_s=self._loop.time())
        while not isinstance(state, Ended):
            match effect:
                case Ask(take):
                    state, effect = await self._ask(plan, state, take)
                case Queue(why):
                    state, effect = self._next(plan, state, await self._gate.queue(why))
                case Wait():
                    state, effect = self._next(plan, state, await self._wait(effect))
                case _:
                    raise Bug(f"{type(effect).__name__} is performed within a request, not between two")
        return state

    async def _ask(self, plan: PlainPlan, state: State, take: int) -> Step:
        """Journal a page, send it and settle what comes back, before anybody else may look."""
        halted = await self._gate.may_ask() or await self._turn()
        if halted is not None:
            return self._next(plan, state, halted)
        async with self._ticket.desk.traffic.sending():
            # While it waited for the line, a stop, a denial or the end of its time may have come; it has no key yet.
            state, effect = self._next(plan, state, self._gate.at_boundary() or await self._journal(take))
            while isinstance(effect, Send | Store | Close):
                state, effect = self._next(plan, state, await self._exchange(effect))
        return state, effect

    async def _turn(self) -> Event | None:
        return None if await self._ticket.desk.client.turn(self._around.stopping) else STOPPED

    def _next(self, plan: PlainPlan, state: State, event: Event) -> Step:
        return plain.step(plan, state, event, now_s=self._loop.time(), draw=self._around.draw())

    async def _exchange(self, effect: Effect) -> Event:
        match effect:
            case Send():
                return await self._gate.send(self._ledger)
            case Store(page):
                return await self._store(page)
            case Close():
                return await self._close(effect)
            case _:
                raise Bug(f"{type(effect).__name__} is no part of a request")

    async def _journal(self, take: int) -> Event:
        brief = self._ticket.brief

        def request(key: str, take: int) -> bytes:
            del key  # it is for the ledger alone
            return plain_request(brief.search, brief.options, self._cursor, take)

        order = Order(
            session_id=self._ticket.session.session_id,
            run_id=self._ticket.run_id,
            take=take,
            limits=self._ticket.desk.terms.limits,
            criteria=brief.criteria,
            request=request,
            keyless=True,
        )
        self._gate.note_change()
        asked = await self._ledger.journal(order, self._around.now(), self._gate.begin)
        if not isinstance(asked, Asked):
            return asked
        self._gate.tell(asked)
        return Journaled()

    async def _store(self, page: PageReply) -> Stored:
        """Store the page and the cursor that it names."""
        arrival = self._gate.arrival(page, fresh=True, replays=0)
        receipt = await self._gate.insist(partial(self._ledger.store, arrival, self._around.now()), self._tell_held)
        self._cursor = page.cursor
        return self._gate.stored(receipt, 0)

    def _tell_held(self, error: StoreFailed) -> None:
        self._gate.log.warning(events.PAGE_HELD, message=str(error), wait_s=STORE_AGAIN_S)

    async def _close(self, effect: Close) -> Closed:
        page = await self._gate.close(self._ledger, effect)
        if effect.fate is Fate.UNKNOWN:
            self._gate.log.warning(events.REPLY_UNKNOWN, key=page.key, records=page.take, why=effect.message)
        elif effect.reason is not None:
            message = effect.message
            self._gate.log.warning(events.KEY_REFUSED, key=page.key, status=effect.status, message=message)
        return Closed()

    async def _wait(self, wait: Wait) -> Event:
        if wait.account_wide:
            self._gate.hold(wait.wait_s)
        else:
            wait_s = round(wait.wait_s, 1)
            self._gate.log.warning(events.REQUEST_DELAYED, attempt=wait.attempt, why=wait.why, wait_s=wait_s)
        return await self._gate.rest(wait.wait_s)
