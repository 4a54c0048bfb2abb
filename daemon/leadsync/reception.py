"""Results that vendors push, from the door to their effect: what is taken in, and what reads it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from leadsync.config import Settings
from leadsync.control.health import health_port
from leadsync.core.letters import Letter
from leadsync.inbox.listen import Behind, door_open, door_socket, limits_of
from leadsync.jobs.desk import Surroundings
from leadsync.jobs.unpack import Unpack
from leadsync.store.inbox import Receipt
from leadsync.store.ledger import Ledger


@asynccontextmanager
async def receiving(
    settings: Settings, ledger: Ledger, around: Surroundings, unpack: Unpack, environ: Mapping[str, str]
) -> AsyncIterator[None]:
    """Read what has come, and take in what comes, where the configuration has a door; answer /healthz at a port.

    Raises CannotListen.
    """

    async def store(letters: Sequence[Letter]) -> Sequence[Receipt]:
        return await ledger.receive(letters, around.now())

    async with asyncio.TaskGroup() as group, AsyncExitStack() as open_doors:
        reading = group.create_task(unpack.run())
        if settings.webhooks is not None:
            taken = open_doors.enter_context(door_socket(settings.webhooks.listen, environ))
            behind = Behind(lambda: ledger.hooks, store, unpack.ring)
            await open_doors.enter_async_context(door_open(taken, limits_of(settings.webhooks), behind))
        if settings.health.listen is not None:
            await open_doors.enter_async_context(health_port(settings.health.listen, ledger.beat))
        yield
        await reading
