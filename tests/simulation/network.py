"""The way to the vendor and back. The vendor goes on without us: what has left arrives, whoever is dead by then."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final, Protocol

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import msgspec

from leadsync.simulator import Fault, Simulator
from leadsync.vendors.async_wire import ASYNC_PATH
from leadsync.vendors.trace_wire import AWAIT_PATH, BATCH_PATH
from tests.simulation.process import present
from tests.simulation.weather import Fate, Road, Weather
from tests.transport import SimulatorTransport

TRACE_PATHS: Final = (BATCH_PATH, AWAIT_PATH)


class Onlooker(Protocol):
    """Who looks at what is sent, and knows what a person will be asked."""

    def sent(self, session: str, key: str, body: bytes) -> Callable[[], None]:
        """A request with a key leaves; what is returned is called when its sender waits no longer."""

    def asking(self, body: bytes) -> None:
        """An async request leaves."""

    def tracing(self, body: bytes) -> None:
        """A skip trace leaves."""

    def traced(self, body: bytes, *, taken: bool) -> None:
        """A skip trace has arrived; the vendor has taken it or not."""

    def saw(self, listed: dict[str, int]) -> None:
        """A list of sessions has come, with their totals."""

    def deleting(self, session: str) -> None:
        """A deletion leaves."""

    def refused(self, session: str) -> None:
        """The vendor calls a request malformed."""


class Network(httpx.AsyncBaseTransport):
    """Carries requests; `spawn` runs in the world's name what must not die with the sender."""

    def __init__(
        self,
        simulator: Simulator,
        weather: Weather,
        rng: random.Random,
        *,
        watch: Onlooker,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._simulator = simulator
        self._vendor = SimulatorTransport(simulator)
        self._weather = weather
        self._rng = rng
        self._watch = watch
        self._spawn = spawn
        self._far_s = rng.choice((0.2, 2.0))
        self._list_far_s = rng.choice((self._far_s, 8.0))  # what happens while a list is slow is not in it
        self.met: Counter[Fate] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request, there and back."""
        process = present()
        await process.reach("net.before")
        body = await request.aread()
        session, key = session_and_key(body)
        done = self._watch.sent(session, key, body) if key else _nothing
        if request.url.path == ASYNC_PATH:
            self._watch.asking(body)
        if request.url.path in TRACE_PATHS:
            self._watch.tracing(body)
        if request.method == "DELETE":
            self._watch.deleting(request.url.path.rpartition("/")[2])
        reply: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
        self._spawn(self._carry(request, (session, key), reply))
        await process.reach("net.sent")
        try:
            async with asyncio.timeout(request.extensions["timeout"]["read"]):
                response = await reply
        except TimeoutError as timeout:
            raise httpx.ReadTimeout("no answer in time", request=request) from timeout
        finally:
            done()
        await process.reach("net.received")
        if request.method == "GET" and response.status_code == HTTPStatus.OK:
            self._watch.saw(totals(await response.aread()))
        return response

    async def _carry(
        self, request: httpx.Request, named: tuple[str, str], reply: asyncio.Future[httpx.Response]
    ) -> None:
        session, key = named
        fate = self._weather.fate(key)
        if fate is not None:
            self.met[fate] += 1
        if fate is Fault.MALFORMED:
            self._watch.refused(session)
        await asyncio.sleep(self._rng.uniform(100, 900) if fate is Road.LATE else self._way_s(request))
        if fate is Road.TWICE:
            self._spawn(self._again(request))
        try:
            response, error = await self._arrive(request, fate), None
        except httpx.TransportError as cut:
            response, error = None, cut
        await asyncio.sleep(self._rng.uniform(30, 55) if fate is Road.DRAGGED else self._way_s(request))
        if reply.done():
            return
        if error is not None:
            reply.set_exception(error)
        elif response is not None:
            reply.set_result(response)

    def _way_s(self, request: httpx.Request) -> float:
        return self._rng.uniform(0.01, self._list_far_s if request.method == "GET" else self._far_s)

    async def _again(self, request: httpx.Request) -> None:
        await asyncio.sleep(self._rng.expovariate(1 / 30))
        await self._arrive(request, None)

    async def _arrive(self, request: httpx.Request, fate: Fate | None) -> httpx.Response:
        """Let the vendor see it."""
        if fate is Road.OUTAGE:
            raise httpx.ConnectError("no route", request=request)
        sim = self._simulator
        faults = {"POST": sim.faults, "DELETE": sim.delete_faults}.get(request.method, sim.list_faults)
        faults = sim.async_faults if request.url.path == ASYNC_PATH else faults
        faults = sim.traces.faults if request.url.path in TRACE_PATHS else faults
        faults.next(fate if isinstance(fate, Fault) else None)
        before = len(sim.traces.batches)
        try:
            return await self._vendor.handle_async_request(request)
        finally:
            if request.url.path in TRACE_PATHS:
                self._watch.traced(await request.aread(), taken=len(sim.traces.batches) > before)


def session_and_key(body: bytes) -> tuple[str, str]:
    """What a search names; '' where it names none."""
    if not body:
        return "", ""
    session = msgspec.json.decode(body).get("options", {}).get("searchSession", {})
    return session.get("id", ""), session.get("idempotencyKey", "")


def totals(body: bytes) -> dict[str, int]:
    """The sessions of a list with their totals; none where it is no list."""
    try:
        sessions = msgspec.json.decode(body)["results"]["sessions"]
        return {session["id"]: session["totalDelivered"] for session in sessions}
    except (msgspec.DecodeError, KeyError, TypeError):
        return {}


def _nothing() -> None:
    """Nobody watches a request that bills nothing."""
