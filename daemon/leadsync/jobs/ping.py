"""Calling dead-man's switches: the daemon's while all is well with it, a job's when its runs begin and end.

They are called from the daemon's own loop, so who hangs calls nobody, and somebody else notices. A run that weather has
ended says nothing, since it is made up for within minutes; if that goes on, the switch has heard of no good end.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from leadsync import events
from leadsync.core.model import End, Outcome
from leadsync.core.notices import try_again_s
from leadsync.jobs.desk import Surroundings
from leadsync.vendors.switch import Switch
from leadsync.waiting import result_unless, sleep_unless

START: Final = "/start"
WELL: Final = ""
FAIL: Final = "/fail"


async def keep_alive(switch: Switch, every_s: float, around: Surroundings, is_well: Callable[[], bool]) -> None:
    """Call the daemon's switch until leadsync is asked to stop; where something is wrong with it, with /fail."""
    word, failures = START, 0
    while not around.stopping.is_set():
        why = await result_unless(around.stopping, switch.call(word))
        failures = failures + 1 if why else 0
        # A switch that cannot be reached is tried again sooner than it would be called: it may be about to cry.
        wait_s = min(every_s, try_again_s(failures, around.draw()) / 2) if why else every_s
        if why:
            _log.warning(events.PING_FAILED, job=None, message=why, wait_s=round(wait_s))
        await sleep_unless(around.stopping, wait_s)
        word = WELL if is_well() else FAIL


class JobSwitch:
    """A job's switch. What it could not be told is out of date once there is something newer."""

    def __init__(self, job: str, switch: Switch, around: Surroundings) -> None:
        self._job = job
        self._switch = switch
        self._around = around
        self._words: asyncio.Queue[str] = asyncio.Queue()

    def hear(self, end: End | None) -> None:
        """A run of the job has begun (None), or has ended."""
        word = START if end is None else word_of(end)
        if word is not None:
            self._words.put_nowait(word)

    async def run(self) -> None:
        """Tell it what is heard, in turn, until leadsync is asked to stop."""
        stopping = self._around.stopping
        while not stopping.is_set():
            word = await result_unless(stopping, self._words.get())
            if word is not None:
                await result_unless(stopping, self._say(word))

    async def _say(self, word: str) -> None:
        failures = 0
        while why := await self._switch.call(word):
            failures += 1
            wait_s = try_again_s(failures, self._around.draw())
            _log.warning(events.PING_FAILED, job=self._job, message=why, wait_s=round(wait_s))
            await asyncio.sleep(wait_s)
            if not self._words.empty():
                return


def word_of(end: End) -> str | None:
    """What a switch is told of a run's end; None where it is told nothing, because the job goes on by itself."""
    if end.awaits:
        return None
    match end.outcome:
        case Outcome.COMPLETE | Outcome.LIMITED:
            return WELL
        case Outcome.INTERRUPTED:
            return None
        case Outcome.FAILED:
            return None if end.reason is None else FAIL
        case Outcome.OVER_BUDGET | Outcome.PARTIAL | Outcome.PARKED | Outcome.WAITING:
            return FAIL


_log = structlog.get_logger()
