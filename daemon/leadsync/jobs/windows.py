"""One run of a pull by windows: asks for what may be asked for, and ends while results are on their way.

A request has no key and is sent once. Which window comes next is decided in the transaction that journals it, so no
result that comes meanwhile is overlooked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TypeAlias, assert_never

from leadsync import events
from leadsync.core.asking import Acknowledged, Tries, Unsure, Untaken, halted_end, judge
from leadsync.core.hooks import Address, hook_url
from leadsync.core.model import End, Outcome, Tally
from leadsync.core.one_shot import Life
from leadsync.core.protocol import BudgetReserved, BudgetSpent, Ended, Queue, Wait
from leadsync.core.replies import Denied
from leadsync.core.resume import ask_again_command
from leadsync.core.retry import STORE_AGAIN_S
from leadsync.core.windows import AskWindow, AwaitWindows, Window, WindowsDone, WindowState, next_step
from leadsync.errors import Bug, StoreFailed
from leadsync.jobs.desk import Surroundings, Ticket
from leadsync.jobs.gate import STOPPED, Gate
from leadsync.store.ledger import Ledger
from leadsync.store.windows import WindowAsked, WindowOrder
from leadsync.vendors.async_wire import ERROR_KIND, RESULT_KIND, AsyncRequest, async_request

Look: TypeAlias = Callable[[Ticket, bool], Awaitable[object]]
"""Looks whether the vendor is there: no request without a key is sent into an outage. An End where it is not.

