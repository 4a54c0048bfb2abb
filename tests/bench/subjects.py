"""The subjects of `pages.py`: each pulls a whole session into a fresh SQLite file and prints its figures as JSON."""

import asyncio
import json
import os
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx  # noqa: TID251 - what one would write in an hour speaks HTTP itself
from sqlalchemy import Engine, event
from sqlmodel import Field, Session, SQLModel, create_engine

from leadsync.app import open_app
from leadsync.config import load
from leadsync.core.model import Lead
from leadsync.keys import start_log
from leadsync.outside import Outside
from leadsync.simulator import TOKEN
from leadsync.vendors.records import read_page
from leadsync.vendors.wire import SEARCH_PATH, search_request

PAGE_SIZE = 500
SEARCH: dict[str, Any] = {"orQuickLists": []}
TICK_S = 0.002


def main() -> None:
    """Run the subject named first, against the URL named second, in the folder named third."""
    subject, url, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    figures = {"leadsync": leadsync, "bare": bare, "rows": rows, "plain": plain}[subject](url, folder)
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures))


def timed(work: Callable[[], int]) -> dict[str, Any]:
    """Call it; returns what it pulled with its CPU and wall time."""
    wall, cpu = time.perf_counter(), time.process_time()
    leads = work()
    return {
        "leads": leads,
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "held_ms": None,
    }


# leadsync -------------------------------------------------------------------------------------------------------------


def leadsync(url: str, folder: Path) -> dict[str, Any]:
    """The daemon's own `once`. A first pull of the same kind imports what is imported late, and looks at the loop."""
    loop = asyncio.run(_once(url, folder / "loop", ticking=True))
    speed = asyncio.run(_once(url, folder / "speed", ticking=False))
    return speed | {name: loop[name] for name in ("held_ms", "held_cpu_ms")}


async def _once(url: str, folder: Path, *, ticking: bool) -> dict[str, Any]:
    (folder / "jobs.d").mkdir(parents=True)
    (folder / "config.toml").write_text(
        f'[log]\nlevel = "warning"\n[accounts.main]\ntoken = {{ env = "BENCH_TOKEN" }}\nbase_url = "{url}"\n'
        'budget = "unlimited"\nrequests_per_minute = 1_000_000\n'
    )
    (folder / "jobs.d" / f"{folder.name}.toml").write_text(
        f'kind = "incremental"\npage_size = {PAGE_SIZE}\n[search]\norQuickLists = []\n'
    )
    outside = Outside(environ={"BENCH_TOKEN": TOKEN})
    settings = load(folder / "config.toml", outside.environ)
    async with open_app(settings, start_log(settings, outside), outside) as app:
        ticker = asyncio.create_task(_longest_gap_s()) if ticking else None
        wall, cpu = time.perf_counter(), time.process_time()
        await app.once([folder.name])
        figures = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall, "held_ms": None}
        if ticker is not None:
            ticker.cancel()
            figures["held_ms"], figures["held_cpu_ms"] = (max(0.0, gap - TICK_S) * 1000 for gap in await ticker)
    with sqlite3.connect(folder / "leadsync.db") as store:
        (figures["leads"],) = store.execute("SELECT count(*) FROM delivery").fetchone()
    return figures


async def _longest_gap_s() -> tuple[float, float]:
    """The longest time between two rounds of the loop, and the longest in which the process itself was at work."""
    longest, own, last, last_cpu = 0.0, 0.0, time.perf_counter(), time.process_time()
    try:
        while True:
            await asyncio.sleep(TICK_S)
            now, cpu = time.perf_counter(), time.process_time()
            longest, own = max(longest, now - last), max(own, min(now - last, cpu - last_cpu))
            last, last_cpu = now, cpu
    except asyncio.CancelledError:
        return longest, own


# bare, rows -----------------------------------------------------------------------------------------------------------


def bare(url: str, folder: Path) -> dict[str, Any]:
    """Bodies in memory, leadsync's reader, sqlite3's executemany."""
    bodies = list(_bodies(url))
    store = _bare_store(folder)
    return timed(lambda: sum(_write(store, page, read_page(body).leads) for page, body in enumerate(bodies)))


def rows(url: str, folder: Path) -> dict[str, Any]:
    """Rows in memory, sqlite3's executemany."""
    pages = [read_page(body).leads for body in _bodies(url)]
    store = _bare_store(folder)
    return timed(lambda: sum(_write(store, page, leads) for page, leads in enumerate(pages)))


def _bodies(url: str) -> list[bytes]:
    found: list[bytes] = []
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        while not found or read_page(found[-1]).leads:
            request = search_request(SEARCH, {}, "bench", f"key-{len(found)}", PAGE_SIZE)
            found.append(client.post(SEARCH_PATH, content=request).content)
    return found


