"""RealEstateAPI's endpoints: a batch of owners in two versions, and a few at once.

A request shows its key, keeps the rate, meets its fault and the day's end; then it is answered, and its fault spoils
that.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leadsync.simulator import replies
from leadsync.simulator.faults import Fault
from leadsync.simulator.spoiling import TOO_MANY, instead_of, spoiled
from leadsync.simulator.team import Team
from leadsync.simulator.trace_requests import AskedTrace, read_await, read_batch
from leadsync.simulator.traces import TraceBatch, Traces

__all__ = ["DAY_USED_UP", "RealEstateApi"]

DAY_USED_UP = "You have reached your daily credit limit. Please try again tomorrow."
BAD_KEY = "Unauthorized"
SECOND = timedelta(seconds=1)

Act = Callable[[AskedTrace, bytes, Request], Awaitable[Response]]
Read = Callable[[bytes], AskedTrace | str]


class RealEstateApi:
    """The other vendor's side, for one key."""

    def __init__(self, team: Team, traces: Traces) -> None:
        self._team = team
        self._traces = traces
        self._lately: deque[datetime] = deque()

    def routes(self) -> list[Route]:
        """Where the endpoints are."""
        return [
            Route("/v1/SkipTraceBatch", self._batch, methods=["POST"]),
            Route("/v2/SkipTraceBatch", self._batch, methods=["POST"]),
            Route("/v1/SkipTraceBatchAwait", self._await, methods=["POST"]),
        ]

    async def _batch(self, request: Request) -> Response:
        return await self._serve(request, read_batch, self._taken)

    async def _await(self, request: Request) -> Response:
        return await self._serve(request, read_await, self._answered)

    async def _serve(self, request: Request, read: Read, act: Act) -> Response:
        fault = self._traces.faults.draw()
        turned_away = self._turned_away(request)
        if turned_away is not None:
            return turned_away
        if fault is not None and not fault.advances:
            wait = replies.retry_after(self._team.switches, self._team.now())
            return instead_of(fault, wait)
        body = await request.body()
        asked = read(body)
        if isinstance(asked, str):
            return _refused(400, asked)
        if self._used_up(asked):
            return _refused(429, DAY_USED_UP)
        answer = await act(asked, body, request)
        if fault is Fault.SLOW:
            await asyncio.sleep(self._team.switches.slow_s)
        if fault is Fault.HANG:
            await replies.gone(request)
        return spoiled(fault, answer) if fault else answer

    def _turned_away(self, request: Request) -> Response | None:
        given = request.headers.get("x-api-key", "")
        if not secrets.compare_digest(given.encode(), self._traces.api_key.encode()):
            return _refused(401, BAD_KEY)
        allowed, now = self._traces.switches.requests_per_second, self._team.now()
        while self._lately and now - self._lately[0] >= SECOND:
            self._lately.popleft()
        if allowed is not None and len(self._lately) >= allowed:
            return _refused(429, TOO_MANY)
        self._lately.append(now)
        return None

    def _used_up(self, asked: AskedTrace) -> bool:
        credits_per_day = self._traces.switches.credits_per_day
        taken = self._traces.taken[self._team.now().date()]
        return credits_per_day is not None and taken + len(asked.owners) > credits_per_day

    async def _taken(self, asked: AskedTrace, body: bytes, request: Request) -> Response:
        said = self._acknowledgement(self._traces.take(asked, body))
        under = self._traces.switches.acknowledged_under
        wrapped = under == "data" or (under == "path" and request.url.path.startswith("/v2/"))
        return _json({"data": said} if wrapped else said)

    async def _answered(self, asked: AskedTrace, body: bytes, _request: Request) -> Response:
        results = [msgspec.Raw(result) for result in await self._traces.answer(asked, body)]
        shape = self._traces.switches.await_shape
        return _json(results if shape == "list" else {shape: results})

    def _acknowledgement(self, batch: TraceBatch) -> dict[str, Any]:
        return {
            "acknowledged": True,
            "batchId": batch.batch_id,
            "batchRequestIds": [{"key": one.asked.key, "batchRequestId": one.request_id} for one in batch.owners],
            "receiveCount": len(batch.owners) - self._traces.switches.received_too_few,
        }


def _refused(status: int, message: str) -> Response:
    return _json({"statusCode": status, "message": message}, status)


def _json(answer: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type=replies.JSON)
