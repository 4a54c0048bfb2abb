"""BatchData's client against the simulated vendor: what the weather does to a page, and a list that can be believed."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import pytest

from leadsync.core.asking import Acknowledged
from leadsync.core.model import PageReply, Reason
from leadsync.core.replies import Denied, Lost, Refused, Throttled
from leadsync.core.windows import AskWindow
from leadsync.simulator import TOKEN, Fault, Simulator, Switches, World
from leadsync.simulator.bill import NO_MONEY
from leadsync.simulator.server import serve
from leadsync.simulator.spoiling import NO_ABILITY
from leadsync.vendors.async_wire import AsyncRequest, async_request
from leadsync.vendors.batchdata import Access, BatchData
from leadsync.vendors.wire import Deletion, search_request
from tests.transport import SimulatorTransport
from tests.virtual_time import run_virtually

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
UNHARMED = {Fault.SLOW, Fault.ODD_JSON}
"""After these the right reply arrives; after all others of those that advance it is lost."""


NOTHING_HAPPENED: dict[Fault, object] = {
    Fault.CUT_BEFORE: Lost("connection cut"),
    Fault.BAD_GATEWAY: Lost("HTTP 502"),
    Fault.SERVER_ERROR: Lost("HTTP 500"),
    Fault.REDIRECT: Lost("HTTP 302"),
    Fault.RATE_LIMITED: Throttled(1.0),
    Fault.RATE_LIMITED_BARE: Throttled(None),
    Fault.CONFLICT: Lost("HTTP 409: the vendor is busy with this session"),
    Fault.NO_TOKEN: Denied(Reason.TOKEN_REFUSED, 401, "Unauthenticated."),
    Fault.MALFORMED: Refused(400, "quickLists should be an array of strings"),
    Fault.NO_ABILITY: Denied(Reason.ABILITY_MISSING, 403, NO_ABILITY),
    Fault.EMPTY_WALLET: Denied(Reason.WALLET_EMPTY, 403, NO_MONEY),
}


async def _here(work: Callable[..., Any], *given: Any) -> Any:
    return work(*given)


def _simulate(size: int = 1_000, **switches: Any) -> Simulator:
    return Simulator(World(7, size), now=lambda: NOW, switches=Switches(**switches))


def _client(
    simulator: Simulator,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    url: str = "https://vendor.example",
    rate: int = 3_000,
) -> BatchData:
    over = transport or (SimulatorTransport(simulator) if url.startswith("https") else None)
    return BatchData(Access(url, simulator.token, rate), transport=over, now=lambda: NOW, off_loop=_here)


def _request(key: str, take: int = 10, session: str = "phoenix") -> bytes:
    return search_request({"query": "Phoenix, AZ"}, {}, session, key, take)


def _search(simulator: Simulator, *requests: bytes) -> list[Any]:
    """Send these one after another with one client."""

    async def send() -> list[Any]:
        client = _client(simulator)
        events = [await client.search(request) for request in requests]
        await client.close()
        return events

    return run_virtually(send())


def test_a_page_comes_and_comes_again() -> None:
    """A key brings a page and, sent again, the same one: billed once; another key brings the next."""
    simulator = _simulate()
    first, again, following = _search(simulator, _request("k1"), _request("k1"), _request("k2"))
    assert isinstance(first, PageReply)
    assert first.leads == again.leads
    assert [lead.vendor_id for page in (first, following) for lead in page.leads] == simulator.bill.billed_ids
    assert (first.total, first.is_new, following.total, following.is_new) == (10, True, 20, False)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault.advances and fault not in UNHARMED])
def test_a_lost_reply_is_had_by_asking_again(fault: Fault) -> None:
    """Whatever happens to the reply of a page that is billed, it is Lost, and the same bytes bring it for nothing."""
    simulator = _simulate()
    simulator.faults.next(fault)
    lost, page = _search(simulator, _request("k1"), _request("k1"))
    assert isinstance(lost, Lost)
    assert isinstance(page, PageReply)
    assert [lead.vendor_id for lead in page.leads] == simulator.bill.billed_ids


@pytest.mark.parametrize("fault", sorted(UNHARMED))
def test_a_late_or_an_odd_reply_is_a_page(fault: Fault) -> None:
    """A slow reply, and one with JSON that strict parsers refuse, bring every property."""
    simulator = _simulate()
    simulator.faults.next(fault)
    (page,) = _search(simulator, _request("k1"))
    assert [lead.vendor_id for lead in page.leads] == simulator.bill.billed_ids


@pytest.mark.parametrize(("fault", "event"), NOTHING_HAPPENED.items())
def test_what_did_not_happen(fault: Fault, event: object) -> None:
    """Faults that strike before the vendor acts are told as what they are, and bill nothing."""
    simulator = _simulate()
    simulator.faults.next(fault)
    assert _search(simulator, _request("k1")) == [event]
    assert simulator.bill.records == 0


def test_every_fault_is_tried() -> None:
    """A fault that the simulator learns must be told above, or advance, and so be tried there."""
    assert set(NOTHING_HAPPENED) == {fault for fault in Fault if not fault.advances}


def test_a_time_out_says_how_long_it_waited() -> None:
    """What a hanging vendor was waited for counts as quiet time: a minute of it, or somewhat less."""
    simulator = _simulate()
    simulator.faults.next(Fault.HANG)
    (lost,) = _search(simulator, _request("k1"))
    assert lost.why == "timed out"
    assert lost.waited_s == pytest.approx(60.0, abs=0.5)


def test_a_hold_costs_everyone_the_turn() -> None:
    """After a 429 no turn is given to anybody of the account until the hold is over."""

    async def held() -> float:
        client = _client(_simulate())
        client.hold(30.0)
        await asyncio.gather(*(client.turn(asyncio.Event()) for _ in range(5)))
        return asyncio.get_running_loop().time()

    assert run_virtually(held()) >= 30.0


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.TRUNCATED, Fault.HTML_200, Fault.EMPTY_BODY, Fault.REDIRECT])
def test_on_a_real_connection(fault: Fault) -> None:
    """The same on loopback, where connections really die: Lost, and then the page."""

    async def ask() -> tuple[Any, Any, Simulator]:
        simulator = _simulate()
        simulator.faults.next(fault)
        async with serve(simulator, ("127.0.0.1", 0)) as url:
            client = _client(simulator, url=url)
            lost, page = await client.search(_request("k1")), await client.search(_request("k1"))
            await client.close()
        return lost, page, simulator

    lost, page, simulator = asyncio.run(ask())
    assert isinstance(lost, Lost)
    assert [lead.vendor_id for lead in page.leads] == simulator.bill.billed_ids


# The list of sessions -------------------------------------------------------------------------------------------------


def _with_sessions(count: int) -> Simulator:
    """A vendor with so many sessions, s000 first, of different totals."""
    simulator = _simulate()
    _search(simulator, _request("k1"))
    mould = simulator.sessions.pop("phoenix")
    for number in range(count):
        name = f"s{number:03}"
        simulator.sessions[name] = replace(mould, id=name, delivered=set(range(number % 4)))
    return simulator


def _list(simulator: Simulator, transport: httpx.AsyncBaseTransport | None = None) -> Any:
    async def ask() -> Any:
        client = _client(simulator, transport=transport)
        async with asyncio.timeout(600):
            return await client.list_sessions(asyncio.Event())

    return run_virtually(ask())


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 199, 200, 250])
def test_a_list_of_any_length(count: int) -> None:
    """All sessions with their totals, over as many pages as it takes."""
    simulator = _with_sessions(count)
    listed = _list(simulator)
    totals = {name: session.total for name, session in simulator.sessions.items()}
    assert {name: row.total for name, row in listed.items()} == totals
    assert {row.created_at for row in listed.values()} <= {NOW}
    assert len(simulator.sessions) == count


def test_each_page_of_the_list_takes_its_turn() -> None:
    """The list is paced like everything else: its second and third page wait for a turn each."""
    simulator = _with_sessions(250)

    async def timed() -> float:
        client = _client(simulator, rate=6)
        await client.turn(asyncio.Event())
        assert isinstance(await client.list_sessions(asyncio.Event()), dict)
        return asyncio.get_running_loop().time()

    assert run_virtually(timed()) >= 20.0


def _make_another(simulator: Simulator) -> None:
    simulator.sessions["another"] = replace(simulator.sessions["s149"], id="another")


class _Meddling(SimulatorTransport):
    """Lets something happen at the vendor before the second page of the list."""

    def __init__(self, simulator: Simulator, meddle: Callable[[], object]) -> None:
        super().__init__(simulator)
        self._meddle = meddle
        self._pages = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One page of the list."""
        self._pages += 1
        if self._pages == 2:
            self._meddle()
        return await super().handle_async_request(request)


