"""`leadsync demo`: three jobs, twice, on a simulated vendor that fails once; then the books beside the vendor's bill.

Everything but the vendor is real: the configuration files, HTTP on loopback, the store, the log.
"""

import asyncio
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from leadsync.app import App, open_app
from leadsync.config import JOBS_FOLDER, Settings, load
from leadsync.errors import UsageMistake
from leadsync.keys import start_log
from leadsync.outside import Outside
from leadsync.reports.runs import runs
from leadsync.reports.status import status
from leadsync.reports.text import columns
from leadsync.simulator import TOKEN, Fault, Simulator, World
from leadsync.simulator.server import serve
from leadsync.store.engine import sqlite_file

PROPERTIES: Final = 6_000
GROWTH: Final = 120
CONFIG: Final = """\
# Written by `leadsync demo`: one account, whose vendor is the simulator.
[log]
format = "console"

[accounts.demo]
token = {{ file = "token" }}
base_url = "{url}"
budget = {{ records_per_day = 10_000, dollars_per_month = 100 }}
"""

JOBS: Final = {
    "phoenix-absentee": 'query = "Phoenix, AZ"\nquickLists = ["absentee-owner"]',
    "tampa-high-equity": 'query = "Tampa, FL"\nquickLists = ["high-equity"]',
    "texas-vacant": 'query = "TX"\nquickLists = ["vacant"]',
}


def show(folder: Path | None) -> bool:
    """Show it, and return whether the books agree with the vendor's bill. Raises UsageMistake for a folder in use."""
    place = folder or Path(tempfile.mkdtemp(prefix="leadsync-demo-"))
    if place.exists() and any(place.iterdir()):
        raise UsageMistake(f"{place} is not empty; the demo wants a folder of its own")
    return asyncio.run(_show(place))


async def _show(place: Path) -> bool:
    outside = Outside()
    simulator = Simulator(World(seed=2026, size=PROPERTIES), now=outside.now)
    async with serve(simulator, ("127.0.0.1", 0)) as url:
        _write_files(place, url)
        settings = load(place / "config.toml", {})  # not in $STATE_DIRECTORY, where the real store may be
        keys = start_log(settings, outside)
        async with open_app(settings, keys, outside) as app:
            ended_well = await _two_rounds(app, simulator)
    return _tell(settings, simulator, outside.now()) and ended_well


def _write_files(place: Path, url: str) -> None:
    jobs = place / JOBS_FOLDER
    jobs.mkdir(parents=True)
    token = place / "token"
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    (place / "config.toml").write_text(CONFIG.format(url=url))
    for name, search in JOBS.items():
        (jobs / f"{name}.toml").write_text(f'kind = "incremental"\npage_size = 100\n\n[search]\n{search}\n')


async def _two_rounds(app: App, simulator: Simulator) -> bool:
    _say(
        "\n== First round: three jobs, each on a new session. One reply will be lost after the vendor has billed it.\n"
    )
    simulator.faults.next(None, None, None, None, Fault.CUT_AFTER)
    first = await app.once(JOBS)
    simulator.grow(GROWTH)
    _say(
        f"\n== Second round: the world has grown by {GROWTH} properties; only those that match come, and are billed.\n"
    )
    second = await app.once(JOBS)
    return all(end.outcome.ended_well for end in (*first.values(), *second.values()))


def _tell(settings: Settings, simulator: Simulator, now: datetime) -> bool:
    """Print the table, and say whether every billed property is stored, and none was billed twice."""
    history = runs(settings, job=None, limit=2 * len(JOBS))["runs"]
    totals = {job["name"]: job["delivered"] for job in status(settings, now)["jobs"]}
    lines, agree = [], True
    for name in JOBS:
        mine = [run for run in history if run["job"] == name]
        billed = simulator.bill.ids_of(name)
        agree = agree and len(billed) == len(set(billed)) == totals[name]
        sums = [sum(run[figure] for run in mine) for figure in ("pages", "new", "replays")]
        lines.append((name, *sums, len(billed), totals[name]))
    _say("\n== What the vendor billed, and what leadsync stored\n")
    _say(columns(("JOB", "PAGES", "NEW LEADS", "REPLAYS", "VENDOR'S BILL", "LOCAL TOTAL"), lines))
    _say(f"\nThe books {'agree' if agree else 'DO NOT AGREE'}: ${simulator.bill.dollars:,.2f} were billed.")
    _say(f"Configuration: {settings.path}\nStore:         {sqlite_file(settings.store.url)}")
    _say(f"Look around:   {sys.argv[0]} status --config {settings.path}")
    return agree


def _say(text: str) -> None:
    """Speak at once: the log goes to another stream, and the two must stay in order."""
    print(text, flush=True)
