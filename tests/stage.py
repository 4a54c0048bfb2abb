"""A stage for the whole daemon: real files, real store, real client, the simulator in process, and time that jumps.

What stands here goes in through the seams of `leadsync.app.Outside`. Nothing is patched, but that all openings of a
store share one engine. Every play ends with a look at the log: only what the catalogue knows may be in it, and never a
secret, a phone or an e-mail.
"""

import asyncio
import hashlib
import io
import json
import logging
import random
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar
from unittest import mock
from urllib.parse import urlsplit

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import structlog

from leadsync.app import App, open_app
from leadsync.catalogue import CATALOGUE
from leadsync.commands import refuse_unknown_jobs
from leadsync.config import Settings, load
from leadsync.core.hooks import address_of
from leadsync.core.letters import Letter
from leadsync.core.model import End
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from leadsync.heartbeat import Heartbeat
from leadsync.keys import start_log
from leadsync.logs import LogStyle, set_up
from leadsync.outside import Outside
from leadsync.reload import Reload
from leadsync.service import Service
from leadsync.simulator import Sending, Simulator, Switches, World
from leadsync.store import opening
from leadsync.systemd import Manager
from leadsync.watching import watching
from tests.ready_store import ready_creator, shared_engine
from tests.transport import SimulatorTransport
from tests.virtual_time import Clock, VirtualAlarms

__all__ = ["PERSONAL", "TOKEN", "Clock", "InlineExecutor", "Stage", "VirtualAlarms", "Wire"]

P = ParamSpec("P")
T = TypeVar("T")

TOKEN: Final = "canary-token-5f1c0c4e"
PERSONAL: Final = re.compile(r"60255501\d\d|@example\.com")
"""The phones and e-mails of the simulator's owners."""

BOUND: Final = frozenset({"time", "level", "event", "dropped", "run", "job", "account", "session", "exception"})
"""Fields that may stand in any line: its head, what a run binds to its log, and a traceback."""


@contextmanager
def log_put_back() -> Iterator[None]:
    """Leave the log as it was: `logs.set_up` takes all logging over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class InlineExecutor(Executor):
    """Does at once, and on the caller's thread, what it is given: nothing waits for a thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call `fn` now."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever waits for the future gets it
            future.set_exception(error)
        return future


class Wire(SimulatorTransport):
    """The way to the simulator. What `before` has for n is called just before the n-th search, from 1, is carried."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.simulator = simulator
        self.searches = 0
        self.lists = 0
        self.before: dict[int, Callable[[], object]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request, there and back."""
        if request.method != "POST":
            self.lists += 1
            return await super().handle_async_request(request)
        self.searches += 1
        self.before.get(self.searches, _nothing)()
        return await super().handle_async_request(request)


def _nothing() -> None:
    """What usually happens on the way."""


async def _deliver(app: App, url: str, body: bytes, _how: Sending, _headers: Mapping[str, str]) -> list[int]:
    """Bring a webhook as the door does, but for the socket."""
    address = address_of(app.ledger.hooks, urlsplit(url).path)
    if address is None:
        return [404]
    await app.ledger.inbox.receive([Letter(address, {}, body, hashlib.sha256(body).hexdigest())], app.around.now())
    app.unpack.ring()
    return [200]


async def _nobody_there(_url: str, _body: bytes, _how: Sending, _headers: Mapping[str, str]) -> list[int]:
    """Nobody listens."""
    return [0]


EVERYTHING: Final = 'query = ""\norQuickLists = []'
"""Criteria that select all there is."""


