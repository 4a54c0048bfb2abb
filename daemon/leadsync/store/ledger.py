"""The ledger: what was asked, what came, what it cost. Every method is one transaction (P4) on the writer's thread.

What a method does stands in `sessions`, `pages` and `runs`; here is the list of promises that the jobs may rely on.
"""

from collections.abc import Mapping
from datetime import datetime

from leadsync.core.model import End, OpenPage, Reason
from leadsync.core.paging import BudgetSpent, Close
from leadsync.store import pages, runs, sessions
from leadsync.store.pages import Arrival, Order, Receipt
from leadsync.store.runs import Figures, Interrupted, NewRun
from leadsync.store.sessions import SessionState
from leadsync.store.writer import Writer


class Ledger:
    """Sessions are known by account and name, runs and pages by their row ids. All raise StoreFailed or Fenced."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def session(self, account: str, name: str, job: str) -> SessionState:
        """Return a session, entering it where it is new; `job` is the one that uses it now."""
        return await self._writer.write(sessions.enter, account, name, job)

    async def sessions(self, account: str) -> list[SessionState]:
        """Return all sessions of an account that the ledger knows."""
        return await self._writer.write(sessions.all_of, account)

    async def sessions_with_open_keys(self) -> list[SessionState]:
        """Return the sessions whose last key has no answer yet."""
        return await self._writer.write(sessions.with_open_keys)

    async def known_criteria(self, account: str, criteria: str, *, but: int) -> str | None:
        """Return a session of the account, other than row `but`, that has delivered these criteria."""
        return await self._writer.write(sessions.known_criteria, account, criteria, but)

    async def note_listing(self, account: str, totals: Mapping[str, int], now: datetime) -> None:
        """Remember what the vendor's session list said."""
        await self._writer.write(sessions.note_listing, account, totals, now)

    async def move_base_line(self, session_id: int, base_line: int) -> None:
        """Count from the vendor's total: an adopted session, or a drift that the job allows."""
        await self._writer.write(sessions.change, session_id, {"base_line": base_line})

    async def begin_criteria(self, session_id: int, criteria: str) -> None:
        """Take the job's new criteria for those of the epoch, where the job allows the change."""
        await self._writer.write(sessions.change, session_id, {"criteria": criteria})

    async def park(self, session_id: int, reason: Reason, message: str, now: datetime) -> None:
        """Park the session's job until a person answers."""
        await self._writer.write(sessions.park, session_id, reason, message, now)

    async def unpark(self, session_id: int) -> None:
        """Let the session's job go on: its file has answered."""
        await self._writer.write(sessions.unpark, session_id)

    async def pause(self, account: str, reason: Reason, message: str, now: datetime) -> bool:
        """Pause an account; return whether that is news."""
        return await self._writer.write(sessions.pause, account, reason, message, now)

    async def journal(self, order: Order, now: datetime) -> OpenPage | BudgetSpent:
        """Make the next key durable with its bytes and its reservation, before anything is sent (P3, P10)."""
        return await self._writer.write(pages.journal, order, self._writer.fence, now)

    async def store(self, arrival: Arrival, now: datetime) -> Receipt:
        """Store deliveries, totals and the spent key together (P4), and park the job where books disagree (P8)."""
        return await self._writer.write(pages.store, arrival, now)

    async def close(self, page_id: int, run_id: int, effect: Close, now: datetime) -> None:
        """Close a refused key; its number is used up."""
        await self._writer.write(pages.close, page_id, run_id, effect, now)

    async def begin_run(self, run: NewRun, now: datetime) -> int:
        """Enter a running run and return its row id (P5: one of a job, one of a session)."""
        return await self._writer.write(runs.begin, run, now)

    async def end_run(self, run_id: int, ended: End, waited_s: float, now: datetime) -> Figures:
        """End a run; return what it did, added up from its pages."""
        return await self._writer.write(runs.end, run_id, ended, waited_s, now)

    async def reap_runs(self, now: datetime) -> list[Interrupted]:
        """End the runs that a dead process left behind."""
        return await self._writer.write(runs.reap, now)


__all__ = ["Arrival", "Figures", "Ledger", "NewRun", "Order", "Receipt", "SessionState"]
