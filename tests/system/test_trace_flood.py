"""Fifty callbacks a second, beside a running search job and on a slow disk: each is answered soon, and none is lost."""

import asyncio
import signal
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from leadsync.simulator import API_KEY, Sending, Simulator, World
from leadsync.simulator.hooks import send
from leadsync.simulator.server import serve
from tests.system.house import ALL, PAST, House
from tests.system.mail import free_port
from tests.system.process import Running, Vendor

COMMIT_MS: Final = 5
PAGE_S: Final = 0.5
"""How long the vendor takes for a page, so that the search job lasts as long as the flood."""

TABLES: Final = """
[webhooks]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
[skip_trace]
api_key = {{ file = "reapi-key" }}
base_url = "{url}"
budget = "unlimited"
"""
SLOWLY: Final = (str(Path(__file__).with_name("slow_disk.py")), str(COMMIT_MS))


@dataclass
class Timed:
    """Carries callbacks, and keeps how long each waited for its answer, in seconds."""

    took_s: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def deliver(self, url: str, body: bytes, how: Sending, headers: Mapping[str, str]) -> list[int]:
        """Bring one."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        statuses = await send(url, body, how, headers)
        self.took_s.append(loop.time() - began_s)
        self.statuses += statuses
        return statuses


async def flood(folder: Path, vendor: Vendor) -> tuple[Timed, Simulator, House]:
    """Have the owners of all that the vendor has found, while another job pulls the same, page by page."""
    tracer, timed = Simulator(World(7, 1), now=lambda: datetime.now(UTC)), Timed()
    tracer.deliver = timed.deliver
    tracer.traces.switches = replace(tracer.traces.switches, callbacks=Sending(), match_rate=0.9, item_shape="mixed")
    async with serve(tracer, ("127.0.0.1", 0)) as url:
        house = House(folder / "house", vendor.url, furnished=True)
        (house.folder / "reapi-key").touch(0o600)
        (house.folder / "reapi-key").write_text(API_KEY)
        house.config.write_text(house.config.read_text() + TABLES.format(port=free_port(), url=url))
        traced = f"{ALL}\n[skip_trace]\nenabled = true"
        house.job("owners", page_size=500, schedule=PAST, search=traced, buy_again=True)
        house.job("beside", page_size=25, schedule=PAST, buy_again=True)
        with Running("run", "--config", house.config, program=SLOWLY) as daemon:
            await _settled(house)
            daemon.send(signal.SIGTERM)
            assert (await asyncio.to_thread(daemon.end)).code == 0
    return timed, tracer, house


async def _settled(house: House) -> None:
    """Wait until all that was asked for is answered."""
    async with asyncio.timeout(180):
        while True:
            await asyncio.sleep(0.5)
            rows = await asyncio.to_thread(house.rows, "SELECT settled_at, missing FROM trace_batch")
            wanted = await asyncio.to_thread(house.one, "SELECT count(*) FROM trace_subject WHERE state = 'wanted'")
            if rows and not wanted and all(settled for settled, _ in rows):
                return


def judge(timed: Timed, tracer: Simulator, house: House) -> None:
    """Each callback was answered 200 at once, and each owner's answer is in the store."""
    owners = list(tracer.traces.owners())
    assert set(timed.statuses) == {200}
    assert len(timed.statuses) == len(owners) + len(tracer.traces.batches)
    assert set(tracer.traces.times_asked().values()) == {1}
    found = sum(owner.found is not None for owner in owners)
    states = dict(house.rows("SELECT state, count(*) FROM trace_subject GROUP BY state"))
    assert states == {"matched": found, "missed": len(owners) - found}
    assert house.one("SELECT count(*) FROM inbox_message WHERE state != 'taken'") == 0


def test_a_few_seconds_of_it(tmp_path: Path) -> None:
    """None is lost; how fast they are answered is judged by the longer one."""
    with Vendor.open(properties=120) as vendor:
        judge(*asyncio.run(flood(tmp_path, vendor)))


@pytest.mark.long
def test_a_minute_of_it(tmp_path: Path) -> None:
    """3,000 and more, at 50 a second and 5 ms more a commit: of a hundred answers 99 come within 100 ms."""
    with Vendor.open(properties=3_200) as vendor:
        vendor.slow(PAGE_S)
        vendor.storm(1.0, ("slow",), 1)
        timed, tracer, house = asyncio.run(flood(tmp_path, vendor))
    judge(timed, tracer, house)
    assert len(timed.took_s) > 3_000
    cuts = statistics.quantiles(timed.took_s, n=100)
    print(f"{len(timed.took_s):,} answers: p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms")
    assert cuts[98] < 0.1
    (pages,) = house.rows("SELECT count(*) FROM page JOIN run ON run.id = run_id WHERE job = 'beside'")[0]
    assert pages > 100, "the search job did not run all the while"
