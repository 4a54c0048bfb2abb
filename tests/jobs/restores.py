"""A store that is put back from a backup, as an operator does it: a proper copy, and what lies beside it stays."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.stage import Stage

STORE: Final = "leadsync.db"


def back_up(stage: Stage) -> Path:
    """Copy the store as an operator should, and return where the copy is."""
    target = stage.folder / "backup.db"
    with closing(sqlite3.connect(stage.folder / STORE)) as store, closing(sqlite3.connect(target)) as copy:
        store.backup(copy)
    return target


def restore(stage: Stage) -> None:
    """Put the backup in the store's place, and leave what lies beside it."""
    for left in (STORE, f"{STORE}-wal", f"{STORE}-shm"):
        (stage.folder / left).unlink(missing_ok=True)
    shutil.copy(stage.folder / "backup.db", stage.folder / STORE)
