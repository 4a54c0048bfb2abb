"""What the daemon opens to others than its operator, where the configuration says so: the door, a port for health."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from leadsync.config import Settings
from leadsync.control.health import health_port
from leadsync.core.letters import Letter
from leadsync.inbox.listen import Behind, door_open, door_socket, limits_of
from leadsync.jobs.desk import Surroundings
from leadsync.store.inbox import Receipt
from leadsync.store.ledger import Ledger


@asynccontextmanager
async def receiving(
    settings: Settings, ledger: Ledger, around: Surroundings, stored: Callable[[], None], environ: Mapping[str, str]
) -> AsyncIterator[None]:
    """Take in webhooks, and answer /healthz, until the end of the block; `stored` is told of each.

    Raises CannotListen.
    """

    async def store(letters: Sequence[Letter]) -> Sequence[Receipt]:
        return await ledger.receive(letters, around.now())

    async with AsyncExitStack() as open_doors:
        if settings.webhooks is not None:
            taken = open_doors.enter_context(door_socket(settings.webhooks.listen, environ))
            behind = Behind(lambda: ledger.hooks, store, stored)
            await open_doors.enter_async_context(door_open(taken, limits_of(settings.webhooks), behind))
        if settings.health.listen is not None:
            await open_doors.enter_async_context(health_port(settings.health.listen, ledger.feel_pulse))
        yield
