"""What follows a window's request: its result or its deadline, and the run that then goes on.

Who waits is in the store, so a restart forgets nobody. Results are taken and windows expire whatever has become of
their job; that it goes on is for a job that the configuration has.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import structlog
from sqlalchemy import Connection

from leadsync import events
from leadsync.config import Job
from leadsync.config.limits import limits_of
from leadsync.core.budget import window_starts
from leadsync.core.model import End
from leadsync.core.resume import ask_again_command
from leadsync.core.windows import WindowState, goes_on_at, next_step
from leadsync.errors import BadWeather
from leadsync.jobs.desk import Brief, Office, Surroundings
from leadsync.jobs.patience import Patience
from leadsync.store import windows
from leadsync.store.ledger import Ledger
from leadsync.store.pulls import OpenPull
from leadsync.store.windows import Arrived, Expired, Failed
from leadsync.vendors.async_wire import Failure, Result
from leadsync.waiting import result_unless, sleep_unless

LOOK_AGAIN_S: Final = 60.0
"""How long one rests where the store cannot be read or written, and how long who was called has to begin."""

MOMENT_S: Final = 1.0
"""How long one rests where a window's deadline has passed, and what has come for it is not read yet."""

LOOK_AT_LEAST_S: Final = 3_600.0
"""Clocks are put back and forth."""

Call: TypeAlias = Callable[[str], Awaitable[None]]
"""Has a job run soon, once."""


class Sequel:
    """One per process."""

    def __init__(self, office: Office, ledger: Ledger, around: Surroundings) -> None:
        self._office = office
        self._ledger = ledger
        self._around = around
        self._sign = asyncio.Event()
        self._called: dict[str, tuple[datetime, float]] = {}
        self._ends: dict[str, End] = {}
        self._news = asyncio.Event()
        self._patience = Patience()

    def ring(self) -> None:
        """Something has changed for somebody who waits."""
        self._sign.set()

    async def ended(self, brief: Brief, end: End) -> End:
        """A run of a one-shot has ended, however: return that end, with whether results are on their way.

        What it had to wait for may have come since its last look: then it goes on with that. While the store is in
        doubt no result is read, so that it does not go on by itself.
        """
        with suppress(BadWeather):  # the run has met the same trouble, and told it
            awaited = end.awaits or await self._ledger.windows.is_awaited(brief.account, brief.job)
            end = replace(end, awaits=awaited and self._ledger.doubt is None)
        self._enter(brief.job, end)
        self.ring()
        return end

    def _enter(self, job: str, end: End) -> None:
        self._ends[job] = end
        self._news.set()
        self._news = asyncio.Event()

    async def follow(self, job: str, end: End) -> End:
        """Wait for as long as results of a job are on their way; return how its last run ended."""
        while (end := self._ends.get(job, end)).awaits and not self._around.stopping.is_set():
            await result_unless(self._around.stopping, self._news.wait())
        return end

    def take(self, content: Result | Failure, connection: Connection) -> Arrived | Failed:
        """Store what has come, within the transaction in which its message is taken. Raises Unreadable."""
        now = self._around.now()
        if isinstance(content, Failure):
            return windows.fail(connection, content.key, content.request_id, content.message, now)
        return windows.arrive(connection, content.key, content.request_id, content.leads(), now)

    def taken(self, receipt: Arrived | Failed) -> None:
        """Tell what has come, and have its job go on."""
        place = receipt.place
        log = _log.bind(run=place.run, job=place.job, account=place.account)
        if isinstance(receipt, Failed):
            if receipt.counts:
                log.warning(events.WINDOW_FAILED, window=place.window, message=receipt.message)
        else:
            log.info(
                events.WINDOW_ARRIVED,
                window=place.window,
                records=receipt.records,
                new=receipt.new,
                duplicates=receipt.duplicates,
                redelivered=receipt.redelivered,
                cost=receipt.cost,
                late=receipt.late,
                further=receipt.further,
                other_id=receipt.other_id,
            )
            if receipt.completes:
                _log.info(events.ONE_SHOT_AMENDED, job=place.job, account=place.account)
        self.ring()

    async def keep(self, call: Call) -> None:
        """Let windows expire and call whose pull goes on, until leadsync is asked to stop."""
        stopping = self._around.stopping
        while not stopping.is_set():
            self._sign.clear()
            try:
                rest_s = await self._look(call)
            except BadWeather as error:
                rest_s = LOOK_AGAIN_S
                _log.warning(events.WINDOWS_DELAYED, message=str(error), wait_s=rest_s)
            await result_unless(stopping, sleep_unless(self._sign, rest_s))

    async def _look(self, call: Call) -> float:
        """Do what is due; return how long to rest. While the store is in doubt nothing is: a person must say more."""
        if self._ledger.doubt is not None:
            return LOOK_AT_LEAST_S
        now = self._around.now()
        patient_s = self._patience.left_s(now, self._ledger.inbox.turned_away)
        if not patient_s:
            for expired in await self._ledger.windows.expire(self._asking_again(), now):
                _tell_expired(expired)
        deadline = await self._ledger.windows.next_deadline()
        due = [deadline and max(deadline, now + timedelta(seconds=patient_s or MOMENT_S))]
        for pull in await self._ledger.windows.open_pulls():
            at = self._goes_on_at(pull, now)
            if at is None or at > now:
                due.append(at)
                self._rests(pull)
            elif self._may_call(pull.job, at):
                await call(pull.job)
                due.append(now + timedelta(seconds=LOOK_AGAIN_S))
        return min([LOOK_AT_LEAST_S, *((at - now).total_seconds() for at in due if at is not None)])

    def _goes_on_at(self, pull: OpenPull, now: datetime) -> datetime | None:
        job = self._job(pull)
        if job is None:
            return None
        step = next_step(job.records or pull.wanted, pull.windows, job.windows_in_flight)
        zone = limits_of(self._office.settings.accounts[job.account]).zone
        tomorrow = window_starts(pull.rest.ended_at, zone)[0] + timedelta(days=1)
        return goes_on_at(step, pull.rest, tomorrow, now)

    def _rests(self, pull: OpenPull) -> None:
        """Nobody has to wait for a pull that does not go on by itself just now, once all is here."""
        end = self._ends.get(pull.job)
        if end is not None and end.awaits and all(window.state is not WindowState.ASKED for window in pull.windows):
            self._enter(pull.job, replace(end, awaits=False))

    def _job(self, pull: OpenPull) -> Job | None:
        job = self._office.settings.jobs.get(pull.job)
        known = job is not None and job.enabled and job.kind == "one_shot" and job.account == pull.account
        return job if known else None

    def _asking_again(self) -> frozenset[str]:
        jobs = self._office.settings.jobs.values()
        return frozenset(job.name for job in jobs if job.enabled and job.on_expiry == "ask_again")

    def _may_call(self, job: str, at: datetime) -> bool:
        """Not again for the same reason in a moment: a run that cannot even begin must not be called hot."""
        now_s = asyncio.get_running_loop().time()
        called = self._called.get(job)
        if called is not None and called[0] == at and now_s - called[1] < LOOK_AGAIN_S:
            return False
        self._called[job] = (at, now_s)
        return True


def _tell_expired(expired: Expired) -> None:
    place = expired.place
    _log.warning(
        events.WINDOW_EXPIRED,
        run=place.run,
        job=place.job,
        account=place.account,
        window=place.window,
        records=expired.records,
        cost=expired.cost,
        again=expired.again,
        command=ask_again_command(place.job),
    )


_log = structlog.get_logger()
