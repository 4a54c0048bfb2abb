"""What a signal does: the first SIGTERM or SIGINT ends everything in order, the second at once."""

import asyncio
import math
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from leadsync import events
from leadsync.jobs.desk import Surroundings

GRACE_S: Final = 20.0
"""How long a stop waits for the page under way: less than the thirty seconds in which the process must be gone."""

ONE_SIGNAL_S: Final = 0.1
"""A signal to the process and its group arrives twice, and is one."""


@contextmanager
def stopping_on_signals(around: Surroundings) -> Iterator[None]:
    """The first SIGTERM or SIGINT ends runs at their page boundary, and after a grace wherever they are.

    The second ends the process at once, and loses nothing.
    """
    loop = asyncio.get_running_loop()
    first_s = math.inf

    def stop(number: int) -> None:
        nonlocal first_s
        if loop.time() - first_s > ONE_SIGNAL_S:
            os._exit(128 + number)
        if around.stopping.is_set():
            return
        first_s = loop.time()
        around.stopping.set()
        loop.call_later(GRACE_S, around.hurry.set)
        _log.info(events.STOP_ASKED, signal=signal.Signals(number).name)

    with on_signal(signal.SIGTERM, stop), on_signal(signal.SIGINT, stop):
        yield


@contextmanager
def on_signal(number: signal.Signals, call: Callable[[int], None]) -> Iterator[None]:
    """Call back with the number wherever the signal comes while the block lasts."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(number, call, number)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


_log = structlog.get_logger()
