"""The one module that speaks HTTP: a whole reply or a reason, an end to every wait, and no token for a stranger."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx  # noqa: TID251 - the test edge plays the network
import pytest

from leadsync.core.replies import Lost
from leadsync.errors import EnvironmentUnusable
from leadsync.vendors.http import BODY_MAX_BYTES, REPLY_WAIT_S, Http, NoReply, Reply
from leadsync.vendors.wire import decipher
from tests.virtual_time import run_virtually

Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
HEADERS = {"authorization": "Bearer canary-token"}


@dataclass
class Network(httpx.AsyncBaseTransport):
    """A network that answers as the test says, and keeps what was sent."""

    answer: Answer
    sent: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, there and back."""
        self.sent.append(request)
        return await self.answer(request)


class Drip(httpx.AsyncByteStream):
    """A body that comes a byte at a time, each within the read time-out, for ever."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(50)
            yield b" "


def _raising(error: Exception) -> Network:
    async def answer(_request: httpx.Request) -> httpx.Response:
        raise error

    return Network(answer)


def _send(network: Network, body: bytes | None = b"{}") -> Reply | NoReply:
    async def there_and_back() -> Reply | NoReply:
        http = Http("https://vendor.example", HEADERS, network)
        reply = await http.send("POST" if body is not None else "GET", "/path?secret=canary", body=body)
        await http.close()
        return reply

    return run_virtually(there_and_back())


def test_a_whole_reply() -> None:
    """Status, lower-case header names and the bytes; the request carries the token and our very bytes."""

    async def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers={"Retry-After": "7"}, content=b"busy")

    network = Network(answer)
    reply = _send(network, b'{"exact": "bytes"}')
    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["retry-after"], reply.body) == (503, "7", b"busy")
    (request,) = network.sent
    assert request.content == b'{"exact": "bytes"}'
    assert request.headers["authorization"] == "Bearer canary-token"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (httpx.ConnectError("no route to https://vendor.example/?secret=canary"), "cannot connect"),
        (httpx.ConnectTimeout("canary"), "cannot connect"),
        (httpx.ReadTimeout("canary"), "timed out"),
        (httpx.WriteTimeout("canary"), "timed out"),
        (httpx.ReadError("canary"), "connection cut"),
        (httpx.WriteError("canary"), "connection cut"),
        (httpx.RemoteProtocolError("canary"), "connection cut"),
        (httpx.DecodingError("canary"), "the body's compression is broken"),
        (httpx.ProxyError("canary"), "connection cut"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_goes_wrong_is_a_value(error: Exception, why: str) -> None:
    """A few words, never an exception, and never httpx's own message: it may hold the URL."""
    assert _send(_raising(error)) == NoReply(why, sent=why != "cannot connect")


def test_a_body_that_drips_has_an_end() -> None:
    """Each byte comes in time, the reply never does: after two minutes the wait is over."""

    async def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Drip())

    async def timed() -> tuple[Reply | NoReply, float]:
        http = Http("https://vendor.example", HEADERS, Network(answer))
        reply = await http.send("GET", "/")
        return reply, asyncio.get_running_loop().time()

    reply, took_s = run_virtually(timed())
    assert reply == NoReply("timed out")
    assert took_s == pytest.approx(REPLY_WAIT_S, abs=0.1)


def test_a_vendor_that_never_answers_has_an_end() -> None:
    """Without a byte the wait ends as well, whoever carries the request."""

    async def answer(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1e6)
        return httpx.Response(200)

    assert _send(Network(answer)) == NoReply("timed out")


def test_a_leaky_pool_is_replaced() -> None:
    """Where no connection is free in time, the client is made anew, and the next request goes through."""
    failures = [httpx.PoolTimeout("canary")]

    async def answer(_request: httpx.Request) -> httpx.Response:
        if failures:
            raise failures.pop()
        return httpx.Response(200, content=b"ok")

    async def twice() -> list[Reply | NoReply]:
        http = Http("https://vendor.example", HEADERS, Network(answer))
        return [await http.send("GET", "/"), await http.send("GET", "/")]

    first, second = run_virtually(twice())
    assert first == NoReply("no free connection", sent=False)
    assert isinstance(second, Reply)


def test_who_stops_waiting_is_obeyed() -> None:
    """A cancelled request raises: it is not taken for a lost reply."""

    async def answer(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1e6)
        return httpx.Response(200)

    async def cancelled() -> bool:
        http = Http("https://vendor.example", HEADERS, Network(answer))
        task = asyncio.create_task(http.send("GET", "/"))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run_virtually(cancelled())


# A real loopback server -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def _server(*parts: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers every connection's first request with these bytes and hangs up; keeps request lines."""
    lines: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines.append((await reader.readuntil(b"\r\n\r\n")).splitlines()[0])
            for part in parts:
                writer.write(part)
                await writer.drain()
        except ConnectionError:
            pass  # the client has seen enough
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        yield f"http://{host}:{port}", lines


