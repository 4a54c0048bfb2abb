"""Telling people of the conditions: a messenger a notifier, each by itself, so that one that hangs holds up nobody.

What is told is decided in `core.notices`, and noted in the logbook once a message has gone out; what could not be sent
is due again. So a notice may come twice where leadsync is killed in between, and never not at all. A notifier that
fails is a warning in the log, and no run knows of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from leadsync import events
from leadsync.core.notices import Line, Terms, due, message, told_by, try_again_s
from leadsync.jobs.desk import Surroundings
from leadsync.jobs.logbook import Logbook
from leadsync.waiting import result_unless, sleep_unless

Send: TypeAlias = Callable[[str, str], Awaitable[str]]
"""Sends title and body; returns why that failed, "" where it did not. It never takes for ever."""

LOOK_AGAIN_S: Final = 60.0
"""How often a messenger looks what is due by the clock: patience that is over, reminders, the end of quiet hours."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """One notifier. `together_s`: after a message, what comes within so long is one message."""

    name: str
    terms: Terms
    together_s: float
    send: Send


class Messenger:
    """One per notifier."""

    def __init__(self, notifier: Notifier, logbook: Logbook, around: Surroundings) -> None:
        self._notifier = notifier
        self._logbook = logbook
        self._around = around
        self._not_before_s = 0.0
        self._failures = 0

    async def run(self) -> None:
        """Tell what is due, until leadsync is asked to stop."""
        stopping = self._around.stopping
        while not stopping.is_set():
            news = self._logbook.news
            left_s = self._not_before_s - asyncio.get_running_loop().time()
            if left_s > 0:
                await sleep_unless(stopping, left_s)
                continue
            lines = self._due() if self._logbook.is_current else []
            if lines:
                await result_unless(stopping, self._tell(lines))
            else:
                await result_unless(stopping, sleep_unless(news, LOOK_AGAIN_S))

    def _due(self) -> list[Line]:
        return due(self._logbook.held, self._notifier.name, self._notifier.terms, self._around.now())

    async def _tell(self, lines: list[Line]) -> None:
        notifier, loop = self._notifier, asyncio.get_running_loop()
        why = await notifier.send(*message(lines, self._around.now()))
        if why:
            self._failures += 1
            wait_s = try_again_s(self._failures, self._around.draw())
            self._not_before_s = loop.time() + wait_s
            _log.warning(events.NOTICE_FAILED, notifier=notifier.name, message=why, wait_s=round(wait_s))
            return
        self._failures = 0
        self._not_before_s = loop.time() + notifier.together_s
        told = [" ".join(filter(None, (line.kind, *line.held.key))) for line in lines]
        _log.info(events.NOTICE_SENT, notifier=notifier.name, told=told)
        await self._logbook.note(told_by(lines, notifier.name, self._around.now()), notifier.name)


_log = structlog.get_logger()
