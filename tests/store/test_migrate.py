"""The schema: made by alembic, equal to the tables, backed up before it changes; strangers are refused unharmed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

from leadsync.errors import StoreFailed, StoreRefused
from leadsync.store import migrate
from leadsync.store.engine import open_reader
from tests.store.hand import Hand


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the store is to be."""
    return tmp_path / "leadsync.db"


@pytest.fixture
def foreign(file: Path) -> Iterator[sqlite3.Connection]:
    """A database that another program made there."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE guests (name TEXT)")
        connection.commit()
        yield connection


def test_head_is_alembics_head() -> None:
    """The revision that the code names is the newest there is, and known."""
    config = Config()
    config.set_main_option("script_location", "leadsync.store:migrations")
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [migrate.HEAD]
    assert {each.revision for each in script.walk_revisions()} == migrate.KNOWN


def test_the_schema_is_that_of_the_tables(file: Path) -> None:
    """What the migrations make is what the tables say, to the last index."""
    Hand(file).close()
    with open_reader(file).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []


@pytest.mark.parametrize("index", ["page_one_open_key", "run_one_at_a_time", "run_one_per_session"])
def test_the_guards_hold_where_they_should(file: Path, index: str) -> None:
    """The unique indexes that guard the money are partial: alembic's comparison does not look at that."""
    Hand(file).close()
    with closing(sqlite3.connect(file)) as store:
        (sql,) = store.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
    assert sql.startswith("CREATE UNIQUE INDEX")
    assert sql.endswith(("WHERE state = 'asked'", "WHERE outcome IS NULL"))


def test_a_new_store_is_migrated_without_a_backup(file: Path) -> None:
    """A first start makes the store at HEAD; the second finds it there."""
    first = Hand(file)
    assert (first.opened.upgraded_from, first.opened.backup, first.opened.clean) == (None, None, True)
    second = first.reopened()
    assert (second.opened.upgraded_from, second.opened.fence) == (migrate.HEAD, 2)
    assert list(file.parent.glob("*.before-*")) == []


def test_a_backup_has_what_is_in_the_log_alone(file: Path) -> None:
    """A copy of the file would miss commits that are still in the write-ahead log; the backup does not."""
    hand = Hand(file)
    hand.session("in-the-log")
    assert file.with_name(file.name + "-wal").stat().st_size > 0
    copy = migrate.back_up(file, "0000")
    assert copy.name == "leadsync.db.before-0000-upgrade"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as backup:
        assert backup.execute("SELECT name FROM search_session").fetchall() == [("in-the-log",)]
        assert backup.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_newer_store_is_refused(file: Path) -> None:
    """A store of a later version is not touched, and the message says what to install."""
    hand = Hand(file)
    hand.close()
    with closing(sqlite3.connect(file)) as store, store:
        store.execute("UPDATE alembic_version SET version_num = '0099'")
    before = file.read_bytes()
    with pytest.raises(
        StoreRefused, match=r"newer leadsync \(schema 0099, .*install that version, .*after removing .*-wal"
    ):
        Hand(file)
    assert file.read_bytes() == before


def test_a_database_of_another_program_is_refused(file: Path, foreign: sqlite3.Connection) -> None:
    """A database that is not ours is refused in one sentence."""
    foreign.close()
    with pytest.raises(StoreRefused, match=r"another program; set \[store\] url"):
        Hand(file)


def test_a_database_of_another_program_is_left_as_it_was(file: Path, foreign: sqlite3.Connection) -> None:
    """Not a byte of a stranger's database changes, its journal mode included."""
    foreign.close()
    before = file.read_bytes()
    with pytest.raises(StoreRefused):
        Hand(file)
    assert file.read_bytes() == before


class Failing(sqlite3.Connection):
    """A connection whose disk fails at every commit."""

    def commit(self) -> None:
        """Fail as SQLite does."""
        self.rollback()
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error


def test_a_migration_is_all_or_nothing(file: Path) -> None:
    """A first start that fails at its commit leaves a file that the next one takes for new."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(file, isolation_level=None, check_same_thread=False, factory=Failing)

    with pytest.raises(StoreFailed, match=r"cannot be used just now \(disk I/O error\)"):
        Hand(file, creator=connect)
    opened = Hand(file).opened
    assert (opened.upgraded_from, opened.backup, opened.fence) == (None, None, 1)


@pytest.mark.parametrize("length", [0, 100, 5_000])
def test_a_damaged_file_is_refused(file: Path, length: int) -> None:
    """Nonsense, or a store with a spoilt head: one sentence that says what to restore, nothing about SQL."""
    Hand(file).close()
    sound = file.read_bytes()
    file.write_bytes(b"not a database, " * 64 + sound[length:])
    with pytest.raises(StoreRefused, match="damaged") as refused:
        Hand(file)
    assert "backup" in str(refused.value)
    assert "SELECT" not in str(refused.value)


def test_damage_inside_is_found_after_a_kill(file: Path) -> None:
    """After a death the file is looked through before anything is spent on its word."""
    hand = Hand(file)
    for number in range(120):
        hand.session(f"session-{number}")
    hand.writer.close()
    sound = file.read_bytes()
    middle = len(sound) // 8_192 // 2 * 8_192
    file.write_bytes(sound[:middle] + b"\xff" * 8_192 + sound[middle + 8_192 :])
    with pytest.raises(StoreRefused, match="damaged"):
        Hand(file)


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """A store whose folder is a file, or that is a folder itself, is refused in one sentence."""
    (tmp_path / "file").touch()
    (tmp_path / "leadsync.db").mkdir()
    for file in (tmp_path / "file" / "leadsync.db", tmp_path / "leadsync.db"):
        with pytest.raises(StoreRefused, match=r"leadsync.* cannot be opened \("):
            Hand(file)
