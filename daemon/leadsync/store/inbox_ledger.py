"""The ledger's methods about what comes by webhook. As in `ledger`, each is one transaction (P4)."""

from collections.abc import Collection, Sequence
from datetime import datetime

from leadsync.core.letters import Letter
from leadsync.errors import StoreFailed
from leadsync.store import inbox
from leadsync.store.inbox import Receipt, Settled, Verdict, Waiting
from leadsync.store.writer import Writer


class InboxLedger:
    """One beside the ledger. All raise StoreFailed or Fenced."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.turned_away = 0
        """How often webhooks could not be kept: who sent them may do so again."""

    async def receive(self, letters: Sequence[Letter], now: datetime) -> list[Receipt]:
        """Keep webhooks as they came; once this has returned they are durable (P9)."""
        try:
            return await self._writer.write(inbox.receive, letters, now)
        except StoreFailed:
            self.turned_away += 1
            raise

    async def begin(self) -> list[Waiting]:
        """Return some webhooks that wait, and note that somebody has begun to read them."""
        return await self._writer.write(inbox.begin, self._writer.fence)

    async def settle(
        self, verdicts: Sequence[Verdict], now: datetime, *, more: bool = False
    ) -> tuple[list[Settled], list[Waiting]]:
        """Let webhooks have their effects, each once (P4), or wait for a person; return what became of each.

        With `more`, the next ones are begun in the same commit.
        """
        return await self._writer.write(inbox.settle, verdicts, now, self._writer.fence if more else None)

    async def release(self, message_ids: Collection[int]) -> int:
        """Let webhooks wait for their handler again that were in quarantine, or discarded lately; return how many."""
        return await self._writer.write(inbox.release, message_ids)

    async def discard(self, message_ids: Collection[int], now: datetime) -> int:
        """Give webhooks up that wait in quarantine; return how many of these did."""
        return await self._writer.write(inbox.discard, message_ids, now)

    async def drop_bodies(self, settled_before: datetime) -> int:
        """Drop some bodies of webhooks that were taken, or discarded, before then; return how many."""
        return await self._writer.write(inbox.drop_bodies, settled_before)
