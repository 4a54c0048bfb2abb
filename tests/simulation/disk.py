"""A disk that loses what was not synced: the files lie in a real folder, and beside it is known what is durable.

Kept in mind, by file: its durable bytes, the writes since the last sync, and whether its name was synced since it was
made. A kill leaves the folder as it is. A power cut leaves of the unsynced writes none, the first few, or any 512-byte
sectors of them, and may forget a file whose name was never synced. A deletion is durable at once.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.simulation.process import PROCESS

SECTOR: Final = 512

KINDS: Final = {"-wal": "log", "-journal": "journal", ".witness": "witness", ".lock": "lock"}

Trouble = Callable[[str], None]
"""Told each operation before it is carried out, as `<file>.<what>`; raises OSError where it shall fail."""


class Write(NamedTuple):
    """Bytes at an offset; without bytes the file is cut there."""

    offset: int
    data: bytes | None


@dataclass(slots=True)
class File:
    """What the disk owes of a file. `named`: its name in the folder is durable."""

    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[Write] = field(default_factory=list)
    named: bool = False


def no_trouble(operation: str) -> None:
    """The disk is in order."""


def _nobody_looks() -> None:
    """No file is open but leadsync's own."""


class Disk:
    """One folder on it. `rng` draws what a power cut leaves; `owes`: what was committed is not durable.

    `written` counts the writes into the log: what a transaction that only reads finds there unsynced is left of one
    that has failed, and the next that writes begins where that began.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.trouble: Trouble = no_trouble
        self.files: dict[str, File] = {}
        self.owes = False
        self.written = 0
        self.let_go: Callable[[], None] = _nobody_looks
        self._rng = rng
        self._handles: dict[int, str] = {}

    def begins(self, name: str, operation: str) -> None:
        """Somebody is about to do this: a step of a process, and a place for trouble. Raises Death or OSError."""
        label = f"{kind_of(name)}.{operation}"
        process = PROCESS.get()
        if process is not None:
            process.step(label)
        self.trouble(label)

    def opened(self, name: str) -> None:
        """A file was opened, and perhaps made."""
        self.files.setdefault(name, File())

    def wrote(self, name: str, offset: int, data: bytes) -> None:
        """Bytes were written."""
        self.files[name].unsynced.append(Write(offset, data))
        self.written += kind_of(name) == "log"

    def cut(self, name: str, size: int) -> None:
        """A file was cut, or made longer."""
        self.files[name].unsynced.append(Write(size, None))

    def synced(self, name: str) -> None:
        """All that was written to a file is durable."""
        file = self.files[name]
        apply(file.durable, file.unsynced)
        file.unsynced.clear()
        self.owes = self.owes and kind_of(name) != "log"

    def folder_synced(self) -> None:
        """All names are durable."""
        for file in self.files.values():
            file.named = True

    def deleted(self, name: str) -> None:
        """A file is gone."""
        self.files.pop(name, None)

    def lay(self, name: str, data: bytes) -> None:
        """Put a durable file there."""
        self.files[name] = File(bytearray(data), named=True)
        (self.folder / name).write_bytes(data)

    def committed(self, written_before: int) -> None:
        """SQLite says that a transaction is done. It is owed where a power cut could take something of the log."""
        self.owes = self.owes or (self.written > written_before and self._log_is_loose())

    def _log_is_loose(self) -> bool:
        logs = [file for name, file in self.files.items() if kind_of(name) == "log"]
        return any(file.unsynced or not file.named for file in logs)

    def restart(self, *, power: bool) -> None:
        """Go on after the death of all who had files open; each file becomes a new one, which none of them holds."""
        self.let_go()
        for handle in self._handles:
            os.close(handle)
        self._handles.clear()
        for name, file in list(self.files.items()):
            image = self._left_of(file) if power else (self.folder / name).read_bytes()
            (self.folder / name).unlink(missing_ok=True)
            if image is None:
                del self.files[name]
            else:
                self._lay_again(name, file, image, power=power)
        for left in self.folder.glob("*-shm"):
            left.unlink()
        self.owes = self._log_is_loose()  # whoever opens the store takes for done what is whole in the log

    def _lay_again(self, name: str, file: File, image: bytes, *, power: bool) -> None:
        (self.folder / name).write_bytes(image)
        if power:
            self.files[name] = File(bytearray(image), named=True)
        else:
            self.files[name] = file

    def _left_of(self, file: File) -> bytes | None:
        if not file.named and self._rng.random() < 0.5:
            return None
        left = bytearray(file.durable)
        match self._rng.randrange(3):
            case 1:
                apply(left, file.unsynced[: self._rng.randint(0, len(file.unsynced))])
            case 2:
                apply(left, [sector for write in file.unsynced for sector in self._sectors(write)])
            case _:
                pass
        return bytes(left)

    def _sectors(self, write: Write) -> list[Write]:
        """Any of a write's sectors; a cut is one."""
        if write.data is None:
            return [write] if self._rng.random() < 0.5 else []
        kept: list[Write] = []
        at = 0
        while at < len(write.data):
            end = min(len(write.data), at + SECTOR - (write.offset + at) % SECTOR)
            if self._rng.random() < 0.5:
                kept.append(Write(write.offset + at, write.data[at:end]))
            at = end
        return kept


