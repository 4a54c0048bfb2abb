"""The way to systemd's journal: a line of the log as one entry of fields, by which `journalctl FIELD=value` filters.

It knows the journal's own format, and nothing of what a line means. Nothing here waits: where the journal is not there
or does not keep up, the line is lost, and whoever calls learns it.
"""

import errno
import fcntl
import os
import re
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO

SOCKET: Final = Path("/run/systemd/journal/socket")

NAME: Final = re.compile(r"[A-Z0-9][A-Z0-9_]{0,63}")
"""What the journal takes for a field; names with an underscore in front are its own, and it drops what does not fit."""

TOO_LARGE: Final = frozenset({errno.EMSGSIZE, errno.ENOBUFS})
"""What the kernel says to a datagram that it has no room for."""

SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def leads_there(stream: TextIO, journal_stream: str) -> bool:
    """Whether what is written to the stream arrives at the journal; `journal_stream` is $JOURNAL_STREAM."""
    try:
        there = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return journal_stream == f"{there.st_dev}:{there.st_ino}"


def encode(fields: Mapping[str, str]) -> bytes:
    """Return an entry; a value of several lines is told with its length, so that it stays whole."""
    return b"".join(_field(name.encode("ascii"), value.encode(errors="replace")) for name, value in fields.items())


def _field(name: bytes, value: bytes) -> bytes:
    if b"\n" in value:
        return b"%s\n%s%s\n" % (name, struct.pack("<Q", len(value)), value)
    return b"%s=%s\n" % (name, value)


def send(entry: bytes) -> None:
    """Hand one entry over, however large it is. Raises OSError where it is not taken at once.

    The socket is made for it, which takes a few microseconds: nothing is left to close, or to find again when the
    journal was restarted.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as way:
        try:
            way.sendto(entry, str(SOCKET))
        except OSError as error:
            if error.errno not in TOO_LARGE:
                raise
            _send_sealed(way, entry)


def _send_sealed(way: socket.socket, entry: bytes) -> None:
    """Hand over a file in memory that nobody can change any more, as the journal wants it."""
    file = os.memfd_create("leadsync", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with os.fdopen(file, "wb") as memory:
        memory.write(entry)
        memory.flush()
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, SEALS)
        passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file))]
        way.sendmsg([], passed, 0, str(SOCKET))
