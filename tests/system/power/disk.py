"""A disk that keeps its word and no more: what was synced is there after a power cut, the rest may be, in part.

A file's bytes are on the disk once the file was synced, its name once its folder was. What was not synced survives as
one of three things: not at all; as a prefix, in the order in which it was written; or as any of its sectors.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.system.power.recording import Did, Record

__all__ = ["Cut", "Disk", "Files"]

SECTOR_BYTES: Final = 512

Files = dict[str, bytes]
"""A folder after a power cut, by name."""


class Cut(StrEnum):
    """What becomes of what was not synced."""

    LOST = "lost"
    PREFIX = "prefix"
    SECTORS = "sectors"


@dataclass(slots=True)
class Inode:
    """A file without its name. `pending` is what was done to it since its last sync: writes and new lengths."""

    synced: bytes = b""
    pending: list[Record] = field(default_factory=list)

    def sync(self) -> None:
        """All that was written is on the disk."""
        self.synced, self.pending = self.now(), []

    def now(self) -> bytes:
        """What a reader sees while there is power."""
        return _after(self.synced, self.pending)

    def after(self, cut: Cut, dice: random.Random) -> bytes:
        """What is left without it."""
        match cut:
            case Cut.LOST:
                return self.synced
            case Cut.PREFIX:
                return _after(self.synced, self.pending[: dice.randint(0, len(self.pending))])
            case Cut.SECTORS:
                return _after(self.synced, list(_survivors(self.pending, dice)))


class Disk:
    """Follows a process record by record; `images` are what the disk may hold if the power is cut now."""

    def __init__(self) -> None:
        self._inodes: dict[int, Inode] = {}
        self._names: dict[str, Inode] = {}
        self._synced_names: dict[str, Inode] = {}
        self._renaming: list[dict[str, Inode]] = []
        """The names after each change since the last sync of the folder."""

    @classmethod
    def holding(cls, folder: Path) -> "Disk":
        """A disk with what lies in a folder now, all of it synced."""
        disk = cls()
        for path in folder.iterdir():
            if path.is_file():
                inode = disk._inodes[path.stat().st_ino] = Inode(path.read_bytes())
                disk._names[path.name] = disk._synced_names[path.name] = inode
        return disk

    def follow(self, record: Record) -> None:
        """Do what the process did; what it says to others is nothing to a disk."""
        match record.did:
            case Did.OPENED if record.name not in self._names:
                # The number of a file that was deleted may come again for a new one.
                self._inodes[record.id] = Inode()
                self._rename({**self._names, record.name: self._inodes[record.id]})
            case Did.WROTE | Did.TRUNCATED:
                self._inodes[record.id].pending.append(record)
            case Did.SYNCED:
                self._inodes[record.id].sync()
            case Did.SYNCED_FOLDER:
                self._synced_names, self._renaming = self._names, []
            case Did.UNLINKED:
                self._rename({name: inode for name, inode in self._names.items() if name != record.name})
            case Did.RENAMED:
                names = {name: inode for name, inode in self._names.items() if name != record.name}
                self._rename({**names, record.data.decode(): self._names[record.name]})

    def now(self) -> Files:
        """What a reader sees while there is power."""
        return {name: inode.now() for name, inode in self._names.items()}

    def after(self, cut: Cut, dice: random.Random) -> Files:
        """What the disk may hold if the power is cut now."""
        names = self._synced_names
        if cut is not Cut.LOST and self._renaming:
            names = dice.choice([names, *self._renaming])
        return {name: inode.after(cut, dice) for name, inode in names.items()}

    def _rename(self, names: dict[str, Inode]) -> None:
        self._names = names
        self._renaming.append(names)


def _after(synced: bytes, done: list[Record]) -> bytes:
    if not done:
        return synced
    content = bytearray(synced)
    for record in done:
        if record.did is Did.TRUNCATED:
            del content[record.at :]
        content.extend(bytes(max(0, record.at - len(content))))
        content[record.at : record.at + len(record.data)] = record.data
    return bytes(content)


def _survivors(pending: list[Record], dice: random.Random) -> Iterator[Record]:
    """Any of the sectors that were written, and any of the new lengths."""
    for record in pending:
        if record.did is Did.TRUNCATED:
            yield from [record] * dice.randint(0, 1)
            continue
        first = record.at - record.at % SECTOR_BYTES
        for sector in range(first, record.at + len(record.data), SECTOR_BYTES):
            if dice.random() < 0.5:
                begins, ends = max(sector, record.at), sector + SECTOR_BYTES
                yield Record(
                    record.did, record.name, record.id, begins, record.data[begins - record.at : ends - record.at]
                )
