"""Builds every object and hands each its neighbours, for one command and for the daemon."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from leadsync import events
from leadsync.accounts import Accounts, Ways
from leadsync.config import Job, Settings
from leadsync.config.intent import wish_of
from leadsync.config.tables import INFLATED_MAX
from leadsync.core.audit import Verdict
from leadsync.core.model import End
from leadsync.core.resume import Choice
from leadsync.core.trace import STORE_DOUBTS
from leadsync.core.witness import DOUBTS, OWNERS_WAIT, TOLD, StoreAnswer
from leadsync.driving import Driving
from leadsync.errors import DaemonDiffers, UsageMistake
from leadsync.household import Household
from leadsync.jobs.audit import Auditor
from leadsync.jobs.desk import Brief, Desk, Office, Surroundings, Ticket
from leadsync.jobs.dispatch import Dispatch
from leadsync.jobs.listing import listing
from leadsync.jobs.resume import Resume
from leadsync.jobs.runner import Runner
from leadsync.jobs.sequel import Sequel
from leadsync.jobs.shelf import Shelf
from leadsync.jobs.skip_trace import SkipTrace
from leadsync.jobs.trace_desk import TraceDesk
from leadsync.jobs.trace_mail import TraceMail
from leadsync.jobs.trace_word import TraceWord
from leadsync.jobs.unpack import Handler, Unpack
from leadsync.keys import Keys, trace_access_of
from leadsync.outside import Outside
from leadsync.reports.plan import View, as_totals, read_view
from leadsync.reports.plan import plan as plan_of
from leadsync.reports.traces import outlook
from leadsync.service import Beside, Hands
from leadsync.store.engine import sqlite_file
from leadsync.store.ledger import Ledger, Said
from leadsync.store.lock import ONCE, InstanceLock
from leadsync.store.migrate import HEAD
from leadsync.store.opening import Opened, Place, close_store, open_store
from leadsync.vendors.async_wire import ERROR_KIND, RESULT_KIND, read_result
from leadsync.vendors.batchdata import BatchData
from leadsync.vendors.realestateapi import RealEstateApi
from leadsync.watching import Watched


@dataclass(frozen=True, slots=True)
class Tracing:
    """What finds owners: the way to the vendor, the job, and what a person says about it."""

    desk: TraceDesk
    job: SkipTrace
    word: TraceWord


class App:
    """leadsync with its store open and its accounts reachable; made by `open_app`."""

    def __init__(
        self,
        office: Office,
        accounts: Accounts,
        ledger: Ledger,
        around: Surroundings,
        *,
        sequel: Sequel,
        unpack: Unpack,
        tracing: Tracing,
        installation_name: Callable[[], str],
    ) -> None:
        self._installation_name = installation_name
        self._listeners: list[Callable[[str, End | None], None]] = []
        self.office = office
        self.accounts = accounts
        self.ledger = ledger
        self.around = around
        self.sequel = sequel
        self.unpack = unpack
        self.tracing = tracing
        self.shelf = Shelf(ledger, around, unpack.ring)
        self.dispatch = Dispatch(office, ledger, around.stopping, run=self._run)
        self.household = Household(office, ledger, around, self.dispatch.if_idle)
        self._auditors: dict[str, Auditor] = {}
        self._driving = Driving(ledger, around, self._auditors, self.household)
        self._appoint()
        self._runner = Runner(
            ledger,
            around,
            audit=self._audit,
            weigh=self._driving.weigh,
            slots=self.household,
            drive=self._driving.drive,
            ended=self._ended,
        )

    @property
    def settings(self) -> Settings:
        """The configuration in force."""
        return self.office.settings

    def adopt(self, settings: Settings, keys: Keys, ways: Ways) -> list[BatchData]:
        """Go by another configuration from now on, all of it in one breath; return the clients that are left over.

        It is for `reload`, which has made sure that this may be done.
        """
        left = self.accounts.left_for(ways.clients)
        self.office.desks = self.accounts.enter(settings, keys.tokens, ways.clients)
        self.office.settings = settings
        self.tracing.desk.enter(ways.trace)
        self._appoint()
        self.dispatch.follow()
        self.tracing.job.ring()
        self.sequel.ring()
        return left

    def _appoint(self) -> None:
        """See to it that each account has those who work for it."""
        self.household.follow()
        for name, desk in self.office.desks.items():
            if name not in self._auditors:
                self._auditors[name] = Auditor(desk, self.ledger, self.household.of[name].lister)

    async def once(self, names: Iterable[str], *, again: bool = False) -> dict[str, End]:
        """Settle what earlier runs left open, then run these jobs side by side; return how each ended.

        `again` begins one-shots anew.
        """
        names = list(dict.fromkeys(names))
        jobs = [self.settings.jobs[name] for name in names]
        theirs = {(job.account, await self.session_of(job)) for job in jobs}
        await self.dispatch.tell_orphans()
        async with asyncio.TaskGroup() as group:
            for account in self.settings.accounts:
                group.create_task(self.dispatch.settle(account, theirs))
        async with self._attending(jobs):
            ends = await self.run_all(names, again=again)
            if any(job.skip_trace.enabled for job in jobs):
                await self.tracing.job.see_through()
        return ends

    async def run_all(self, names: Iterable[str], *, again: bool) -> dict[str, End]:
        """Run jobs side by side, until none of them has results on its way; return how each ended."""
        ends = await self.dispatch.run_all(names, "once", again=again)
        return {name: await self.sequel.follow(name, end) for name, end in ends.items()}

    async def needs_inbox(self, names: Iterable[str]) -> bool:
        """Whether one of these jobs may have results sent to the inbox."""
        if self.settings.webhooks is None:
            return False
        for job in [self.settings.jobs[name] for name in names]:
            if wish_of(job).wants_windows or job.skip_trace.enabled:
                return True
            if await self.ledger.windows.goes_by_windows(job.account, job.name):
                return True
        return False

    @asynccontextmanager
    async def _attending(self, jobs: Collection[Job]) -> AsyncIterator[None]:
        """Read what comes in by webhook while the block lasts, and have these jobs go on with it."""
        names = {job.name for job in jobs}
        if not await self.needs_inbox(names):
            yield
            return
        async with asyncio.TaskGroup() as group:

            async def call(name: str) -> None:
                if name in names:
                    group.create_task(self.dispatch.run(name, "webhook"))

            attendants = [group.create_task(self.unpack.run()), group.create_task(self.sequel.keep(call))]
            yield
            for attendant in attendants:
                attendant.cancel()

    async def session_of(self, job: Job) -> str:
        """Return the session under which a job is counted: a one-shot's has the name of its newest life."""
        seat = await self.ledger.seat(job.account, job.name) if job.kind == "one_shot" else None
        return seat or job.session

    async def resume(self, name: str, choice: Choice | None) -> str:
        """Answer a parked job, while no run of it is under way; return what the operator is told."""
        job = self.settings.jobs[name]
        price = self.settings.accounts[job.account].price_per_record
        async with self.dispatch.alone(job.name, job.account, job.session):
            if self.settings.jobs.get(name) != job:
                raise DaemonDiffers(f"a reload has changed job {name} while this waited; nothing was done. Try again")
            answers = Resume(self.ledger, self.around, self._auditors[job.account])
            told = await answers.answer(job, await self.session_of(job), choice, price)
        self.sequel.ring()
        return told

    @property
    def hands(self) -> Hands:
        """What a daemon carries commands out with."""
        return Hands(
            resume=self.resume,
            answer_store=self.answer_store,
            plan=self.plan,
            household=self.household,
            shelf=self.shelf,
            trace=self.tracing.word.do,
            run_all=self.run_all,
            keep_windows=self.sequel.keep,
        )

    def beside(self, *more: Beside) -> tuple[Beside, ...]:
        """What goes on in a daemon beside its runs."""
        return (*more, self.unpack.run, self.shelf.keep, self.tracing.job.run)

    @property
    def watched(self) -> Watched:
        """What a daemon watches of itself."""
        return Watched(self.office, self.ledger, self.around, self._listeners.append)

    async def answer_store(self, answer: StoreAnswer) -> str:
        """Take what a person says of a store that was moved, copied or restored; return what the operator is told."""
        if self.ledger.doubt is None and answer is not StoreAnswer.RESTORED:
            raise UsageMistake("the store is the one that was spent from last; nothing was changed")
        jobs = self.settings.jobs.values()
        sessions = [(job.account, job.session, job.name) for job in jobs if job.kind == "incremental"]
        one_shots = [(job.account, job.name) for job in jobs if job.kind == "one_shot"]
        said = Said(answer, self._installation_name(), sessions, one_shots)
        await self.ledger.answer_store(said, self.around.now())
        for auditor in self._auditors.values():
            auditor.forget_all()
        self.unpack.ring()
        self.tracing.job.ring()
        self.sequel.ring()
        is_asked = (await self.ledger.traces.pause()).paused in STORE_DOUBTS
        return f"{TOLD[answer]}. {OWNERS_WAIT}" if is_asked else TOLD[answer]

    async def plan(self) -> dict[str, Any]:
        """Return what the next runs would do (see `reports.plan`); each account's list is asked for, which is free.

        It goes by the configuration of the moment in which it was wanted, also where a reload takes accounts away.
        """
        settings = self.settings
        views = await asyncio.gather(*(self._view(settings, desk) for desk in self.office.desks.values()))
        tracing = await asyncio.to_thread(outlook, settings, self.around.now())
        return await asyncio.to_thread(plan_of, settings, {view.name: view for view in views}, tracing)

    async def _view(self, settings: Settings, desk: Desk) -> View:
        async with listing(desk, self.around) as listed:
            now = self.around.now()
            view = await asyncio.to_thread(read_view, settings, desk.name, as_totals(listed), now)
            house = await self.household.seen(desk, listed)
            return replace(view, house=house)

    async def _run(self, brief: Brief, desk: Desk, trigger: str) -> End:
        self._tell_run(brief, None)
        end = await self._runner.run(brief, desk, trigger)
        if brief.aim is not None:
            end = await self.sequel.ended(brief, end)
        self._tell_run(brief, end)
        self.tracing.job.ring()
        if brief.aim is not None:
            await self._driving.dismiss(brief)
        return end

    def _tell_run(self, brief: Brief, end: End | None) -> None:
        """Tell who listens; a run that only settles what was left open is not the job's."""
        if brief.settle_only is None:
            for listener in self._listeners:
                listener(brief.job, end)

    def _ended(self, ticket: Ticket, end: End) -> None:
        """A run has ended, and others may have waited for that."""
        self.household.ended(ticket.brief, end)
        if not end.outcome.ended_well:
            self._auditors[ticket.brief.account].forget(ticket.session.name)

    async def _audit(self, ticket: Ticket, *, anew: bool) -> Verdict | End:
        return await self._auditors[ticket.desk.name].verdict(ticket, anew=anew)


