"""Builds every object and hands each its neighbours, for `once` and for the daemon; listens to signals."""

import asyncio
import gc
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from leadsync import __version__, events
from leadsync.config import Account, Job, Settings, read_secret
from leadsync.config.fingerprint import fingerprint
from leadsync.config.limits import limits_of
from leadsync.control.board import Board
from leadsync.control.client import ask
from leadsync.control.server import listening
from leadsync.core.audit import Verdict
from leadsync.core.model import End, Outcome, Reason
from leadsync.core.paging import Ended, Plan
from leadsync.core.resume import Choice
from leadsync.core.witness import DOUBTS, TOLD, StoreAnswer
from leadsync.errors import UsageMistake, did_you_mean
from leadsync.jobs.audit import Auditor
from leadsync.jobs.desk import Brief, Desk, Surroundings, Terms, Ticket
from leadsync.jobs.dispatch import Dispatch
from leadsync.jobs.listing import listing
from leadsync.jobs.pull import Pull
from leadsync.jobs.resume import Resume
from leadsync.jobs.runner import Runner
from leadsync.logs import Listener, LogStyle, printer, set_up
from leadsync.outside import Outside
from leadsync.reports.plan import View, as_totals, read_view
from leadsync.reports.plan import plan as plan_of
from leadsync.service import Hands, Service
from leadsync.store.engine import sqlite_file
from leadsync.store.ledger import Ledger
from leadsync.store.lock import DAEMON, ONCE, InstanceLock
from leadsync.store.migrate import HEAD
from leadsync.store.opening import Opened, Place, close_store, open_store
from leadsync.store.writer import Writer
from leadsync.vendors.batchdata import Access, BatchData

T = TypeVar("T")

GRACE_S: Final = 20.0
"""How long a stop waits for the page under way: less than the thirty seconds in which the process must be gone."""

ONE_SIGNAL_S: Final = 0.1
"""A signal to the process and its group arrives twice, and is one."""


class App:
    """leadsync with its store open and its accounts reachable; made by `open_app`."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        around: Surroundings,
        desks: Mapping[str, Desk],
        installation_name: Callable[[], str],
    ) -> None:
        self._installation_name = installation_name
        self.settings = settings
        self.ledger = ledger
        self.around = around
        self._desks = desks
        self._auditors = {name: Auditor(desk, ledger, around) for name, desk in desks.items()}
        self._runner = Runner(ledger, around, audit=self._audit, drive=self._drive)
        self.dispatch = Dispatch(settings, ledger, desks, around.stopping, run=self._run)

    async def once(self, names: Iterable[str]) -> dict[str, End]:
        """Settle what earlier runs left open, then run these jobs side by side; return how each ended."""
        names = list(dict.fromkeys(names))
        jobs = [self.settings.jobs[name] for name in names]
        theirs = {(job.account, job.session) for job in jobs}
        await self.dispatch.tell_orphans()
        async with asyncio.TaskGroup() as group:
            for account in self.settings.accounts:
                group.create_task(self.dispatch.settle(account, theirs))
        return await self.dispatch.run_all(names, "once")

    async def resume(self, name: str, choice: Choice | None) -> str:
        """Answer a parked job, while no run of it is under way; return what the operator is told."""
        job = self.settings.jobs[name]
        price = self.settings.accounts[job.account].price_per_record
        async with self.dispatch.alone(job.name, job.account, job.session):
            return await Resume(self.ledger, self.around, self._auditors[job.account]).answer(job, choice, price)

    @property
    def hands(self) -> Hands:
        """What a daemon carries commands out with."""
        return Hands(self.resume, self.answer_store, self.plan)

    async def answer_store(self, answer: StoreAnswer) -> str:
        """Take what a person says of a store that was moved, copied or restored; return what the operator is told."""
        if self.ledger.doubt is None:
            raise UsageMistake("the store is the one that was spent from last; nothing was changed")
        await self.ledger.answer_store(answer, self._installation_name(), self.around.now())
        return TOLD[answer]

    async def plan(self) -> dict[str, Any]:
        """Return what the next runs would do (see `reports.plan`); each account's list is asked for, which is free."""
        views = await asyncio.gather(*map(self._view, self._desks.values()))
        return await asyncio.to_thread(plan_of, self.settings, {view.name: view for view in views})

    async def _view(self, desk: Desk) -> View:
        async with listing(desk, self.around) as listed:
            now = self.around.now()
            return await asyncio.to_thread(read_view, self.settings, desk.name, as_totals(listed), now)

    async def _run(self, brief: Brief, desk: Desk, trigger: str) -> End:
        end = await self._runner.run(brief, desk, trigger)
        if not end.outcome.ended_well:
            self._auditors[brief.account].forget(brief.session)
        return end

    async def _audit(self, ticket: Ticket) -> Verdict | End:
        return await self._auditors[ticket.desk.name].verdict(ticket)

    async def _drive(self, ticket: Ticket, plan: Plan) -> Ended:
        return await Pull(ticket, self.ledger, self.around).run(plan)


