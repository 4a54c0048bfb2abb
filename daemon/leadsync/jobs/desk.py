"""What the jobs are handed: the account they speak through, the run they serve, and the world around them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import structlog

from leadsync import events
from leadsync.config import Account, Job, Settings
from leadsync.config.intent import criteria_of, leave_of, wish_of
from leadsync.core.audit import Leave
from leadsync.core.budget import Limits
from leadsync.core.model import End, Listing, Outcome, Route
from leadsync.core.one_shot import Life
from leadsync.core.replies import Denied, Lost
from leadsync.core.routes import Wish
from leadsync.core.slots import Clocks, Jobs, Policy, Room, Rules
from leadsync.core.watch import DISK_FULL_BYTES
from leadsync.errors import Bug, DiskLow
from leadsync.jobs.till import Till
from leadsync.jobs.vacancy import Vacancy
from leadsync.store.ledger import SessionState
from leadsync.vendors.batchdata import BatchData
from leadsync.vendors.breaker import Breaker
from leadsync.vendors.traffic import Traffic

SETTLE_TIMEOUT: Final = timedelta(hours=1)
"""Longer than the ten minutes after which an unanswered key gives up by itself."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the core must not know by itself: the time (UTC), a die in [0, 1), the wish to stop, the disk's free bytes.

    `stopping` is set once: runs then end at their next page boundary. `hurry` is set where a stop has lasted too long:
    runs then end at once, with their key open.
    """

    now: Callable[[], datetime]
    draw: Callable[[], float]
    free_bytes: Callable[[], int]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def require_room(self) -> None:
        """What is paid for must find room: look before each request, a replay's too. Raises DiskLow."""
        try:
            free = self.free_bytes()
        except OSError as error:
            raise DiskLow(f"the disk of the store cannot be looked at ({error.strerror}); nothing is asked") from error
        if free < DISK_FULL_BYTES:
            raise DiskLow(
                f"less than {DISK_FULL_BYTES // 1024**2} MiB are free where the store lies; nothing more is asked"
                " for until there is room"
            )


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How often the slots are looked after, and which sessions may go without a person's word."""

    every: timedelta = timedelta(hours=6)
    policy: Policy = Policy.NEVER
    orphan_after: timedelta = timedelta(days=30)
    stale_after: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the configuration grants an account; `jobs` are its own, as the planner of the slots wants them."""

    limits: Limits
    slots: int
    slots_reserved: int
    audit_every: timedelta
    upkeep: Upkeep = field(default_factory=Upkeep)
    jobs: Jobs = field(default_factory=lambda: Jobs({}, {}))

    @property
    def room(self) -> Room:
        """How many slots there are, and how many of them are left to people."""
        return Room(self.slots, self.slots_reserved)

    @property
    def rules(self) -> Rules:
        """What the planner goes by."""
        return Rules(self.room, self.upkeep.policy, self.upkeep.orphan_after, self.upkeep.stale_after)


@dataclass(slots=True)
class Desk:
    """One account at work. `denied` is set while the vendor turns the account down, so that its other runs end too.

    `in_use`: the configuration has the account; `renewed` is set where its terms have changed. `listed` is the vendor's
    last session list, whoever has asked for it; None before the first. `doomed` are sessions whose deletion has gone
    out since the last audit, whatever came of it.
    """

    name: str
    client: BatchData
    terms: Terms
    traffic: Traffic = field(default_factory=Traffic)
    till: Till = field(default_factory=Till)
    breaker: Breaker = field(default_factory=Breaker)
    vacancy: Vacancy = field(default_factory=Vacancy)
    denied: Denied | None = None
    in_use: bool = True
    listed: Listing | None = None
    doomed: set[str] = field(default_factory=set)
    renewed: asyncio.Event = field(default_factory=asyncio.Event)

    def renew(self, terms: Terms) -> None:
        """Go by other terms, and wake who rests by the old ones."""
        self.terms = terms
        self.renewed.set()
        self.vacancy.tell()

    def hear(self, asker: str, reply: object, around: Surroundings) -> None:
        """Tell the breaker what came of an asker's request, and the log what came of the breaker; remember a list."""
        if isinstance(reply, dict):
            self.listed = reply
        now_s = asyncio.get_running_loop().time()
        if not isinstance(reply, Lost):
            open_s = self.breaker.answered(now_s)
            if open_s is not None:
                _log.info(events.BREAKER_CLOSED, account=self.name, open_s=round(open_s))
        elif self.breaker.unanswered(asker, now_s, around.draw()):
            since = self._silent_since(around).isoformat(timespec="seconds")
            _log.warning(events.BREAKER_OPENED, account=self.name, in_vain=self.breaker.in_vain, since=since)

    def clocks(self, around: Surroundings) -> Clocks:
        """Say what time it is here, and at the vendor by its last `Date`."""
        now, ahead = around.now(), self.client.clock_ahead
        return Clocks(now, None if ahead is None else now - ahead)

    def silence(self, around: Surroundings) -> str:
        """Say since when the vendor has answered nobody."""
        return f"the vendor has answered nobody since {self._silent_since(around):%Y-%m-%d %H:%M} UTC"

    def _silent_since(self, around: Surroundings) -> datetime:
        return around.now() - timedelta(seconds=self.breaker.silence_s(asyncio.get_running_loop().time()))


