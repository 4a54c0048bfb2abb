"""A store of the first schema there was, as a team had it: a run of another job has pulled a page, and that is stored.

Its session is at the vendor still, with all that it has delivered. No job of the world touches any of it, so whatever
becomes of the store, each row has to be there as it was written.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from alembic import command
from alembic.config import Config

from leadsync.core.keys import page_key
from leadsync.simulator import Session
from leadsync.simulator.criteria import Criteria
from leadsync.store.engine import APPLICATION_ID, file_creator, open_writer
from tests.jobs.books import INSTALLATION
from tests.simulation.machine import STORE, Machine

if TYPE_CHECKING:
    from tests.simulation.watch import Watch

SESSION: Final = "earlier"
LEADS: Final = range(1, 6)
"""By id; as many as the world of `one_cycle` has, so that the session is whole."""

DAY: Final = "2026-11-01 06:00:00.000000"
RUN: Final = {"id": 1, "job": SESSION, "account": "main", "session": SESSION, "route": "session", "trigger": "once"}
FIGURES: Final = {"pages": 1, "records": len(LEADS), "new": len(LEADS), "replays": 1, "waited_s": 2.5}
BOOKS: Final = {"epoch": 1, "next_page": 2, "delivered": len(LEADS), "base_line": 0, "vendor_total": len(LEADS)}
PAGE: Final = {"id": 1, "account": "main", "session_id": 1, "run_id": 1, "fence": 1, "epoch": 1, "number": 1}
ANSWER: Final = {"billed": len(LEADS), "new": len(LEADS), "total": len(LEADS), "replays": 1, "status": 200}
PLACE: Final = {"street": "1 Main St", "city": "Phoenix", "state": "AZ", "zip": "85001", "county": "Maricopa"}
WORTH: Final = {"owner": "A. Owner", "mailing_address": "2 Main St", "value": 250_000.5, "equity": 100_000.25}

ROWS: Final[dict[str, list[dict[str, Any]]]] = {
    "search_session": [
        {"id": 1, "account": "main", "name": SESSION, "job": SESSION, "criteria": "of then", "created_at": DAY} | BOOKS
    ],
    "run": [RUN | {"started_at": DAY, "ended_at": DAY, "outcome": "complete", "cost_micros": 50_000} | FIGURES],
    "page": [
        PAGE
        | {"key": page_key(INSTALLATION, "main", SESSION, 1, 1), "take": 100, "price_micros": 10_000}
        | {"request": b'{"asked":1}', "state": "stored", "asked_at": DAY, "settled_at": DAY, "request_id": "r-1"}
        | ANSWER
    ],
    "property": [
        {"id": lead, "account": "main", "vendor_id": f"earlier-{lead}", "first_delivery": lead, "last_delivery": lead}
        | PLACE
        | WORTH
        for lead in LEADS
    ],
    "delivery": [
        {
            "id": lead,
            "page_id": 1,
            "property_id": lead,
            "redelivered": lead == 1,
            "body": b'{"_id":"earlier-%d"}' % lead,
        }
        for lead in LEADS
    ],
    "change": [{"id": lead, "delivery_id": lead} for lead in LEADS],
}
"""What is in it beside the installation and its account, by table."""


def lay(machine: Machine) -> None:
    """Put it on the disk, and its session to the vendor."""
    machine.disk.lay(STORE, _store())
    session = Session(SESSION, machine.sim.now(), Criteria(), "of then", pages=1, delivered=set(range(len(LEADS))))
    machine.sim.sessions[SESSION] = session


@cache
def _store() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / STORE
        config = Config()
        config.set_main_option("script_location", "leadsync.store:migrations")
        with open_writer(file_creator(file)).connect() as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        with closing(sqlite3.connect(file)) as store, store:
            installed = {"id": 1, "name": INSTALLATION, "fence": 1, "created_at": DAY, "stopped_at": DAY}
            _insert(store, "installation", installed)
            _insert(store, "account", {"name": "main"})
            for table, rows in ROWS.items():
                for row in rows:
                    _insert(store, table, row)
        return file.read_bytes()


def _insert(store: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    places = ", ".join("?" * len(row))
    store.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", tuple(row.values()))  # noqa: S608


def p1_all_of_before_is_there(watch: "Watch", _: object) -> Iterator[str]:
    """Each row that the store had before its upgrade is there, and says the same."""
    for table, rows in ROWS.items():
        for row in rows:
            columns = ", ".join(row)
            was = tuple(row.values())
            found = watch.rows(f"SELECT {columns} FROM {table} WHERE id = ?", row["id"])  # noqa: S608
            if found != [was]:
                yield f"of {table} there was {was} before the upgrade, and is {found}"