def not_durable(disk: Disk, counter: str, number: int) -> Iterator[str]:
    """Say what a power cut could still take of what leaves now, under that number by that counter of the witness."""
    if disk.owes:
        yield "a request was sent while a transaction that was said to be done was not durable"
    witnessed = json.loads(disk.files["leadsync.db.witness"].durable)[counter]
    if witnessed < number:
        yield f"number {number} of {counter} was sent while the witness knows {witnessed}"


class DiskOs:
    """What stands in the place of `os` in the modules that write beside the store: the same, with the disk watching."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._names: dict[int, str] = disk._handles  # noqa: SLF001 - two halves of one disk

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: str | os.PathLike[str], flags: int, mode: int = 0o777) -> int:
        """Open a file of the folder, or the folder itself."""
        name = Path(path).name
        if flags & os.O_CREAT:
            self._disk.begins(name, "open")
        handle = os.open(path, flags, mode)
        self._names[handle] = name
        if flags & os.O_CREAT:
            self._disk.opened(name)
        return handle

    def close(self, handle: int) -> None:
        """Close it."""
        if self._names.pop(handle, None) is not None:
            os.close(handle)

    def pwrite(self, handle: int, data: bytes, offset: int) -> int:
        """Write at an offset."""
        name = self._names[handle]
        self._disk.begins(name, "write")
        self._disk.wrote(name, offset, data)
        return os.pwrite(handle, data, offset)

    def write(self, handle: int, data: bytes) -> int:
        """Write at the beginning, where all that use this write."""
        return self.pwrite(handle, data, 0)

    def ftruncate(self, handle: int, size: int) -> None:
        """Cut a file."""
        name = self._names[handle]
        self._disk.begins(name, "cut")
        self._disk.cut(name, size)
        os.ftruncate(handle, size)

    def fdatasync(self, handle: int) -> None:
        """Make a file durable."""
        name = self._names[handle]
        self._disk.begins(name, "sync")
        self._disk.synced(name)

    def fsync(self, handle: int) -> None:
        """Make the folder's names durable; nobody syncs a file this way."""
        self._disk.begins(self._names[handle], "sync")
        self._disk.folder_synced()


def kind_of(name: str) -> str:
    """What a file is to the store: store, log, journal, witness, lock, or the folder itself."""
    for ending, kind in KINDS.items():
        if name.endswith(ending):
            return kind
    return "store" if name.endswith(".db") else "folder"


def apply(image: bytearray, writes: list[Write]) -> None:
    """Carry out writes."""
    for write in writes:
        end = write.offset + len(write.data or b"")
        image.extend(bytes(max(0, end - len(image))))
        if write.data is None:
            del image[write.offset :]
        else:
            image[write.offset : end] = write.data
