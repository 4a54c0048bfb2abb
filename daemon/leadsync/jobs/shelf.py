"""What lies in the inbox and is not read: results in quarantine, and the bodies of those that were read long ago.

A person lets what is in quarantine be read again, or gives it up. A body is dropped some days after its message was
taken, or given up; the row stays, so that a copy that comes later is known and has no second effect.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog

from leadsync import events
from leadsync.core.letters import KEPT_DAYS
from leadsync.errors import BadWeather, UsageMistake
from leadsync.jobs.desk import Surroundings
from leadsync.store.ledger import Ledger
from leadsync.waiting import sleep_unless

TIDY_EVERY_S: Final = timedelta(hours=6).total_seconds()

REST_S: Final = 0.25
"""Between two transactions: whoever waits for an answer at the door comes first."""

_NONE: Final = "none of these is in quarantine; nothing was changed. `leadsync inbox list` shows them"


class Shelf:
    """One per process. `ring` is called when something may be read again."""

    def __init__(self, ledger: Ledger, around: Surroundings, ring: Callable[[], None]) -> None:
        self._ledger = ledger
        self._around = around
        self._ring = ring

    async def release(self, messages: Collection[int]) -> str:
        """Let messages be read again that are in quarantine, or were given up lately; return what the operator is told.

        Raises UsageMistake where there is none.
        """
        count = await self._ledger.inbox.release(messages)
        if not count:
            raise UsageMistake(_NONE)
        _log.info(events.WEBHOOKS_RELEASED, count=count)
        self._ring()
        return (
            f"{count} of {len(messages)} wait to be read again: the daemon does that, or the next one that is started"
        )

    async def discard(self, messages: Collection[int]) -> str:
        """Give messages up that are in quarantine; return what the operator is told. Raises UsageMistake."""
        count = await self._ledger.inbox.discard(messages, self._around.now())
        if not count:
            raise UsageMistake(_NONE)
        _log.warning(events.WEBHOOKS_DISCARDED, count=count)
        return f"{count} of {len(messages)} discarded; for {KEPT_DAYS} days `leadsync inbox release ID` takes them back"

    async def keep(self) -> None:
        """Drop bodies that nobody needs any more, until leadsync is asked to stop."""
        while not self._around.stopping.is_set():
            with suppress(BadWeather):  # others say how the store is, and this can wait
                await self._tidy()
            await sleep_unless(self._around.stopping, TIDY_EVERY_S)

    async def _tidy(self) -> None:
        """While the store is in doubt everything stays as it is."""
        before, count = self._around.now() - timedelta(days=KEPT_DAYS), 0
        while self._ledger.doubt is None and not self._around.stopping.is_set():
            dropped = await self._ledger.inbox.drop_bodies(before)
            if not dropped:
                break
            count += dropped
            await sleep_unless(self._around.stopping, REST_S)
        if count:
            _log.info(events.INBOX_TIDIED, count=count, days=KEPT_DAYS)


_log = structlog.get_logger()
