"""What watches the daemon, built from its parts: the watch itself, and who is told of what it sees."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from leadsync.config import NotifierTable, Notify, QuietHours, SecretSource, Settings, read_secret, refusal
from leadsync.config.units import url as checked_url
from leadsync.core.conditions import Severity
from leadsync.core.model import End
from leadsync.core.notices import Quiet, Terms
from leadsync.jobs.desk import Office, Surroundings
from leadsync.jobs.logbook import Logbook
from leadsync.jobs.notify import Messenger, Notifier, Send
from leadsync.jobs.ping import JobSwitch, keep_alive
from leadsync.jobs.watch import Subject, Watch
from leadsync.outside import Outside
from leadsync.scheduler import Alarms
from leadsync.store.engine import sqlite_file, wal_bytes
from leadsync.store.ledger import Ledger
from leadsync.vendors.switch import Switch


@dataclass(frozen=True, slots=True)
class Watched:
    """The daemon's parts that are watched.

    `on_runs` takes who is called with a job when a run of it begins (None) and when it has ended.
    """

    office: Office
    ledger: Ledger
    around: Surroundings
    on_runs: Callable[[Callable[[str, End | None], None]], None]


@asynccontextmanager
async def watching(watched: Watched, alarms: Alarms, outside: Outside) -> AsyncIterator[None]:
    """Watch while the block lasts, which ends once leadsync is asked to stop.

    A watch that dies takes the daemon with it: half alive it would be noticed by nobody. Raises ConfigInvalid where an
    address of those who are told cannot be used.
    """
    settings, around = watched.office.settings, watched.around
    file = sqlite_file(settings.store.url)
    logbook = Logbook(watched.ledger)
    watch = Watch(Subject(watched.office, lambda: wal_bytes(file)), watched.ledger, around, logbook)
    notifiers = notifiers_of(settings, outside)
    async with AsyncExitStack() as stack:
        switches = {
            job.name: JobSwitch(job.name, _switch(stack, settings, job.ping, outside), around)
            for job in settings.jobs.values()
            if job.ping
        }
        own = _switch(stack, settings, settings.ping.url, outside) if settings.ping else None
        group = await stack.enter_async_context(asyncio.TaskGroup())
        group.create_task(watch.run(alarms.set))
        for notifier in notifiers:
            group.create_task(Messenger(notifier, logbook, around).run())
        if settings.ping and own:
            group.create_task(keep_alive(own, settings.ping.every.total_seconds(), around, lambda: watch.is_well))
        for one in switches.values():
            group.create_task(one.run())
        if settings.metrics:
            stack.enter_context(_exposing(settings.metrics.listen, watched, watch))
        watched.on_runs(lambda job, end: switches[job].hear(end) if job in switches else None)
        yield


def _exposing(listen: str, watched: Watched, watch: Watch) -> AbstractContextManager[int]:
    from leadsync.reports.metrics import Live, StoreCollector, exposing  # noqa: PLC0415 - an extra, as with notifiers

    def live() -> Live:
        facts = watch.facts  # both are exchanged whole: this is a scrape's thread, and no loop's
        values = {BEATS[name]: at.timestamp() for name, at in dict(watch.beats).items()}
        if facts is not None:
            values |= {"leadsync_loop_lag_seconds": facts.lag_s, "leadsync_disk_free_bytes": float(facts.free_bytes)}
        return Live(values)

    return exposing(listen, StoreCollector(lambda: watched.office.settings, live, watched.around.now))


BEATS: Final = {
    "seen": "leadsync_loop_seen_timestamp_seconds",
    "rang": "leadsync_scheduler_rang_timestamp_seconds",
    "looked": "leadsync_watch_looked_timestamp_seconds",
}


def notifiers_of(settings: Settings, outside: Outside) -> list[Notifier]:
    """Make the notifiers of the configuration. Raises ConfigInvalid where an address cannot be read or used."""
    notify = settings.notify
    return [_notifier(settings, notify, name, one, outside) for name, one in notify.to.items()] if notify else []


def _notifier(settings: Settings, notify: Notify, name: str, one: NotifierTable, outside: Outside) -> Notifier:
    send: Send | None = outside.notifier(_read(settings, one.url, outside))
    if send is None:
        raise refusal(
            one.url, f"the {one.url.kind} that it names holds no URL that Apprise knows: see its list of URLs"
        )
    quiet = _quiet(notify.quiet) if notify.quiet else None
    terms = Terms(Severity(one.least), notify.remind_every, quiet)
    return Notifier(name, terms, notify.together.total_seconds(), send)


def _quiet(hours: QuietHours) -> Quiet:
    return Quiet(hours.begin, hours.end, hours.timezone)


def _switch(stack: AsyncExitStack, settings: Settings, source: SecretSource, outside: Outside) -> Switch:
    try:
        url = checked_url(_read(settings, source, outside))
    except ValueError as error:
        raise refusal(source, f"the {source.kind} that it names {error}") from error
    switch = Switch(url, outside.transport)
    stack.push_async_callback(switch.close)
    return switch


def _read(settings: Settings, source: SecretSource, outside: Outside) -> str:
    return read_secret(source, outside.environ, settings.path.parent).get_secret_value()
