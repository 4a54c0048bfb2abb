"""leadsync watching itself: looks once a minute at how things stand, and says what began, became worse or ended (P12).

The facts are gathered here, each by a small function, and judged in `core.watch`. Another fact is a field there, a line
here, and a condition in `core.conditions`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final, TypeAlias

import structlog

from leadsync import events
from leadsync.config import Job, Settings
from leadsync.config.limits import limits_of
from leadsync.core.budget import shares
from leadsync.core.conditions import Severity
from leadsync.core.schedule import Cron
from leadsync.core.slots import Room
from leadsync.core.unusual import Unusual, days_of, judge
from leadsync.core.watch import (
    SCHEDULER_SILENT,
    AccountFacts,
    Began,
    Ended,
    Facts,
    Held,
    JobFacts,
    StoreFacts,
    TraceFacts,
    Transition,
    Worsened,
    step,
)
from leadsync.core.watch import sights as sights_of
from leadsync.errors import BadWeather
from leadsync.jobs.desk import Desk, Office, Surroundings
from leadsync.jobs.logbook import Logbook
from leadsync.store.ledger import Ledger, Look, Watched
from leadsync.store.watching import AccountLook, JobLook
from leadsync.waiting import sleep_unless

SetAlarm: TypeAlias = Callable[[str, datetime, Callable[[], None]], None]

LOOK_EVERY_S: Final = 60.0
WELL_WITHIN_S: Final = 3 * LOOK_EVERY_S
LAG_EVERY_S: Final = 2.0
ALARM: Final = "watch:"
"""No job has a colon in its name."""

ALARM_AFTER: Final = timedelta(seconds=LOOK_EVERY_S / 2)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is watched: the configuration in force, the desks of its accounts, and the size of the store's log."""

    office: Office
    wal_bytes: Callable[[], int]


class Watch:
    """One per daemon."""

    def __init__(self, subject: Subject, ledger: Ledger, around: Surroundings, logbook: Logbook) -> None:
        self._subject = subject
        self._ledger = ledger
        self._around = around
        self._logbook = logbook
        self._lag_s = 0.0
        self._rang_s = 0.0
        self._store_failed_at_s: float | None = None
        self._judged: dict[str, tuple[tuple[int, date | None], Unusual | None]] = {}
        self._looked_s = 0.0
        self.facts: Facts | None = None
        """The latest look; None before the first."""
        self.beats: dict[str, datetime] = {}
        """When the loop last came round, the scheduler rang, and a look was taken."""

    async def run(self, set_alarm: SetAlarm) -> None:
        """Look once a minute, until leadsync is asked to stop."""
        loop, stopping = asyncio.get_running_loop(), self._around.stopping
        self._rang_s = self._looked_s = loop.time()
        await self._logbook.open(self._around.now())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feel_lag())
            while not stopping.is_set():
                # Set anew each time: a wall clock that was put back would hold up the one that was set before.
                set_alarm(ALARM, self._around.now() + ALARM_AFTER, self._ring)
                await sleep_unless(stopping, LOOK_EVERY_S)
                if not stopping.is_set():
                    await self.look()

    @property
    def is_well(self) -> bool:
        """Whether the daemon is at work: a look came lately through loop and store, and the scheduler's alarms ring."""
        if asyncio.get_running_loop().time() - self._looked_s > WELL_WITHIN_S:
            return False
        facts = self.facts
        return facts is None or not (
            facts.store_failed_s or facts.scheduler_silent_s >= SCHEDULER_SILENT.total_seconds()
        )

    async def look(self) -> None:
        """Take one look, and say what is news."""
        self.facts = facts = await self._gather()
        held, now = self._logbook.held, self._around.now()
        after, news = step(held, sights_of(facts, held, now), now)
        for transition in news:
            _tell(transition)
        await self._logbook.enter(after, now, is_news=bool(news))
        self._looked_s = asyncio.get_running_loop().time()
        self.beats["looked"] = self._around.now()

    def _ring(self) -> None:
        self._rang_s = asyncio.get_running_loop().time()
        self.beats["rang"] = self._around.now()

    async def _feel_lag(self) -> None:
        """Note how much later than it wished a timer is served."""
        loop, stopping = asyncio.get_running_loop(), self._around.stopping
        while not stopping.is_set():
            due_s = loop.time() + LAG_EVERY_S
            await sleep_unless(stopping, LAG_EVERY_S)
            self._lag_s = max(self._lag_s, loop.time() - due_s)
            self.beats["seen"] = self._around.now()

    async def _gather(self) -> Facts:
        now_s = asyncio.get_running_loop().time()
        lag_s, self._lag_s = self._lag_s, 0.0
        store = await self._ask_store()
        failed_at_s = self._store_failed_at_s
        return Facts(
            store=store,
            store_failed_s=0.0 if failed_at_s is None else max(now_s - failed_at_s, LOOK_EVERY_S),
            silence_s={name: _silence_s(desk, now_s) for name, desk in self._subject.office.desks.items()},
            free_bytes=_bytes(self._around.free_bytes),
            wal_bytes=_bytes(self._subject.wal_bytes),
            lag_s=lag_s,
            scheduler_silent_s=now_s - self._rang_s,
        )

    async def _ask_store(self) -> StoreFacts | None:
        settings, now = self._subject.office.settings, self._around.now()
        jobs = {job.name: job for job in settings.jobs.values() if job.enabled}
        granted = {
            name: (limits_of(account), Room(account.session_cap, account.session_reserve))
            for name, account in settings.accounts.items()
        }
        try:
            watched = Watched(granted, {name: (job.account, job.named_session) for name, job in jobs.items()})
            look = await self._ledger.look(watched, now)
            for name, job in jobs.items():
                await self._judge(job, look.jobs[name], now)
        except BadWeather:
            self._note_store(fails=True)
            return None
        # What it shows holds, also where it can only be read.
        self._note_store(fails=self._logbook.is_behind)
        return self._of_store(settings, look)

    def _note_store(self, *, fails: bool) -> None:
        if not fails:
            self._store_failed_at_s = None
        elif self._store_failed_at_s is None:
            self._store_failed_at_s = asyncio.get_running_loop().time()

    async def _judge(self, job: Job, look: JobLook, now: datetime) -> None:
        """Judge what a job has brought, where anything has changed since that was last done."""
        if not job.recurs or job.schedule is None:
            self._judged.pop(job.name, None)  # by hand there is no rhythm that could be missed
            return
        zone = job.schedule.times.zone if isinstance(job.schedule.times, Cron) else UTC
        state = look.last_run, _open_day(look, now, zone)
        if self._judged.get(job.name, (None, None))[0] != state:
            days = days_of(await self._ledger.past(job.name), zone, now)
            self._judged[job.name] = state, judge(days, state[1])

    def _of_store(self, settings: Settings, look: Look) -> StoreFacts:
        return StoreFacts(
            accounts=tuple(_account(settings, name, one) for name, one in look.accounts.items()),
            jobs=tuple(self._job(settings.jobs[name], one) for name, one in look.jobs.items()),
            doubt=look.doubt,
            reload_refused=look.reload_refused,
            quarantined=look.inbox["quarantined"],
            # Without the section nobody is asked for, and no command could answer.
            traces=look.traces if settings.skip_trace else TraceFacts(),
        )

    def _job(self, job: Job, look: JobLook) -> JobFacts:
        return JobFacts(
            name=job.name,
            account=job.account,
            run_timeout=job.run_timeout,
            due_at=look.due_at,
            running_since=look.running_since,
            parked=look.parked,
            last=look.last,
            waits=look.waits,
            unusual=self._judged.get(job.name, (None, None))[1],
        )