def _bare_store(folder: Path) -> sqlite3.Connection:
    """The same tables and indexes as the ledger's hot path, and the same promise: WAL with FULL."""
    store = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        store.execute(f"PRAGMA {pragma}")
    store.executescript(
        """
        CREATE TABLE page (id INTEGER PRIMARY KEY, key TEXT UNIQUE, request BLOB, state TEXT);
        CREATE TABLE property (id INTEGER PRIMARY KEY, account TEXT NOT NULL, vendor_id TEXT NOT NULL,
            first_delivery INTEGER, last_delivery INTEGER, street TEXT, city TEXT, state TEXT, zip TEXT, county TEXT,
            owner TEXT, mailing_address TEXT, value REAL, equity REAL, UNIQUE (account, vendor_id));
        CREATE TABLE delivery (id INTEGER PRIMARY KEY, page_id INTEGER NOT NULL REFERENCES page,
            property_id INTEGER NOT NULL REFERENCES property, redelivered BOOLEAN NOT NULL, body BLOB NOT NULL,
            UNIQUE (property_id, page_id));
        CREATE TABLE change (id INTEGER PRIMARY KEY AUTOINCREMENT, delivery_id INTEGER NOT NULL REFERENCES delivery);
        CREATE INDEX change_by_delivery ON change (delivery_id);
        """
    )
    return store


def _write(store: sqlite3.Connection, page: int, leads: tuple[Lead, ...]) -> int:
    first = page * PAGE_SIZE + 1
    numbered = list(enumerate(leads, first))
    store.execute("BEGIN IMMEDIATE")
    store.execute("INSERT INTO page VALUES (?, ?, ?, 'asked')", (page + 1, f"key-{page}", b"{}"))
    store.execute("COMMIT")
    store.execute("BEGIN IMMEDIATE")
    store.executemany(
        "INSERT INTO property VALUES (?, 'main', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(at, lead[0], at, at, *lead[1:10]) for at, lead in numbered],
    )
    store.executemany(
        "INSERT INTO delivery VALUES (?, ?, ?, 0, ?)", [(at, page + 1, at, lead[10]) for at, lead in numbered]
    )
    store.executemany("INSERT INTO change (delivery_id) VALUES (?)", [(at,) for at, _ in numbered])
    store.execute("UPDATE page SET state = 'stored' WHERE id = ?", (page + 1,))
    store.execute("COMMIT")
    return len(leads)


# plain ----------------------------------------------------------------------------------------------------------------


class PlainProperty(SQLModel, table=True):
    """A property as one would model it in an hour."""

    id: str = Field(primary_key=True)
    page: int
    street: str | None
    city: str | None
    state: str | None
    zip: str | None
    county: str | None
    owner: str | None
    mailing_address: str | None
    value: float | None
    equity: float | None
    body: str


def plain(url: str, folder: Path) -> dict[str, Any]:
    """Pull with json and SQLModel objects; nothing is journaled, nothing compared."""
    engine = create_engine(f"sqlite:///{folder / 'plain.db'}")
    event.listen(engine, "connect", lambda store, _: store.execute("PRAGMA journal_mode=WAL"))
    SQLModel.metadata.create_all(engine, tables=[SQLModel.metadata.tables["plainproperty"]])
    return timed(lambda: _pull_plainly(url, engine))


def _pull_plainly(url: str, engine: Engine) -> int:
    page, leads = 0, 0
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        while True:
            session = {"id": "plain", "idempotencyKey": f"key-{page}"}
            body = {"searchCriteria": SEARCH, "options": {"take": PAGE_SIZE, "searchSession": session}}
            records = client.post(SEARCH_PATH, json=body).json()["results"]["properties"]
            if not records:
                return leads
            with Session(engine) as store:
                store.add_all(_plain_property(record, page) for record in records)
                store.commit()
            page, leads = page + 1, leads + len(records)


def _plain_property(record: dict[str, Any], page: int) -> PlainProperty:
    address, owner = record.get("address", {}), record.get("owner", {})
    mailing, valuation = owner.get("mailingAddress", {}), record.get("valuation", {})
    return PlainProperty(
        id=record["_id"],
        page=page,
        street=address.get("street"),
        city=address.get("city"),
        state=address.get("state"),
        zip=address.get("zip"),
        county=address.get("county"),
        owner=owner.get("fullName"),
        mailing_address=", ".join(filter(None, (mailing.get(name) for name in ("street", "city", "state", "zip")))),
        value=valuation.get("estimatedValue"),
        equity=valuation.get("equityCurrentEstimatedBalance"),
        body=json.dumps(record),
    )


if __name__ == "__main__":
    os.umask(0o077)
    main()
