"""The simulator's webhooks: sent as vendors send them, and answered for what came of each try."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx  # noqa: TID251 - the test edge speaks to the simulator over its own socket

from leadsync.simulator import Fate
from leadsync.simulator.hooks import Sending, astray, send
from leadsync.simulator.server import serve
from tests.inbox.doorway import LIMITS, doorway
from tests.simulator.async_caller import ASYNC, window
from tests.simulator.caller import call, simulate

Requests = list[tuple[str, bytes]]


async def receive(answers: list[bytes], requests: Requests, how: Sending) -> list[int]:
    """Send a result of ten bytes to a server that answers so, and notes first lines and bodies; b"" hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        requests.append((head.split(b" HTTP")[0].decode(), await reader.readexactly(10)))
        writer.write(answers.pop(0))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await send(f"http://127.0.0.1:{port}/hooks/async/01K.mac", b"0123456789", how)


def test_once_and_no_more() -> None:
    """A vendor without retries loses what is not taken."""
    requests: Requests = []
    assert asyncio.run(receive([b"HTTP/1.1 503 No\r\n\r\n"], requests, Sending())) == [503]
    assert requests == [("POST /hooks/async/01K.mac", b"0123456789")]


def test_again_until_it_is_taken() -> None:
    """No answer, 503 and 404 are tried again; 200 ends it, and each copy has its own tries."""
    requests: Requests = []
    answers = [b"", b"HTTP/1.1 503 No\r\n\r\n", b"HTTP/1.1 404 No\r\n\r\n", *[b"HTTP/1.1 200 OK\r\n\r\n"] * 2]
    how = Sending(tries_max=9, retry_wait_s=0.0, copies=2, delay_s=0.01, piece_bytes=3, piece_wait_s=0.001)
    assert asyncio.run(receive(answers, requests, how)) == [0, 503, 404, 200, 200]
    assert requests == [("POST /hooks/async/01K.mac", b"0123456789")] * 5


def test_nobody_is_there() -> None:
    """No answer is no error of the sender."""
    assert asyncio.run(send("http://127.0.0.1:9/hooks/a", b"{}", Sending(tries_max=2, retry_wait_s=0))) == [0, 0]


def test_a_result_goes_out_on_order(tmp_path: Path) -> None:
    """By the simulator's own endpoint, at the address or astray; the door takes the one and not the other."""

    def order(url: str, **more: Any) -> Any:
        sent = {"url": url, "body": {"requestId": "01K"}, "how": {"copies": 2}, **more}
        return call(simulate(), "POST", "/_simulator/send", json=sent, headers={"Authorization": ""}).json()

    async def act() -> tuple[Any, Any, int]:
        async with doorway(tmp_path) as door:
            url = f"http://127.0.0.1:{door.port}{door.path()}"
            taken = await asyncio.to_thread(order, url)
            return taken, await asyncio.to_thread(order, url, astray=True), len(door.rows())

    assert asyncio.run(act()) == ({"statuses": [200, 200]}, {"statuses": [404, 404]}, 1)


def test_an_async_result_finds_the_door(tmp_path: Path) -> None:
    """Asked for over a socket, it comes over another, as one large body, twice; the door has it once."""
    simulator = simulate(callbacks=Sending(copies=2))
    simulator.fates.next(Fate.HELD)

    async def act() -> list[tuple[Any, ...]]:
        async with doorway(tmp_path, limits=replace(LIMITS, body_max_bytes=9_000_000)) as door:
            url = f"http://127.0.0.1:{door.port}{door.path()}"
            async with serve(simulator, ("127.0.0.1", 0)) as vendor, httpx.AsyncClient(trust_env=False) as client:
                headers = {"Authorization": f"Bearer {simulator.token}"}
                await client.post(vendor + ASYNC, json=window(take=1_000, webhookUrl=url), headers=headers)
                await simulator.send_results()
            return door.rows()

    ((subject, body),) = asyncio.run(act())
    assert subject == "01K"
    assert [each["_id"] for each in json.loads(body)["results"]["properties"]] == simulator.bill.billed_ids
    assert simulator.results[0].statuses == [200, 200]


def test_astray_is_another_id_under_the_same_proof() -> None:
    """As if the vendor had mixed up two results."""
    assert astray("https://x.example.com/hooks/async/01K.mac") == "https://x.example.com/hooks/async/01K0.mac"