@pytest.mark.parametrize("gone", ["s000", "s050", "s099"])
def test_a_session_deleted_while_the_list_is_read(gone: str) -> None:
    """The rest moves up by one, and one session would be missed: it must not be taken for vanished."""
    simulator = _with_sessions(150)
    assert isinstance(_list(simulator, _Meddling(simulator, lambda: simulator.delete_session(gone))), Lost)


def test_one_deleted_and_one_made_while_the_list_is_read() -> None:
    """The sum is right and the list is wrong: it is not believed."""
    simulator = _with_sessions(150)

    def meddle() -> None:
        simulator.delete_session("s020")
        _make_another(simulator)

    assert isinstance(_list(simulator, _Meddling(simulator, meddle)), Lost)


def test_a_session_made_while_the_list_is_read() -> None:
    """New ones come last: the list is whole, and has it."""
    simulator = _with_sessions(150)

    assert set(_list(simulator, _Meddling(simulator, lambda: _make_another(simulator)))) == set(simulator.sessions)
    assert "another" in simulator.sessions


class _DeafToSkip(SimulatorTransport):
    """A vendor that ignores `skip`, as it ignores other members where it does not expect them."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One page of the list: always the first."""
        request.url = request.url.copy_set_param("skip", 0)
        return await super().handle_async_request(request)