def _ask(*parts: bytes) -> tuple[Reply | NoReply, list[bytes]]:
    async def there_and_back() -> tuple[Reply | NoReply, list[bytes]]:
        async with _server(*parts) as (url, lines):
            http = Http(url, HEADERS, None)
            reply = await http.send("POST", "/path", body=b"{}")
            await http.close()
            return reply, lines

    return asyncio.run(there_and_back())


def _head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode()


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"HTTP/1.1 200",),
        (_head("Content-Length: 10"), b"half "),
        (_head("Transfer-Encoding: chunked"), b"5\r\nhalf \r\n"),
        (_head("Transfer-Encoding: chunked"), b"no chunk\r\n"),
        (b"\x00\x01\x02 not HTTP\r\n\r\n",),
    ],
    ids=["nothing", "half a head", "half a body", "half the chunks", "no chunks", "not HTTP"],
)
def test_a_connection_that_dies_is_no_reply(parts: tuple[bytes, ...]) -> None:
    """Wherever it is cut, half a reply is none."""
    assert _ask(*parts)[0] == NoReply("connection cut")


def test_nobody_listens() -> None:
    """A port without a server cannot be connected to."""

    async def refused() -> Reply | NoReply:
        async with _server() as (url, _):
            pass
        http = Http(url, HEADERS, None)
        reply = await http.send("GET", "/")
        await http.close()
        return reply

    assert asyncio.run(refused()) == NoReply("cannot connect", sent=False)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_is_not_followed(status: str) -> None:
    """It would carry the token to a stranger, so it is a reply like any other, and one request was sent."""

    async def there_and_back() -> tuple[Reply | NoReply, list[bytes], list[bytes]]:
        async with _server(_head("Content-Length: 0")) as (stranger, strangers_lines):
            head = _head(f"Location: {stranger}/elsewhere", "Content-Length: 0", status=status)
            async with _server(head) as (url, lines):
                http = Http(url, HEADERS, None)
                reply = await http.send("POST", "/path", body=b"{}")
                await http.close()
                return reply, lines, strangers_lines

    reply, lines, strangers_lines = asyncio.run(there_and_back())
    assert isinstance(reply, Reply)
    assert reply.status == int(status[:3])
    assert (len(lines), strangers_lines) == (1, [])


def test_a_compressed_body_is_unpacked() -> None:
    """Gzip is undone before anybody reads it."""
    packed = gzip.compress(b'{"results": "many"}')
    head = _head("Content-Encoding: gzip", f"Content-Length: {len(packed)}")
    reply, _ = _ask(head, packed)
    assert isinstance(reply, Reply)
    assert reply.body == b'{"results": "many"}'


def test_broken_compression_is_no_reply() -> None:
    """What cannot be unpacked is lost, not passed on."""
    reply, _ = _ask(_head("Content-Encoding: gzip", "Content-Length: 8"), b"not gzip")
    assert reply == NoReply("the body's compression is broken")


@pytest.mark.parametrize("packed", [True, False])
def test_a_body_has_an_upper_limit(packed: bool) -> None:
    """A body beyond the limit is given up, as it is or unpacked: a bomb must not take the machine's memory."""
    if packed:
        bomb = gzip.compress(bytes(BODY_MAX_BYTES + 1), compresslevel=1)
        parts = [_head("Content-Encoding: gzip", f"Content-Length: {len(bomb)}"), bomb]
    else:
        mebibyte = bytes(1024 * 1024)
        parts = [_head("Connection: close"), *[mebibyte] * (BODY_MAX_BYTES // len(mebibyte)), b"x"]
    reply, _ = _ask(*parts)
    assert reply == NoReply(f"the body is larger than {BODY_MAX_BYTES} bytes")


def test_a_compressed_body_cut_off_is_not_whole() -> None:
    """A gzip stream that ends early under a matching length is half a page: it must not be taken for a whole one."""
    packed = gzip.compress(b'{"results": {"properties": []}}' * 1_000)[:-12]
    reply, _ = _ask(_head("Content-Encoding: gzip", f"Content-Length: {len(packed)}"), packed)
    assert isinstance(reply, NoReply) or isinstance(decipher(200, {}, reply.body, NOW), Lost)


def test_two_who_find_no_connection_make_one_new_client() -> None:
    """Cancelled requests can leak httpx's places: whoever waits in vain opens a new pool, and the next one uses it."""

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/free":
            return httpx.Response(200)
        await asyncio.sleep(1)
        raise httpx.PoolTimeout("canary")

    async def three() -> list[Reply | NoReply]:
        http = Http("https://vendor.example", HEADERS, Network(answer))
        vain = await asyncio.gather(http.send("GET", "/1"), http.send("GET", "/2"))
        free = await http.send("GET", "/free")
        await http.close()
        return [*vain, free]

    *vain, free = run_virtually(three())
    assert vain == [NoReply("no free connection", sent=False)] * 2
    assert isinstance(free, Reply)


def test_an_environment_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is none: which variables to look at, and not their values, which may hold a password."""
    monkeypatch.setenv("ALL_PROXY", "gopher://user:canary@proxy.example")
    with pytest.raises(EnvironmentUnusable, match="ALL_PROXY") as unusable:
        Http("https://vendor.example", HEADERS, None)
    assert "canary" not in str(unusable.value)
