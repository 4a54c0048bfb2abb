"""The doctor at the store: what it finds there, and that it leaves everything as it was."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from leadsync.reports.doctor import peek
from tests.reports.examined import examine, line, wrongs
from tests.stage import Stage
from tests.store.hand import Hand


def garbage(file: Path) -> None:
    """Something else was copied there."""
    file.write_bytes(b"no database at all" * 1_000)


def hole(file: Path) -> None:
    """A disk has lost pages in the middle."""
    with file.open("r+b") as store:
        store.seek(file.stat().st_size // 2)
        store.write(b"\xff" * 8_192)


def other_program(file: Path) -> None:
    """Another program's database."""
    file.unlink()
    with closing(sqlite3.connect(file)) as store:
        store.execute("CREATE TABLE theirs (id)")
    file.chmod(0o600)


def later_version(file: Path) -> None:
    """A newer leadsync was here."""
    with closing(sqlite3.connect(file)) as store, store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize(
    ("damage", "wrong", "words"),
    [
        (garbage, "store", "is damaged"),
        (hole, "store.integrity", "the file is damaged"),
        (other_program, "store", "another program"),
        (later_version, "store", "newer leadsync"),
    ],
)
def test_a_store_that_is_not_as_it_was(well: Stage, damage: Callable[[Path], None], wrong: str, words: str) -> None:
    """It is named as a run would name it, with what to do, and is not touched."""
    file = well.folder / "leadsync.db"
    damage(file)
    before = file.read_bytes()
    found = examine(well)
    assert wrongs(found) == [wrong]
    assert words in line(found, wrong)["message"]
    assert line(found, wrong)["do"]
    assert file.read_bytes() == before


def test_a_store_that_cannot_be_read_just_now(well: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program holds it: that is one line of the report, and all the others are there."""
    monkeypatch.setattr(peek, "BUSY_WAIT_S", 0.0)
    with closing(sqlite3.connect(well.folder / "leadsync.db", isolation_level=None)) as theirs:
        theirs.execute("PRAGMA locking_mode=EXCLUSIVE")
        theirs.execute("BEGIN EXCLUSIVE")
        found = examine(well)
    assert wrongs(found) == ["store"]
    assert "cannot be used just now (database is locked)" in line(found, "store")["message"]
    assert line(found, "store")["do"].startswith("Try again")


def test_a_store_that_is_too_large_to_be_looked_through(well: Stage) -> None:
    """After half a minute SQLite is stopped, and nobody is told that the file is whole."""
    clock, calls = well.clock, []

    def late() -> Any:
        calls.append(1)
        return clock() + timedelta(seconds=20 * len(calls))

    found = examine(well, now=late)
    assert line(found, "store.integrity")["state"] == "unknown"
    assert line(found, "store")["state"] == "ok"


def files(folder: Path) -> dict[str, bytes]:
    """All that lies in a folder; the index of a log is a scratch pad, which every reader writes in."""
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and not path.name.endswith("-shm")
    }


def test_a_clean_store_is_left_as_it_was(well: Stage) -> None:
    """Nothing is written into it, and nothing new lies beside it."""
    before = {path.name for path in well.folder.iterdir()}
    contents = files(well.folder)
    examine(well)
    assert {path.name for path in well.folder.iterdir()} == before
    assert files(well.folder) == contents


def test_a_log_that_a_crash_left_is_not_folded_in(well: Stage) -> None:
    """That is the next start's work; the doctor reads through it, and says that the stop was not in order."""
    file = well.folder / "leadsync.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as store:
        store.execute("UPDATE installation SET stopped_at = NULL")
        crashed = files(well.folder)
    for name, content in crashed.items():
        (well.folder / name).write_bytes(content)
    assert crashed["leadsync.db-wal"]
    found = examine(well)
    assert wrongs(found) == []
    assert "not closed in order" in line(found, "store")["message"]
    assert files(well.folder) == crashed


def test_beside_a_leadsync_that_writes(well: Stage) -> None:
    """The doctor takes no lock: the other goes on writing while it looks, and after it."""
    hand = Hand(well.folder / "leadsync.db")
    hand.session("one")
    found = examine(well)
    hand.session("two")
    assert wrongs(found) == []
    assert hand.one("SELECT count(*) FROM search_session") == 3
    hand.close()
