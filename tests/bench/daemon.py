"""How fast the daemon works and starts. A benchmark, not a test: it prints figures and judges nothing.

    python tests/bench/daemon.py [--pages 20]

- ten sessions side by side, each pulling so many pages of 500 records of 2.4 KB from the simulator in another process
  over loopback: leads per second of the whole process, and how much of a core it took;
- the start with 100 jobs, from the command to the line that says that the daemon is at work: on a new store, which has
  to be made, and on one that is there.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from leadsync.simulator import TOKEN
from tests.bench.pages import PAGE_SIZE, simulator

SESSIONS = 10
JOBS = 100
RECORD_BYTES = 2_400
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pages", type=int, default=20, help="pages a session (500 leads each)")
    side_by_side(arguments.parse_args().pages)
    for what, seconds in start_up():
        print(f"start with {JOBS} jobs, {what}: {seconds:.2f} s")


def side_by_side(pages: int) -> None:
    """Ten jobs whose moment has passed: they begin together."""
    with simulator(pages * PAGE_SIZE, RECORD_BYTES) as url, tempfile.TemporaryDirectory() as folder:
        config = furnish(Path(folder), url, SESSIONS, "at = 2026-01-01T00:00:00Z")
        with daemon(config) as process:
            until(process, "daemon.started")
            wall_s, cpu_s = time.perf_counter(), cpu_of(process.pid)
            leads = sum(until(process, "run.ended")["new"] for _ in range(SESSIONS))
            wall_s, cpu_s = time.perf_counter() - wall_s, cpu_of(process.pid) - cpu_s
    print(
        f"{SESSIONS} sessions side by side, {pages} pages of {PAGE_SIZE} x {RECORD_BYTES / 1000:.1f} KB each:"
        f" {leads:,} leads in {wall_s:.1f} s: {leads / wall_s:,.0f} leads/s at {cpu_s / wall_s:.0%} of a core"
        f" ({leads / cpu_s:,.0f} leads/CPU-s)"
    )


def start_up() -> Iterator[tuple[str, float]]:
    """From the command to `daemon.started`, twice."""
    with tempfile.TemporaryDirectory() as folder:
        config = furnish(Path(folder), "http://127.0.0.1:9", JOBS, 'cron = "0 6 * * *"')
        for what in ("new store", "store that is there"):
            began_s = time.perf_counter()
            with daemon(config) as process:
                until(process, "daemon.started")
                yield what, time.perf_counter() - began_s


def furnish(folder: Path, url: str, jobs: int, schedule: str) -> Path:
    """Write the configuration and return its file."""
    (folder / "jobs.d").mkdir()
    for number in range(jobs):
        (folder / "jobs.d" / f"job-{number:03}.toml").write_text(
            f'kind = "incremental"\nschedule = {{ {schedule} }}\npage_size = {PAGE_SIZE}\nbuy_again = true\n'
            "[search]\norQuickLists = []\n"
        )
    config = folder / "config.toml"
    config.write_text(
        f'[accounts.main]\ntoken = {{ env = "BENCH_TOKEN" }}\nbase_url = "{url}"\nbudget = "unlimited"\n'
        "requests_per_minute = 1_000_000\n"
    )
    return config


@contextmanager
def daemon(config: Path) -> Iterator[subprocess.Popen[str]]:
    """The daemon, as a process; stopped at the end."""
    command = [sys.executable, "-m", "leadsync", "run", "--config", str(config)]
    environment = {**os.environ, "BENCH_TOKEN": TOKEN}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            lines(process).read()


def until(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """Read the log up to the next line of an event, and return it."""
    for text in lines(process):
        line: dict[str, Any] = json.loads(text)
        if line["event"] == event:
            return line
    sys.exit(f"the daemon ended before {event}")


def lines(process: subprocess.Popen[str]) -> IO[str]:
    """Its log."""
    if process.stderr is None:
        raise TypeError("the daemon was started without a pipe")
    return process.stderr


def cpu_of(process: int) -> float:
    """User and system time of a process so far, in seconds (proc(5))."""
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS_A_SECOND


if __name__ == "__main__":
    main()
