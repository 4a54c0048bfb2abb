"""The ledger's methods about the windows of large one-shots. As in `ledger`, each is one transaction (P4).

What a result brings is stored by `windows.arrive`, within the transaction in which its message is taken.
"""

from collections.abc import Collection
from datetime import datetime
from functools import partial

from leadsync.core.asking import Untaken
from leadsync.core.one_shot import Life
from leadsync.core.protocol import BudgetReserved, BudgetSpent
from leadsync.core.windows import AskWindow, AwaitWindows, StillMissing, Window, WindowsDone
from leadsync.store import pulls, windows
from leadsync.store.pulls import OpenPull
from leadsync.store.windows import Expired, WindowAsked, WindowOrder
from leadsync.store.writer import Writer


class WindowLedger:
    """One beside the ledger. All raise StoreFailed or Fenced."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def of(self, life: Life) -> list[Window]:
        """Return the windows of a life, in the order of their numbers."""
        return await self._writer.write(windows.windows_of, life.life_id)

    async def ask(
        self, order: WindowOrder, now: datetime
    ) -> WindowAsked | AskWindow | AwaitWindows | WindowsDone | BudgetSpent | BudgetReserved:
        """Make the next window durable with its bytes, its reservation and its deadline (P3, P10), if there is one.

        An AskWindow comes back where there is, and the run has nothing left of its own.
        """
        return await self._writer.write(windows.ask, order, self._writer.fence, now)

    async def acknowledge(self, page_id: int, request_id: str | None, now: datetime, *, ends_pause: bool) -> bool:
        """The vendor has taken a window's request; return whether that ends a pause of the account, if it may."""
        taken = partial(windows.acknowledge, ends_pause=ends_pause)
        return await self._writer.write(taken, page_id, request_id, now)

    async def withdraw(self, page_id: int, untaken: Untaken, now: datetime) -> None:
        """The vendor has not taken a window's request, so that it is none, and reserves nothing."""
        await self._writer.write(windows.withdraw, page_id, untaken, now)

    async def expire(self, again: Collection[str], now: datetime) -> list[Expired]:
        """Let the windows expire whose deadline has passed; those of the jobs `again` are asked for anew."""
        return await self._writer.write(pulls.expire, again, now)

    async def spare(self, life: Life) -> None:
        """Have no window of a life asked for again, but at a person's word."""
        await self._writer.write(pulls.spare, life.life_id)

    async def next_deadline(self) -> datetime | None:
        """Return when the first of the unanswered windows expires."""
        return await self._writer.write(pulls.next_deadline)

    async def goes_by_windows(self, account: str, job: str) -> bool:
        """Say whether the open life of a job goes by windows."""
        return await self._writer.write(pulls.goes_by_windows, account, job)

    async def is_awaited(self, account: str, job: str) -> bool:
        """Say whether results are on their way for the open life of a job."""
        return await self._writer.write(pulls.is_awaited, account, job)

    async def open_pulls(self) -> list[OpenPull]:
        """Return the pulls that may have to go on."""
        return await self._writer.write(pulls.open_pulls)

    async def ask_again(self, account: str, job: str, wanted: int, now: datetime) -> StillMissing | str:
        """Have asked for what is missing of a job, its windows that never came first; a sentence where nothing is."""
        return await self._writer.write(pulls.ask_again, account, job, wanted, now)