def test_a_vendor_that_ignores_skip_does_not_hold_us_for_ever() -> None:
    """Where the next page brings nothing new, the list is given up."""
    simulator = _with_sessions(150)
    assert isinstance(_list(simulator, _DeafToSkip(simulator)), Lost)


@pytest.mark.parametrize(
    ("fault", "event"),
    [
        (Fault.HTML_200, Lost),
        (Fault.CUT_BEFORE, Lost),
        (Fault.TRUNCATED, Lost),
        (Fault.EMPTY_BODY, Lost),
        (Fault.BAD_GATEWAY, Lost),
        (Fault.RATE_LIMITED, Throttled),
        (Fault.NO_TOKEN, Denied),
    ],
)
@pytest.mark.parametrize("page", [1, 2])
def test_trouble_with_any_page_of_the_list(fault: Fault, event: type, page: int) -> None:
    """Half a list is none, whichever page fails."""
    simulator = _with_sessions(150)
    simulator.list_faults.next(*[None] * (page - 1), fault)
    assert isinstance(_list(simulator), event)


def test_the_token_travels_in_its_header_alone() -> None:
    """No URL and no body carries the token."""
    seen: list[httpx.Request] = []

    class Keeping(SimulatorTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return await super().handle_async_request(request)

    async def ask(simulator: Simulator) -> None:
        client = _client(simulator, transport=Keeping(simulator))
        await client.search(_request("k1"))
        await client.list_sessions(asyncio.Event())

    run_virtually(ask(_simulate()))
    assert len(seen) == 2
    for request in seen:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in str(request.url)
        assert TOKEN.encode() not in request.content


def test_a_stop_ends_a_list_between_its_pages() -> None:
    """The second page waits for its turn; where leadsync is asked to stop meanwhile, there is no list."""
    simulator = _with_sessions(150)

    async def listed() -> object:
        client, stopping = _client(simulator, rate=1), asyncio.Event()
        await client.turn(stopping)
        asyncio.get_running_loop().call_later(5, stopping.set)
        answer = await client.list_sessions(stopping)
        await client.close()
        return answer

    assert run_virtually(listed()) == Lost("leadsync was asked to stop")


@pytest.mark.parametrize(("says", "answer"), [(-1, "longer than its total"), (+1, "ends before its total")])
def test_a_list_that_does_not_add_up_is_none(says: int, answer: str) -> None:
    """It names a total of its own: more rows than that, or fewer, are no list to compare books with."""
    simulator = _with_sessions(3)

    class Miscounting(SimulatorTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            body = json.loads(await (await super().handle_async_request(request)).aread())
            body["results"]["total"] += says
            return httpx.Response(200, json=body)

    listed = _list(simulator, Miscounting(simulator))
    assert isinstance(listed, Lost)
    assert answer in listed.why


def test_a_wallet_that_cannot_be_asked_is_lost() -> None:
    """A cut connection is no empty wallet."""

    class Cut(httpx.AsyncBaseTransport):
        async def handle_async_request(self, _request: httpx.Request) -> httpx.Response:
            raise httpx.ReadError("cut")

    async def asked() -> object:
        client = _client(_simulate(), transport=Cut())
        answer = await client.wallet()
        await client.close()
        return answer

    assert run_virtually(asked()) == Lost("connection cut")


def test_a_client_may_speak_at_another_rate() -> None:
    """From now on: a reload takes effect without a new connection."""

    async def two_turns() -> float:
        client = _client(_simulate(), rate=1)
        client.change_pace(60)
        for _ in range(2):
            await client.turn(asyncio.Event())
        await client.close()
        return asyncio.get_running_loop().time()

    assert run_virtually(two_turns()) < 2


def _delete(simulator: Simulator, *sessions: str) -> list[object]:
    """Delete these one after another."""

    async def send() -> list[object]:
        client = _client(simulator)
        found: list[object] = [await client.delete_session(session) for session in sessions]
        await client.close()
        return found

    return run_virtually(send())


def test_a_deleted_session_is_gone_and_no_other() -> None:
    """Asked again it is not there, which is no trouble: the slot is free either way."""
    simulator = _with_sessions(2)
    assert _delete(simulator, "s000", "s000") == [Deletion.DELETED, Deletion.GONE]
    assert list(simulator.sessions) == ["s001"]


def test_a_deletion_whose_answer_is_lost_may_have_happened() -> None:
    """It is neither called done nor called refused: whoever asked looks again."""
    simulator = _with_sessions(1)
    simulator.delete_faults.next(Fault.CUT_AFTER)
    assert _delete(simulator, "s000") == [Lost("connection cut")]
    assert not simulator.sessions


def _window(subject: str) -> bytes:
    url = f"https://leads.example.com/hooks/batchdata/{subject}.proof"
    return async_request(AsyncRequest({"query": ""}, AskWindow(1, 0, 10), url, f"{url}e"))


@pytest.mark.parametrize(
    ("fault", "means"),
    [
        (Fault.CUT_AFTER, Lost("connection cut")),
        (Fault.BAD_GATEWAY, Lost("HTTP 502")),
        (Fault.RATE_LIMITED_BARE, Throttled(None)),
        (Fault.NO_TOKEN, Denied(Reason.TOKEN_REFUSED, 401, "Unauthenticated.")),
        (None, None),
    ],
)
def test_a_window_is_acknowledged_or_not(fault: Fault | None, means: object) -> None:
    """What the client makes of the vendor's answer to a request that has no key."""
    simulator = _simulate()
    simulator.async_faults.next(fault)

    async def send() -> Any:
        client = _client(simulator)
        reply = await client.search_async(_window("1"))
        await client.close()
        return reply

    reply = run_virtually(send())
    if means is not None:
        assert reply == means
    else:
        assert isinstance(reply, Acknowledged)
        assert reply.request_id == simulator.results[0].request_id


def test_a_window_that_never_left_says_so() -> None:
    """Where there is no connection, nobody can have taken it."""

    class Nowhere(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

    async def send() -> Any:
        client = _client(_simulate(), transport=Nowhere())
        reply = await client.search_async(_window("1"))
        await client.close()
        return reply

    reply = run_virtually(send())
    assert isinstance(reply, Lost)
    assert not reply.sent
