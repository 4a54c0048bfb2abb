"""The daemon at work: keeps the jobs' times, settles what is open, carries out commands, and ends in order.

Everything it does is a task of one group: where one breaks a rule of our own, all end, and the process with them. A
daemon that is half alive would be noticed by nobody.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

import structlog

from leadsync import __version__, events
from leadsync.config import Settings
from leadsync.config.fingerprint import fingerprint
from leadsync.control.server import Command, Errand, Result
from leadsync.core.model import End
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from leadsync.errors import BadWeather, Busy, DaemonDiffers, LeadsyncError, OperatorMistake
from leadsync.jobs.desk import Surroundings
from leadsync.jobs.dispatch import Dispatch
from leadsync.jobs.timetable import Timetable
from leadsync.scheduler import Alarms
from leadsync.store.ledger import Ledger, Timing
from leadsync.vendors.pace import sleep_unless

SETTLE_AGAIN_S: Final = 900.0
"""After the ten minutes of each attempt: how long a key rests that nobody but us asks for."""

REFUSED_AGAIN_S: Final = 6 * 3_600.0
"""The same for an account that the vendor turns down: a due run may heal it before."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What commands are carried out with, beside the runs: each returns what the operator is told."""

    resume: Callable[[str, Choice | None], Awaitable[str]]
    answer_store: Callable[[StoreAnswer], Awaitable[str]]
    plan: Callable[[], Awaitable[Result]]
    release: Callable[[Collection[int]], Awaitable[str]]


class Service:
    """One per daemon."""

    def __init__(
        self, settings: Settings, ledger: Ledger, around: Surroundings, dispatch: Dispatch, *, hands: Hands
    ) -> None:
        self._hands = hands
        self._settings = settings
        self._ledger = ledger
        self._around = around
        self._dispatch = dispatch
        self._work: asyncio.TaskGroup | None = None

    async def run(self, alarms: Alarms) -> None:
        """Run the jobs at their times until the wish to stop, and then until their runs have ended."""
        timetable = Timetable(self._ledger, self._around, set_alarm=alarms.set, run=self._dispatch.run)
        timings = {account: _timings(self._settings, account) for account in self._settings.accounts}
        await timetable.start(list(chain.from_iterable(timings.values())))
        await self._dispatch.tell_orphans()
        jobs = sum(map(len, timings.values()))
        _log.info(events.DAEMON_STARTED, version=__version__, process=os.getpid(), accounts=len(timings), jobs=jobs)
        async with asyncio.TaskGroup() as self._work:
            for account, theirs in timings.items():
                self._work.create_task(self._attend(account, theirs, timetable))
            self._work.create_task(timetable.watch_clock())
            await self._around.stopping.wait()

    @property
    def commands(self) -> Mapping[str, Command]:
        """What the daemon carries out, by name."""
        return {
            "once": self._once,
            "resume": self._resume,
            "answer_store": self._answer_store,
            "plan": self._plan,
            "release": self._release,
        }

    def _once(self, arguments: Mapping[str, Any]) -> Errand:
        """Run jobs now."""
        return self._begin(arguments, self._run_all)

    def _resume(self, arguments: Mapping[str, Any]) -> Errand:
        """Answer a parked job."""
        choice = Choice(arguments["choice"]) if arguments["choice"] else None
        return self._begin(arguments, lambda names: _message(self._hands.resume(names[0], choice)))

    def _answer_store(self, arguments: Mapping[str, Any]) -> Errand:
        """Take what a person says of the store."""
        answer = StoreAnswer(arguments["answer"])
        return self._begin(arguments, lambda _: _message(self._hands.answer_store(answer)))

    def _plan(self, arguments: Mapping[str, Any]) -> Errand:
        """Say what the next runs would do; what the jobs' runs log meanwhile does not belong to it."""
        return replace(self._begin(arguments, lambda _: self._hands.plan()), jobs=(), accounts=())

    def _release(self, arguments: Mapping[str, Any]) -> Errand:
        """Let webhooks out of quarantine."""
        return self._begin(arguments, lambda _: _message(self._hands.release(arguments["messages"])))

    def _begin(self, arguments: Mapping[str, Any], work: Callable[[list[str]], Awaitable[Result]]) -> Errand:
        """Begin a work about jobs; `jobs` maps their names to the fingerprints of what the operator's files say.

        Raises Busy before the start is done and once the stop has begun, DaemonDiffers where the files have changed.
        """
        if self._work is None or self._around.stopping.is_set():
            raise Busy("the daemon is just starting or stopping; nothing was done. Try again in a moment")
        asked: dict[str, str] = arguments["jobs"]
        for name, theirs in asked.items():
            if name not in self._settings.jobs or fingerprint(self._settings, name) != theirs:
                raise DaemonDiffers(
                    f"the daemon was started before job {name} or its account was last changed, so it would run"
                    " something else; nothing was done. Restart the daemon (systemctl restart leadsync), then try again"
                )
        accounts = tuple({self._settings.jobs[name].account for name in asked})
        return Errand(self._work.create_task(_told(work(list(asked)))), tuple(asked), accounts)

    async def _run_all(self, names: list[str]) -> Result:
        return {"ends": {name: _plain(end) for name, end in (await self._dispatch.run_all(names, "once")).items()}}

    async def _attend(self, account: str, timings: list[Timing], timetable: Timetable) -> None:
        """Settle the open keys of an account, then keep its jobs' times; what stays open is tried again and again."""
        rest_s = await self._settle(account)
        async with asyncio.TaskGroup() as group:
            for timing in timings:
                group.create_task(timetable.keep(timing))
            while rest_s is not None:
                await sleep_unless(self._around.stopping, rest_s)
                rest_s = None if self._around.stopping.is_set() else await self._settle(account)

    async def _settle(self, account: str) -> float | None:
        """Settle what is open; return how long to rest until the next try, None where nothing is left to settle."""
        try:
            left = await self._dispatch.settle(account)
        except BadWeather as error:
            _log.warning(events.SETTLING_DELAYED, account=account, message=str(error), wait_s=SETTLE_AGAIN_S)
            return SETTLE_AGAIN_S
        if not left:
            return None
        return REFUSED_AGAIN_S if self._dispatch.is_denied(account) else SETTLE_AGAIN_S


async def _message(told: Awaitable[str]) -> Result:
    return {"message": await told}


async def _told(work: Awaitable[Result]) -> Result | LeadsyncError:
    """What the operator must read is a result; a bug is raised, and ends the daemon."""
    try:
        return await work
    except (OperatorMistake, BadWeather) as error:
        return error


def _timings(settings: Settings, account: str) -> list[Timing]:
    return [
        Timing(job.name, job.schedule.times, job.schedule.jitter, makes_up=job.missed == "run_once")
        for job in settings.jobs.values()
        if job.enabled and job.account == account and job.schedule is not None
    ]


def _plain(end: End) -> dict[str, str | None]:
    return {"outcome": end.outcome, "message": end.message, "reason": end.reason}


_log = structlog.get_logger()
