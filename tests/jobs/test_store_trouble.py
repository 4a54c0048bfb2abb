"""A store that cannot do what it is asked: the run fails in words, nothing is lost, and the next run goes on.

The trouble is SQLite's own: triggers that refuse, a file that may not grow, a fence that somebody else has raised.
"""

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from leadsync.core.model import Outcome, Reason
from leadsync.errors import Fenced
from leadsync.store.engine import Creator, file_creator
from leadsync.store.lock import Holder, holder
from tests.jobs.books import assert_books_agree
from tests.stage import InlineExecutor, Stage

Build = Callable[..., Stage]


def to_store(stage: Stage, statement: str) -> None:
    """Do something to the store from outside."""
    with closing(sqlite3.connect(stage.folder / "leadsync.db")) as store, store:
        store.execute(statement)


def half_done(build: Build) -> Stage:
    """A stage whose job has pulled one page of three."""
    stage = build(size=250)
    stage.job(records_per_run=100)
    stage.once("phoenix")
    stage.job()
    return stage


@pytest.mark.parametrize(
    "trouble",
    [
        "INSERT ON run",
        "INSERT ON page",
        "INSERT ON property",
        "INSERT ON delivery",
        "INSERT ON change",
        "UPDATE OF state ON page",
        "UPDATE OF delivered ON search_session",
        "UPDATE OF outcome ON run",
    ],
)
def test_a_step_that_fails_fails_the_run_alone(build: Build, trouble: str) -> None:
    """Whatever the database refuses, the run ends `failed` in one line; what was paid comes with the next run."""
    stage = half_done(build)
    to_store(stage, f"CREATE TRIGGER trouble BEFORE {trouble} BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
    end = stage.end()
    assert end.outcome is Outcome.FAILED
    assert "disk I/O error" in end.message
    assert [line["outcome"] for line in stage.logged("run.ended")] == ["limited", "failed"]
    to_store(stage, "DROP TRIGGER trouble")
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def full_after(pages: int) -> Callable[[Path], Creator]:
    """A disk with room for that many pages of the database."""

    def creator(file: Path) -> Creator:
        connect = file_creator(file)

        def limited() -> sqlite3.Connection:
            connection: sqlite3.Connection = connect()
            connection.execute(f"PRAGMA max_page_count={pages}")
            return connection

        return limited

    return creator


@pytest.mark.parametrize("room", [1, 10, 25])
def test_a_full_disk_loses_no_page(build: Build, room: int) -> None:
    """A page that finds no room is not lost: its key stays open, the run fails in words, room brings it back."""
    stage = half_done(build)
    stage.change(creator=full_after(stage.one("PRAGMA page_count") + room))
    end = stage.end()
    assert end.outcome is Outcome.FAILED
    assert "database or disk is full" in end.message
    assert stage.sim.bill.records == 200
    stage.change(creator=file_creator)
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_one_that_lost_the_store_stores_nothing(build: Build) -> None:
    """Another instance takes the store over in mid-run: ours stops there, and the next run has everything once (P5)."""
    stage = half_done(build)
    stage.wire.before[2] = lambda: to_store(stage, "UPDATE installation SET fence = fence + 1")
    with pytest.raises(ExceptionGroup) as stopped:
        stage.once("phoenix")
    assert stopped.group_contains(Fenced)
    assert stage.wire.searches == 2
    assert stage.one("SELECT count(*) FROM delivery") == 100
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_the_lock_is_held_until_the_last_step_has_ended(build: Build) -> None:
    """Ctrl-C in the middle of an upgrade ends nothing that has begun: whoever starts next finds the store taken."""
    holders: list[Holder | None] = []

    class Steps(InlineExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            holders.append(holder(stage.folder / "leadsync.db"))
            super().shutdown(wait, cancel_futures=cancel_futures)

    stage = build(size=10)
    stage.job()
    stage.change(executor=Steps)
    stage.once("phoenix")
    assert holders
    assert None not in holders


def test_a_key_that_finds_no_room_is_not_sent(build: Build) -> None:
    """The disk is full as the key is journaled: nothing was asked, nothing is open, and room is all it wants."""
    stage = half_done(build)
    full = "RAISE(ABORT, 'database or disk is full')"
    to_store(stage, f"CREATE TRIGGER trouble BEFORE INSERT ON page BEGIN SELECT {full}; END")
    assert stage.end().outcome is Outcome.FAILED
    assert stage.wire.searches == 1
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 0
    to_store(stage, "DROP TRIGGER trouble")
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_a_witness_that_is_not_on_the_disk_lets_nothing_out(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync that fails once is no sync: the key stays open and unsent, and is sent when a later one succeeds."""
    stage = half_done(build)

    def failing(_handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as disk:
        stage.wire.before[2] = lambda: disk.setattr(os, "fdatasync", failing)
        end = stage.end()
    assert end.outcome is Outcome.FAILED
    assert "Input/output error" in end.message
    assert (stage.wire.searches, stage.sim.bill.records) == (2, 200)
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 1
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_a_disk_that_lied_is_found_out(build: Build) -> None:
    """It said that a page was on it, and after a power cut the page is gone, its witness too: nothing is spent."""
    stage = half_done(build)
    kept = {path: path.read_bytes() for path in stage.folder.glob("leadsync.db*")}
    stage.job(records_per_run=100)
    stage.end()
    for path in stage.folder.glob("leadsync.db*"):
        path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)
    searches = stage.wire.searches
    end = stage.end()
    assert (end.outcome, end.reason) == (Outcome.PARKED, Reason.SESSION_DRIFTED)
    assert "the vendor's total is 200, the ledger's 100" in end.message
    assert stage.wire.searches == searches