def jobs_of(settings: Settings, account: str) -> Jobs:
    """Return an account's jobs as the planner of the slots wants them.

    A session may be named by a job of another account as well, where both speak for one team by the same token.
    """
    theirs = [job for job in settings.jobs.values() if job.account == account]
    team = {name for name, other in settings.accounts.items() if _team(other) == _team(settings.accounts[account])}
    named = [job for job in settings.jobs.values() if job.account in team and job.named_session is not None]
    sessions = {job.session: job.enabled for job in sorted(named, key=lambda job: job.enabled)}
    enabled = {job.name: job.named_session for job in theirs if job.enabled}
    return Jobs(sessions, enabled, frozenset(job.name for job in theirs if not job.enabled))


def _team(account: Account) -> tuple[str, str, str]:
    return account.base_url, account.token.kind, account.token.name


@dataclass(slots=True)
class Office:
    """The configuration in force, and the desks of its accounts; a reload exchanges both in one breath."""

    settings: Settings
    desks: Mapping[str, Desk]


@dataclass(frozen=True, slots=True)
class Aim:
    """What a one-shot is to bring. `again` begins its next life.

    `public_url` is where the vendor reaches the inbox, None where there is none; `in_flight` are the windows that may
    be unanswered at once, each until its `deadline`; `asks_again`: one that expires is asked for anew.
    """

    wish: Wish
    public_url: str | None = None
    in_flight: int = 1
    deadline: timedelta = timedelta(hours=6)
    retry_unknown: bool = False
    again: bool = False
    asks_again: bool = False


@dataclass(frozen=True, slots=True)
class Brief:
    """What a run is to do. `settle_only` is its end as soon as no key is open; None goes on asking.

    `criteria` is the hash of what would be asked now; `records_max` is the run's own limit; `aim` is a one-shot's,
    whose session is known when its life is. `withdrawn` is set where the job's file has changed: the page under way is
    finished, and nothing more is asked under this brief.
    """

    job: str
    account: str
    session: str
    criteria: str
    leave: Leave
    timeout: timedelta
    page_size: int = 0
    records_max: int | None = None
    search: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    settle_only: End | None = None
    aim: Aim | None = None
    withdrawn: asyncio.Event = field(default_factory=asyncio.Event, compare=False)

    @classmethod
    def to_pull(cls, job: Job, price: Decimal) -> "Brief":
        """Pull what the job's file asks for."""
        return cls(
            job=job.name,
            account=job.account,
            session=job.session,
            criteria=criteria_of(job),
            leave=leave_of(job, price),
            timeout=job.run_timeout,
            page_size=job.page_size,
            records_max=job.records_per_run,
            search=job.search,
            options={**job.options, "datasets": list(job.datasets)} if job.datasets else job.options,
        )

    def for_life(self, life: Life) -> "Brief":
        """Pull for this life of a one-shot."""
        return replace(self, session=life.seat, leave=self.leave.in_life(life.number))

    @classmethod
    def to_aim(cls, job: Job, price: Decimal, *, public_url: str | None, again: bool) -> "Brief":
        """Bring what a one-shot's file asks for."""
        aim = Aim(
            wish=wish_of(job),
            public_url=public_url,
            in_flight=job.windows_in_flight,
            deadline=job.deadline,
            retry_unknown=job.retry_unknown,
            again=again,
            asks_again=job.on_expiry == "ask_again",
        )
        return replace(cls.to_pull(job, price), aim=aim)

    @classmethod
    def to_settle(cls, session: SessionState, job: Job | None, price: Decimal) -> "Brief":
        """Settle the open key of a session, whatever has become of its job: its page may be billed already."""
        return cls(
            job=session.job,
            account=session.account,
            session=session.name,
            criteria=session.criteria or "",
            leave=leave_of(job, price),
            timeout=SETTLE_TIMEOUT,
            settle_only=End(Outcome.LIMITED, "the key that an earlier run had left open is settled"),
        )


@dataclass(frozen=True, slots=True)
class Ticket:
    """One run under way: its row, its brief, and its session as the ledger had it when the run began.

    `recover_until`: the vendor's total up to which a restored store asks for pages that are billed already;
    `keys_known`: the vendor has shown that it knows their keys; `life` is a one-shot's, whose seat the session is.
    """

    run_id: int
    brief: Brief
    session: SessionState
    desk: Desk
    recover_until: int | None = None
    keys_known: bool = False
    life: Life | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it goes without a session."""
        return self.life is not None and self.life.route in {Route.PLAIN, Route.ASYNC}

    @property
    def aim(self) -> Aim:
        """What the one-shot is to bring."""
        if self.brief.aim is None:
            raise Bug(f"job {self.brief.job} is no one-shot")
        return self.brief.aim


_log = structlog.get_logger()
