"""Builds every object and hands each its neighbours. It alone reads the clock, draws randomness and starts a thread.

Whatever touches the outside stands in `Outside`; a test or a simulation replaces that and gets the real rest.
"""

import asyncio
import gc
import os
import random
import secrets
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import structlog

from leadsync import events
from leadsync.config import Account, Job, Settings, read_secret
from leadsync.config.limits import limits_of
from leadsync.core.audit import Verdict
from leadsync.core.model import End
from leadsync.core.paging import Ended, Plan
from leadsync.errors import UsageMistake, did_you_mean
from leadsync.jobs.audit import Auditor
from leadsync.jobs.desk import Brief, Desk, Surroundings, Terms, Ticket
from leadsync.jobs.pull import Pull
from leadsync.jobs.runner import Runner
from leadsync.logs import LogStyle, set_up
from leadsync.store.engine import Creator, file_creator, sqlite_file
from leadsync.store.ledger import Ledger, SessionState
from leadsync.store.lock import InstanceLock
from leadsync.store.migrate import HEAD
from leadsync.store.opening import Opened, Place, close_store, open_store
from leadsync.store.writer import Writer
from leadsync.vendors.batchdata import Access, BatchData
from leadsync.vendors.http import Transport


def _now() -> datetime:
    return datetime.now(UTC)


def _installation_name() -> str:
    return secrets.token_hex(8)


def _one_thread() -> Executor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Outside:
    """The seams: time, chance, threads, files and the network, as they really are unless somebody says otherwise."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = _now
    draw: Callable[[], float] = random.random
    installation_name: Callable[[], str] = _installation_name
    executor: Callable[[], Executor] = _one_thread
    creator: Callable[[Path], Creator] = file_creator
    free_bytes: Callable[[Path], int] = _free_bytes
    transport: Transport | None = None


class App:
    """leadsync with its store open and its accounts reachable; made by `open_app`."""

    def __init__(self, settings: Settings, ledger: Ledger, around: Surroundings, desks: Mapping[str, Desk]) -> None:
        self._settings = settings
        self._ledger = ledger
        self._around = around
        self._desks = desks
        self._auditors = {name: Auditor(desk, ledger, around) for name, desk in desks.items()}
        self._runner = Runner(ledger, around, audit=self._audit, drive=self._drive)

    @property
    def stopping(self) -> asyncio.Event:
        """Set it, and every run ends at its next page boundary."""
        return self._around.stopping

    async def once(self, names: Iterable[str]) -> dict[str, End]:
        """Settle what earlier runs left open, then run these jobs side by side; return how each ended."""
        jobs = [self._settings.jobs[name] for name in dict.fromkeys(names)]
        await self._settle({(job.account, job.session) for job in jobs})
        async with asyncio.TaskGroup() as group:
            runs = {
                job.name: group.create_task(self._run(Brief.to_pull(job, self._price(job.account)), "once"))
                for job in jobs
            }
        return {name: run.result() for name, run in runs.items()}

    async def _settle(self, but: set[tuple[str, str]]) -> None:
        """Send the open keys of all other sessions first (P2); those of `but` are settled by their own runs."""
        by_job: dict[str, list[SessionState]] = {}
        for session in await self._ledger.sessions_with_open_keys():
            if (session.account, session.name) in but or session.parked is not None:
                continue
            if session.account in self._desks:
                by_job.setdefault(session.job, []).append(session)
            else:
                _log.warning(events.KEY_LEFT_OPEN, job=session.job, account=session.account, session=session.name)
        async with asyncio.TaskGroup() as group:
            for sessions in by_job.values():
                group.create_task(self._settle_all(sessions))

    async def _settle_all(self, sessions: list[SessionState]) -> None:
        """Settle the sessions of one job, which may have had several, one after another."""
        for session in sessions:
            brief = Brief.to_settle(session, self._job_of(session), self._price(session.account))
            await self._run(brief, "start")

    async def _run(self, brief: Brief, trigger: str) -> End:
        end = await self._runner.run(brief, self._desks[brief.account], trigger)
        if not end.outcome.ended_well:
            self._auditors[brief.account].forget(brief.session)
        return end

    async def _audit(self, ticket: Ticket) -> Verdict | End:
        return await self._auditors[ticket.desk.name].verdict(ticket)

    async def _drive(self, ticket: Ticket, plan: Plan) -> Ended:
        return await Pull(ticket, self._ledger, self._around).run(plan)

    def _job_of(self, session: SessionState) -> Job | None:
        for job in self._settings.jobs.values():
            if (job.account, job.session) == (session.account, session.name):
                return job
        return None

    def _price(self, account: str) -> Decimal:
        return self._settings.accounts[account].price_per_record


def start_log(settings: Settings, outside: Outside) -> dict[str, str]:
    """Read the secrets, so that the log can mask them from its first line on; return the tokens by account."""
    base = settings.path.parent
    tokens = {
        name: read_secret(account.token, outside.environ, base).get_secret_value()
        for name, account in settings.accounts.items()
    }
    style = LogStyle.for_stream(settings.log.level, settings.log.format, sys.stderr)
    set_up(style, secrets=tokens.values(), now=outside.now)
    for doubt in settings.warnings:
        _log.warning(events.CONFIG_DOUBTED, file=doubt.file, line=doubt.line, key=doubt.key, message=doubt.message)
    return tokens


@asynccontextmanager
async def open_app(settings: Settings, tokens: Mapping[str, str], outside: Outside) -> AsyncIterator[App]:
    """Open the store for this process alone, build everything, and close it in order.

    Raises Busy, StoreRefused or StoreFailed; nothing was sent then.
    """
    file = sqlite_file(settings.store.url)
    executor = outside.executor()
    async with AsyncExitStack() as stack:
        stack.callback(executor.shutdown)
        stack.enter_context(InstanceLock(file))
        place = Place(file, outside.creator(file), executor, outside.installation_name)
        writer, opened = await open_store(place, outside.now())
        _tell(opened)
        ledger = Ledger(writer)
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
        around = Surroundings(outside.now, outside.draw, asyncio.Event(), partial(outside.free_bytes, file.parent))
        _settle_heap()
        yield App(settings, ledger, around, desks)
        await close_store(writer, outside.now())


def refuse_unknown_jobs(settings: Settings, names: Iterable[str]) -> None:
    """Raise UsageMistake for a name that is no job, or a job that somebody has disabled."""
    for name in names:
        job = settings.jobs.get(name)
        if job is None:
            hint = did_you_mean(name, settings.jobs)
            raise UsageMistake(f"there is no job {name}{hint}; jobs are the files of {settings.path.parent / 'jobs.d'}")
        if not job.enabled:
            raise UsageMistake(f"job {name} is disabled; set enabled = true in its file to run it")


@contextmanager
def stop_on_signals(stopping: asyncio.Event) -> Iterator[None]:
    """The first SIGTERM or SIGINT ends runs at their page boundary; the second ends the process, and loses nothing."""
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        stopping.set()
        _log.info(events.STOP_ASKED, signal=signal.Signals(number).name)

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def run_once(settings: Settings, names: list[str], outside: Outside) -> dict[str, End]:
    """Run these jobs now, in a process of our own."""
    refuse_unknown_jobs(settings, names)
    tokens = start_log(settings, outside)
    async with open_app(settings, tokens, outside) as app:
        with stop_on_signals(app.stopping):
            return await app.once(names)


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
    _log.info(events.STORE_OPENED, installation=opened.installation, fence=opened.fence, clean=opened.clean)


_log = structlog.get_logger()
