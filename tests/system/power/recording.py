"""A process under the recorder, and what it was seen to do: one list, in the order in which it happened.

`recorder.c` goes under any process by LD_PRELOAD, which stays as it is. Records say what became of files, not yet what
that is worth (`disk`), and bytes, not yet requests (`talk`).
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import pytest

__all__ = ["Did", "Record", "Recorder"]

_HEAD: Final = struct.Struct("<B3xIQQQ")
_SOURCE: Final = Path(__file__).with_name("recorder.c")


class Did(Enum):
    """What a process did. `id` is a file's inode, or the number of a TCP socket, which no later one has."""

    OPENED = ord("O")
    """A file, which it may have made."""
    WROTE = ord("W")
    """`data` at the byte `at`."""
    TRUNCATED = ord("T")
    """To `at` bytes."""
    SYNCED = ord("S")
    """All that was written to a file so far is on the disk."""
    SYNCED_FOLDER = ord("D")
    """All names of a folder are on the disk."""
    UNLINKED = ord("U")
    RENAMED = ord("R")
    """`data` is the new name."""
    SENDING = ord("B")
    """From now on the other side may get bytes of what is sent next."""
    SENT = ord("N")
    RECEIVED = ord("G")


@dataclass(frozen=True, slots=True)
class Record:
    """One step. `name` is a file's, relative to the folder."""

    did: Did
    name: str
    id: int
    at: int
    data: bytes


class Recorder:
    """Records what processes do to one folder, one process after another into one list."""

    def __init__(self, library: Path, folder: Path, log: Path) -> None:
        self._log = log
        self.environment = {"LD_PRELOAD": str(library), "RECORD_FOLDER": str(folder), "RECORD_LOG": str(log)}
        """What a process must find among its variables."""

    @classmethod
    def built(cls, scratch: Path, folder: Path) -> "Recorder":
        """Compile it, and watch `folder`; a test that asks for it without a C compiler is skipped."""
        compiler = shutil.which(os.environ.get("CC", "cc")) or pytest.skip("there is no C compiler here (CC, cc)")
        library = scratch / "recorder.so"
        options = ("-O2", "-Wall", "-Werror", "-shared", "-fPIC")
        subprocess.run([compiler, *options, "-o", str(library), str(_SOURCE), "-ldl"], check=True)
        return cls(library, folder, scratch / "recorded")

    def records(self) -> Iterator[Record]:
        """Everything that was recorded so far, oldest first."""
        log = memoryview(self._log.read_bytes())
        while log:
            kind, name_bytes, data_bytes, number, at = _HEAD.unpack_from(log)
            name_ends = _HEAD.size + name_bytes
            ends = name_ends + data_bytes
            name = str(log[_HEAD.size : name_ends], "utf-8")
            yield Record(Did(kind), name, number, at, bytes(log[name_ends:ends]))
            log = log[ends:]
