"""The store, judged: schema, wholeness, settings, modes, write-ahead log. Pure: facts in, checks out."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leadsync.core.model import Reason
from leadsync.core.resume import way_out
from leadsync.core.watch import WAL_LARGE_BYTES
from leadsync.core.witness import DOUBTS
from leadsync.reports.doctor.check import Check, ok, unknown, wrong
from leadsync.reports.doctor.machine import MIB

OTHERS: Final = 0o077
OTHERS_WRITE: Final = 0o022


@dataclass(frozen=True, slots=True)
class Inside:
    """What the file says. `quick_check`: SQLite's verdict, None where it took too long; `clean`: closed in order.

    `doubt`: why it cannot be told to be the store that was spent from.
    """

    schema: str
    journal_mode: str
    quick_check: str | None
    clean: bool
    doubt: Reason | None = None


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The store from outside and from inside. `inside`: a sentence where it cannot be read, None where there is none.

    Modes are those of stat, 0 for what is not there or cannot be seen.
    """

    file: Path
    file_mode: int
    folder_mode: int
    inside: Inside | str | None
    wal_bytes: int = 0
    backups: tuple[str, ...] = ()


def judge_store(store: StoreFacts) -> Iterator[Check]:
    """Judge all of it, or say that there is none yet."""
    if store.inside is None:
        yield ok("store", f"there is none yet; the first run makes {store.file}")
        return
    yield _opened(store.file, store.inside)
    if isinstance(store.inside, Inside) and store.inside.doubt is not None:
        doubt = store.inside.doubt
        yield wrong("store.witness", DOUBTS[doubt], way_out(doubt, ""))
    yield from _inside(store.inside)
    if store.file_mode:
        yield _modes(store)
        yield _wal(store)
    if store.backups:
        message = f"left from before an upgrade: {', '.join(store.backups)}"
        yield ok("store.backup", message, "delete it once you are content with the new version: it holds every lead")


def _opened(file: Path, inside: Inside | str) -> Check:
    if isinstance(inside, str):
        # Our own refusals put what to do behind the first semicolon.
        what, _, do = inside.partition("; ")
        return wrong("store", what, do.removeprefix("nothing was sent. "))
    closed = "" if inside.clean else "; it is in use, or was not closed in order: the next start looks it through"
    return ok("store", f"{file} can be read, schema {inside.schema}{closed}")


def _inside(inside: Inside | str) -> Iterator[Check]:
    if isinstance(inside, str):
        for name in ("store.integrity", "store.settings"):
            yield unknown(name, "not looked at, since the store cannot be read")
        return
    if inside.quick_check is None:
        do = "stop leadsync and run `sqlite3 FILE 'PRAGMA quick_check'` when there is time"
        yield unknown("store.integrity", "the store is too large to be looked through here and now", do)
    elif inside.quick_check == "ok":
        yield ok("store.integrity", "SQLite finds the file whole (quick_check)")
    else:
        do = "stop leadsync, then restore a backup, or try `sqlite3 FILE .recover` on a copy"
        yield wrong("store.integrity", f"the file is damaged: {inside.quick_check}", do)
    if inside.journal_mode == "wal":
        yield ok("store.settings", "journal_mode is WAL")
    else:
        message = f"journal_mode is {inside.journal_mode}, where readers and the writer wait for each other"
        yield wrong("store.settings", message, "put the store on a local disk and start leadsync: it sets WAL")


def _modes(store: StoreFacts) -> Check:
    file_mode, folder_mode = stat.S_IMODE(store.file_mode), stat.S_IMODE(store.folder_mode)
    modes = f"file {file_mode:04o}, folder {folder_mode:04o}"
    if file_mode & OTHERS:
        return wrong("store.modes", f"{modes}: others may read personal data", f"chmod 600 {store.file}*")
    if folder_mode & OTHERS_WRITE:
        return wrong("store.modes", f"{modes}: others may replace the store", f"chmod 700 {store.file.parent}")
    if folder_mode & OTHERS:
        do = f"chmod 700 {store.file.parent}, if nobody else has business there"
        return ok("store.modes", f"{modes}: others see that the store is there, and cannot read it", do)
    return ok("store.modes", modes)


def _wal(store: StoreFacts) -> Check:
    message = f"the write-ahead log has {store.wal_bytes / MIB:,.0f} MiB"
    if store.wal_bytes > WAL_LARGE_BYTES:
        do = f"find who reads the store without end (fuser {store.file}), and end that program"
        return wrong("store.log", f"{message}: it cannot be folded in while somebody reads", do)
    return ok("store.log", message)
