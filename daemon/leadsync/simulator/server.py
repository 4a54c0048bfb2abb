"""The simulator on loopback: in the caller's event loop, or as a process of its own. Cut connections really die."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from leadsync.simulator.faults import ConnectionCut
from leadsync.simulator.simulator import TOKEN, Simulator
from leadsync.simulator.switches import Switches
from leadsync.simulator.world import World

__all__ = ["run", "serve"]

KEEP_ALIVE_S = 75


class _Carrier:
    """Carries the app over uvicorn's connections, and lets those die that the app cuts."""

    def __init__(self, simulator: Simulator) -> None:
        self._app = simulator.app
        self.state = ServerState()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except ConnectionCut:
            self._hang_up(scope["client"])
            # uvicorn would answer 500 in our place if it did not know by then that the connection is gone.
            while (await receive())["type"] != "http.disconnect":
                pass

    def _hang_up(self, client: tuple[str, int]) -> None:
        for connection in list(self.state.connections):
            if isinstance(connection, HttpToolsProtocol) and connection.client == client:
                # Not abort(): half a body that is still under way shall arrive, and the end after it.
                connection.transport.close()


@asynccontextmanager
async def serve(simulator: Simulator, where: socket.socket | tuple[str, int]) -> AsyncIterator[str]:
    """Serve on a bound socket, or on host and port (0: any free one); gives the base URL.

    Runs in the caller's loop, touches no signals and writes nothing. At the end open connections are aborted.
    """
    carrier = _Carrier(simulator)
    config = uvicorn.Config(
        carrier, log_config=None, access_log=False, lifespan="off", ws="none", timeout_keep_alive=KEEP_ALIVE_S
    )

    def connected() -> asyncio.Protocol:
        return HttpToolsProtocol(config=config, server_state=carrier.state, app_state={})

    loop = asyncio.get_running_loop()
    if isinstance(where, tuple):
        server = await loop.create_server(connected, *where)
    else:
        server = await loop.create_server(connected, sock=where)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()
        await _hang_up_all(carrier.state)


async def _hang_up_all(state: ServerState) -> None:
    for connection in list(state.connections):
        connection.transport.abort()
    tasks = list(state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # Lost connections are told so by the loop's next round.
    await asyncio.sleep(0)


def run(
    world: World,
    *,
    switches: Switches | None = None,
    token: str = TOKEN,
    host: str = "127.0.0.1",
    port: int = 0,
) -> None:
    """Serve until SIGTERM or SIGINT, with the machine's clock; says on stdout where, in one line."""
    simulator = Simulator(world, now=lambda: datetime.now(UTC), switches=switches, token=token)
    asyncio.run(_run(simulator, (host, port)))


async def _run(simulator: Simulator, where: tuple[str, int]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serve(simulator, where) as url:
        sys.stdout.write(f"simulator listening on {url}\n")
        sys.stdout.flush()
        await stop.wait()