class Stage:
    """A folder with a configuration, a vendor, and a clock. `outside` may be replaced before a play.

    `account` is further text for the account's table; `switches` are the simulator's.
    """

    def __init__(
        self, folder: Path, *, size: int = 250, record_bytes: int = 2_400, account: str = "", **switches: Any
    ) -> None:
        self.folder = folder
        self.clock = Clock()
        self.sim = Simulator(World(7, size, record_bytes), now=self.clock, switches=Switches(**switches), token=TOKEN)
        self.wire = Wire(self.sim)
        self.log = io.StringIO()
        self.outside = Outside(
            environ={},
            now=self.clock,
            draw=random.Random(1).random,  # noqa: S311 - the same jitter in every play
            installation_name=lambda: "0123456789abcdef",
            executor=InlineExecutor,
            creator=ready_creator,
            transport=self.wire,
            alarms=lambda: VirtualAlarms(self.clock),
        )
        (folder / "jobs.d").mkdir(parents=True)
        (folder / "token").touch(0o600)
        (folder / "token").write_text(TOKEN)
        self.configure(account)
        self.hang_up: Callable[[], None] = _nothing
        """Send SIGHUP to the daemon that serves."""

    def configure(self, account: str = "") -> None:
        """Write config.toml with one account, `main`; the budget is unlimited unless `account` sets one."""
        budget = "" if "budget" in account.partition("\n[")[0] else 'budget = "unlimited"\n'
        head = '[accounts.main]\ntoken = { file = "token" }\nbase_url = "http://127.0.0.1:9"\n'
        (self.folder / "config.toml").write_text(f"{head}{budget}{account}\n")

    def job(self, name: str = "phoenix", *, search: str = EVERYTHING, **keys: Any) -> None:
        """Write a job file; `search` and `schedule` are the text of their tables, for the rest JSON is TOML."""
        schedule = [f"schedule = {{ {keys.pop('schedule')} }}"] if "schedule" in keys else []
        kind = f'kind = "{keys.pop("kind", "incremental")}"'
        lines = [f"{key} = {json.dumps(value)}" for key, value in {"page_size": 100, **keys}.items()]
        text = "\n".join([kind, *schedule, *lines, "[search]", search, ""])
        (self.folder / "jobs.d" / f"{name}.toml").write_text(text)

    def remove(self, name: str) -> None:
        """Take a job file away."""
        (self.folder / "jobs.d" / f"{name}.toml").unlink()

    def settings(self) -> Settings:
        """The configuration as it is on disk now."""
        return load(self.folder / "config.toml", {})

    @asynccontextmanager
    async def app(self, *names: str) -> AsyncIterator[App]:
        """leadsync, opened as `leadsync once` opens it, with its log in `log`."""
        settings = self.settings()
        refuse_unknown_jobs(settings, names)
        keys = start_log(settings, self.outside)
        self.relog(settings, keys.values())
        async with open_app(settings, keys, self.outside) as app:
            with self.reached(app):
                yield app

    @contextmanager
    def reached(self, app: App) -> Iterator[None]:
        """Let the vendor's webhooks reach it while it is open."""
        self.sim.deliver = partial(_deliver, app)
        try:
            yield
        finally:
            self.sim.deliver = _nobody_there

    def play(self, act: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in virtual time, then look at what was logged."""
        shared = mock.patch.object(opening, "open_writer", shared_engine)
        with shared, asyncio.Runner(loop_factory=self.clock.next_loop) as runner:
            result = runner.run(act)
        self._look_at_log()
        return result

    def once(self, *names: str, again: bool = False) -> dict[str, End]:
        """Do what `leadsync once` does, and return how each job ended."""

        async def act() -> dict[str, End]:
            async with self.app(*names) as app:
                return await app.once(names, again=again)

        return self.play(act())

    def serve(
        self,
        for_s: float,
        meanwhile: Callable[[App], Coroutine[Any, Any, object]] | None = None,
        *,
        watched: bool = False,
    ) -> None:
        """Be the daemon for so long, as `leadsync run` is one, but for the socket; `meanwhile` acts beside it.

        It watches itself only where that is `watched`: a look a minute is most of what an idle day has to do.
        """

        async def act() -> None:
            async with asyncio.TaskGroup() as group:

                def begun(app: App, _: Service) -> None:
                    asyncio.get_running_loop().call_later(for_s, app.around.stopping.set)
                    if meanwhile is not None:
                        group.create_task(meanwhile(app))

                await self.daemon(begun, watched=watched)

        self.play(act())

    async def daemon(self, begun: Callable[[App, Service], None], *, watched: bool = False) -> None:
        """Be the daemon, but for the socket, until it is asked to stop; `begun` is told once its store is open."""
        async with self.app() as app:
            service = Service(app.office, app.ledger, app.around, app.dispatch, hands=app.hands)
            heartbeat = Heartbeat(Manager(self.outside.environ), app.office, app.ledger, app.around)
            reload = Reload(app, service, self.outside, heartbeat=heartbeat, relog=self.relog)
            self.hang_up = reload.ask
            begun(app, service)
            with closing(self.outside.alarms()) as alarms:
                async with watching(app.watched, alarms, self.outside) if watched else nullcontext():
                    await service.run(alarms, beside=app.beside(heartbeat.keep, reload.keep))

    def resume(self, name: str = "phoenix", choice: Choice | None = None) -> str:
        """Answer a parked job as `leadsync resume` does."""

        async def act() -> str:
            async with self.app() as app:
                return await app.resume(name, choice)

        return self.play(act())

    def answer_store(self, answer: StoreAnswer) -> None:
        """Say what has happened to the store, as `leadsync resume --store` does."""

        async def act() -> None:
            async with self.app() as app:
                await app.answer_store(answer)

        self.play(act())

    def end(self, name: str = "phoenix") -> End:
        """Run one job and return how it ended."""
        return self.once(name)[name]

    def change(self, **outside: Any) -> None:
        """Replace seams for the plays to come."""
        self.outside = replace(self.outside, **outside)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Everything that was logged, over all plays."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of one event."""
        return [line for line in self.lines if line["event"] == event]

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the store, read-only, with SQL of the test's own."""
        with closing(sqlite3.connect(f"file:{self.folder}/leadsync.db?mode=ro", uri=True)) as store:
            return store.execute(query, values).fetchall()

    def one(self, query: str, *values: object) -> Any:
        """The one value that a query returns."""
        ((value,),) = self.rows(query, *values)
        return value

    def write(self, statement: str) -> None:
        """Change the store behind leadsync's back."""
        with closing(sqlite3.connect(self.folder / "leadsync.db")) as store:
            store.execute(statement)
            store.commit()

    def relog(self, _settings: Settings, secrets: Iterable[str]) -> None:
        """Set the log up, into `log`."""
        set_up(LogStyle("debug", "json"), secrets=secrets, now=self.clock, stream=self.log)

    def _look_at_log(self) -> None:
        text = self.log.getvalue()
        assert TOKEN not in text, "the token is in the log"
        found = PERSONAL.search(text)
        assert found is None, f"personal data is in the log: {text[found.start() - 200 : found.end() + 20]}"
        for line in self.lines:
            entry = CATALOGUE[line["event"]]
            extra = line.keys() - BOUND - set(entry.fields)
            assert not extra, f"{entry.name} is logged with {extra}, which its entry does not know"
