"""The simulator's own endpoints under `/_simulator/trace`: what was asked and billed, how that vendor behaves."""

from dataclasses import asdict
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leadsync.simulator.faults import Fault
from leadsync.simulator.hands import Orders, answer, planned, turned
from leadsync.simulator.traces import Traces

__all__ = ["TraceControl"]


class TraceControl:
    """The hands on one key's account."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    def routes(self) -> list[Route]:
        """Where the endpoints are."""
        return [
            Route("/_simulator/trace", self._bill, methods=["GET"]),
            Route("/_simulator/trace/switches", self._switches, methods=["POST"]),
            Route("/_simulator/trace/faults", self._faults, methods=["POST"]),
        ]

    async def _bill(self, _request: Request) -> Response:
        traces = self._traces
        asked = traces.times_asked()
        return answer(
            {
                "dollars": traces.dollars,
                "owners": asked.total(),
                "asked_again": asked.total() - len(asked),
                "matched": sum(owner.found is not None for owner in traces.owners()),
                "batches": [
                    {
                        "batch_id": batch.batch_id,
                        "owners": len(batch.owners),
                        "answered": sum(HTTPStatus.OK in owner.statuses for owner in batch.owners),
                        "completion": batch.done_statuses,
                    }
                    for batch in traces.batches
                ],
            }
        )

    async def _switches(self, request: Request) -> Response:
        switches = turned(self._traces.switches, await request.body())
        if isinstance(switches, str):
            return answer({"error": switches}, 400)
        self._traces.switches = switches
        return answer(asdict(switches))

    async def _faults(self, request: Request) -> Response:
        try:
            weather = msgspec.json.decode(await request.body(), type=Orders[Fault])
        except msgspec.DecodeError as error:
            return answer({"error": str(error)}, 400)
        return planned(self._traces.faults, weather)
