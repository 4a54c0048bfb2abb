"""What the simulated disk owes: whether a transaction that was said to be done could be taken by a power cut."""

import asyncio
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.simulation.disk import Disk, no_trouble
from tests.simulation.process import Death, Doom, Process
from tests.simulation.sqlite import FileSystem, connector


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A disk with nothing on it."""
    return Disk(tmp_path, Random(1))  # noqa: S311 - the same in every run


@pytest.fixture
def store(disk: Disk) -> Iterator[Any]:
    """A store with one row, durable."""
    vfs = FileSystem(disk)
    store = connector(disk.folder / "leadsync.db")()
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE row (number)"):
        store.execute(statement)
    write(store)
    assert not owes(disk)
    yield store
    store.close()
    del vfs


def write(store: Any) -> None:
    """A transaction with a row more."""
    store.execute("BEGIN IMMEDIATE")
    store.execute("INSERT INTO row VALUES (1)")
    store.commit()


def owes(disk: Disk) -> bool:
    """Whether something that was said to be done is not durable."""
    return disk.owes


def sync_fails(operation: str) -> None:
    """Whatever is synced is not."""
    if operation == "log.sync":
        raise OSError(errno.EIO, "disk trouble")


def test_a_transaction_that_only_reads_owes_nothing_of_one_that_failed(disk: Disk, store: Any) -> None:
    """What a failed commit has left unsynced in the log is not done, and the next that writes begins where it began."""
    disk.trouble = sync_fails
    with pytest.raises(sqlite3.OperationalError):
        write(store)
    store.rollback()
    disk.trouble = no_trouble
    store.execute("BEGIN IMMEDIATE")
    assert store.execute("SELECT count(*) FROM row").fetchall() == [(1,)]
    store.commit()
    assert not owes(disk)


def test_what_was_not_synced_is_owed_until_it_is(disk: Disk, store: Any) -> None:
    """A commit that syncs nothing leaves a debt, and the next one that syncs the log pays it."""
    store.execute("PRAGMA synchronous=NORMAL")
    write(store)
    assert owes(disk)
    store.execute("PRAGMA synchronous=FULL")
    write(store)
    assert not owes(disk)


def test_a_kill_in_the_middle_of_a_commit_leaves_a_debt(disk: Disk, store: Any) -> None:
    """The log has the whole transaction, and nobody has synced it: whoever opens the store next takes it for done.

    So it is owed, until the next commit syncs it.
    """
    store.close()

    async def commit() -> None:
        process = Process(Doom(2, "log.sync"), lambda _: None)  # the first is of the head of a new log
        process.within(lambda: write(connector(disk.folder / "leadsync.db")()))

    with pytest.raises(Death):
        asyncio.run(commit())
    disk.restart(power=False)
    assert owes(disk)
    again = connector(disk.folder / "leadsync.db")()
    again.execute("PRAGMA synchronous=FULL")
    assert again.execute("SELECT count(*) FROM row").fetchall() == [(2,)]
    assert owes(disk)
    write(again)
    assert not owes(disk)
    again.close()


def test_the_sync_of_a_log_names_it_and_nothing_else(disk: Disk, store: Any) -> None:
    """SQLite syncs the whole folder for a new log; who relies on a name that is not the log's syncs it himself."""
    disk.opened("leadsync.db.witness")
    write(store)
    assert disk.files["leadsync.db-wal"].named
    assert not disk.files["leadsync.db.witness"].named
