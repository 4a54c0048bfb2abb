"""What an operator got wrong: a few lines that name it and the remedy, the right exit code, and nothing sent."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.house import NOBODY_LISTENS, House
from tests.system.process import without_power

Spoil = Callable[[House, bytes], None]


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store that leadsync has made, as the process left it that was killed."""
    house = House(tmp_path_factory.mktemp("stored") / "house", NOBODY_LISTENS)
    house.job("phoenix")
    with house.start("phoenix") as running:
        assert running.saw("audit.delayed")
    change(house.store, "PRAGMA wal_checkpoint(TRUNCATE)")
    return house.store.read_bytes()


def change(store: Path, statement: str) -> None:
    """Change a database behind leadsync's back."""
    with closing(sqlite3.connect(store)) as connection:
        connection.execute(statement)
        connection.commit()


def newer(house: House, stored: bytes) -> None:
    """A later leadsync has been here."""
    house.store.write_bytes(stored)
    change(house.store, "UPDATE alembic_version SET version_num = '9999'")


def foreign(house: House, _stored: bytes) -> None:
    """The path is that of another program's database."""
    change(house.store, "CREATE TABLE bookmarks (url TEXT)")


def garbage(house: House, _stored: bytes) -> None:
    """Something else has been written over the file."""
    house.store.write_bytes(b"x" * 20_000)


def torn(house: House, stored: bytes) -> None:
    """After a crash the disk gives other bytes back than were written."""
    house.store.write_bytes(stored[:8_192] + b"Z" * 32_768 + stored[40_960:])


def folder(house: House, _stored: bytes) -> None:
    """The path is that of a folder."""
    house.store.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (newer, ("newer leadsync", "install that version", "backup")),
        (foreign, ("another program", "[store] url")),
        (garbage, ("is damaged", "Restore a backup", "leadsync.db")),
        (torn, ("is damaged", "Restore a backup", "leadsync.db")),
        (folder, ("cannot be opened", "directory", "leadsync.db")),
    ],
)
def test_a_store_that_must_not_be_written_is_refused(
    alone: House, stored: bytes, spoil: Spoil, words: tuple[str, ...]
) -> None:
    """One sentence says what is wrong with the file and what to do, and nothing is asked of the vendor."""
    spoil(alone, stored)
    answer = alone.say("once phoenix")
    assert answer.code == 78
    assert missing(words, answer.sentence()) == []
    assert not answer.logged("run.started")


@pytest.mark.parametrize(
    ("spoil", "reader", "words"),
    [
        (newer, "status", ("newer leadsync",)),
        (foreign, "runs", ("another program",)),
        (garbage, "export", ("is damaged", "Restore a backup")),
        (folder, "status", ("leadsync.db",)),
    ],
)
def test_a_store_that_cannot_be_read_is_named(
    alone: House, stored: bytes, spoil: Spoil, reader: str, words: tuple[str, ...]
) -> None:
    """Who only looks is told the same, and stdout stays empty."""
    spoil(alone, stored)
    answer = alone.say(reader)
    assert (answer.code, answer.out) == (78, "")
    assert missing(words, answer.sentence()) == []


def test_a_store_that_was_never_finished_is_no_store(alone: House) -> None:
    """A kill between the file and its first table leaves nothing to look at, and nothing to complain of."""
    change(alone.store, "PRAGMA user_version = 1")
    assert alone.store.stat().st_size > 0
    assert [alone.say(command).code for command in ("status", "export")] == [0, 0]


def missing(words: tuple[str, ...], text: str) -> list[str]:
    """What should stand in a text and does not."""
    return [word for word in words if word not in text]


def no_config(house: House) -> None:
    """There is no config.toml."""
    house.config.unlink()


def no_jobs(house: House) -> None:
    """There is no jobs.d."""
    (house.folder / "jobs.d" / "phoenix.toml").unlink()
    (house.folder / "jobs.d").rmdir()


def no_token(house: House) -> None:
    """The token's file is missing."""
    (house.folder / "token").unlink()


def open_token(house: House) -> None:
    """The group may read the token."""
    (house.folder / "token").chmod(0o640)


def empty_token(house: House) -> None:
    """Somebody forgot to paste it."""
    (house.folder / "token").write_text("\n")


def typo(house: House) -> None:
    """A key is misspelt."""
    house.config.write_text(house.config.read_text().replace("budget", "buget"))


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (no_config, 78, ("config.toml", "does not exist", "--config FILE")),
        (no_jobs, 2, ("there is no job phoenix", "jobs.d")),
        (no_token, 78, ("config.toml:5: accounts.main.token", "does not exist", "create it")),
        (open_token, 78, ("config.toml:5: accounts.main.token", "chmod 600")),
        (empty_token, 78, ("config.toml:5: accounts.main.token", "put the secret into it")),
        (typo, 78, ("config.toml:6: accounts.main.buget", "did you mean budget?")),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    alone: House, spoil: Callable[[House], None], code: int, words: tuple[str, ...]
) -> None:
    """The lines name file and line where there is one, and what to do; no store is made."""
    spoil(alone)
    answer = alone.say("once phoenix")
    assert answer.code == code
    assert missing(words, answer.err) == []
    assert len(answer.err.splitlines()) <= 2
    assert not alone.store.exists()


@pytest.mark.parametrize("mode", [0o000, 0o500], ids=["may not enter", "may not write"])
def test_the_wrong_user_is_told_so(tmp_path: Path, mode: int) -> None:
    """Who may not write where the store lies gets one sentence with the folder in it, and no crash."""
    house = House(tmp_path / "house", NOBODY_LISTENS, more='[store]\nurl = "sqlite:///state/leadsync.db"')
    house.job("phoenix")
    state = house.folder / "state"
    state.mkdir(mode)
    answer = without_power("once", "phoenix", "--config", house.config)
    state.chmod(0o700)
    assert answer.code == 78
    assert missing((str(state), "nothing was sent"), answer.sentence()) == []


def test_a_configuration_that_this_user_may_not_read_is_named(alone: House) -> None:
    """The file is named, with the remedy."""
    alone.config.chmod(0)
    answer = without_power("check", "--config", alone.config)
    assert answer.code == 78
    assert missing((str(alone.config), "run leadsync as the user it belongs to"), answer.err) == []
