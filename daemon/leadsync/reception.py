"""What the daemon opens to others than its operator, where the configuration says so: the door, a port for health."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from leadsync.config import Settings, Webhooks
from leadsync.control.health import health_port
from leadsync.core.letters import Letter
from leadsync.inbox.listen import Behind, door_open, door_socket, limits_of
from leadsync.jobs.desk import Surroundings
from leadsync.store.inbox import Receipt
from leadsync.store.ledger import Ledger


@asynccontextmanager
async def door(
    webhooks: Webhooks, ledger: Ledger, around: Surroundings, stored: Callable[[], None], environ: Mapping[str, str]
) -> AsyncIterator[None]:
    """Take in webhooks until the end of the block; `stored` is told of each. Raises CannotListen."""

    async def store(letters: Sequence[Letter]) -> Sequence[Receipt]:
        return await ledger.inbox.receive(letters, around.now())

    with door_socket(webhooks.listen, environ) as taken:
        async with door_open(taken, limits_of(webhooks), Behind(lambda: ledger.hooks, store, stored)):
            yield


@asynccontextmanager
async def receiving(
    settings: Settings, ledger: Ledger, around: Surroundings, stored: Callable[[], None], environ: Mapping[str, str]
) -> AsyncIterator[None]:
    """Take in webhooks, and answer /healthz, until the end of the block; `stored` is told of each.

    Raises CannotListen.
    """
    async with AsyncExitStack() as open_doors:
        if settings.webhooks is not None:
            await open_doors.enter_async_context(door(settings.webhooks, ledger, around, stored, environ))
        if settings.health.listen is not None:
            await open_doors.enter_async_context(health_port(settings.health.listen, ledger.feel_pulse))
        yield
