"""`warm.py LINK`: a Python that has imported leadsync and done nothing with it; each order forks a command off it.

An order comes over the link: arguments, environment, folder; and as descriptors stdin, stdout, stderr and the pipe that
gets the command's pid and at its end its code. When whoever holds the other end of the link has gone, so has all this.
"""

import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

import leadsync

ORDER_MAX_BYTES: Final = 65_536

NUMBER: Final = struct.Struct("i")
"""What a pid and a code are on the pipe."""

TOO_MUCH: Final = {"leadsync.__main__", "leadsync.reports.export.parquet", "leadsync.vendors.notifiers"}
"""What a fork imports itself: what it is to run, and what brings an extra, of which pyarrow starts threads."""

BESIDE: Final = ("rich.console", "rich.progress", "structlog")
"""What a command imports beside leadsync's own modules when it is called."""


@dataclass(frozen=True, slots=True)
class Children:
    """The commands under way, by the descriptor that tells of their end: the pid, and the pipe that is to be told."""

    alive: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, pid: int, report: int) -> None:
        """One has been forked."""
        self.alive[os.pidfd_open(pid)] = pid, report
        _tell(report, pid)

    def bury(self, end: int) -> None:
        """One has ended."""
        pid, report = self.alive.pop(end)
        _, status = os.waitpid(pid, 0)
        _tell(report, os.waitstatus_to_exitcode(status))
        os.close(report)
        os.close(end)

    def kill(self) -> None:
        """Nobody waits for them any more."""
        for end, (pid, _) in list(self.alive.items()):
            os.kill(pid, signal.SIGKILL)
            self.bury(end)


def serve(link: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork on order; in a child return what it is to be, and here None, when the link is cut."""
    children = Children()
    while True:
        ready, _, _ = select.select([link.fileno(), *children.alive], [], [])
        for end in ready:
            if end != link.fileno():
                children.bury(end)
                continue
            order, descriptors, _, _ = socket.recv_fds(link, ORDER_MAX_BYTES, 4)
            if not order:
                children.kill()
                return None
            pid = os.fork()
            if not pid:
                return json.loads(order), descriptors
            *streams, report = descriptors
            children.add(pid, report)
            for stream in streams:
                os.close(stream)


def become(order: dict[str, Any], descriptors: list[int]) -> None:
    """Be `python -m leadsync` from here on, with nothing of the process that this was forked from."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _opened_anew(number, getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    os.chdir(order["folder"])
    sys.argv[1:] = order["arguments"]
    runpy.run_module("leadsync", run_name="__main__", alter_sys=True)


def warm_up() -> None:
    """Import what any command imports, so that no fork has to; what was there before a fork is not its garbage."""
    for module in pkgutil.walk_packages(leadsync.__path__, "leadsync."):
        if module.name not in TOO_MUCH:
            importlib.import_module(module.name)
    for name in BESIDE:
        importlib.import_module(name)
    (_,) = Path("/proc/self/task").iterdir()  # a thread would not be there in a fork
    gc.collect()
    gc.freeze()


def _opened_anew(number: int, like: TextIO) -> TextIO:
    """A standard stream as Python opens it at its start: what the old one knew of its file may be wrong now."""
    mode = "wb" if number else "rb"
    by_line = like is sys.stderr or os.isatty(number)
    stream = open(number, mode, closefd=False)  # noqa: SIM115 - it stays open
    return io.TextIOWrapper(
        stream, encoding=like.encoding, errors=like.errors, newline="\n" if number else None, line_buffering=by_line
    )


def _tell(report: int, number: int) -> None:
    """Whoever began the command may be gone by now."""
    try:
        os.write(report, NUMBER.pack(number))
    except BrokenPipeError:
        return


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    held = socket.socket(fileno=int(sys.argv[1]))
    warm_up()
    if ordered := serve(held):
        become(*ordered)
