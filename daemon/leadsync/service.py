"""The daemon at work: keeps the jobs' times, settles what is open, carries out commands, and ends in order.

Everything it does is a task of one group: where one breaks a rule of our own, all end, and the process with them. A
daemon that is half alive would be noticed by nobody.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeAlias

import structlog

from leadsync import __version__, events
from leadsync.config import Settings
from leadsync.config.fingerprint import fingerprint, trace_fingerprint
from leadsync.control.server import Command, Errand, Result
from leadsync.core.model import CALLED, End
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from leadsync.errors import BadWeather, Bug, Busy, DaemonDiffers, LeadsyncError, OperatorMistake
from leadsync.household import Household
from leadsync.jobs.desk import Office, Surroundings
from leadsync.jobs.dispatch import Dispatch
from leadsync.jobs.shelf import Shelf
from leadsync.jobs.timetable import Timetable
from leadsync.scheduler import Alarms
from leadsync.store.ledger import Ledger, Timing
from leadsync.waiting import sleep_unless

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
    household: Household
    shelf: Shelf
    trace: Callable[[str, Mapping[str, Any]], Awaitable[str]]
    run_all: Callable[..., Awaitable[dict[str, End]]]
    keep_windows: Callable[[Callable[[str], Awaitable[None]]], Coroutine[Any, Any, None]]


Beside: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""What goes on beside the jobs, and ends by itself when leadsync is asked to stop."""


