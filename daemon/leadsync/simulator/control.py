"""The simulator's own endpoints under `/_simulator/`: what a test in another process, or the operator, works with.

No token: they exist on loopback alone. A member that nobody knows is refused with 400.
"""

from dataclasses import asdict
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leadsync.simulator.faults import Fate, Fault
from leadsync.simulator.hands import Orders, answer, planned, turned
from leadsync.simulator.hooks import Sending, astray, send
from leadsync.simulator.results import Result, Results
from leadsync.simulator.team import Team

__all__ = ["Control"]


class _Growth(msgspec.Struct, forbid_unknown_fields=True):
    count: int


class _Again(msgspec.Struct, forbid_unknown_fields=True):
    request_ids: list[str] | None = None


class _Weather(Orders[Fault]):
    endpoint: Literal["search", "async", "list", "delete"] = "search"


class _Result(msgspec.Struct, forbid_unknown_fields=True):
    url: str
    body: msgspec.Raw
    how: Sending = Sending()
    astray: bool = False


class Control:
    """The hands on one team's account."""

    def __init__(self, team: Team, results: Results) -> None:
        self._team = team
        self._results = results

    def routes(self) -> list[Route]:
        """Where the endpoints are."""
        return [
            Route("/_simulator/bill", self._bill, methods=["GET"]),
            Route("/_simulator/grow", self._grow, methods=["POST"]),
            Route("/_simulator/faults", self._faults, methods=["POST"]),
            Route("/_simulator/fates", self._fates, methods=["POST"]),
            Route("/_simulator/results", self._list_results, methods=["GET"]),
            Route("/_simulator/results/send", self._send_results, methods=["POST"]),
            Route("/_simulator/switches", self._switches, methods=["POST"]),
            Route("/_simulator/send", self._send, methods=["POST"]),
            Route("/_simulator/sessions/{session_id}/delete", self._delete, methods=["POST"]),
        ]

    async def _bill(self, _request: Request) -> Response:
        team, bill = self._team, self._team.bill
        return answer(
            {
                "records": bill.records,
                "dollars": bill.dollars,
                "by_session": bill.by_session,
                "billed_ids": bill.billed_ids,
                "foreign_ids": bill.foreign_ids,
                "requests": [asdict(seen) for seen in bill.requests],
                "sessions": {session.id: session.total for session in team.sessions.values()},
            }
        )

    async def _grow(self, request: Request) -> Response:
        try:
            growth = msgspec.json.decode(await request.body(), type=_Growth)
        except msgspec.DecodeError as error:
            return answer({"error": str(error)}, 400)
        self._team.grow(growth.count)
        return answer({"size": self._team.world.size})

    async def _faults(self, request: Request) -> Response:
        try:
            weather = msgspec.json.decode(await request.body(), type=_Weather)
        except msgspec.DecodeError as error:
            return answer({"error": str(error)}, 400)
        team = self._team
        plans = {
            "search": team.faults,
            "async": team.async_faults,
            "list": team.list_faults,
            "delete": team.delete_faults,
        }
        return planned(plans[weather.endpoint], weather)

    async def _fates(self, request: Request) -> Response:
        try:
            fates = msgspec.json.decode(await request.body(), type=Orders[Fate])
        except msgspec.DecodeError as error:
            return answer({"error": str(error)}, 400)
        return planned(self._team.fates, fates)

    async def _list_results(self, _request: Request) -> Response:
        return answer({"results": [_entry(result) for result in self._results.all]})

    async def _send_results(self, request: Request) -> Response:
        try:
            again = msgspec.json.decode(await request.body(), type=_Again)
        except msgspec.DecodeError as error:
            return answer({"error": str(error)}, 400)
        await self._results.send(again.request_ids)
        return await self._list_results(request)

    async def _switches(self, request: Request) -> Response:
        switches = turned(self._team.switches, await request.body())
        if isinstance(switches, str):
            return answer({"error": switches}, 400)
        self._team.switches = switches
        return answer(asdict(switches))

    async def _send(self, request: Request) -> Response:
        try:
            result = msgspec.json.decode(await request.body(), type=_Result)
        except msgspec.DecodeError as error:
            return answer({"error": str(error)}, 400)
        url = astray(result.url) if result.astray else result.url
        return answer({"statuses": await send(url, bytes(result.body), result.how)})

    async def _delete(self, request: Request) -> Response:
        session_id: str = request.path_params["session_id"]
        if session_id not in self._team.sessions:
            return answer({"error": f"no such session: {session_id}"}, 404)
        self._team.delete_session(session_id)
        return answer({"deleted": session_id})


def _entry(result: Result) -> dict[str, Any]:
    """A result without its addresses, which are credentials."""
    asked = result.asked
    return {
        "request_id": result.request_id,
        "skip": asked.skip,
        "take": asked.ask.take,
        "datasets": asked.datasets,
        "fate": result.fate,
        "records": result.records,
        "statuses": result.statuses,
    }