def start_log(settings: Settings, outside: Outside, listener: Listener | None = None) -> dict[str, str]:
    """Read the secrets, so that the log can mask them from its first line on; return the tokens by account."""
    base = settings.path.parent
    tokens = {
        name: read_secret(account.token, outside.environ, base).get_secret_value()
        for name, account in settings.accounts.items()
    }
    style = LogStyle.for_stream(settings.log.level, settings.log.format, sys.stderr)
    set_up(style, secrets=tokens.values(), now=outside.now, listener=listener)
    for doubt in settings.warnings:
        _log.warning(events.CONFIG_DOUBTED, file=doubt.file, line=doubt.line, key=doubt.key, message=doubt.message)
    return tokens


@asynccontextmanager
async def open_app(
    settings: Settings, tokens: Mapping[str, str], outside: Outside, role: str = ONCE
) -> AsyncIterator[App]:
    """Open the store for this process alone, build everything, and close it in order.

    Raises Busy, StoreRefused or StoreFailed; nothing was sent then.
    """
    file = sqlite_file(settings.store.url)
    executor = outside.executor()
    async with AsyncExitStack() as stack:
        stack.callback(executor.shutdown)
        stack.enter_context(InstanceLock(file, role))
        place = Place(file, outside.creator(file), executor, outside.installation_name)
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
        desks = {
            name: _desk(name, account, tokens[name], writer, outside) for name, account in settings.accounts.items()
        }
        for desk in desks.values():
            stack.push_async_callback(desk.client.close)
        around = Surroundings(outside.now, outside.draw, partial(outside.free_bytes, file.parent))
        _settle_heap()
        yield App(settings, ledger, around, desks, outside.installation_name)
        await close_store(writer, outside.now())


def refuse_unknown_jobs(settings: Settings, names: Iterable[str]) -> None:
    """Raise UsageMistake for a name that is no job, or a job that somebody has disabled."""
    for name in names:
        if not _job(settings, name).enabled:
            raise UsageMistake(f"job {name} is disabled; set enabled = true in its file to run it")


def _job(settings: Settings, name: str) -> Job:
    job = settings.jobs.get(name)
    if job is None:
        hint = did_you_mean(name, settings.jobs)
        raise UsageMistake(f"there is no job {name}{hint}; jobs are the files of {settings.path.parent / 'jobs.d'}")
    return job


@contextmanager
def stopping_on_signals(around: Surroundings) -> Iterator[None]:
    """The first SIGTERM or SIGINT ends runs at their page boundary, and after a grace wherever they are.

    The second ends the process at once, and loses nothing.
    """
    loop = asyncio.get_running_loop()
    first_s = math.inf

    def stop(number: int) -> None:
        nonlocal first_s
        if loop.time() - first_s > ONE_SIGNAL_S:
            os._exit(128 + number)
        if around.stopping.is_set():
            return
        first_s = loop.time()
        around.stopping.set()
        loop.call_later(GRACE_S, around.hurry.set)
        _log.info(events.STOP_ASKED, signal=signal.Signals(number).name)

    with _on_signal(signal.SIGTERM, stop), _on_signal(signal.SIGINT, stop):
        yield


