"""One leadsync per store: an flock beside it, held as long as the process lives (P5)."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from leadsync.errors import Busy
from leadsync.store.refusals import out_of_reach


def holder(store: Path) -> int | None:
    """Return the living process that took the store last, without touching the lock."""
    try:
        process = int(_lock_file(store).read_text("ascii"))
    except (OSError, ValueError):
        return None
    return process if Path(f"/proc/{process}").exists() else None


def _lock_file(store: Path) -> Path:
    return store.with_name(store.name + ".lock")


class InstanceLock:
    """Holds `FILE.lock`; the kernel lets it go when the process dies, however it dies."""

    def __init__(self, store: Path) -> None:
        self._path = _lock_file(store)
        self._file = -1

    def __enter__(self) -> Self:
        """Take the lock at once. Raises Busy, or StoreRefused where the folder is not ours to write in."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise out_of_reach(self._path, error.strerror) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise Busy(
                f"the store is in use by another leadsync (process {holder}); wait for it, or stop it, then try again"
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let the lock go; the file stays, so that two starters never lock two different files."""
        os.ftruncate(self._file, 0)
        os.close(self._file)
