"""Asking the vendor, before anything is spent, whether its totals are ours: one list call for all jobs of an account.

The call is made with nothing of the account on its way. Its verdicts are kept for `audit_every`; the numbers are not,
since the first page makes them old. Where the list cannot be had, nothing is sent.
"""

import asyncio
from typing import Final, TypeAlias

import structlog

from leadsync import events
from leadsync.core.audit import GoOn, Standing, Verdict, audit
from leadsync.core.model import End, Listing
from leadsync.jobs.desk import Desk, Ticket
from leadsync.jobs.lister import Lister
from leadsync.store.auditing import standing_of
from leadsync.store.ledger import Ledger

Facts: TypeAlias = dict[str, tuple[Standing, int | None]]
"""By session: what the ledger and the vendor said at the moment of the audit."""

ABSENT_FOR_S: Final = 60.0
"""How long it is believed that a session is not there: who makes one wants to know who holds the slots."""


class Auditor:
    """One per account."""

    def __init__(self, desk: Desk, ledger: Ledger, lister: Lister) -> None:
        self._desk = desk
        self._ledger = ledger
        self._lister = lister
        self._one_at_a_time = asyncio.Lock()
        self._facts: Facts = {}
        self._verdicts: dict[str, Verdict] = {}
        self._taken_s: float | None = None
        self._failed: tuple[float, End] | None = None

    async def verdict(self, ticket: Ticket, *, anew: bool = False) -> Verdict | End:
        """Say whether the run may go on, by what is known or by asking `anew`; an End where that was in vain.

        Of a session that we have deleted since, or have asked to be deleted, what is known is not true any more.
        """
        if anew or ticket.session.deleted or ticket.session.name in self._desk.doomed:
            self.forget(ticket.session.name)
        return await self.look(ticket.session.name) or self._kept(ticket)

    async def look(self, name: str) -> End | None:
        """See to it that the vendor's list is fresh enough for a session; an End where it cannot be had."""
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        if self._is_kept(name):
            return None  # at once, while another job may wait for the list
        async with self._one_at_a_time:
            if self._is_kept(name):
                return None
            if self._failed is None or self._failed[0] < asked_s:
                trouble = await self._lister.take(self._enter)
                self._failed = None if trouble is None else (loop.time(), trouble)
            # Who waited while somebody else asked in vain has its answer: the vendor is asked once for all.
            return self._failed[1] if self._failed is not None else None

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
            trouble = await self._lister.take(self._enter)
            return trouble if trouble is not None else self._facts[session][1]

    def forget(self, session: str) -> None:
        """Ask anew next time: the session's last run did not end well."""
        self._facts.pop(session, None)
        self._verdicts.pop(session, None)

    def forget_all(self) -> None:
        """Ask anew next time: a person has said what became of the store, so what the ledger knew is not true now."""
        self._facts, self._verdicts = {}, {}

    def _is_kept(self, session: str) -> bool:
        if self._taken_s is None or session not in self._facts:
            return False
        if self._desk.breaker.is_open:
            return False  # a run that would ask for a new page has nothing to probe with but the list
        kept_s = self._desk.terms.audit_every.total_seconds()
        if self._facts[session][1] is None:
            kept_s = min(kept_s, ABSENT_FOR_S)
        # The loop's time: a wall clock that was put back would keep the verdicts for as long.
        return asyncio.get_running_loop().time() - self._taken_s < kept_s

    def _judge(self, ticket: Ticket) -> Verdict:
        return audit(*self._facts[ticket.session.name], ticket.brief.leave)

    async def _enter(self, listed: Listing) -> None:
        states = await self._ledger.sessions(self._desk.name)
        rows = [(state, listed.get(state.name)) for state in states]
        self._facts = {state.name: (standing_of(state), row.total if row else None) for state, row in rows}
        self._verdicts = {}
        self._desk.doomed.clear()
        self._taken_s = asyncio.get_running_loop().time()
        cap = self._desk.terms.slots
        _log.info(events.ACCOUNT_AUDITED, account=self._desk.name, slots_used=len(listed), slots_cap=cap)


_log = structlog.get_logger()