class Service:
    """One per daemon."""

    def __init__(
        self, office: Office, ledger: Ledger, around: Surroundings, dispatch: Dispatch, *, hands: Hands
    ) -> None:
        self._hands = hands
        self._office = office
        self._ledger = ledger
        self._around = around
        self._dispatch = dispatch
        self._work: asyncio.TaskGroup | None = None
        self._timetable: Timetable | None = None
        self._attended: set[str] = set()
        self._settled: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._kept: set[str] = set()
        self._housed: set[str] = set()
        self._called: set[str] = set()

    async def run(self, alarms: Alarms, beside: Collection[Beside] = ()) -> None:
        """Run the jobs at their times until the wish to stop, and then until their runs have ended."""
        timetable = Timetable(self._ledger, self._around, set_alarm=alarms.set, run=self._dispatch.run)
        timings = _timings(self._office.settings)
        await timetable.start(timings)
        await self._dispatch.tell_orphans()
        accounts = len(self._office.desks)
        _log.info(events.DAEMON_STARTED, version=__version__, process=os.getpid(), accounts=accounts, jobs=len(timings))
        async with asyncio.TaskGroup() as self._work:
            self._timetable = timetable
            self.follow()
            self._work.create_task(self._hands.keep_windows(partial(self._call, "webhook")))
            for go_on in (timetable.watch_clock, *beside):
                self._work.create_task(go_on())
            await self._around.stopping.wait()

    async def plan_anew(self, settings: Settings) -> None:
        """Go by the times of other settings from now on. Raises StoreFailed; nothing is changed then."""
        _, timetable = self._at_work()
        timings = _timings(settings)
        await timetable.change(timings, {timing.job for timing in timings} - self._kept)

    def follow(self) -> None:
        """Take on the accounts and the jobs of the office that nobody attends to yet; the others end by themselves."""
        group, timetable = self._at_work()
        jobs = self._office.settings.jobs
        self._attend_to_all(group)
        self._keep_all_houses(group)
        for timing in _timings(self._office.settings):
            if timing.job not in self._kept:
                self._kept.add(timing.job)
                group.create_task(self._keep(timing.job, jobs[timing.job].account, timetable))

    def _keep_all_houses(self, group: asyncio.TaskGroup) -> None:
        for account in self._office.desks.keys() - self._housed:
            self._housed.add(account)
            group.create_task(self._hands.household.keep(account, partial(self._call, CALLED)))

    def _attend_to_all(self, group: asyncio.TaskGroup) -> None:
        for account in self._office.settings.accounts.keys() - self._attended:
            self._attended.add(account)
            group.create_task(self._attend(account))

    def _attend_again(self) -> None:
        """Have what runs may have left open settled, where no time of a job's own sends it again, or none soon."""
        if not self._around.stopping.is_set():
            group, _ = self._at_work()
            self._attend_to_all(group)

    def _at_work(self) -> tuple[asyncio.TaskGroup, Timetable]:
        if self._work is None or self._timetable is None:
            raise Bug("the daemon is not at work, so it cannot be changed")
        return self._work, self._timetable

    @property
    def commands(self) -> Mapping[str, Command]:
        """What the daemon carries out, by name."""
        return {
            "once": self._once,
            "resume": self._resume,
            "answer_store": self._answer_store,
            "plan": self._plan,
            "sessions": self._sessions,
            "prune": self._prune,
            "look_at_session": self._look_at_session,
            "delete_session": self._delete_session,
            "release": self._release,
            "discard": self._discard,
            **{f"traces_{what}": partial(self._trace, what) for what in ("again", "resume", "older")},
        }

    def _once(self, arguments: Mapping[str, Any]) -> Errand:
        """Run jobs now."""
        return self._begin(arguments, partial(self._run_all, again=arguments["again"]))

    def _resume(self, arguments: Mapping[str, Any]) -> Errand:
        """Answer a parked job."""
        choice = Choice(arguments["choice"]) if arguments["choice"] else None
        return self._begin(arguments, lambda names: _message(self._answer(names[0], choice)))

    async def _answer(self, job: str, choice: Choice | None) -> str:
        """Answer a parked job; the open key of one that has no times of its own is settled now, and not by its runs."""
        told = await self._hands.resume(job, choice)
        if job not in self._kept:
            self._attend_again()
        return told

    def _answer_store(self, arguments: Mapping[str, Any]) -> Errand:
        """Take what a person says of the store."""
        answer = StoreAnswer(arguments["answer"])
        return self._begin(arguments, lambda _: _message(self._hands.answer_store(answer)))

    def _plan(self, arguments: Mapping[str, Any]) -> Errand:
        """Say what the next runs would do; what the jobs' runs log meanwhile does not belong to it."""
        return replace(self._begin(arguments, lambda _: self._hands.plan()), jobs=(), accounts=())

    def _sessions(self, arguments: Mapping[str, Any]) -> Errand:
        """Show who holds the slots."""
        return self._begin_in_house(arguments, self._hands.household.sessions)

    def _prune(self, arguments: Mapping[str, Any]) -> Errand:
        """Delete those of the named sessions that the policy lets go."""
        return self._begin_in_house(arguments, partial(self._hands.household.prune, arguments["named"]))

    def _look_at_session(self, arguments: Mapping[str, Any]) -> Errand:
        """Say what the deletion of a session means."""
        session, account, force = arguments["session"], arguments["account"], arguments["force"]
        return self._begin_in_house(arguments, partial(self._hands.household.look_at, session, account, force=force))

    def _delete_session(self, arguments: Mapping[str, Any]) -> Errand:
        """Delete a session that a person has looked at."""
        account, seen, force = arguments["account"], arguments["seen"], arguments["force"]
        return self._begin_in_house(arguments, partial(self._hands.household.delete, account, seen, force=force))

    def _begin_in_house(self, arguments: Mapping[str, Any], work: Callable[[], Awaitable[Result]]) -> Errand:
        """Begin a work about all slots: which jobs there are, and the policy, decide what may go.

        Raises Busy and DaemonDiffers as `_begin`.
        """
        settings = self._office.settings
        if arguments["policy"] != repr(settings.housekeeping) or set(arguments["jobs"]) != set(settings.jobs):
            raise DaemonDiffers(
                "the daemon has read its files before a job came or went, or [housekeeping] was last changed, so it"
                " would judge the sessions otherwise; nothing was done. Reload it (systemctl reload leadsync), then try"
                " again"
            )
        return replace(self._begin(arguments, lambda _: work()), jobs=())

    async def _call(self, trigger: str, job: str) -> None:
        """Have a job run that waited for something: at its times' next look, or at once where it has no times."""
        group, timetable = self._at_work()
        if await timetable.call(job) or job in self._called:
            return
        self._called.add(job)
        group.create_task(self._run_called(job, trigger))

    async def _run_called(self, job: str, trigger: str) -> None:
        await self._dispatch.run(job, trigger)
        self._called.discard(job)
        self._attend_again()

    def _release(self, arguments: Mapping[str, Any]) -> Errand:
        """Let webhooks out of quarantine."""
        return self._begin(arguments, lambda _: _message(self._hands.shelf.release(arguments["messages"])))

    def _discard(self, arguments: Mapping[str, Any]) -> Errand:
        """Give webhooks up that wait in quarantine."""
        return self._begin(arguments, lambda _: _message(self._hands.shelf.discard(arguments["messages"])))

    def _trace(self, what: str, arguments: Mapping[str, Any]) -> Errand:
        """Do something about the skip trace, if both have read the same of it: what is asked for is billed.

        Raises Busy as `_begin`, and DaemonDiffers.
        """
        if arguments["traced"] != trace_fingerprint(self._office.settings):
            raise DaemonDiffers(
                "the daemon has read its files before [skip_trace], or whose owners are found, was last changed, so it"
                " would ask by what they said; nothing was done. Reload it (systemctl reload leadsync), then try again"
            )
        return self._begin(arguments, lambda _: _message(self._hands.trace(what, arguments)))

    def _begin(self, arguments: Mapping[str, Any], work: Callable[[list[str]], Awaitable[Result]]) -> Errand:
        """Begin a work about jobs; `jobs` maps their names to the fingerprints of what the operator's files say.

        Raises Busy before the start is done and once the stop has begun, DaemonDiffers where the files have changed.
        """
        if self._work is None or self._around.stopping.is_set():
            raise Busy("the daemon is just starting or stopping; nothing was done. Try again in a moment")
        settings = self._office.settings
        asked: dict[str, str] = arguments["jobs"]
        for name, theirs in asked.items():
            if name not in settings.jobs or fingerprint(settings, name) != theirs:
                raise DaemonDiffers(
                    f"the daemon has read its files before job {name} or its account was last changed, so it would run"
                    " something else; nothing was done. Reload it (systemctl reload leadsync), then try again"
                )
        accounts = tuple({settings.jobs[name].account for name in asked})
        return Errand(self._work.create_task(_told(work(list(asked)))), tuple(asked), accounts)

    async def _run_all(self, names: list[str], *, again: bool) -> Result:
        ends = await self._hands.run_all(names, again=again)
        self._attend_again()
        return {"ends": {name: _plain(end) for name, end in ends.items()}}

    async def _attend(self, account: str) -> None:
        """Settle the open keys of an account, then let its jobs' times begin; what stays open is tried again."""
        rest_s = await self._settle(account)
        self._settled[account].set()
        while rest_s is not None and not self._around.stopping.is_set():
            await sleep_unless(self._around.stopping, rest_s)
            if self._around.stopping.is_set() or account not in self._office.desks:
                break
            rest_s = await self._settle(account)
        self._attended.discard(account)

    async def _keep(self, job: str, account: str, timetable: Timetable) -> None:
        """Keep a job's times, once what was open in its account is settled."""
        await self._settled[account].wait()
        await timetable.keep(job)
        self._kept.discard(job)
        self._attend_again()

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


def _timings(settings: Settings) -> list[Timing]:
    return [
        Timing(job.name, job.schedule.times, job.schedule.jitter, makes_up=job.missed == "run_once")
        for job in settings.jobs.values()
        if job.enabled and job.schedule is not None
    ]


def _plain(end: End) -> dict[str, str | None]:
    return {"outcome": end.outcome, "message": end.message, "reason": end.reason}


_log = structlog.get_logger()
