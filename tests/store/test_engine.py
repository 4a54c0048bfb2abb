"""What SQLite really does once the store is open: the settings that keep paid pages, and who waits for whom."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from leadsync.core.model import Reason
from leadsync.errors import StoreRefused
from leadsync.store.engine import (
    APPLICATION_ID,
    PAGE_BYTES,
    Creator,
    check_settings,
    file_creator,
    open_reader,
    open_writer,
    sqlite_file,
    wal_bytes,
)
from tests.store.hand import NOW, Hand

SETTINGS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "page_size": PAGE_BYTES,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "mmap_size": 0,
    "busy_timeout": 5_000,
    "application_id": APPLICATION_ID,
}


@pytest.mark.parametrize("again", [False, True])
def test_the_settings_are_those_that_were_asked_for(tmp_path: Path, again: bool) -> None:
    """A new store and an old one: durable at each commit, strict, and ours."""
    hand = Hand(tmp_path / "leadsync.db")
    if again:
        hand = hand.reopened()
    assert {name: hand.one(f"PRAGMA {name}") for name in SETTINGS} == SETTINGS


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    """The file, its log and a new folder are the owner's alone: they hold personal data."""
    file = tmp_path / "state" / "leadsync.db"
    hand = Hand(file)
    hand.session()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (file.parent, *file.parent.iterdir())}
    names = ("leadsync.db", "leadsync.db-wal", "leadsync.db-shm", "leadsync.db.witness")
    assert modes == {"state": 0o700} | dict.fromkeys(names, 0o600)


def test_a_second_writer_waits(tmp_path: Path) -> None:
    """A transaction is IMMEDIATE: one that reads first and writes later waits for another, where it would fail."""
    creator = file_creator(tmp_path / "leadsync.db")
    first, second = open_writer(creator), open_writer(creator)
    with first.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counted (n INTEGER)")
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
    done = threading.Event()

    def count() -> None:
        with second.begin() as connection:
            (seen,) = connection.exec_driver_sql("SELECT count(*) FROM counted").one()
            connection.exec_driver_sql("INSERT INTO counted VALUES (?)", (seen,))
        done.set()

    with first.begin() as connection:
        waiting = threading.Thread(target=count)
        waiting.start()
        connection.exec_driver_sql("INSERT INTO counted VALUES (100)")
        assert not done.is_set()
    waiting.join(10)
    assert done.is_set()
    with first.connect() as connection:
        assert connection.exec_driver_sql("SELECT n FROM counted").all() == [(100,), (1,)]


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """What looks at a running daemon's store sees its commits and cannot change a thing."""
    hand = Hand(tmp_path / "leadsync.db")
    hand.session("seen")
    with open_reader(hand.file).connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM search_session").all() == [("seen",)]
        with pytest.raises(OperationalError, match="readonly"):
            connection.exec_driver_sql("DELETE FROM search_session")


def _with(file: Path, setting: str) -> Creator:
    """Connections on which one setting cannot be had: their later PRAGMAs of that name do nothing."""
    name = setting.split("=", maxsplit=1)[0]

    class Stubborn(sqlite3.Connection):
        def execute(self, sql: str, /) -> sqlite3.Cursor:  # type: ignore[override]  # PRAGMAs have no parameters
            return super().execute(f"PRAGMA {setting}" if sql.startswith(f"PRAGMA {name}=") else sql)

    return lambda: sqlite3.connect(file, isolation_level=None, check_same_thread=False, factory=Stubborn)


@pytest.mark.parametrize("setting", ["journal_mode=DELETE", "synchronous=NORMAL", "synchronous=OFF"])
def test_unsafe_settings_are_refused(tmp_path: Path, setting: str) -> None:
    """Where SQLite does not give WAL with FULL (a network file system), nothing is spent."""
    file = tmp_path / "leadsync.db"
    with pytest.raises(StoreRefused, match="put it on a local disk"):
        Hand(file, creator=_with(file, setting))


def test_safe_settings_pass(tmp_path: Path) -> None:
    """The same check lets a store pass that has what it needs."""
    with open_writer(file_creator(tmp_path / "leadsync.db")).connect() as connection:
        check_settings(connection)


def test_a_url_names_its_file() -> None:
    """Three slashes, then the path."""
    assert sqlite_file("sqlite:////var/lib/leadsync/leadsync.db") == Path("/var/lib/leadsync/leadsync.db")


def test_a_commit_is_in_the_file_for_others(tmp_path: Path) -> None:
    """What a method returned is there for any other connection, at once."""
    hand = Hand(tmp_path / "leadsync.db")
    hand.session("durable")
    with closing(sqlite3.connect(hand.file)) as other:
        assert other.execute("SELECT name FROM search_session").fetchall() == [("durable",)]


def test_an_old_reader_holds_up_nobody(tmp_path: Path) -> None:
    """While one looks for a long time the log grows and every write goes on; when it has gone, it grows no more."""
    hand = Hand(tmp_path / "leadsync.db")
    session_id = hand.session().session_id
    log = hand.file.with_name("leadsync.db-wal")

    def write_much() -> None:
        for letter in "abcde":
            hand.do(hand.ledger.park(session_id, Reason.REFUSED, letter * 250 * PAGE_BYTES, NOW))

    with open_reader(hand.file).connect() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM search_session").scalar_one() == 1
        for _ in range(2):
            write_much()
            assert reader.exec_driver_sql("SELECT park_reason FROM search_session").scalar_one() is None
    assert log.stat().st_size > 2 * 1_000 * PAGE_BYTES, "what the reader sees was folded away under it"
    write_much()
    grown = log.stat().st_size
    write_much()
    assert log.stat().st_size == grown
    hand.close()
    assert not log.exists()


def test_the_log_has_a_size_while_there_is_one(tmp_path: Path) -> None:
    """It grows with what is written, and is gone once the store is closed."""
    hand = Hand(tmp_path / "leadsync.db")
    before = wal_bytes(hand.file)
    hand.session()
    assert wal_bytes(hand.file) > before
    hand.close()
    assert wal_bytes(hand.file) == 0