@asynccontextmanager
async def open_app(settings: Settings, keys: Keys, outside: Outside, role: str = ONCE) -> AsyncIterator[App]:
    """Open the store for this process alone, build everything, and close it in order.

    Raises Busy, StoreRefused or StoreFailed; nothing was sent then.
    """
    file = sqlite_file(settings.store.url)
    executor = outside.executor()
    async with AsyncExitStack() as stack:
        stack.enter_context(InstanceLock(file, role))
        stack.callback(executor.shutdown)  # what has begun is finished before the lock is let go
        place = Place(file, outside.creator(file), executor, outside.installation_name, outside.hook_secret)
        writer, opened = await open_store(place, outside.now())
        _tell(opened)
        ledger = Ledger(writer, opened)
        for run in await ledger.reap_runs(outside.now()):
            _log.warning(
                events.RUN_INTERRUPTED,
                run=run.run_id,
                job=run.job,
                pages=run.figures.pages,
                records=run.figures.records,
            )
        seams: dict[str, Any] = {"transport": outside.transport, "now": outside.now, "off_loop": writer.off_loop}
        accounts, desk = Accounts(partial(BatchData, **seams)), TraceDesk(partial(RealEstateApi, **seams))
        stack.push_async_callback(accounts.close)
        stack.push_async_callback(desk.close)
        office = Office(settings, accounts.enter(settings, keys.tokens, accounts.connect(settings, keys.tokens)))
        desk.enter(desk.line_to(trace_access_of(settings, keys)))
        around = Surroundings(outside.now, outside.draw, partial(outside.free_bytes, file.parent))
        reader = outside.executor()
        stack.callback(reader.shutdown)
        inflated_max = settings.webhooks.inflated_max if settings.webhooks else INFLATED_MAX
        tracer = SkipTrace(office, desk, ledger, around, reader)
        tracing = Tracing(desk, tracer, TraceWord(office, ledger.traces, around, tracer.ring))
        sequel = Sequel(office, ledger, around)
        window = Handler(read_result, sequel.take, sequel.taken)
        mail = TraceMail(desk, around, tracing.job.ring)
        handlers = {RESULT_KIND: window, ERROR_KIND: window, **mail.handlers}
        unpack = Unpack(ledger, around, reader, inflated_max_bytes=inflated_max, handlers=handlers)
        parts: dict[str, Any] = {"sequel": sequel, "unpack": unpack, "tracing": tracing}
        app = App(office, accounts, ledger, around, installation_name=outside.installation_name, **parts)
        await app.household.note_jobs(settings)
        await tracing.job.follow(settings)
        _settle_heap()
        yield app
        await close_store(writer, outside.now())


def _settle_heap() -> None:
    """Keep the collector from what start-up has made: one round over all of it held the loop for 0.1 s."""
    gc.collect()
    gc.freeze()


def _tell(opened: Opened) -> None:
    if opened.upgraded_from != HEAD:
        backup = str(opened.backup) if opened.backup else None
        _log.info(events.STORE_UPGRADED, schema_before=opened.upgraded_from, schema=HEAD, backup=backup)
    if opened.doubt is not None:
        _log.error(events.STORE_DOUBTED, reason=opened.doubt, message=DOUBTS[opened.doubt])
    _log.info(events.STORE_OPENED, installation=opened.installation, fence=opened.fence, clean=opened.clean)


_log = structlog.get_logger()
