"""How fast leads leave the store, and how much memory that takes. A benchmark, not a test: it prints figures alone.

    python tests/bench/export.py [--leads 1000000] [--folder FOLDER]

The store has leads of 2.4 KB, made with plain inserts, in pages of 500; every 500th page belongs to the job `few`.
A folder that is named is kept, and its store is used again. Each subject is a process of its own that writes to
/dev/null: the newest tenth of the leads, then all, in each format; then the job `few` alone, which must be found among
the others. Seconds and CPU seconds are those of the export without the imports, peak MB those of the whole process.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from leadsync.config import load
from leadsync.reports.export import ExportFormat
from leadsync.reports.export.files import export_to_stream
from leadsync.reports.export.rows import Wanted
from leadsync.simulator import World
from leadsync.store.engine import file_creator, open_writer
from leadsync.store.migrate import upgrade
from leadsync.vendors.records import read_page

PAGE_SIZE = 500
FEW = 500
BEGAN = datetime(2026, 11, 2, 6, tzinfo=UTC)


def main() -> None:
    """Build the store and print the table; or be one subject of it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--leads", type=int, default=1_000_000)
    arguments.add_argument("--folder", type=Path, help="where the store is kept; else a temporary folder")
    arguments.add_argument("--subject", nargs=3, metavar=("FORMAT", "SINCE", "JOB"), help=argparse.SUPPRESS)
    found = arguments.parse_args()
    if found.subject:
        print(json.dumps(subject(found.folder, *found.subject)))
    elif found.folder:
        compare(found.folder, found.leads)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(Path(folder), found.leads)


def compare(folder: Path, leads: int) -> None:
    """Print a line for each format, span and job."""
    if not (folder / "leadsync.db").exists():
        build(folder, leads)
    print(f"{'':16}{'leads':>10}{'seconds':>9}{'CPU s':>8}{'leads/s':>10}{'peak MB':>9}")
    for form in ExportFormat:
        for since, job in ((leads - leads // 10, ""), (0, ""), (0, "few")):
            figures = measure(folder, form, since, job)
            name, wall_s = f"{form} {job}", figures["wall_s"]
            print(
                f"{name:16}{figures['leads']:10,}{wall_s:9.2f}{figures['cpu_s']:8.2f}"
                f"{figures['leads'] / wall_s:10,.0f}{figures['peak_mb']:9.0f}"
            )


def measure(folder: Path, form: str, since: int, job: str) -> dict[str, Any]:
    """Run one export in a process of its own."""
    command = [sys.executable, __file__, "--folder", str(folder), "--subject", form, str(since), job]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def subject(folder: Path, form: str, since: str, job: str) -> dict[str, Any]:
    """Export to nowhere, as the command does; returns leads, wall_s, cpu_s, peak_mb."""
    settings = load(folder / "config.toml", {})
    wanted = Wanted(job or None, int(since))
    counted = [0]

    def watch(written: int, _total: int) -> None:
        counted[0] = written

    with Path("/dev/null").open("wb") as out:
        wall, cpu = time.perf_counter(), time.process_time()
        export_to_stream(settings, wanted, ExportFormat(form), out, watch)
    return {
        "leads": counted[0],
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """The most that this program has held; `getrusage` would count the parent's memory from before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


# the store ------------------------------------------------------------------------------------------------------------


def build(folder: Path, leads: int) -> None:
    """Make a configuration and a store with so many leads, with SQL of the benchmark's own."""
    (folder / "jobs.d").mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text('[accounts.main]\ntoken = { env = "BENCH_TOKEN" }\nbudget = "unlimited"\n')
    for job in ("many", "few"):
        (folder / "jobs.d" / f"{job}.toml").write_text('kind = "incremental"\n[search]\norQuickLists = []\n')
    upgrade(open_writer(file_creator(folder / "leadsync.db")), folder / "leadsync.db")
    with closing(sqlite3.connect(folder / "leadsync.db", isolation_level=None)) as store:
        store.execute("PRAGMA synchronous=OFF")
        for session_id, job in enumerate(("many", "few"), 1):
            store.execute(
                "INSERT INTO search_session (id, account, name, job, epoch, next_page, delivered, base_line)"
                " VALUES (?, 'main', ?, ?, 1, 1, 0, 0)",
                (session_id, job, job),
            )
        for page in pages(leads):
            store.execute("BEGIN")
            enter(store, *page)
            store.execute("COMMIT")


def pages(leads: int) -> Iterator[tuple[int, list[Any]]]:
    """Yield each page's number, from 1, and its leads."""
    world = World(7, leads)
    for number, first in enumerate(range(0, leads, PAGE_SIZE), 1):
        records = b",".join(world.record(index) for index in range(first, min(first + PAGE_SIZE, leads)))
        yield number, list(read_page(b'{"results":{"properties":[%b]}}' % records).leads)


def enter(store: sqlite3.Connection, page: int, leads: list[Any]) -> None:
    """Insert a page, with a run of its own, and its leads, deliveries and changes."""
    session_id, job = (2, "few") if page % FEW == 0 else (1, "many")
    at = (BEGAN + timedelta(minutes=page)).replace(tzinfo=None).isoformat(" ", "microseconds")
    first = (page - 1) * PAGE_SIZE + 1
    numbered = list(enumerate(leads, first))
    store.execute(
        'INSERT INTO run (id, job, account, session, route, "trigger", started_at, ended_at, outcome, pages, records,'
        " new, replays, waited_s, cost_micros) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, 0, 0.0, 0)",
        (page, job, "main", job, "session", "once", at, at, "complete", len(leads), len(leads)),
    )
    store.execute(
        "INSERT INTO page (id, account, session_id, run_id, fence, epoch, number, key, take, price_micros, request,"
        " state, asked_at, settled_at, billed, new, replays) VALUES (?, 'main', ?, ?, 1, 1, ?, ?, 500, 10000, ?,"
        " 'stored', ?, ?, ?, ?, 0)",
        (page, session_id, page, page, f"key-{page}", b"{}" * 200, at, at, len(leads), len(leads)),
    )
    store.executemany(
        "INSERT INTO property VALUES (?, 'main', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(row, lead[0], row, row, *lead[1:10]) for row, lead in numbered],
    )
    store.executemany(
        "INSERT INTO delivery VALUES (?, ?, ?, 0, ?)", [(row, page, row, lead[10]) for row, lead in numbered]
    )
    store.executemany("INSERT INTO change (delivery_id) VALUES (?)", [(row,) for row, _ in numbered])


if __name__ == "__main__":
    main()
