"""How fast the door for webhooks is, and what a large result costs. A benchmark: it prints figures and judges nothing.

    python tests/bench/inbox.py [--seconds 5] [--connections 64]

- webhooks of 2 KB a second, answered after their commit, with 0, 5 and 20 ms added to each commit of the daemon, as a
  slow disk would; some of it is read meanwhile. The client shares the machine;
- the most memory over that of the idle daemon, while a result of 1,000 records of 26 KB is received, stored and read.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import leadsync.app
from leadsync.__main__ import main as run_leadsync
from leadsync.core.hooks import Address, HookKey, hook_url
from leadsync.core.letters import Opened
from leadsync.jobs.unpack import Handler, Unpack
from leadsync.simulator import World
from leadsync.vendors.records import leads_of
from tests.system.slow_disk import slow_down

SMALL = json.dumps({"requestId": "01K", "pad": "x" * 2_000}).encode()
RECORDS = 1_000
RECORD_BYTES = 26_000


def main() -> None:
    """Print the figures; each line is a daemon of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each load lasts")
    parser.add_argument("--connections", type=int, default=64, help="how many send at once")
    asked = parser.parse_args()
    for delay_ms in (0, 5, 20):
        with daemon(delay_ms) as door:
            figures = asyncio.run(load(door, asked.seconds, asked.connections))
        print(f"webhooks of 2 KB, {asked.connections} at once, {delay_ms:2} ms more a commit: {figures}", flush=True)
    with daemon(0) as door:
        print(f"a result of {RECORDS:,} records of {RECORD_BYTES // 1000} KB: {asyncio.run(large(door))}")


async def load(door: "Door", for_s: float, connections: int) -> str:
    """Send on so many connections, each one message after another."""
    until_s = time.perf_counter() + for_s
    async with asyncio.TaskGroup() as group:
        senders = [group.create_task(send_all(door, number, until_s)) for number in range(connections)]
    took = sorted(each for sender in senders for each in sender.result())
    p50, p99 = statistics.quantiles(took, n=100)[49], statistics.quantiles(took, n=100)[98]
    return f"{len(took) / for_s:,.0f}/s, p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max {took[-1] * 1000:.0f} ms"


async def send_all(door: "Door", sender: int, until_s: float) -> list[float]:
    """Send until then; return how long each answer took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    took: list[float] = []
    while (began_s := time.perf_counter()) < until_s:
        status = await post(reader, writer, door.path(f"{sender}-{len(took)}"), SMALL)
        took.append(time.perf_counter() - began_s)
        if status != "200":
            sys.exit(f"answered {status}")
    writer.close()
    return took


async def large(door: "Door") -> str:
    """Send one large result, and wait until it is read."""
    records = World(1, RECORDS, record_bytes=RECORD_BYTES)
    body = b'{"results":{"properties":[' + b",".join(records.record(number) for number in range(RECORDS)) + b"]}}"
    idle_mb = door.rss_mb()
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    began_s = time.perf_counter()
    status = await post(reader, writer, door.path("large"), body)
    answered_s = time.perf_counter() - began_s
    door.until("webhook.taken")
    taken_s = time.perf_counter() - began_s
    writer.close()
    return (
        f"{len(body) / 1e6:.1f} MB answered {status} in {answered_s:.2f} s, read by {taken_s:.2f} s,"
        f" {door.peak_mb() - idle_mb:.0f} MB over the {idle_mb:.0f} MB of the idle daemon"
    )


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: bytes) -> str:
    """Send one message and return the status."""
    writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body)))
    writer.write(body)
    await writer.drain()
    return (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()


@dataclass(frozen=True, slots=True)
class Door:
    """A daemon under way, with its door."""

    process: int
    port: int
    hooks: HookKey
    log: IO[str]

    def path(self, subject: str) -> str:
        """A right address."""
        return hook_url("", self.hooks, Address("async", subject))

    def rss_mb(self) -> float:
        """Its memory now (proc(5))."""
        return self._mb("VmRSS")

    def peak_mb(self) -> float:
        """The most that it ever had."""
        return self._mb("VmHWM")

    def until(self, event: str) -> None:
        """Read the log up to an event."""
        text = ""
        while True:
            text += self.log.readline()
            if text.endswith("\n"):
                if json.loads(text)["event"] == event:
                    return
                text = ""

    def _mb(self, name: str) -> float:
        (line,) = (line for line in Path(f"/proc/{self.process}/status").read_text().splitlines() if name in line)
        return int(line.split()[1]) / 1024


@contextmanager
def daemon(delay_ms: int) -> Iterator[Door]:
    """The daemon, as a process, with its log in a file: nobody has to read it while it is under load."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        (folder / "jobs.d").mkdir()
        (folder / "config.toml").write_text(
            '[log]\nformat = "json"\n[accounts.main]\ntoken = { env = "BENCH_TOKEN" }\nbudget = "unlimited"\n'
            f'[webhooks]\nlisten = "127.0.0.1:{port}"\npublic_url = "https://leads.example.com"\n'
        )
        command = [sys.executable, __file__, "serve", str(delay_ms), "run", "--config", str(folder / "config.toml")]
        with (
            (folder / "log").open("w") as log,
            (folder / "log").open() as seen,
            subprocess.Popen(command, stderr=log, env={**os.environ, "BENCH_TOKEN": "no-token"}) as process,
        ):
            try:
                while "door.opened" not in (folder / "log").read_text():
                    time.sleep(0.05)
                with closing(sqlite3.connect(folder / "leadsync.db")) as store:
                    ((installation, secret),) = store.execute("SELECT name, hook_secret FROM installation")
                yield Door(process.pid, port, HookKey(installation, secret), seen)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait()


def free_port() -> int:
    """A port that nobody has just now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
        return port


def serve(delay_ms: int) -> None:
    """Be leadsync, on a slow disk, and with a handler that reads results as one that stores them would."""

    def unpack(*args: Any, **kwargs: Any) -> Unpack:
        return Unpack(*args, **{**kwargs, "handlers": {"async": Handler(read, lambda _count, _connection: None)}})

    slow_down(delay_ms)
    setattr(leadsync.app, "Unpack", unpack)  # noqa: B010 - mypy knows that nobody should
    run_leadsync()


def read(opened: Opened) -> int:
    """Read a result, and count its leads."""
    return sum(1 for _ in leads_of(opened.content)()) if opened.address.subject == "large" else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        sys.argv.pop(1)
        serve(int(sys.argv.pop(1)))
    else:
        main()
