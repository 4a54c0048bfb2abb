"""Looking at a store beside its daemon: short, read-only, and a sentence where it cannot be looked at."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from leadsync.errors import StoreRefused
from leadsync.store.reading import reading
from tests.ready_store import empty_store
from tests.store.hand import Hand

NOBODY = 65_534


def test_what_was_committed_is_seen(tmp_path: Path) -> None:
    """While the writer has the store open."""
    hand = Hand(tmp_path / "leadsync.db")
    hand.session("phoenix")
    with reading(hand.file) as connection:
        assert connection is not None
        assert connection.exec_driver_sql("SELECT name FROM search_session").all() == [("phoenix",)]


@pytest.mark.parametrize("left", [None, bytes, empty_store], ids=["no file", "empty", "tables alone"])
def test_a_store_that_was_never_made_is_none(tmp_path: Path, left: Callable[[], bytes] | None) -> None:
    """Whatever a first start has left that was cut short: nothing to see, and nothing to complain of."""
    file = tmp_path / "leadsync.db"
    if left is not None:
        file.write_bytes(left())
    with reading(file) as connection:
        assert connection is None


def test_an_older_store_is_named(tmp_path: Path) -> None:
    """Only who may write upgrades it."""
    hand = Hand(tmp_path / "leadsync.db")
    hand.close()
    with closing(sqlite3.connect(hand.file)) as store, store:
        store.execute("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(StoreRefused, match="older than this leadsync; `leadsync run` or"), reading(hand.file):
        pytest.fail("its tables are not those that are asked for")


def test_the_folder_of_another_user_is_named(tmp_path: Path) -> None:
    """Who types a command as himself reads whom to be, and not a traceback."""
    tmp_path.chmod(0)
    was = os.geteuid()
    os.seteuid(was or NOBODY)  # to root every folder is open
    try:
        with pytest.raises(StoreRefused, match=r"Permission denied.*Run leadsync as the user whom"):
            reading(tmp_path / "leadsync.db").__enter__()
    finally:
        os.seteuid(was)
        tmp_path.chmod(0o700)


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    """One sentence that says what to restore."""
    file = tmp_path / "leadsync.db"
    file.write_bytes(b"not a database, " * 1_000)
    with pytest.raises(StoreRefused, match=r"is damaged .* Restore a backup"), reading(file):
        pytest.fail("there is nothing to read")