True has it look anew, since an answer was lost: what was seen before that is worth nothing.
"""

NO_INBOX = End(
    Outcome.FAILED,
    "its windows come by webhook, and the configuration has no [webhooks] any more; nothing was asked",
)


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """What one run may do. `records_max` is its own limit; `halt` is how it ends before it would ask for anything."""

    in_flight: int
    deadline: timedelta
    records_max: int | None = None
    halt: End | None = None


class Windows:
    """One run; made for it and thrown away."""

    def __init__(self, ticket: Ticket, ledger: Ledger, around: Surroundings, *, look: Look) -> None:
        if ticket.life is None:
            raise Bug("only a one-shot is pulled by windows")
        self._ticket = ticket
        self._life: Life = ticket.life
        self._ledger = ledger
        self._around = around
        self._look = look
        self._loop = asyncio.get_running_loop()
        self._gate = Gate(ticket, around)
        self._log = self._gate.log
        self._asked = 0
        self._is_unsure = False
        self._tries = Tries(self._loop.time())

    async def run(self, plan: WindowPlan) -> Ended:
        """Ask until the run ends. Raises DiskLow, VendorSilent, StoreFailed, Fenced."""
        end: End | None = None
        if not self._ticket.aim.asks_again:
            await self._ledger.windows.spare(self._life)
        while end is None:
            windows = await self._ledger.windows.of(self._life)
            step = next_step(self._life.wanted, windows, plan.in_flight)
            end = self._ended(step, windows) if not isinstance(step, AskWindow) else await self._may_ask(plan)
            if end is None:
                end = await self._after(await self._ask(plan))
        return Ended(Tally(), end)

    def _ended(self, step: AwaitWindows | WindowsDone, windows: list[Window]) -> End:
        match step:
            case AwaitWindows(unanswered):
                which = "a window is" if unanswered == 1 else f"{unanswered} windows are"
                message = f"{which} unanswered; results come by webhook while leadsync runs, and the job then goes on"
                return End(Outcome.WAITING, message, awaits=True)
            case WindowsDone(_, why):
                return End(Outcome.COMPLETE, f"{why}{_never_came(self._ticket.brief.job, windows)}")
            case _:
                assert_never(step)

    async def _may_ask(self, plan: WindowPlan) -> End | None:
        """Find out whether anything may be asked; how the run ends where not. Raises VendorSilent, DiskLow."""
        if plan.halt is not None or self._ticket.aim.public_url is None:
            return plan.halt or NO_INBOX
        event = await self._gate.may_ask()
        found = halted_end(event) if event is not None else await self._look(self._ticket, self._is_unsure)
        if isinstance(found, End):
            return found
        self._is_unsure = False
        # From the journal to the line nobody may wait: the turn is taken before.
        return None if await self._ticket.desk.client.turn(self._around.stopping) else halted_end(STOPPED)

    async def _ask(self, plan: WindowPlan) -> Wait | Queue | End | None:
        """Journal the next window and send it, once; return what comes then. All waiting is done afterwards."""
        async with self._ticket.desk.traffic.sending():
            event = self._gate.at_boundary()
            if event is not None:
                return halted_end(event)
            self._gate.note_change()
            asked = await self._ledger.windows.ask(self._order(plan), self._around.now())
            if isinstance(asked, WindowAsked):
                return await self._send(asked)
        match asked:
            case AwaitWindows() | WindowsDone():
                return None  # a result has come meanwhile, and the next look sees it
            case AskWindow():
                return End(Outcome.LIMITED, f"records_per_run of {plan.records_max} is reached")
            case BudgetSpent():
                return halted_end(asked)
            case BudgetReserved(why):
                return Queue(why)
            case _:
                assert_never(asked)

    def _order(self, plan: WindowPlan) -> WindowOrder:
        return WindowOrder(
            life=self._life,
            session_id=self._ticket.session.session_id,
            run_id=self._ticket.run_id,
            limits=self._ticket.desk.terms.limits,
            criteria=self._ticket.brief.criteria,
            in_flight=plan.in_flight,
            deadline=plan.deadline,
            request=self._request,
            most=None if plan.records_max is None else plan.records_max - self._asked,
        )

    def _request(self, key: str, window: AskWindow) -> bytes:
        brief, public_url = self._ticket.brief, self._ticket.aim.public_url or ""
        url = partial(hook_url, public_url, self._ledger.hooks)
        datasets = tuple(brief.options.get("datasets", ()))
        result_url, error_url = url(Address(RESULT_KIND, key)), url(Address(ERROR_KIND, key))
        return async_request(AsyncRequest(brief.search, window, result_url, error_url, brief.options, datasets))

    async def _send(self, asked: WindowAsked) -> Wait | End | None:
        page, window, desk = asked.page, asked.window, self._ticket.desk
        self._gate.warn(asked.nearly)
        deadline_at = asked.deadline_at.isoformat()
        told = {"window": window.number, "skip": window.skip, "take": window.take, "deadline_at": deadline_at}
        self._log.info(events.WINDOW_ASKED, **told)
        await self._vouch(asked)
        reply = await desk.client.search_async(page.request)
        if isinstance(reply, Denied):
            desk.denied = reply
        desk.hear(self._ticket.session.name, reply, self._around)
        now_s = self._loop.time()
        self._tries = replace(self._tries, failed=self._tries.failed + 1) if self._tries.failed else Tries(now_s, 1)
        match judge(reply, self._tries, now_s=now_s, draw=self._around.draw()):
            case Acknowledged(request_id):
                ends_pause, taken_at = desk.denied is None, self._around.now()
                acknowledge = self._ledger.windows.acknowledge
                if await acknowledge(page.page_id, request_id, taken_at, ends_pause=ends_pause):
                    self._log.info(events.ACCOUNT_RESUMED, account=desk.name)
                self._log.debug(events.WINDOW_ACKNOWLEDGED, window=window.number, request_id=request_id)
            case Unsure(why):
                self._is_unsure = True
                self._log.warning(events.WINDOW_UNSURE, window=window.number, why=why, deadline_at=deadline_at)
            case Untaken() as untaken:
                # Else it would be waited for, for hours, and count as spent.
                await self._gate.insist(partial(self._withdraw, asked, untaken), self._tell_delayed)
                return untaken.then
            case never:
                assert_never(never)
        self._asked += window.take
        self._tries = Tries(now_s)
        return None

    async def _vouch(self, asked: WindowAsked) -> None:
        """Have the witness know it. Where that fails nothing was sent, so that nothing is to be waited for."""
        try:
            await self._ledger.vouch(asked.page.page_id)
        except StoreFailed as error:
            with suppress(StoreFailed):
                await self._withdraw(asked, Untaken(0, str(error), End(Outcome.FAILED, str(error))))
            raise

    async def _withdraw(self, asked: WindowAsked, untaken: Untaken) -> None:
        await self._ledger.windows.withdraw(asked.page.page_id, untaken, self._around.now())
        told = {"window": asked.window.number, "status": untaken.status, "message": untaken.message}
        self._log.warning(events.WINDOW_UNTAKEN, **told)

    def _tell_delayed(self, error: StoreFailed) -> None:
        self._log.warning(events.WINDOWS_DELAYED, message=str(error), wait_s=STORE_AGAIN_S)

    async def _after(self, then: Wait | Queue | End | None) -> End | None:
        """Wait where that is called for; return how the run ends, if it does."""
        match then:
            case Wait(wait_s):
                if then.account_wide:
                    self._gate.hold(wait_s)
                return halted_end(await self._gate.rest(wait_s))
            case Queue(why):
                return halted_end(await self._gate.queue(why))
            case _:
                return then


def _never_came(job: str, windows: list[Window]) -> str:
    """Say what a person may do about those that have ended without a result."""
    count = sum(window.state in {WindowState.EXPIRED, WindowState.REFUSED} for window in windows)
    if not count:
        return ""
    which = "one window never came: " if count == 1 else f"{count} windows never came: "
    return f"; {which}`{ask_again_command(job)}` asks again for what is missing"
