"""What a run passes before it may ask: the wish to stop, its time, the disk, the budget that others have reserved."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

import structlog

from leadsync import events
from leadsync.core.model import OpenPage, PageReply, Reason
from leadsync.core.protocol import BudgetSpent, Close, Event, Halted, Stored, Waited
from leadsync.core.replies import Denied, VendorReply
from leadsync.core.retry import GIVE_UP_S, STORE_AGAIN_S
from leadsync.errors import Bug, StoreFailed, VendorSilent
from leadsync.jobs.desk import Surroundings, Ticket
from leadsync.store.ledger import Arrival, Asked, Ledger, Receipt
from leadsync.waiting import result_unless, sleep_unless

T = TypeVar("T")

STOPPED: Final = Halted("leadsync was asked to stop")
WITHDRAWN: Final = Halted("the job's file was changed meanwhile, so nothing more is asked by what it said before")


class Gate:
    """One per run; it knows which page the run has open."""

    def __init__(self, ticket: Ticket, around: Surroundings) -> None:
        self._ticket = ticket
        self._around = around
        self._loop = asyncio.get_running_loop()
        self._page: OpenPage | None = None
        self._change = ticket.desk.till.next_change
        self.deadline_s = self._loop.time() + ticket.brief.timeout.total_seconds()
        self.log = structlog.get_logger().bind(run=ticket.run_id, job=ticket.brief.job, session=ticket.session.name)

    def begin(self, page: OpenPage) -> None:
        """The page is durable in the journal: it is open from now on, and its part of the budget is reserved."""
        self._page = page
        self._ticket.desk.till.reserve()

    def reword(self, page: OpenPage) -> None:
        """The open page is asked for in other words; what is reserved stays as it is."""
        self._page = page

    def settle(self) -> None:
        """No page is open from now on; whoever waits for its reservation is told."""
        if self._page is not None:
            self._page = None
            self._ticket.desk.till.settle()

    def open_page(self) -> OpenPage:
        """The page that is asked for and not settled."""
        if self._page is None:
            raise Bug("there is no open page to send or to settle")
        return self._page

    async def may_ask(self) -> Event | None:
        """Wait until something new may be asked for; return what ends the run instead. Raises VendorSilent, DiskLow."""
        until_s = min(self._loop.time() + GIVE_UP_S, self.deadline_s)
        if not await self._ticket.desk.breaker.closed(self._around.stopping, until_s):
            return self.vain("nothing new was asked for")
        self._around.require_room()
        return self.at_boundary()

    def at_boundary(self) -> Event | None:
        """Whatever ends the run here, where nothing is open."""
        return WITHDRAWN if self._ticket.brief.withdrawn.is_set() else self.halted()

    def halted(self) -> Event | None:
        """Whatever ends the run, be a page open or not."""
        if self._around.stopping.is_set():
            return STOPPED
        if self._loop.time() >= self.deadline_s:
            return Halted(f"run_timeout of {self._ticket.brief.timeout} is over", time_over=True)
        return self._denied()

    def _denied(self) -> Denied | None:
        """What the vendor has told somebody of the account; that it has no sessions is nothing to a run without one."""
        denied = self._ticket.desk.denied
        sessions_only = denied is not None and denied.reason is Reason.ABILITY_MISSING and self._ticket.is_plain
        return None if sessions_only else denied

    async def insist(self, write: Callable[[], Awaitable[T]], tell: Callable[[StoreFailed], None]) -> T:
        """Write down what nobody could ask for again: a failing store is tried for ten minutes; each wait is told.

        Raises StoreFailed after that.
        """
        began_s = self._loop.time()
        while True:
            try:
                return await write()
            except StoreFailed as error:
                if self._loop.time() - began_s > GIVE_UP_S:
                    raise
                tell(error)
            await asyncio.sleep(STORE_AGAIN_S)

    def vain(self, meaning: str) -> Event:
        """Return the wish to stop, or raise VendorSilent: the run has waited at the breaker for as long as it may."""
        if self._around.stopping.is_set():
            return STOPPED
        raise VendorSilent(f"{self._ticket.desk.silence(self._around)}; {meaning}")

    def note_change(self) -> None:
        """From now on whatever comes back into the budget is news."""
        self._change = self._ticket.desk.till.next_change

    async def queue(self, why: str) -> Event:
        """Wait until somebody settles a page; where nobody has one on its way, nothing comes back for now."""
        till = self._ticket.desk.till
        if not till.reserving and not self._change.is_set():
            return BudgetSpent(f"{why}, which have no answer yet")
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self.deadline_s):
                await result_unless(self._around.stopping, self._change.wait())
        return self.at_boundary() or Waited()

    async def rest(self, wait_s: float) -> Event:
        """Let so much time pass, or what the run has left of its own."""
        await sleep_unless(self._around.stopping, min(wait_s, self.deadline_s - self._loop.time()))
        return self.halted() or Waited()

    def tell(self, asked: Asked) -> None:
        """Say what is asked for, and which limits of the budget are nearly used up with it."""
        self.warn(asked.nearly)
        self.log.debug(events.PAGE_ASKED, key=asked.page.key, take=asked.page.take)

    def warn(self, nearly: tuple[str, ...]) -> None:
        """Say which limits of the budget are nearly used up with what is asked for now."""
        desk = self._ticket.desk
        for limit in desk.till.first_warnings(nearly, desk.terms.limits, self._around.now()):
            self.log.warning(events.BUDGET_NEARLY_SPENT, account=desk.name, limit=limit)

    async def send(self, ledger: Ledger) -> VendorReply:
        """Send the open page's bytes, and tell everybody of the account what that says of the vendor.

        Raises StoreFailed where the key cannot be witnessed; nothing was sent then.
        """
        desk, page = self._ticket.desk, self.open_page()
        await ledger.vouch(page.page_id)
        reply = await desk.client.search(page.request)
        if isinstance(reply, Denied):
            desk.denied = reply
        desk.hear(self._ticket.session.name, reply, self._around)
        return reply

    def arrival(self, reply: PageReply, *, fresh: bool, replays: int) -> Arrival:
        """Say what has come for the open page."""
        return Arrival(
            page_id=self.open_page().page_id,
            run_id=self._ticket.run_id,
            reply=reply,
            fresh=fresh,
            replays=replays,
            drift_allowed=self._ticket.brief.leave.drift,
            ends_pause=self._ticket.desk.denied is None,
            recover_until=self._ticket.recover_until,
        )

    def stored(self, receipt: Receipt, replays: int) -> Stored:
        """The open page is durable."""
        self.settle()
        account, stored = self._ticket.desk.name, receipt.stored
        if receipt.born:
            self._ticket.desk.vacancy.made()
        if receipt.learned is not None:
            counts = "counts its own page" if receipt.learned else "does not count its own page"
            self.log.info(events.VENDOR_LEARNED, account=account, fact="totalDelivered", value=counts)
        if receipt.resumed:
            self.log.info(events.ACCOUNT_RESUMED, account=account)
        self.log.info(
            events.PAGE_STORED,
            epoch=receipt.epoch,
            page=receipt.number,
            records=stored.records,
            new=stored.new,
            redelivered=receipt.redelivered,
            replays=replays,
            total=receipt.total,
        )
        return stored

    async def close(self, ledger: Ledger, effect: Close) -> OpenPage:
        """Close the open page's row without a page, and return what it was."""
        page = self.open_page()
        await ledger.close(page.page_id, self._ticket.run_id, effect, self._around.now())
        self.settle()
        return page

    def hold(self, wait_s: float) -> None:
        """The vendor said 429 to one of us, and means all."""
        desk = self._ticket.desk
        desk.client.hold(wait_s)
        self.log.warning(events.ACCOUNT_THROTTLED, account=desk.name, wait_s=round(wait_s, 1))
