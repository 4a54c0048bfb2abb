"""How soon callbacks of a skip trace are answered beside a running search job. A benchmark: it prints, judges nothing.

    python tests/bench/traces.py [--seconds 60] [--delay-ms 5]

The vendor sends fifty callbacks a second for so long, one for each owner of a batch, to a daemon whose every commit
takes some milliseconds more, as on a slow disk. Meanwhile another job pulls two pages of 500 records a second, which is
more than the vendor gives. That vendor, with its part of the work, shares the machine. At the end every answer must be
in the store.
"""

import argparse
import asyncio
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from leadsync.__main__ import main as run_leadsync
from leadsync.simulator import API_KEY, TOKEN, Sending, Simulator, World
from leadsync.simulator.hooks import send
from leadsync.simulator.server import serve
from tests.bench.inbox import free_port, slow_down

A_SECOND = 50
TERMS = 'kind = "incremental"\npage_size = 500\nbuy_again = true\n'
SEARCH = '[search]\nquery = ""\n'
TRACED = "[skip_trace]\nenabled = true\n"


@dataclass
class Stopwatch:
    """How long each callback took to be answered, and with what."""

    took: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def deliver(self, url: str, body: bytes, how: Sending, headers: Mapping[str, str]) -> list[int]:
        """Send one, once."""
        began_s = time.perf_counter()
        statuses = await send(url, body, replace(how, tries_max=1), headers)
        self.took.append(time.perf_counter() - began_s)
        self.statuses += statuses
        return statuses


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="how long callbacks come")
    parser.add_argument("--delay-ms", type=int, default=5, help="what each commit takes more")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(measure(Path(folder), asked.seconds, asked.delay_ms)))


async def measure(folder: Path, for_s: int, delay_ms: int) -> str:
    """Let the vendor call back for so long; say how it was answered, and what is in the store."""
    stopwatch = Stopwatch()
    simulator = Simulator(World(7, 400_000), now=lambda: datetime.now(UTC))
    simulator.deliver = stopwatch.deliver
    simulator.traces.switches = replace(simulator.traces.switches, callbacks_per_s=float(A_SECOND))
    async with serve(simulator, ("127.0.0.1", 0)) as url:
        lay_out(folder, url, for_s * A_SECOND)
        process = await daemon(folder, delay_ms)
        try:
            await until(folder, "SELECT count(*) FROM trace_batch WHERE settled_at IS NULL", at_least=1)
            busy = simulator.bill.records
            began_s = time.perf_counter()
            open_items = "SELECT sum(items - matched - missed) FROM trace_batch"
            await until(folder, f"SELECT ({open_items}) = 0", at_least=1)
            lasted_s = time.perf_counter() - began_s
            pulled = simulator.bill.records - busy
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait)
    lost = sum(status != 200 for status in stopwatch.statuses)
    p50, p99 = (statistics.quantiles(stopwatch.took, n=100)[at] * 1_000 for at in (49, 98))
    return (
        f"{len(stopwatch.took):,} callbacks at {A_SECOND}/s in {lasted_s:.0f} s, {delay_ms} ms more a commit:"
        f" p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {max(stopwatch.took) * 1_000:.0f} ms, {lost} not answered 200;"
        f" {pulled:,} records were pulled meanwhile, and every owner's answer is in the store"
    )


def lay_out(folder: Path, url: str, owners: int) -> None:
    """Two jobs: one whose owners are found, and one that pulls on and on."""
    port = free_port()
    (folder / "jobs.d").mkdir()
    (folder / "config.toml").write_text(
        f'[log]\nformat = "json"\n[accounts.main]\ntoken = {{ env = "BENCH_TOKEN" }}\nbase_url = "{url}"\n'
        f'budget = "unlimited"\nrequests_per_minute = 120\n[webhooks]\nlisten = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
        f'[skip_trace]\napi_key = {{ env = "BENCH_KEY" }}\nbase_url = "{url}"\nbudget = "unlimited"\n'
    )
    soon = (datetime.now(UTC) + timedelta(seconds=8)).isoformat(timespec="seconds")
    once = f"records_per_run = {owners}\nschedule = {{ at = {soon} }}\n"
    (folder / "jobs.d" / "traced.toml").write_text(TERMS + once + SEARCH + TRACED)
    (folder / "jobs.d" / "busy.toml").write_text(TERMS + 'schedule = { every = "1s" }\n' + SEARCH)


async def daemon(folder: Path, delay_ms: int) -> subprocess.Popen[bytes]:
    """The daemon, as a process, with its log in a file."""
    command = [sys.executable, __file__, "serve", str(delay_ms), "run", "--config", str(folder / "config.toml")]
    environ = {**os.environ, "BENCH_TOKEN": TOKEN, "BENCH_KEY": API_KEY}
    with (folder / "log").open("w") as log:
        return subprocess.Popen(command, stderr=log, env=environ)  # noqa: ASYNC220 - it begins at once


async def until(folder: Path, query: str, *, at_least: int) -> None:
    """Wait until the store says so."""
    while True:
        await asyncio.sleep(1)
        try:
            with closing(sqlite3.connect(f"file:{folder}/leadsync.db?mode=ro", uri=True)) as store:
                ((found,),) = store.execute(query)
        except sqlite3.Error:
            continue
        if found is not None and found >= at_least:
            return


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        sys.argv.pop(1)
        slow_down(int(sys.argv.pop(1)))
        run_leadsync()
    else:
        main()