@contextmanager
def _on_signal(number: signal.Signals, call: Callable[[int], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(number, call, number)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


def _refuse_reload(number: int) -> None:
    _log.warning(events.RELOAD_REFUSED, signal=signal.Signals(number).name)


def once(settings: Settings, names: list[str], outside: Outside, listener: Listener | None = None) -> dict[str, End]:
    """Run these jobs now: by the daemon, where one has the store, else in a process of our own."""
    refuse_unknown_jobs(settings, names)
    reply = _ask_daemon(settings, "once", names, {}, listener)
    if reply is None:
        return asyncio.run(run_once(settings, names, outside, listener))
    return {name: _end(**end) for name, end in reply["ends"].items()}


def resume(settings: Settings, name: str, choice: Choice | None, outside: Outside) -> str:
    """Answer a parked job, by the daemon where one has the store; return what the operator is told.

    A disabled one, too: its open key is settled once somebody has answered.
    """
    _job(settings, name)
    reply = _ask_daemon(settings, "resume", [name], {"choice": choice}, None)
    if reply is None:
        return asyncio.run(_here(settings, outside, lambda app: app.resume(name, choice)))
    return str(reply["message"])


def answer_store(settings: Settings, answer: StoreAnswer, outside: Outside) -> str:
    """Say what has happened to the store, to the daemon where one has it; return what the operator is told."""
    reply = _ask_daemon(settings, "answer_store", (), {"answer": answer}, None)
    if reply is None:
        return asyncio.run(_here(settings, outside, lambda app: app.answer_store(answer)))
    return str(reply["message"])


def plan(settings: Settings, outside: Outside) -> dict[str, Any]:
    """Return what the next runs would do, as the daemon sees it where one has the store."""
    reply = _ask_daemon(settings, "plan", settings.jobs, {}, None)
    return asyncio.run(_here(settings, outside, App.plan)) if reply is None else reply


def _ask_daemon(
    settings: Settings, command: str, names: Iterable[str], more: Mapping[str, Any], listener: Listener | None
) -> dict[str, Any] | None:
    """Have a daemon carry out a command about jobs, and show what its log says of it; None where there is none."""
    show = printer(LogStyle.for_stream(settings.log.level, settings.log.format, sys.stderr), sys.stderr)

    def hear(line: dict[str, Any]) -> None:
        show(line)
        if listener is not None:
            listener(line)

    asked = {"jobs": {name: fingerprint(settings, name) for name in names}, **more}
    return ask(sqlite_file(settings.store.url), command, asked, hear)


def _end(outcome: str, message: str, reason: str | None) -> End:
    return End(Outcome(outcome), message, Reason(reason) if reason else None)


async def run_once(
    settings: Settings, names: list[str], outside: Outside, listener: Listener | None = None
) -> dict[str, End]:
    """Run these jobs now, in this process. Raises Busy beside another leadsync."""
    return await _here(settings, outside, lambda app: app.once(names), listener)


async def _here(
    settings: Settings, outside: Outside, do: Callable[[App], Awaitable[T]], listener: Listener | None = None
) -> T:
    """Build everything in this process, and do one thing with it. Raises Busy beside another leadsync."""
    async with open_app(settings, start_log(settings, outside, listener), outside) as app:
        with stopping_on_signals(app.around):
            return await do(app)


async def run_daemon(settings: Settings, outside: Outside) -> None:
    """Run the jobs at their times and carry out commands, until a signal comes. Raises Busy beside another leadsync."""
    board = Board()
    tokens = start_log(settings, outside, board.post)
    async with open_app(settings, tokens, outside, DAEMON) as app:
        service = Service(settings, app.ledger, app.around, app.dispatch, hands=app.hands)
        with stopping_on_signals(app.around), _on_signal(signal.SIGHUP, _refuse_reload):
            async with listening(sqlite_file(settings.store.url), service.commands, board):
                with closing(outside.alarms()) as alarms:
                    await service.run(alarms)
    _log.info(events.DAEMON_STOPPED, version=__version__, process=os.getpid())


def _desk(name: str, account: Account, token: str, writer: Writer, outside: Outside) -> Desk:
    access = Access(account.base_url, token, account.requests_per_minute)
    client = BatchData(access, transport=outside.transport, now=outside.now, off_loop=writer.off_loop)
    return Desk(
        name, client, Terms(limits_of(account), account.session_cap, account.session_reserve, account.audit_every)
    )


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
