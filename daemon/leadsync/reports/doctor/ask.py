"""The free questions to the vendor: the session list and the balance, each once, and not for long."""

import asyncio
from collections.abc import Mapping
from typing import Final

from leadsync.core.model import Listing, Reason
from leadsync.core.replies import Denied, Lost
from leadsync.reports.doctor.account import Heard
from leadsync.reports.doctor.look import Hands
from leadsync.vendors.batchdata import Access, BatchData
from leadsync.vendors.wire import Trouble

ACCOUNT_WAIT_S: Final = 30.0
"""A person waits."""

NO_ANSWER: Final = Lost(f"no answer within {ACCOUNT_WAIT_S:.0f} s")


async def ask(access: Access, hands: Hands) -> Heard:
    """Ask for the list, and where that shows a token that is good for anything, for the balance."""
    client = BatchData(access, transport=hands.transport, now=hands.now, off_loop=asyncio.to_thread)
    heard = Heard(NO_ANSWER)
    try:
        async with asyncio.timeout(ACCOUNT_WAIT_S):
            never = asyncio.Event()
            await client.turn(never)
            heard = Heard(await client.list_sessions(never), None, client.clock_ahead)
            if _may_ask_more(heard.listed):
                heard = Heard(heard.listed, NO_ANSWER, heard.clock_ahead)
                await client.turn(never)
                heard = Heard(heard.listed, await client.wallet(), client.clock_ahead)
    except TimeoutError:
        return heard
    finally:
        await client.close()
    return heard


def _may_ask_more(listed: Listing | Trouble) -> bool:
    """A refused token opens no wallet, and who does not answer once is not asked again."""
    if isinstance(listed, Denied):
        return listed.reason is not Reason.TOKEN_REFUSED
    return isinstance(listed, Mapping)
