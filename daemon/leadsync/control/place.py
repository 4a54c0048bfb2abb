"""Where the socket is: beside the store, under its name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PATH_MAX_BYTES: Final = 107
"""What the kernel takes for the name of a Unix socket."""


def socket_of(store: Path) -> Path:
    """Return the socket of the daemon that holds this store."""
    return store.with_name(f"{store.name}.sock")


@contextmanager
def within_reach(socket: Path) -> Iterator[str]:
    """Give a name under which the socket can be bound or reached now: a deep folder is entered through /proc.

    Raises OSError where the folder is not there.
    """
    if len(os.fsencode(socket)) <= PATH_MAX_BYTES:
        yield str(socket)
        return
    folder = os.open(socket.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{socket.name}"
    finally:
        os.close(folder)
