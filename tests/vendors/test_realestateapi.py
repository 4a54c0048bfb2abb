"""RealEstateAPI's client against the simulated vendor: what is sent, how fast, and that no refusal repeats a person."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import pytest

from leadsync.core.model import Reason
from leadsync.core.redact import MASK
from leadsync.core.replies import Denied, Lost, Refused, Throttled
from leadsync.core.subjects import Place, Subject
from leadsync.core.trace_replies import Acknowledged, Awaited, DailyLimit
from leadsync.simulator import API_KEY, Fault, Simulator
from leadsync.vendors.realestateapi import RealEstateApi, TraceAccess
from leadsync.vendors.trace_results import read_completion, read_item
from leadsync.vendors.trace_wire import TraceItem, await_request, batch_request
from tests.simulator.trace_caller import BEGAN, DONE, simulated
from tests.transport import SimulatorTransport
from tests.virtual_time import run_virtually

HOME = Place("9 Elm St Apt 4", "Mesa", "AZ", "85201")


async def _here(work: Callable[..., Any], *given: Any) -> Any:
    return work(*given)


def _client(transport: httpx.AsyncBaseTransport, api_key: str = API_KEY) -> RealEstateApi:
    access = TraceAccess("https://vendor.example", api_key)
    return RealEstateApi(access, transport=transport, now=lambda: BEGAN, off_loop=_here)


def _items(count: int) -> list[TraceItem]:
    hook = "https://leads.example.com/hooks/trace-item/b-{}.proof"
    return [
        TraceItem(key, hook.format(key), Subject(HOME, None, "Odalys", f"Marsh{key}")) for key in range(1, count + 1)
    ]


def _send(simulator: Simulator, *requests: bytes, at_once: bool = False, api_key: str = API_KEY) -> list[Any]:
    """Send these one after another with one client, then wait."""

    async def send() -> list[Any]:
        client = _client(SimulatorTransport(simulator), api_key)
        way = client.send_await if at_once else client.send_batch
        replies = [await way(request) for request in requests]
        await asyncio.sleep(60)
        await client.close()
        return replies

    return run_virtually(send())


@pytest.mark.parametrize("under", ["root", "data"])
def test_a_batch_there_and_back(under: str) -> None:
    """Acknowledged as it was sent; each result and the completion can be read, in all shapes."""
    simulator, box = simulated(acknowledged_under=under, item_shape="mixed", miss_shape="mixed")
    (reply,) = _send(simulator, batch_request(_items(200), DONE))
    assert isinstance(reply, Acknowledged)
    assert reply.complaint(range(1, 201)) is None
    read = [read_item(body_of(letter.said)) for letter in box.items]
    assert {result.batch_request_id for result in read} == set(reply.ids_by_key.values())
    assert [result.matched for result in read] == [owner.found is not None for owner in simulator.traces.owners()]
    assert read_completion(body_of(box.done[0].said)) == reply.batch_id


def body_of(said: dict[str, Any]) -> bytes:
    """A webhook's body."""
    return httpx.Response(200, json=said).content


def test_a_few_at_once() -> None:
    """Their results come in the reply."""
    simulator, _ = simulated(match_rate=1)
    (reply,) = _send(simulator, await_request(_items(3)), at_once=True)
    assert isinstance(reply, Awaited)
    assert [(result.key, result.matched) for result in reply.results] == [(1, True), (2, True), (3, True)]


@pytest.mark.parametrize(
    ("fault", "means"),
    [
        (Fault.CUT_BEFORE, Lost("connection cut")),
        (Fault.CUT_AFTER, Lost("connection cut")),
        (Fault.GATEWAY_TIMEOUT, Lost("HTTP 504")),
        (Fault.REDIRECT, Lost("HTTP 302")),
        (Fault.RATE_LIMITED, Throttled(1.0)),
        (Fault.MALFORMED, Refused(400, "quickLists should be an array of strings")),
    ],
)
def test_the_weather(fault: Fault, means: object) -> None:
    """What became of a batch is said, and nothing is sent twice."""
    simulator, _ = simulated()
    simulator.traces.faults.next(fault)
    assert _send(simulator, batch_request(_items(10), DONE)) == [means]
    assert len(simulator.traces.batches) == fault.advances


def test_how_long_a_lost_reply_was_waited_for() -> None:
    """A hanging vendor is given up after a minute; what it does is done."""
    simulator, _ = simulated()
    simulator.traces.faults.next(Fault.HANG)
    (reply,) = _send(simulator, batch_request(_items(10), DONE))
    assert isinstance(reply, Lost)
    assert reply.sent
    assert reply.waited_s == pytest.approx(60, abs=1)


def test_the_day_is_used_up() -> None:
    """Until midnight UTC."""
    simulator, _ = simulated(credits_per_day=15)
    request = batch_request(_items(10), DONE)
    assert _send(simulator, request, request)[1] == DailyLimit(BEGAN.replace(hour=0) + timedelta(days=1))


def test_a_wrong_key() -> None:
    """It stops everything, and is not shown."""
    simulator, _ = simulated()
    (reply,) = _send(simulator, batch_request(_items(10), DONE), api_key="wrong-key")
    assert reply == Denied(Reason.TOKEN_REFUSED, 401, "Unauthorized")
    assert "wrong-key" not in repr(TraceAccess("https://vendor.example", "wrong-key"))


def test_a_refusal_repeats_nobody() -> None:
    """The vendor's words may have the key, a name and an address of a webhook in them: none gets into the message."""
    simulator, _ = simulated()
    odd = _items(10)
    odd[3] = TraceItem(4, "http://leads.example.com/hooks/trace-item/b-4.proof", odd[3].subject)
    (reply,) = _send(simulator, batch_request(odd, DONE))
    assert isinstance(reply, Refused)
    assert reply.message == f"skips[3].webhook_url must be a valid https POST endpoint: {MASK} ({MASK})"


def test_a_refusal_that_is_a_book_says_nothing() -> None:
    """Nobody would read it, and nobody searches it for secrets."""

    async def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": API_KEY, "more": "x" * 70_000})

    async def send() -> object:
        client = _client(httpx.MockTransport(answer))
        reply = await client.send_batch(batch_request(_items(10), DONE))
        await client.close()
        return reply

    assert run_virtually(send()) == Refused(400, "Bad Request")


def test_twenty_a_second() -> None:
    """Turns come evenly, no faster than the vendor allows; whoever is asked to stop does not wait."""

    async def turns() -> tuple[float, bool]:
        client, never = _client(httpx.MockTransport(lambda _: httpx.Response(200))), asyncio.Event()
        loop = asyncio.get_running_loop()
        for _ in range(100):
            assert await client.turn(never)
        spent_s = loop.time()
        never.set()
        stopped = not await client.turn(never)
        await client.close()
        return spent_s, stopped

    spent_s, stopped = run_virtually(turns())
    assert 99 / 20 < spent_s < 99 / 20 * 1.1
    assert stopped
