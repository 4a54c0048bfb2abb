"""The test's edge: the simulator in process, with connections that die and waits that end as they do on a network."""

import asyncio

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process

from leadsync.simulator import ConnectionCut, Simulator

__all__ = ["SimulatorTransport"]


class SimulatorTransport(httpx.ASGITransport):
    """Carries httpx requests to a simulator's app.

    A cut connection is httpx.ReadError, and the client's read time-out holds: httpx.ReadTimeout.
    """

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(app=simulator.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, there and back."""
        read_wait_s = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(read_wait_s):
                return await super().handle_async_request(request)
        except ConnectionCut as cut:
            raise httpx.ReadError(str(cut), request=request) from cut
        except TimeoutError as timeout:
            raise httpx.ReadTimeout("no answer in time", request=request) from timeout
