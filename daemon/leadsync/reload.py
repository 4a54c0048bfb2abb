"""SIGHUP: the files are read again, all aside, and take effect as a whole, or not at all.

What can fail comes first: reading, the secrets, a look at whose a new token is, the plan of the times. Then all is
exchanged in one breath. A page under way is finished; a run whose job is another by then ends after it, and begins
anew. Where anything is wrong the old configuration runs on, and log and status say so once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Final, TypeAlias

import structlog

from leadsync import events
from leadsync.accounts import Ways
from leadsync.app import App
from leadsync.config import JOBS_FOLDER, Settings, load, sources_of_telling
from leadsync.core.audit import Standing
from leadsync.core.forecast import NoSessions
from leadsync.core.team import is_same_team, used
from leadsync.errors import BadWeather, ConfigInvalid, OperatorMistake, Problem, VendorSilent
from leadsync.heartbeat import Heartbeat
from leadsync.jobs.listing import listing
from leadsync.keys import read_keys, read_telling, trace_access_of
from leadsync.outside import Outside
from leadsync.reports.plan import as_totals
from leadsync.service import Service
from leadsync.store.auditing import standing_of
from leadsync.vendors.batchdata import BatchData
from leadsync.waiting import result_unless

Relog: TypeAlias = Callable[[Settings, Collection[str]], None]
"""Sets the log up anew, with these secrets masked."""

TELLING: Final = "notify, ping or metrics"

FIXED: Final[Mapping[str, Callable[[Settings], object]]] = {
    "store": lambda settings: settings.store,
    "webhooks": lambda settings: settings.webhooks,
    "health": lambda settings: settings.health,
    TELLING: lambda settings: (settings.metrics, _told(settings)),
}
"""What a running daemon cannot exchange: where its ledger is, the doors that it holds open, and who is told of it."""

RESTART: Final = "cannot be changed while leadsync runs; nothing was: systemctl restart leadsync"

NO_FOLDER: Final = (
    "is gone, and every job with it: put it back, or make it empty where there shall be none. Without their files the"
    " jobs' sessions are orphans, which housekeeping may delete"
)

ANOTHER_TEAM: Final = (
    "the token that it names belongs to another team: none of our sessions is there with the total that the ledger has,"
    " and what we ask would be billed to somebody else. Put back the right one; or, if all sessions were deleted or"
    " used elsewhere, restart leadsync: it then judges each by itself"
)


def _told(settings: Settings) -> list[object]:
    """Who is told and how, without where in the files that stands."""
    notify = settings.notify
    how = (notify.quiet, notify.remind_every, notify.together) if notify else None
    least = [(name, one.least) for name, one in notify.to.items()] if notify else []
    pinged = [name for name, job in settings.jobs.items() if job.ping]
    addresses = [(source.kind, source.name) for source in sources_of_telling(settings)]
    return [how, least, settings.ping and settings.ping.every, pinged, *addresses]


class Reload:
    """One per daemon. `ask` may come at any time, and several wishes are one; `asked` is one of before."""

    def __init__(
        self,
        app: App,
        service: Service,
        outside: Outside,
        *,
        heartbeat: Heartbeat,
        relog: Relog,
        asked: asyncio.Event | None = None,
    ) -> None:
        self._app = app
        self._service = service
        self._outside = outside
        self._heartbeat = heartbeat
        self._relog = relog
        self._asked = asked or asyncio.Event()
        self._telling = read_telling(app.settings, outside.environ)
        self._secrets = {*app.accounts.tokens.values(), *app.tracing.desk.secrets, *self._telling}

    def ask(self) -> None:
        """Wish for a reload."""
        self._asked.set()

    async def keep(self) -> None:
        """Reload whenever somebody wishes, until leadsync is asked to stop."""
        stopping = self._app.around.stopping
        while not stopping.is_set():
            await result_unless(stopping, self._asked.wait())
            if self._asked.is_set() and not stopping.is_set():
                self._asked.clear()
                await self._carry_out()

    async def _carry_out(self) -> None:
        self._heartbeat.reloading()
        refused = None
        try:
            difference = await self._attempt()
        except (OperatorMistake, BadWeather) as error:
            refused = error.in_one_line if isinstance(error, ConfigInvalid) else str(error)
            _log.error(events.RELOAD_REFUSED, message=refused)
        else:
            _log.info(events.CONFIG_RELOADED, **difference)
        with suppress(BadWeather):  # the log has said it, and the heartbeat says how the store is
            await self._app.ledger.note_reload(refused)
            if refused is None:
                await self._app.dispatch.tell_orphans()  # an account may have gone with a key open
        await self._heartbeat.reloaded(refused)

    async def _attempt(self) -> dict[str, list[str]]:
        """Exchange everything, and return what is different now. Raises OperatorMistake or BadWeather: nothing is."""
        before, tokens_before = self._app.settings, self._app.accounts.tokens
        with self._outside.executor() as thread:
            reading = asyncio.get_running_loop().run_in_executor(thread, load, before.path, self._outside.environ)
            settings = await reading
        keys = read_keys(settings, self._outside.environ)
        _refuse_fixed(before, settings)
        if read_telling(settings, self._outside.environ) != self._telling:
            raise _fixed(settings, TELLING)  # where they lie is the same, and what lies there is not
        self._secrets.update(keys.values())
        async with AsyncExitStack() as quiet, AsyncExitStack() as undo:
            clients = self._app.accounts.connect(settings, keys.tokens)
            desk = self._app.tracing.desk
            line = desk.line_to(trace_access_of(settings, keys))
            if line is not None and line is not desk.line:
                undo.push_async_callback(line.client.close)
            for name, client in clients.items():
                undo.push_async_callback(client.close)
                if name in tokens_before:
                    await quiet.enter_async_context(self._same_team(name, client, settings))
            self._relog(settings, self._secrets)
            undo.callback(self._relog, before, self._secrets)
            await self._app.household.note_jobs(settings)
            await self._app.tracing.job.follow(settings, before)  # what comes next may fail
            await self._service.plan_anew(settings)
            # From here on nothing waits, and nothing fails.
            undo.pop_all()
            for left in self._app.adopt(settings, keys, Ways(clients, line)):
                undo.push_async_callback(left.close)
            self._service.follow()
        return {**_difference(before, settings), "tokens": _others(tokens_before, keys.tokens)}

    @asynccontextmanager
    async def _same_team(self, name: str, client: BatchData, settings: Settings) -> AsyncIterator[None]:
        """Let nothing of the account be sent in the block, which is entered where the client speaks for the same team.

        Raises ConfigInvalid where it speaks for another, VendorSilent where that could not be seen.
        """
        async with listing(replace(self._app.accounts.desk(name), client=client), self._app.around) as listed:
            ours, totals = await self._used(name), as_totals(listed)
            if isinstance(totals, NoSessions) and not ours:
                yield  # what it has bought went without sessions, as what it will buy
                return
            if isinstance(totals, str):
                raise VendorSilent(f"whose the new token of account {name} is could not be seen: {totals}")
            if not is_same_team(ours, totals):
                source = settings.accounts[name].token
                raise ConfigInvalid((Problem(source.file, source.line, source.key, ANOTHER_TEAM),))
            yield

    async def _used(self, name: str) -> list[Standing]:
        """Return what the ledger knows of the account's sessions that show whose a token is.

        What a one-shot brought without a session is not in the vendor's list, whoever asks for that.
        """
        states, seats = await self._app.ledger.sessions(name), await self._app.ledger.without_session(name)
        return used([standing_of(state) for state in states if state.name not in seats])


def _refuse_fixed(before: Settings, after: Settings) -> None:
    moved = [key for key, value in FIXED.items() if value(before) != value(after)]
    if moved:
        raise _fixed(after, *moved)
    folder = after.path.parent / JOBS_FOLDER
    if before.jobs and not folder.is_dir():
        raise ConfigInvalid((Problem(str(folder), 0, "", NO_FOLDER),))


def _fixed(after: Settings, *keys: str) -> ConfigInvalid:
    return ConfigInvalid(tuple(Problem(str(after.path), 0, key, RESTART) for key in keys))


def _difference(before: Settings, after: Settings) -> dict[str, list[str]]:
    """Name the jobs that came, went or are others now, and the accounts that did."""
    both = before.jobs.keys() & after.jobs.keys()
    return {
        "added": sorted(after.jobs.keys() - both),
        "removed": sorted(before.jobs.keys() - both),
        "changed": sorted(name for name in both if after.jobs[name] != before.jobs[name]),
        "accounts": _others(before.accounts, after.accounts),
    }


def _others(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


_log = structlog.get_logger()
