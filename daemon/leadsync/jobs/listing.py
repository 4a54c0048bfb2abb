"""The vendor's session list for somebody who only looks: free, taken once, and not insisted on.

As at an audit nothing of the account is on its way meanwhile, and nothing is sent until the ledger was read as well;
else the two would differ by right.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Final, TypeAlias

from leadsync.core.model import Listing, SessionListing
from leadsync.core.replies import Lost, Throttled
from leadsync.core.retry import throttle_wait_s
from leadsync.jobs.desk import Desk, Surroundings
from leadsync.store.ledger import Ledger
from leadsync.vendors.breaker import THE_LIST
from leadsync.vendors.wire import Trouble
from leadsync.waiting import result_unless

LIST_WAIT_S: Final = 15.0
"""A person waits for it."""

STOPPED: Final = Lost("leadsync was asked to stop")
TOO_LATE: Final = Lost(f"not within {LIST_WAIT_S:.0f} s")

Listed: TypeAlias = dict[str, SessionListing] | Trouble
"""Every session by its id, or why that is not known."""


@asynccontextmanager
async def listing(desk: Desk, around: Surroundings) -> AsyncIterator[Listed]:
    """Give the account's list, and let nothing of the account be sent until the block is left."""
    async with AsyncExitStack() as quiet:
        try:
            async with asyncio.timeout(LIST_WAIT_S):
                listed = await result_unless(around.stopping, _list(desk, around, quiet))
        except TimeoutError:
            listed = TOO_LATE
        yield STOPPED if listed is None else listed


async def note(desk: Desk, ledger: Ledger, listed: Listing, now: datetime) -> None:
    """Remember what a list has shown, and let whoever waits for a slot know of a free one."""
    holders = await ledger.note_listing(desk.name, listed, desk.terms.room, now)
    if holders.free:
        desk.vacancy.tell()


async def _list(desk: Desk, around: Surroundings, quiet: AsyncExitStack) -> Listed:
    if not await desk.client.turn(around.stopping):
        return STOPPED
    await quiet.enter_async_context(desk.traffic.quiet())
    listed = await desk.client.list_sessions(around.stopping)
    if not isinstance(listed, Lost):
        # An answer is an answer, whoever asked. A silence is not counted: who looks does not wait at the breaker.
        desk.hear(THE_LIST, listed, around)
    if isinstance(listed, Throttled):
        # The vendor means the whole account, whoever asked.
        desk.client.hold(throttle_wait_s(1, listed.retry_after_s, around.draw()))
    return listed
