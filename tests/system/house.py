"""A folder with a configuration, as an operator has it, and the commands that are given there."""

import json
import shlex
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from leadsync.control.place import socket_of
from leadsync.simulator import TOKEN
from leadsync.store.engine import file_creator, open_writer
from leadsync.store.migrate import upgrade
from tests.system.process import Answer, Running, run

__all__ = ["ALL", "NOBODY_LISTENS", "PAST", "House", "Mounted"]

ALL: Final = 'query = ""\norQuickLists = []'
"""Criteria that every property answers."""

NOBODY_LISTENS: Final = "http://127.0.0.1:9"
"""A vendor that cannot be reached."""

PAST: Final = "at = 2026-01-01T00:00:00Z"
"""A moment that has passed: the first daemon runs such a job as soon as it has started, and then no more."""

Mounted = Callable[[str], Path]
"""Mounts a file system of such a size, and returns where it is."""


@cache
def new_store() -> bytes:
    """A store with all its tables and nothing in them: making them costs each process half a second more."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "leadsync.db")
        engine = open_writer(file_creator(file))
        upgrade(engine, file)
        engine.dispose()
        return file.read_bytes()


class House:
    """One account, `main`, with its token in a file; jobs are added by `job`.

    `furnished`: the store's tables are there already, for whoever does not look at a first start.
    """

    def __init__(self, folder: Path, url: str, *, more: str = "", furnished: bool = False) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.store = folder / "leadsync.db"
        (folder / "jobs.d").mkdir(parents=True)
        (folder / "token").write_text(TOKEN)
        (folder / "token").chmod(0o600)
        if furnished:
            self.store.touch(0o600)
            self.store.write_bytes(new_store())
        account = f'token = {{ file = "token" }}\nbudget = "unlimited"\nbase_url = "{url}"'
        self.config.write_text(f'[log]\nlevel = "debug"\n{more}\n[accounts.main]\n{account}\n')

    def job(self, name: str, *, kind: str = "incremental", search: str = ALL, **keys: Any) -> None:
        """Write a job file; `schedule` is the text of its table, for the rest JSON is TOML."""
        schedule = [f"schedule = {{ {keys.pop('schedule')} }}"] if "schedule" in keys else []
        head = [f"{key} = {json.dumps(value)}" for key, value in {"page_size": 10, **keys}.items()]
        text = "\n".join([f'kind = "{kind}"', *schedule, *head, "[search]", search, ""])
        (self.folder / "jobs.d" / f"{name}.toml").write_text(text)

    def say(self, line: str) -> Answer:
        """Give a command, words as in a shell."""
        return run(*shlex.split(line), "--config", self.config)

    def start(self, *jobs: str) -> Running:
        """Start `once`, and do not wait for its end."""
        return Running("once", *jobs, "--config", self.config)

    def daemon(self) -> Running:
        """Start the daemon."""
        return Running("run", "--config", self.config)

    @property
    def socket(self) -> Path:
        """Where the daemon takes commands."""
        return socket_of(self.store)

    def status(self) -> dict[str, dict[str, Any]]:
        """The jobs of `status --json`, by name."""
        return {job["name"]: job for job in self.say("status --json").json["jobs"]}

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the store with SQL of the test's own."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as store:
            return store.execute(query, values).fetchall()

    def one(self, query: str) -> Any:
        """The one value that a query returns."""
        ((value,),) = self.rows(query)
        return value

    def open_keys(self) -> set[str]:
        """The keys that have no answer yet; none where the store was never made."""
        if not self.store.exists() or not self.rows("SELECT 1 FROM sqlite_schema WHERE name = 'page'"):
            return set()
        return {key for (key,) in self.rows("SELECT key FROM page WHERE state = 'asked'")}

    def exported(self) -> Iterator[dict[str, Any]]:
        """The lines of an export without the vendor's object, which a plain reader might not survive."""
        for line in self.say("export").out.splitlines():
            yield json.loads(line.partition(',"property":')[0] + "}")
