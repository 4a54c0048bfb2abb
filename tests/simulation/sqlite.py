"""SQLite on a forgetful disk: a VFS of apsw that tells the disk each write and sync, with `sqlite3`'s face before it.

Python's own `sqlite3` is another SQLite, which cannot see apsw's file systems. So `connector` gives SQLAlchemy's
dialect for it as much of `sqlite3` as the store uses, with the same errors and codes.
"""

import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import apsw

from tests.simulation.disk import Disk, kind_of
from tests.simulation.process import PROCESS, Doom, Process

VFS: Final = "forgetful"

NOBODY: Final = Process(Doom(), lambda _: None, dead=True)
NOWHERE: Final = Disk(Path(), random.Random(0))  # noqa: S311 - nothing is drawn there
"""Whom an open file belongs to, and where it lies, once its world is over."""


class FileSystem(apsw.VFS):
    """The file system of one disk; a new one takes the place of the last."""

    present: "FileSystem"

    def __init__(self, disk: Disk) -> None:
        super().__init__(VFS, "")
        self._disk = disk
        self._open: list[DiskFile | Connection] = []
        FileSystem.present = self

    def connect(self, file: Path) -> "Connection":
        """Open a store."""
        connection = Connection(apsw.Connection(str(file), vfs=VFS), self._disk)
        self._open.append(connection)
        return connection

    def leave(self) -> None:
        """Let go of the world: SQLite and SQLAlchemy hold on to what the dead left open, where no collector looks."""
        for each in self._open:
            each.leave()
        self._open.clear()
        self._disk = NOWHERE

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        """Open a file of the store."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        file = DiskFile(self._disk, Path(path).name, name, flags)
        self._open.append(file)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        """Delete a log or a journal."""
        with _trouble(apsw.IOError):
            self._disk.begins(Path(filename).name, "delete")
        super().xDelete(filename, syncdir)
        self._disk.deleted(Path(filename).name)


class DiskFile(apsw.VFSFile):
    """One open file. It belongs to the process that opened it, and does nothing once that is dead."""

    def __init__(self, disk: Disk, name: str, path: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", path, flags)
        self._disk = disk
        self._name = name
        self._process: Process | None = PROCESS.get()
        disk.opened(name)

    def leave(self) -> None:
        """Belong to nobody who lives, and to no disk."""
        self._process, self._disk = NOBODY, NOWHERE

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Write."""
        with _trouble(apsw.FullError):
            self._disk.begins(self._name, "write")
        super().xWrite(data, offset)
        self._disk.wrote(self._name, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        """Cut."""
        with _trouble(apsw.IOError):
            self._disk.begins(self._name, "cut")
        super().xTruncate(newsize)
        self._disk.cut(self._name, newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        """Sync; the first of a log or journal makes its name last, too.

        SQLite's own syncs the folder then, on Unix, and with it the names of others; nobody may rely on that.
        """
        del flags
        with _trouble(apsw.IOError):
            self._disk.begins(self._name, "sync")
        self._disk.synced(self._name)
        if kind_of(self._name) != "store":
            self._disk.files[self._name].named = True

    def xLock(self, level: int) -> None:  # noqa: N802 - SQLite's name
        """Lock, while alive: the last connection of the dead must not tidy up as it goes."""
        if self._process is not None and self._process.dead:
            raise apsw.BusyError
        super().xLock(level)


@contextmanager
def _trouble(kind: type[apsw.Error]) -> Iterator[None]:
    """What the disk refuses in the words of SQLite."""
    try:
        yield
    except OSError as error:
        raise kind(error.strerror) from None


def connector(file: Path) -> Callable[[], Any]:
    """Return what makes connections to a store on the forgetful disk, in autocommit."""
    return lambda: FileSystem.present.connect(file)


class Connection:
    """What the store uses of `sqlite3.Connection`."""

    isolation_level = None

    def __init__(self, database: apsw.Connection, disk: Disk) -> None:
        self.database = database
        self._disk = disk
        self._process = PROCESS.get()

    def leave(self) -> None:
        """Belong to nobody who lives, and to no disk."""
        self._process, self._disk = NOBODY, NOWHERE

    def cursor(self) -> "Cursor":
        """Return a new cursor."""
        return Cursor(self.database)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> "Cursor":
        """Execute one statement."""
        cursor = Cursor(self.database)
        cursor.execute(statement, values)
        return cursor

    def commit(self) -> None:
        """Commit, if there is something to commit."""
        if self.database.in_transaction:
            self._step("commit.before")
            written = self._disk.written
            self.execute("COMMIT")
            self._disk.committed(written)
            self._step("commit.after")

    def rollback(self) -> None:
        """Roll back, if there is something to roll back, and somebody to do it."""
        if self.database.in_transaction and not (self._process and self._process.dead):
            self.execute("ROLLBACK")

    def close(self) -> None:
        """Close, unless the process is dead: then the kernel does it, without a word to SQLite."""
        if not (self._process and self._process.dead):
            self._disk.let_go()  # the last one out tidies up, so nobody else may be in
            self.database.close()

    def create_function(self, *_: object, **__: object) -> None:
        """The dialect brings a function that the store does not use."""

    def _step(self, label: str) -> None:
        if self._process:
            self._process.step(label)


Description = list[tuple[Any, ...]] | None

_descriptions: dict[str, Description] = {}
"""The columns of each statement, which apsw knows only while it begins."""


class Cursor:
    """What SQLAlchemy uses of `sqlite3.Cursor`. It reads all rows at once, so that no statement is left half done."""

    arraysize = 1

    def __init__(self, database: apsw.Connection) -> None:
        self._database = database
        self._cursor = database.cursor()
        self._rows: Iterator[Any] = iter(())
        self.description: Description = None
        self.rowcount = -1

    @property
    def lastrowid(self) -> int:
        """The id of the row that was inserted last."""
        return self._database.last_insert_rowid()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Execute one statement."""
        self._cursor.exec_trace = None if statement in _descriptions else self._describe
        try:
            self._rows = iter(self._cursor.execute(statement, tuple(values)).fetchall())
        except apsw.Error as error:
            raise _as_sqlite3(error) from None
        self.description = _descriptions[statement]
        self.rowcount = self._database.changes()

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute one statement with each of the rows."""
        before = self._database.total_changes()
        try:
            self._cursor.executemany(statement, rows)
        except apsw.Error as error:
            raise _as_sqlite3(error) from None
        self.rowcount = self._database.total_changes() - before

    def fetchone(self) -> Any:
        """The next row."""
        return next(self._rows, None)

    def fetchmany(self, size: int = arraysize) -> list[Any]:
        """The next rows."""
        return list(islice(self._rows, size))

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        return list(self._rows)

    def close(self) -> None:
        """Let go."""
        self._cursor.close(True)

    def _describe(self, cursor: apsw.Cursor, statement: str, _: object) -> bool:
        columns = cursor.get_description()
        _descriptions[statement] = [(column[0], *[None] * 6) for column in columns] or None
        return True


def _as_sqlite3(error: apsw.Error) -> sqlite3.Error:
    """Errors of apsw as `sqlite3` raises them."""
    kinds = {apsw.ConstraintError: sqlite3.IntegrityError, apsw.CorruptError: sqlite3.DatabaseError}
    told: sqlite3.Error = kinds.get(type(error), sqlite3.OperationalError)(str(error))
    # What our own disk raises knows no code yet.
    told.sqlite_errorcode = getattr(error, "extendedresult", _CODES.get(type(error), sqlite3.SQLITE_ERROR))
    return told


_CODES: Final[dict[type[apsw.Error], int]] = {apsw.FullError: sqlite3.SQLITE_FULL, apsw.IOError: sqlite3.SQLITE_IOERR}
