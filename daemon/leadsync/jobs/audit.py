"""Asking the vendor, before anything is spent, whether its totals are ours: one list call for all jobs of an account.

The call is made with nothing of the account on its way. Its verdicts are kept for `audit_every`; the numbers are not,
since the first page makes them old. Where the list cannot be had, nothing is sent.
"""

import asyncio
from typing import Final, TypeAlias

import structlog

from leadsync import events
from leadsync.core.audit import GoOn, Standing, Verdict, audit
from leadsync.core.model import End, Outcome
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.core.retry import GIVE_UP_S, replay_wait_s, throttle_wait_s
from leadsync.jobs.desk import Desk, Surroundings, Ticket
from leadsync.store.ledger import Ledger, SessionState
from leadsync.vendors.breaker import THE_LIST
from leadsync.vendors.pace import sleep_unless
from leadsync.vendors.wire import Trouble

Facts: TypeAlias = dict[str, tuple[Standing, int | None]]
"""By session: what the ledger and the vendor said at the moment of the audit."""

NOTHING: Final = "nothing was sent or billed"
STOPPED: Final = End(Outcome.INTERRUPTED, f"leadsync was asked to stop; {NOTHING}")


class Auditor:
    """One per account."""

    def __init__(self, desk: Desk, ledger: Ledger, around: Surroundings) -> None:
        self._desk = desk
        self._ledger = ledger
        self._around = around
        self._one_at_a_time = asyncio.Lock()
        self._facts: Facts = {}
        self._verdicts: dict[str, Verdict] = {}
        self._taken_s: float | None = None
        self._slots_left = 0
        self._failed: tuple[float, End] | None = None

    async def verdict(self, ticket: Ticket, *, anew: bool = False) -> Verdict | End:
        """Say whether the run may go on, by what is known or by asking `anew`; an End where that was in vain."""
        if anew:
            self.forget(ticket.session.name)
        loop = asyncio.get_running_loop()
        asked_s, name = loop.time(), ticket.session.name
        if self._is_kept(name):
            return self._kept(ticket)  # at once, while another job may wait for the list
        async with self._one_at_a_time:
            if not self._is_kept(name):
                if self._failed is None or self._failed[0] < asked_s:
                    trouble = await self._take()
                    self._failed = None if trouble is None else (loop.time(), trouble)
                if self._failed is not None:
                    # Who waited while somebody else asked in vain has its answer: the vendor is asked once for all.
                    return self._failed[1]
            return self._kept(ticket)

    def _kept(self, ticket: Ticket) -> Verdict:
        """Return the verdict; a base line is moved once: by the next run its pages have been counted."""
        name = ticket.session.name
        verdict = self._verdicts.get(name) or self._judge(ticket)
        moved = isinstance(verdict, GoOn) and verdict.base_line is not None
        self._verdicts[name] = GoOn() if moved else verdict
        if isinstance(verdict, GoOn) and verdict.recover_until is not None:
            self.forget(name)  # the first old page that comes makes it untrue
        return verdict

    async def total(self, session: str) -> int | End | None:
        """Return the vendor's total of a session now, None where it is absent; an End where it cannot be had."""
        async with self._one_at_a_time:
            trouble = await self._take()
            return trouble if trouble is not None else self._facts[session][1]

    def forget(self, session: str) -> None:
        """Ask anew next time: the session's last run did not end well."""
        self._facts.pop(session, None)
        self._verdicts.pop(session, None)

    def _is_kept(self, session: str) -> bool:
        if self._taken_s is None or session not in self._facts:
            return False
        if self._desk.breaker.is_open:
            return False  # a run that would ask for a new page has nothing to probe with but the list
        # The loop's time: a wall clock that was put back would keep the verdicts for as long.
        return asyncio.get_running_loop().time() - self._taken_s < self._desk.terms.audit_every.total_seconds()

    def _judge(self, ticket: Ticket) -> Verdict:
        standing, vendor_total = self._facts[ticket.session.name]
        verdict = audit(standing, vendor_total, slot_free=self._slots_left > 0, leave=ticket.brief.leave)
        if vendor_total is None and isinstance(verdict, GoOn):
            self._slots_left -= 1
        return verdict

    async def _take(self) -> End | None:
        """Compare everything at once, while nothing of the account is on its way."""
        began_s, attempt = asyncio.get_running_loop().time(), 0
        while True:
            end = await self._turn(began_s + GIVE_UP_S)
            if end is not None:
                return end
            async with self._desk.traffic.quiet():
                totals = await self._desk.client.list_sessions(self._around.stopping)
                self._desk.hear(THE_LIST, totals, self._around)
                if isinstance(totals, dict):
                    await self._enter(totals)
                    return None
            attempt += 1
            end = await self._after(totals, attempt, began_s)
            if end is not None:
                return end

    async def _turn(self, until_s: float) -> End | None:
        """Wait until the list may be asked for, or say how the run ends."""
        desk, stopping = self._desk, self._around.stopping
        if await desk.breaker.passed(THE_LIST, stopping, until_s) and await desk.client.turn(stopping):
            return None
        return STOPPED if stopping.is_set() else _not_had(desk.silence(self._around))

    async def _enter(self, totals: dict[str, int]) -> None:
        now, terms = self._around.now(), self._desk.terms
        states = await self._ledger.sessions(self._desk.name)
        self._facts = {state.name: (standing_of(state), totals.get(state.name)) for state in states}
        self._verdicts = {}
        self._taken_s = asyncio.get_running_loop().time()
        self._slots_left = terms.slots - terms.slots_reserved - len(totals)
        await self._ledger.note_listing(self._desk.name, totals, now)
        _log.info(events.ACCOUNT_AUDITED, account=self._desk.name, slots_used=len(totals), slots_cap=terms.slots)

    async def _after(self, trouble: Trouble, attempt: int, began_s: float) -> End | None:
        """Wait and return None to ask again, or say how the run ends."""
        plain = trouble.otherwise if isinstance(trouble, SlotsFull) else trouble
        match plain:
            case Denied(reason, status, message):
                self._desk.denied = plain
                return End(
                    Outcome.FAILED, f"the session list was denied with HTTP {status}: {message}; {NOTHING}", reason
                )
            case Refused(status, message):
                return End(Outcome.FAILED, f"the session list was refused with HTTP {status}: {message}; {NOTHING}")
            case Throttled(retry_after_s):
                wait_s = throttle_wait_s(attempt, retry_after_s, self._around.draw())
                self._desk.client.hold(wait_s)
                return await self._delay(wait_s, "the vendor's rate limit", began_s)
            case Lost(why):
                return await self._delay(replay_wait_s(attempt, 0.0, self._around.draw()), why, began_s)

    async def _delay(self, wait_s: float, why: str, began_s: float) -> End | None:
        if asyncio.get_running_loop().time() + wait_s - began_s > GIVE_UP_S:
            return _not_had(why)
        _log.warning(events.AUDIT_DELAYED, account=self._desk.name, why=why, wait_s=round(wait_s, 1))
        await sleep_unless(self._around.stopping, wait_s)
        return STOPPED if self._around.stopping.is_set() else None


_log = structlog.get_logger()


def _not_had(why: str) -> End:
    return End(Outcome.FAILED, f"the session list could not be had ({why}); {NOTHING}")


def standing_of(state: SessionState) -> Standing:
    """What the ledger knows of a session, for a comparison with the vendor's list."""
    open_take = state.open_page.take if state.open_page else None
    return Standing(state.name, state.books, open_take, state.deleted, state.recovering, state.recover_until)
