"""Commands that are processes of their own and start at once: forks of one that has imported leadsync (`warm.py`)."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.cli import warm
from tests.system.process import LEADSYNC, Process, Streams, environment, execute

__all__ = ["Nursery"]


class Forked:
    """A command under way, as `subprocess.Popen` has it."""

    def __init__(self, report: int) -> None:
        self._report = report
        self._code: int | None = None
        self.pid = self._told()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit code (negative: the signal). Raises TimeoutExpired."""
        if self._code is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("leadsync", timeout or 0)
            self._code = self._told()
            os.close(self._report)
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        try:
            self.wait(0)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _told(self) -> int:
        told = os.read(self._report, warm.NUMBER.size)
        assert told, "what commands are forked from has ended: can leadsync be imported?"
        (number,) = warm.NUMBER.unpack(told)
        return int(number)


class Nursery:
    """What commands are forked from; made by `open`."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """Keep it until the end; it ends by itself where this process dies."""
        link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with link, theirs:
            line = [sys.executable, "-W", "error", "-P", warm.__file__, str(theirs.fileno())]
            source = subprocess.Popen(line, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=environment())
            theirs.close()
            yield cls(link)
        source.wait()

    def cut(self) -> None:
        """Let go of it, as a process that dies does: it kills what it has forked, and ends."""
        self._link.shutdown(socket.SHUT_RDWR)

    def begin(
        self, program: Sequence[str], arguments: Sequence[str], streams: Streams, environ: Mapping[str, str]
    ) -> Process:
        """Begin a command; another program than leadsync is started as ever."""
        if tuple(program) != LEADSYNC:
            return execute(program, arguments, streams, environ)
        order = json.dumps({"arguments": arguments, "environ": dict(environ), "folder": str(Path.cwd())})
        report, theirs = os.pipe()
        socket.send_fds(self._link, [order.encode()], [*streams, theirs])
        os.close(theirs)
        return Forked(report)
