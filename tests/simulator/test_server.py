"""The simulator on a real socket: what is cut is cut, what is truncated breaks off, and a process says where it is."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx  # noqa: TID251 - the test edge speaks to the simulator over its own socket
import pytest

from leadsync.simulator import TOKEN, Fault, Simulator, World
from leadsync.simulator.server import serve
from tests.simulator.caller import SEARCH, Clock, body, ids, simulate

PROGRAM = "from leadsync.simulator import World; from leadsync.simulator.server import run; run(World(7, 100))"


@asynccontextmanager
async def speaking(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks to the simulator over loopback."""
    headers = {"Authorization": f"Bearer {simulator.token}"}
    async with (
        serve(simulator, ("127.0.0.1", 0)) as url,
        httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client,
    ):
        yield client


def replayed_after(simulator: Simulator, error: type[httpx.TransportError], patience_s: float = 30) -> int:
    """The first try ends in that error, the second brings the page; returns what was billed in between."""

    async def twice() -> int:
        async with speaking(simulator) as client:
            with pytest.raises(error):
                await client.post(SEARCH, json=body("a", take=40), timeout=patience_s)
            billed = simulator.bill.records
            response = await client.post(SEARCH, json=body("a", take=40))
            assert len(ids(response.json()["results"])) == 40
            return billed

    return asyncio.run(twice())


def test_a_page_comes_over_the_socket() -> None:
    """A large page arrives whole, with one Date: the vendor's."""
    simulator = simulate()

    async def once() -> httpx.Response:
        async with speaking(simulator) as client:
            return await client.post(SEARCH, json=body("a", take=500))

    response = asyncio.run(once())
    assert ids(response.json()["results"]) == simulator.bill.billed_ids
    assert response.headers.get_list("date") == ["Sun, 01 Nov 2026 06:00:00 GMT"]


@pytest.mark.parametrize(("fault", "billed"), [(Fault.CUT_BEFORE, 0), (Fault.CUT_AFTER, 40)])
def test_a_cut_connection_dies_without_a_byte(fault: Fault, billed: int, caplog: pytest.LogCaptureFixture) -> None:
    """The socket ends before any status; the replay is served; nobody logs a traceback about it."""
    simulator = simulate()
    simulator.faults.next(fault)
    with caplog.at_level(logging.INFO, "uvicorn"):
        assert replayed_after(simulator, httpx.RemoteProtocolError) == billed
    assert simulator.bill.records == 40
    assert [seen.status for seen in simulator.bill.requests] == [0, 200]
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


@pytest.mark.parametrize("record_bytes", [2_400, 26_000], ids=["within the socket's buffer", "beyond it"])
def test_a_truncated_body_breaks_off_in_the_middle(record_bytes: int) -> None:
    """Headers and half of the body arrive, then the socket ends; the page was billed once."""
    simulator = Simulator(World(7, 1_000, record_bytes), now=Clock())
    simulator.faults.next(Fault.TRUNCATED)

    got = bytearray()

    async def read(response: httpx.Response) -> None:
        async for chunk in response.aiter_raw():
            got.extend(chunk)

    async def twice() -> int:
        async with speaking(simulator) as client:
            async with client.stream("POST", SEARCH, json=body("a", take=500)) as response:
                assert response.status_code == 200
                with pytest.raises(httpx.RemoteProtocolError):
                    await read(response)
            replay = await client.post(SEARCH, json=body("a", take=500))
            assert len(ids(replay.json()["results"])) == 500
            return int(response.headers["content-length"])

    promised = asyncio.run(twice())
    assert len(got) == promised // 2
    assert simulator.bill.records == 500


def test_a_hang_ends_with_the_client() -> None:
    """Who waits, waits in vain; when it has gone the session is free for the replay."""
    simulator = simulate()
    simulator.faults.next(Fault.HANG)
    assert replayed_after(simulator, httpx.ReadTimeout, patience_s=0.2) == 40
    assert simulator.bill.records == 40


def test_the_server_ends_while_somebody_waits() -> None:
    """A request that hangs does not keep the server from ending: its connection is aborted."""
    simulator = simulate()
    simulator.faults.next(Fault.HANG)

    async def leave() -> httpx.TransportError | None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
            async with serve(simulator, ("127.0.0.1", 0)) as url:
                asking = asyncio.create_task(client.post(url + SEARCH, json=body("a"), timeout=30))
                while not (await client.get(f"{url}/_simulator/bill")).json()["records"]:
                    pass
            (ended,) = await asyncio.gather(asking, return_exceptions=True)
            return ended if isinstance(ended, httpx.TransportError) else None

    assert isinstance(asyncio.run(leave()), httpx.RemoteProtocolError)


def test_a_bound_socket_is_served_too() -> None:
    """A socket that the caller has bound is taken as it is."""

    async def once() -> int:
        with socket.create_server(("127.0.0.1", 0)) as bound:
            port = bound.getsockname()[1]
            async with serve(simulate(), bound) as url, httpx.AsyncClient(trust_env=False) as client:
                assert url == f"http://127.0.0.1:{port}"
                return (await client.get(f"{url}/_simulator/bill")).status_code

    assert asyncio.run(once()) == 200


def test_a_process_says_where_it_listens_and_ends_on_a_signal() -> None:
    """One line on stdout, then pages; SIGTERM ends it with 0 and nothing on stderr."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.removeprefix("simulator listening on ").strip()
        read = httpx.post(url + SEARCH, json=body("a"), headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)
        process.send_signal(signal.SIGTERM)
        rest, complaints = process.communicate(timeout=30)
    assert url.startswith("http://127.0.0.1:")
    assert len(ids(read.json()["results"])) == 25
    assert (process.returncode, rest, complaints) == (0, "", "")
