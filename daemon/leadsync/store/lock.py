"""One leadsync per store: an flock beside it, held as long as the process lives (P5)."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from leadsync.errors import Busy, StoreFailed
from leadsync.store.refusals import out_of_reach

DAEMON: Final = "run"
ONCE: Final = "once"
"""What a process has the store for."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the store. `serves`: it is the daemon, which runs jobs by their schedules."""

    process: int
    serves: bool


def holder(store: Path) -> Holder | None:
    """Return the living process that has the store, without touching the lock.

    After a power cut the number in the file may be anybody's by now, so the kernel's list of locks is believed.
    """
    path = _lock_file(store)
    try:
        process, role = path.read_text("ascii").split()
        mark = f":{path.stat().st_ino} "
        held = any(
            mark in line and process in line.split() for line in Path("/proc/locks").read_text("ascii").splitlines()
        )
    except (OSError, ValueError):
        return None
    return Holder(int(process), role == DAEMON) if held else None


def _lock_file(store: Path) -> Path:
    return store.with_name(store.name + ".lock")


class InstanceLock:
    """Holds `FILE.lock`; the kernel lets it go when the process dies, however it dies."""

    def __init__(self, store: Path, role: str) -> None:
        self._role = role
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
            process = (os.read(self._file, 20).decode("ascii", "replace").split() or ["unknown"])[0]
            os.close(self._file)
            raise Busy(
                f"the store is in use by another leadsync (process {process}); wait for it, or stop it, then try again"
            ) from None
        try:
            os.ftruncate(self._file, 0)
            os.write(self._file, f"{os.getpid()} {self._role}\n".encode())
        except OSError as error:
            os.close(self._file)
            raise StoreFailed(f"{self._path} cannot be written ({error.strerror}); nothing was sent") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let the lock go; the file stays, so that two starters never lock two different files."""
        with suppress(OSError):  # on a disk that fails; whose number it is, the kernel tells better than the file
            os.ftruncate(self._file, 0)
        os.close(self._file)
