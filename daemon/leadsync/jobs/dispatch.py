"""Who runs what: one run of a session after another, and what was left open before anything new (P2, P5)."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Final, TypeAlias

import structlog

from leadsync import events
from leadsync.config import Job
from leadsync.core.model import SETTLING, End, Outcome
from leadsync.errors import BadWeather
from leadsync.jobs.desk import Brief, Desk, Office
from leadsync.store.ledger import Ledger, SessionState

RunBrief: TypeAlias = Callable[[Brief, Desk, str], Awaitable[End]]
"""Conducts one run of a brief at a desk, for a trigger."""

Sessions: TypeAlias = Collection[tuple[str, str]]
"""Sessions by account and name."""

GONE: Final = End(Outcome.INTERRUPTED, "the job was removed or disabled before the run began; nothing was asked")
STOPPED: Final = End(Outcome.INTERRUPTED, "leadsync was asked to stop before the run began")


class Dispatch:
    """One per process; every run of it goes through here."""

    def __init__(self, office: Office, ledger: Ledger, stopping: asyncio.Event, *, run: RunBrief) -> None:
        self._stopping = stopping
        self._office = office
        self._ledger = ledger
        self._run_brief = run
        self._under_way: dict[str, Brief] = {}
        self._jobs: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sessions: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._claims: Counter[tuple[str, str]] = Counter()

    async def run(self, name: str, trigger: str, *, again: bool = False) -> End:
        """Run a job, after whatever its session is at just now; anew, where its file is changed meanwhile.

        `again` begins a one-shot's next life.
        """
        end = GONE
        while (brief := self._brief(name, again=again)) is not None:
            async with self.alone(brief.job, brief.account, brief.session):
                if self._stopping.is_set():
                    return STOPPED
                if self._brief(name, again=again) != brief:
                    continue  # changed while it waited
                end = await self._run_pull(brief, trigger)
            if end.outcome is not Outcome.INTERRUPTED or not brief.withdrawn.is_set():
                break
            again = False  # the life that it began goes on
        return end

    def follow(self) -> None:
        """Let the runs whose job is another by now end at their next page."""
        for name, brief in self._under_way.items():
            if self._brief(name, again=brief.aim is not None and brief.aim.again) != brief:
                brief.withdrawn.set()

    async def run_all(self, names: Iterable[str], trigger: str, *, again: bool = False) -> dict[str, End]:
        """Run jobs side by side; return how each ended."""
        async with asyncio.TaskGroup() as group:
            runs = {name: group.create_task(self.run(name, trigger, again=again)) for name in names}
        return {name: run.result() for name, run in runs.items()}

    async def settle(self, account: str, but: Sessions = frozenset()) -> int:
        """Send the open keys of an account's sessions, whatever has become of their jobs; return how many stay open.

        Those of `but` are settled by their own runs, those of parked sessions when a person has answered.
        """
        sessions = await self._open_sessions(account, but)
        by_job: dict[str, list[SessionState]] = {}
        for session in sessions:
            by_job.setdefault(session.job, []).append(session)
        async with asyncio.TaskGroup() as group:
            for several in by_job.values():
                group.create_task(self._settle_all(several))
        return len(await self._open_sessions(account, but)) if sessions else 0

    def is_denied(self, account: str) -> bool:
        """Whether the vendor has turned the account down."""
        desk = self._office.desks.get(account)
        return desk is not None and desk.denied is not None

    async def tell_orphans(self) -> None:
        """Name the open keys that nobody can settle, since the configuration does not have their account.

        A run of it that is under way settles its own, or tells it at its end.
        """
        for session in await self._ledger.sessions_with_open_keys():
            if session.account not in self._office.desks and session.job not in self._under_way:
                _log.warning(events.KEY_LEFT_OPEN, job=session.job, account=session.account, session=session.name)

    @asynccontextmanager
    async def alone(self, job: str, account: str, session: str) -> AsyncIterator[None]:
        """Hold while nothing else may happen to a job and its session."""
        self._claims[account, session] += 1
        try:
            # Always in this order. A job may have had several sessions, and a session several jobs.
            async with self._jobs[job], self._sessions[account, session]:
                yield
        finally:
            self._claims[account, session] -= 1

    @asynccontextmanager
    async def if_idle(self, account: str, session: str) -> AsyncIterator[bool]:
        """Hold a session alone, True; or False at once where somebody has it or waits for it.

        Who deletes never waits for a run: the run may wait for a slot that the deletion would free.
        """
        if self._claims[account, session]:
            yield False
            return
        async with self._claimed(account, session):
            yield True

    @asynccontextmanager
    async def _claimed(self, account: str, session: str) -> AsyncIterator[None]:
        self._claims[account, session] += 1
        try:
            async with self._sessions[account, session]:
                yield
        finally:
            self._claims[account, session] -= 1

    @asynccontextmanager
    async def _seated(self, brief: Brief) -> AsyncIterator[None]:
        """Hold the session of a one-shot's life, too, which no file names: nobody may delete it under its run."""
        try:
            seat = await self._ledger.seat(brief.account, brief.job) if brief.aim is not None else None
        except BadWeather:
            seat = None  # the run meets the same trouble, and tells it
        if seat is None:
            yield
            return
        async with self._claimed(brief.account, seat):
            yield

    async def _open_sessions(self, account: str, but: Sessions) -> list[SessionState]:
        return [
            session
            for session in await self._ledger.sessions_with_open_keys()
            if session.account == account and session.parked is None and (account, session.name) not in but
        ]

    async def _settle_all(self, sessions: list[SessionState]) -> None:
        """Settle the sessions of one job, which may have had several, one after another."""
        for session in sessions:
            async with self.alone(session.job, session.account, session.name):
                is_open = await self._is_open(session)
                desk = self._office.desks.get(session.account)  # after all waiting: a reload may take it away
                if desk is None or self._stopping.is_set() or not is_open:
                    continue
                brief = Brief.to_settle(session, self._job_of(session), self._price(session.account))
                await self._run_brief(brief, desk, SETTLING)

    async def _is_open(self, session: SessionState) -> bool:
        """Whether the key is still open: a run of its job may have settled it while this one waited."""
        try:
            return (await self._ledger.session(session.account, session.name, session.job)).open_page is not None
        except BadWeather:
            return True  # the run meets the same trouble, and tells it

    async def _run_pull(self, brief: Brief, trigger: str) -> End:
        self._under_way[brief.job], desk = brief, self._office.desks[brief.account]
        try:
            async with self._seated(brief):
                end = await self._run_brief(brief, desk, trigger)
        finally:
            del self._under_way[brief.job]
        if brief.account not in self._office.desks:
            with suppress(BadWeather):  # the next start tells it
                await self.tell_orphans()
        return end

    def _brief(self, name: str, *, again: bool) -> Brief | None:
        """What a job asks for by now; None where it is gone or disabled."""
        settings = self._office.settings
        job = settings.jobs.get(name)
        if job is None or not job.enabled:
            return None
        price = self._price(job.account)
        if job.kind == "one_shot":
            public_url = settings.webhooks.public_url if settings.webhooks else None
            return Brief.to_aim(job, price, public_url=public_url, again=again)
        return Brief.to_pull(job, price)

    def _job_of(self, session: SessionState) -> Job | None:
        for job in self._office.settings.jobs.values():
            if (job.account, job.session) == (session.account, session.name):
                return job
        return None

    def _price(self, account: str) -> Decimal:
        return self._office.settings.accounts[account].price_per_record


_log = structlog.get_logger()
