"""The times of the jobs: waits for each slot, takes it once, and has its job run.

Each job is kept by a task of its own, which does one thing after another. So a job that hangs holds up nobody else, and
times that come due while it runs are one: the slot that is planned waits, and is taken when the run has ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import structlog

from leadsync import events
from leadsync.core.model import End, Outcome
from leadsync.core.retry import make_up_wait_s
from leadsync.core.schedule import At
from leadsync.errors import BadWeather
from leadsync.jobs.desk import Surroundings
from leadsync.store.ledger import Ledger, Missed, Planned, Timing
from leadsync.waiting import result_unless, sleep_unless

Run: TypeAlias = Callable[[str, str], Awaitable[End]]
"""Runs a job, by name and trigger."""

SetAlarm: TypeAlias = Callable[[str, datetime, Callable[[], None]], None]

STORE_RETRY_S: Final = 60.0
"""How long a job waits where its slots cannot be read or written: a full disk is not mended by haste."""

CLOCK_LOOK_S: Final = 30.0
CLOCK_SLACK_S: Final = 2.0
"""Between two looks; a clock that is merely disciplined drifts by milliseconds."""


class Timetable:
    """One per daemon."""

    def __init__(self, ledger: Ledger, around: Surroundings, *, set_alarm: SetAlarm, run: Run) -> None:
        self._ledger = ledger
        self._around = around
        self._set_alarm = set_alarm
        self._run = run
        self._timings: dict[str, Timing] = {}
        self._bells: dict[str, asyncio.Event] = {}
        self._planning = asyncio.Lock()

    async def start(self, timings: Collection[Timing]) -> None:
        """Plan what comes, so that `status` shows it, and tell what passed while leadsync was down."""
        missed = await self._ledger.start_slots(timings, self._around.now(), self._around.draw)
        self._enter(timings, missed)

    async def change(self, timings: Collection[Timing], new: Collection[str]) -> None:
        """Go by other times from now on; `new` are jobs that are not kept yet. A run that is under way is not touched.

        Raises StoreFailed; nothing is changed then.
        """
        async with self._planning:
            missed = await self._ledger.change_slots(timings, new, self._around.now(), self._around.draw)
            self._enter(timings, missed)
        for bell in self._bells.values():
            bell.set()

    async def keep(self, job: str) -> None:
        """Run a job at its times, until leadsync is asked to stop, the job has gone or nothing will be due again."""
        bell = self._bells[job] = asyncio.Event()
        while not self._around.stopping.is_set():
            bell.clear()  # before the look: who rings meanwhile has changed what there is to see
            try:
                planned = await self._look(job)
                if planned is None:
                    del self._bells[job]
                    return
                timing, slot, due = planned
                if due:
                    await self._serve(timing, slot)
                else:
                    await self._wait(job, slot.fire_at, bell)
            except BadWeather as error:
                self._tell_delay(job, error)
                await sleep_unless(self._around.stopping, STORE_RETRY_S)

    async def call(self, job: str) -> bool:
        """Have a job run now that has waited for something else than a time; False where nobody keeps its times."""
        bell = self._bells.get(job)
        if bell is None:
            return False
        async with self._planning:
            if job not in self._timings:
                return False
            await self._ledger.call_slot(job, self._around.now())
        bell.set()
        return True

    async def watch_clock(self) -> None:
        """Let every job look again where the wall clock was set, or stood still while the machine slept.

        Alarms reckon with the time that passes, so they notice neither.
        """
        while not self._around.stopping.is_set():
            before_s = self._ahead_s()
            await sleep_unless(self._around.stopping, CLOCK_LOOK_S)
            jump_s = self._ahead_s() - before_s
            if abs(jump_s) > CLOCK_SLACK_S:
                _log.warning(events.CLOCK_JUMPED, by_s=round(jump_s))
                for bell in self._bells.values():
                    bell.set()

    def _enter(self, timings: Collection[Timing], passed: Collection[Missed]) -> None:
        self._timings = {timing.job: timing for timing in timings}
        for missed in passed:
            _log.warning(
                events.SLOT_MISSED,
                job=missed.job,
                due_at=missed.due_at.isoformat(),
                cut_short=missed.cut_short,
                made_up=missed.made_up,
            )

    async def _look(self, job: str) -> tuple[Timing, Planned, bool] | None:
        """Return what a job waits for; a slot that is due is taken, while nobody changes the timetable."""
        async with self._planning:
            timing = self._timings.get(job)
            slot = await self._ledger.next_slot(timing, self._around.now(), self._around.draw()) if timing else None
            if timing is None or slot is None:
                return None
            due = slot.fire_at <= self._around.now()
            if due:
                await self._ledger.take_slot(timing, slot, self._around.now(), self._around.draw())
            return timing, slot, due

    def _ahead_s(self) -> float:
        """How far the wall clock is ahead of the time that passes."""
        return self._around.now().timestamp() - asyncio.get_running_loop().time()

    async def _wait(self, job: str, until: datetime, bell: asyncio.Event) -> None:
        """Wait for the alarm, for a clock that was set, or for the wish to stop."""
        self._set_alarm(job, until, bell.set)
        await result_unless(self._around.stopping, bell.wait())

    async def _serve(self, timing: Timing, slot: Planned) -> None:
        end = await self._run(timing.job, slot.cause)
        if end.outcome is Outcome.INTERRUPTED and self._around.stopping.is_set():
            return  # taken and not done: the next start makes up for it
        only_time = isinstance(timing.times, At)
        wait_s = make_up_wait_s(end, self._around.draw(), only_time=only_time)
        wanted = wait_s is not None and timing.job in self._timings  # not where the job has gone meanwhile
        retry_at = self._around.now() + timedelta(seconds=wait_s or 0.0) if wanted else None
        # Should the job come back, its only time is wanted still.
        unused = only_time and wait_s is not None and not wanted
        while not await self._finish(timing, slot, retry_at, unused=unused) and not self._around.stopping.is_set():
            await sleep_unless(self._around.stopping, STORE_RETRY_S)

    async def _finish(self, timing: Timing, slot: Planned, retry_at: datetime | None, *, unused: bool) -> bool:
        """Return whether the slot is done: nobody else remembers that it was taken."""
        try:
            await self._ledger.finish_slot(timing, slot, retry_at, unused=unused)
        except BadWeather as error:
            self._tell_delay(timing.job, error)
            return False
        return True

    def _tell_delay(self, job: str, error: BadWeather) -> None:
        _log.warning(events.SCHEDULE_DELAYED, job=job, message=str(error), wait_s=STORE_RETRY_S)


_log = structlog.get_logger()
