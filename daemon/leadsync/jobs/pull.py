"""One run of a session: performs, one after another, the effects that the protocol in `core.paging` decides.

A request and the storing of its page are one stretch of traffic, so that no audit looks in between. All waiting is done
outside of it, and ends at once when leadsync is asked to stop.
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final, assert_never

import structlog

from leadsync import events
from leadsync.core import paging
from leadsync.core.model import OpenPage, PageReply
from leadsync.core.paging import KEY_STAYS_OPEN
from leadsync.core.protocol import (
    Ask,
    AtALoss,
    BudgetSpent,
    Close,
    Closed,
    Effect,
    Ended,
    Event,
    Finish,
    Halted,
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
    Waited,
)
from leadsync.core.replies import Denied
from leadsync.core.retry import GIVE_UP_S
from leadsync.errors import Bug, DiskLow, VendorSilent
from leadsync.jobs.desk import Surroundings, Ticket
from leadsync.store.ledger import Again, Arrival, Asked, Ledger, Order, Receipt
from leadsync.vendors.pace import result_unless, sleep_unless
from leadsync.vendors.wire import reworded, search_request

DISK_RESERVE_BYTES: Final = 128 * 1024 * 1024
"""A page is up to 14 MB, in the file and in its write-ahead log; what is paid for must find room."""

STOPPED: Final = Halted("leadsync was asked to stop")
WITHDRAWN: Final = Halted("the job's file was changed meanwhile, so nothing more is asked by what it said before")


class Pull:
    """One run; made for it and thrown away."""

    def __init__(self, ticket: Ticket, ledger: Ledger, around: Surroundings) -> None:
        self._ticket = ticket
        self._ledger = ledger
        self._around = around
        self._open: OpenPage | None = None
        self._change = ticket.desk.till.next_change
        self._loop = asyncio.get_running_loop()
        self._deadline_s = self._loop.time() + ticket.brief.timeout.total_seconds()
        self._log = structlog.get_logger().bind(run=ticket.run_id, job=ticket.brief.job, session=ticket.session.name)

    async def run(self, plan: Plan) -> Ended:
        """Pull until the run ends.

        Raises DiskLow, VendorSilent, StoreFailed, Fenced; an open key is then sent again next time.
        """
        self._set_open(self._ticket.session.open_page)
        try:
            return await self._run(plan)
        finally:
            self._set_open(None)

    async def _run(self, plan: Plan) -> Ended:
        state, effect = paging.begin(plan, key_open=self._open is not None, now_s=self._loop.time())
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
            if not await desk.breaker.passed(session, stopping, min(until_s, self._deadline_s)):
                return self._vain(KEY_STAYS_OPEN)
            if desk.denied is not None:
                return desk.denied  # by the answer that closed the breaker
        return None if await desk.client.turn(stopping) else STOPPED

    def _vain(self, meaning: str) -> Event:
        """Return the wish to stop, or raise VendorSilent: the run has waited at the breaker for as long as it may."""
        if self._around.stopping.is_set():
            return STOPPED
        raise VendorSilent(f"{self._ticket.desk.silence(self._around)}; {meaning}")

    async def _exchange(self, plan: Plan, state: State, effect: Effect) -> Step:
        """Send, and settle what comes back, before anybody else may look."""
        while isinstance(effect, Send | Store | Close):
            state, effect = self._next(plan, state, await self._perform(effect))
        return state, effect

    def _next(self, plan: Plan, state: State, event: Event) -> Step:
        return paging.step(plan, state, event, now_s=self._loop.time(), draw=self._around.draw())

    async def _perform(self, effect: Effect) -> Event:
        match effect:
            case Ask(take):
                return await self._ask(take)
            case Queue(why):
                return await self._queue(why)
            case Send() | Reword():
                return await (self._send() if isinstance(effect, Send) else self._reword())
            case Store(page, fresh, replays):
                return await self._store(page, fresh=fresh, replays=replays)
            case Close():
                return await self._close(effect)
            case Wait():
                return await self._wait(effect)
            case Finish():
                raise Bug("a finished run has nothing left to perform")
            case _:
                assert_never(effect)

    async def _ask(self, take: int) -> Event:
        until_s = min(self._loop.time() + GIVE_UP_S, self._deadline_s)
        if not await self._ticket.desk.breaker.closed(self._around.stopping, until_s):
            return self._vain("nothing new was asked for")
        self._require_room()
        return self._at_boundary() or await self._journal(take)

    async def _journal(self, take: int) -> Event:
        self._change = self._ticket.desk.till.next_change
        asked = await self._ledger.journal(self._order(take), self._around.now(), self._set_open)
        if not isinstance(asked, Asked):
            return asked
        self._warn(asked.nearly)
        self._log.debug(events.PAGE_ASKED, key=asked.page.key, take=asked.page.take)
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
        halted, order = self._halted(), self._order(self._ticket.brief.page_size)
        if halted is not None or order.again is None:
            return halted or AtALoss()
        page = await self._ledger.reword(self._open_page().page_id, order, order.again)
        if page is None:
            return AtALoss()
        self._open = page
        self._log.debug(events.KEY_REWORDED, key=page.key, take=page.take)
        return Reworded()

    async def _queue(self, why: str) -> Event:
        """Wait until somebody settles a key; where nobody has one on its way, nothing comes back for now."""
        till = self._ticket.desk.till
        if not till.reserving and not self._change.is_set():
            return BudgetSpent(f"{why}, which have no answer yet")
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._deadline_s):
                await result_unless(self._around.stopping, self._change.wait())
        return self._at_boundary() or Waited()

    def _warn(self, nearly: tuple[str, ...]) -> None:
        desk = self._ticket.desk
        for limit in desk.till.first_warnings(nearly, desk.terms.limits, self._around.now()):
            self._log.warning(events.BUDGET_NEARLY_SPENT, account=desk.name, limit=limit)

    async def _send(self) -> Event:
        self._require_room()
        desk = self._ticket.desk
        reply = await desk.client.search(self._open_page().request)
        if isinstance(reply, Denied):
            desk.denied = reply
        desk.hear(self._ticket.session.name, reply, self._around)
        return reply

    async def _store(self, page: PageReply, *, fresh: bool, replays: int) -> Stored:
        arrival = Arrival(
            page_id=self._open_page().page_id,
            run_id=self._ticket.run_id,
            reply=page,
            fresh=fresh,
            replays=replays,
            drift_allowed=self._ticket.brief.leave.drift,
            ends_pause=self._ticket.desk.denied is None,
            recover_until=self._ticket.recover_until,
        )
        receipt = await self._ledger.store(arrival, self._around.now())
        self._set_open(None)
        self._report(receipt, replays)
        return receipt.stored

    async def _close(self, effect: Close) -> Closed:
        page = self._open_page()
        await self._ledger.close(page.page_id, self._ticket.run_id, effect, self._around.now())
        self._set_open(None)
        self._log.warning(events.KEY_REFUSED, key=page.key, status=effect.status, message=effect.message)
        return Closed()

    async def _wait(self, wait: Wait) -> Event:
        desk, key = self._ticket.desk, self._open_page().key
        if wait.account_wide:
            desk.client.hold(wait.wait_s)
            self._log.warning(events.ACCOUNT_THROTTLED, account=desk.name, wait_s=round(wait.wait_s, 1))
        else:
            wait_s = round(wait.wait_s, 1)
            self._log.warning(events.REPLY_LOST, key=key, attempt=wait.attempt, why=wait.why, wait_s=wait_s)
        await sleep_unless(self._around.stopping, min(wait.wait_s, self._deadline_s - self._loop.time()))
        return self._halted() or Waited()

    def _require_room(self) -> None:
        """What is paid for must find room: look before each request, a replay's too."""
        try:
            free = self._around.free_bytes()
        except OSError as error:
            raise DiskLow(f"the disk of the store cannot be looked at ({error.strerror}); nothing is asked") from error
        if free < DISK_RESERVE_BYTES:
            raise DiskLow(
                f"less than {DISK_RESERVE_BYTES // 1024**2} MiB are free where the store lies; nothing more is asked"
                " for until there is room"
            )

    def _at_boundary(self) -> Event | None:
        """Whatever ends the run here, where no key is open."""
        return WITHDRAWN if self._ticket.brief.withdrawn.is_set() else self._halted()

    def _halted(self) -> Event | None:
        """Whatever ends the run, be a key open or not."""
        if self._around.stopping.is_set():
            return STOPPED
        if self._loop.time() >= self._deadline_s:
            return Halted(f"run_timeout of {self._ticket.brief.timeout} is over", time_over=True)
        return self._ticket.desk.denied

    def _set_open(self, page: OpenPage | None) -> None:
        """Remember the open key; whoever waits for its reservation is told when it is settled."""
        till = self._ticket.desk.till
        if page is not None:
            till.reserve()
        elif self._open is not None:
            till.settle()
        self._open = page

    def _open_page(self) -> OpenPage:
        if self._open is None:
            raise Bug("there is no open key to send or to settle")
        return self._open

    def _report(self, receipt: Receipt, replays: int) -> None:
        account = self._ticket.desk.name
        stored = receipt.stored
        if receipt.learned is not None:
            counts = "counts its own page" if receipt.learned else "does not count its own page"
            self._log.info(events.VENDOR_LEARNED, account=account, fact="totalDelivered", value=counts)
        if receipt.resumed:
            self._log.info(events.ACCOUNT_RESUMED, account=account)
        self._log.info(
            events.PAGE_STORED,
            epoch=receipt.epoch,
            page=receipt.number,
            records=stored.records,
            new=stored.new,
            redelivered=receipt.redelivered,
            replays=replays,
            total=receipt.total,
        )