def _account(settings: Settings, name: str, look: AccountLook) -> AccountFacts:
    account = settings.accounts[name]
    # Where no job would try it and no key waits for it, a pause keeps nobody, and nothing would ever end it.
    is_wanted = look.used != look.billed or any(job.enabled and job.account == name for job in settings.jobs.values())
    return AccountFacts(
        name=name,
        paused=look.paused if is_wanted else None,
        budget=shares(limits_of(account), look.billed),
        slots_left=None if look.slots is None else look.slots.free,
        slots_cap=account.session_cap,
    )


def _bytes(of: Callable[[], int]) -> int:
    """Ask the disk; one that cannot be looked at has no room: nothing is asked for then, either."""
    try:
        return of()
    except OSError:
        return 0


def _silence_s(desk: Desk, now_s: float) -> float | None:
    if desk.breaker.is_open:
        return desk.breaker.silence_s(now_s)
    return 0.0 if desk.breaker.was_answered else None


def _open_day(look: JobLook, now: datetime, zone: tzinfo) -> date | None:
    """Today on the job's own clock, where it runs on it now or once more."""
    today = now.astimezone(zone).date()
    more = look.next_at is not None and look.next_at.astimezone(zone).date() <= today
    return today if more or look.running_since is not None else None


_LEVELS: Final = {Severity.NOTE: 20, Severity.WARNING: 30, Severity.URGENT: 40}


def _tell(transition: Transition) -> None:
    one = transition.held
    about = one.key.condition.about
    match transition:
        case Began():
            _log.log(_LEVELS[about.severity], events.CONDITION_BEGAN, **_fields(one), do=about.do)
        case Worsened():
            _log.log(_LEVELS[about.severity], events.CONDITION_WORSENED, **_fields(one), do=about.do)
        case Ended():
            lasted = (one.ended_at or one.began_at) - one.began_at
            _log.info(events.CONDITION_ENDED, **_fields(one), lasted_s=round(lasted.total_seconds()))


def _fields(one: Held) -> dict[str, Any]:
    condition, subject = one.key
    message = f"{condition.about.meaning} ({one.detail})"
    whose = {"job" if condition.startswith("job_") else "account": subject} if subject else {}
    return {"condition": condition, **whose, "severity": condition.about.severity, "message": message}


_log = structlog.get_logger()
