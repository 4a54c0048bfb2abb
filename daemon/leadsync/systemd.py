"""What leadsync tells the service manager that started it: ready, busy, alive, on its way out. Elsewhere, nothing.

The protocol is a datagram of lines to $NOTIFY_SOCKET; the libraries for it have not been touched for years, and are as
short. A manager that does not listen holds up nobody.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

LOOK_S: Final = 15.0
"""How old a status may become where no watchdog wants to hear of us more often."""

TELL_WAIT_S: Final = 1.0


class Manager:
    """The service manager, or nobody: then nothing is told. `environ` is what it has put there for us."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._status = ""
        watchdog_us = environ.get("WATCHDOG_USEC", "")
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog_s = int(watchdog_us) / 1_000_000 if watchdog_us.isdecimal() and meant else 0.0

    @property
    def listens(self) -> bool:
        """Whether there is one."""
        return bool(self._address)

    @property
    def every_s(self) -> float:
        """How often it should hear of us: twice in the time after which its watchdog bites, if it has one."""
        return min(self._watchdog_s / 2 or LOOK_S, LOOK_S)

    def ready(self) -> None:
        """Say that the service is at work, for the first time or after a reload."""
        self._tell("READY=1")

    def reloading(self, now_s: float) -> None:
        """Say that the configuration is being read; `now_s` is the monotonic clock's. `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now_s * 1_000_000:.0f}")

    def stopping(self) -> None:
        """Say that the service is ending by itself."""
        self._tell("STOPPING=1")

    def alive(self, status: str) -> None:
        """Feed the watchdog, and show the status where it is news."""
        news = [f"STATUS={status}"] if status != self._status else []
        self._status = status
        self._tell("WATCHDOG=1", *news)

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        # An address that begins with @ is abstract: the kernel wants a zero there.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way, suppress(OSError):
            way.settimeout(TELL_WAIT_S)
            way.sendto("\n".join(lines).encode(), address)
