"""What a large one-shot by windows costs in memory and time. A benchmark: it prints figures and judges nothing.

    python tests/bench/windows.py

Each line is `leadsync once` as a process of its own, with its door, against the simulator in another over loopback:
5,000 and 50,000 records of 2.4 KB, and one window of 1,000 records of 26 KB.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.system.mail import free_port

CASES = ((5_000, 2_400, 1), (50_000, 2_400, 1), (50_000, 2_400, 4), (1_000, 26_000, 1))
CONFIG = """
[accounts.main]
token = {{ file = "token" }}
base_url = "{vendor}"
budget = "unlimited"
[webhooks]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
"""
JOB = """
kind = "one_shot"
records = {records}
windows_in_flight = {in_flight}
[search]
query = ""
orQuickLists = []
"""


def main() -> None:
    """Print the table."""
    print(f"{'records':>8}{'KB each':>9}{'at once':>9}{'peak MB':>9}{'CPU s':>8}{'leads/CPU-s':>13}")
    for records, record_bytes, in_flight in CASES:
        with vendor(records, record_bytes) as url, tempfile.TemporaryDirectory() as folder:
            peak_mb, cpu_s = measure(furnished(Path(folder), url, records, in_flight))
        each = f"{record_bytes / 1000:.1f}"
        print(f"{records:8,}{each:>9}{in_flight:9}{peak_mb:9.0f}{cpu_s:8.1f}{records / cpu_s:13,.0f}", flush=True)


@contextmanager
def vendor(records: int, record_bytes: int) -> Iterator[str]:
    """A simulator with a few more records than are wanted; give its address."""
    world = [f"--properties={records + 10}", f"--record-bytes={record_bytes}", "--port=0"]
    with subprocess.Popen(
        [*command(), "simulate", *world], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        found = next(filter(None, (re.search(rb"http://127[0-9.:]+", line) for line in process.stdout or ())))
        try:
            yield found[0].decode()
        finally:
            process.terminate()


def furnished(folder: Path, url: str, records: int, in_flight: int) -> Path:
    """Write a configuration with one job."""
    (folder / "jobs.d").mkdir()
    (folder / "token").touch(0o600)
    (folder / "token").write_text("simulator-token")
    (folder / "config.toml").write_text(CONFIG.format(vendor=url, port=free_port()))
    (folder / "jobs.d" / "bulk.toml").write_text(JOB.format(records=records, in_flight=in_flight))
    return folder / "config.toml"


def measure(config: Path) -> tuple[float, float]:
    """Run the job; return the most memory in MB, and the CPU seconds, of that process."""
    once = [*command(), "once", "bulk", f"--config={config}"]
    said = subprocess.Popen(once, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    err = said.stderr.read() if said.stderr else b""
    _, status, used = os.wait4(said.pid, 0)
    ended = json.loads(err.splitlines()[-1])
    if status or ended.get("outcome") != "complete":
        sys.exit(err.decode())
    return used.ru_maxrss * 1024 / 1e6, used.ru_utime + used.ru_stime


def command() -> list[str]:
    """How leadsync is called."""
    return [sys.executable, "-m", "leadsync"]


if __name__ == "__main__":
    main()
