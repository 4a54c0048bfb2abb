"""The simulator: one team's account at BatchData, a key of RealEstateAPI, and the ASGI app that serves both."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from starlette.routing import Router
from starlette.types import Message, Receive, Scope, Send

from leadsync.simulator.batchdata import BatchData
from leadsync.simulator.control import Control
from leadsync.simulator.realestateapi import RealEstateApi
from leadsync.simulator.replies import http_date
from leadsync.simulator.results import Result, Results
from leadsync.simulator.switches import Switches
from leadsync.simulator.team import Team
from leadsync.simulator.trace_control import TraceControl
from leadsync.simulator.traces import Traces
from leadsync.simulator.world import World

__all__ = ["TOKEN", "Simulator"]

TOKEN = "simulator-token"  # noqa: S105 - it opens nothing but a simulator


class Simulator(Team):
    """The vendor, in small. `app` raises ConnectionCut where a connection shall die."""

    def __init__(
        self,
        world: World,
        *,
        now: Callable[[], datetime],
        switches: Switches | None = None,
        token: str = TOKEN,
    ) -> None:
        super().__init__(world, now, switches or Switches(), token)
        self._results = Results(self)
        self.traces = Traces(self)
        routes = (
            *BatchData(self, self._results).routes(),
            *RealEstateApi(self, self.traces).routes(),
            *Control(self, self._results).routes(),
            *TraceControl(self.traces).routes(),
        )
        # A bare router: starlette's own middleware would answer 500 before a cut connection could die.
        self._router = Router(routes, redirect_slashes=False)

    @property
    def results(self) -> list[Result]:
        """What became of each async request that was taken, in their order."""
        return self._results.all

    async def send_results(self, request_ids: Iterable[str] | None = None) -> None:
        """Send the results of these requests once more; None: what was held, or cut off before it was sent."""
        await self._results.send(request_ids)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI app, HTTP alone; each reply carries the `Date` of the vendor's clock."""
        date = (b"date", http_date(self.now()).encode())

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: list[Any] = list(message.get("headers", ()))
                message = {**message, "headers": [*headers, date]}
            await send(message)

        await self._router(scope, receive, dated)
