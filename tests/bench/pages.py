"""How fast a page goes from the wire into the ledger. A benchmark, not a test: it prints figures and judges nothing.

    python tests/bench/pages.py [--pages 120]

Each subject is a process of its own, against the simulator in another process over loopback, on pages of 500 records:

- leadsync: the whole thing, `once` with journal, ledger, change numbers, index and log, SQLite in WAL with FULL;
- bare: the same pages read by the same decoder and the same rows written by sqlite3's own executemany in WAL with
  FULL, with the same two commits a page, but the bodies are in memory already: no HTTP, no event loop, no SQLAlchemy,
  and SQLite's own page size and cache;
- rows: as bare, but the rows are made beforehand too: nothing but sqlite3 and its disk;
- plain: what one would write in an hour: httpx, `response.json()`, SQLModel objects, one commit a page.

CPU seconds are user and system time of the subject alone, imports not counted. `held` is the longest time that the
event loop did not come round while pages were pulled, and `busy` the longest in which that was the process's own work:
on a machine that is shared the first may be somebody else's.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PAGE_SIZE = 500
SIZES_BYTES = (2_400, 10_240)
SUBJECTS = Path(__file__).with_name("subjects.py")


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--pages", type=int, default=120, help="pages a run (500 leads each)")
    pages = arguments.parse_args().pages
    for record_bytes in SIZES_BYTES:
        _compare(record_bytes, pages)
    _memory(pages)


def _compare(record_bytes: int, pages: int) -> None:
    print(f"\n{pages} pages of {PAGE_SIZE} records of {record_bytes / 1000:.1f} KB")
    print(f"{'':10}{'leads/CPU-s':>12}{'leads/s':>10}{'peak MB':>9}{'held ms':>9}{'busy ms':>9}")
    rates = {}
    for subject in ("leadsync", "bare", "rows", "plain"):
        figures = measure(subject, record_bytes, pages)
        rates[subject] = figures["leads"] / figures["cpu_s"]
        held = "".join(f"{figures[name]:9.1f}" for name in ("held_ms", "held_cpu_ms") if figures.get(name) is not None)
        per_s = figures["leads"] / figures["wall_s"]
        print(f"{subject:10}{rates[subject]:12,.0f}{per_s:10,.0f}{figures['peak_mb']:9.0f}{held}")
    against = (f"{rates['leadsync'] / rates[other]:.2f} x {other}" for other in ("plain", "bare", "rows"))
    print(f"leadsync: {', '.join(against)}")


def _memory(pages: int) -> None:
    few, many = (measure("leadsync", SIZES_BYTES[0], count)["peak_mb"] for count in (pages // 4, pages * 4))
    print(f"\npeak memory of leadsync: {few:.0f} MB for {pages // 4} pages, {many:.0f} MB for {pages * 4}")


def measure(subject: str, record_bytes: int, pages: int) -> dict[str, Any]:
    """Run one subject against a fresh simulator; returns leads, cpu_s, wall_s, peak_mb, held_ms."""
    with simulator(pages * PAGE_SIZE, record_bytes) as url, tempfile.TemporaryDirectory() as folder:
        done = _python([str(SUBJECTS), subject, url, folder])
    figures: dict[str, Any] = json.loads(done.splitlines()[-1])
    return figures


@contextmanager
def simulator(properties: int, record_bytes: int) -> Iterator[str]:
    """The vendor in a process of its own; gives its URL."""
    sizes = ["--port", "0", "--properties", str(properties), "--record-bytes", str(record_bytes)]
    command = [sys.executable, "-m", "leadsync", "simulate", *sizes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield line.rsplit(" ", 1)[-1].strip()
        finally:
            process.terminate()


def _python(arguments: Sequence[str]) -> str:
    done = subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
