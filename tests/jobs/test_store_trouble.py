"""A store that cannot do what it is asked: the run fails in words, nothing is lost, and the next run goes on.

The trouble is SQLite's own: triggers that refuse, a file that may not grow, a fence that somebody else has raised.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from leadsync.core.model import Outcome
from leadsync.errors import Fenced
from leadsync.store.engine import Creator, file_creator
from tests.jobs.books import assert_books_agree
from tests.stage import Stage

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
