"""A stage on a machine that dies: leadsync's own code on a disk that forgets, in a loop whose order is drawn.

What stands in for the world goes in through the seams of `leadsync.outside`, and in the place of `os` in the three
modules that write beside the store. What costs much and promises nothing is left out or cut short (`_stood_in`).
"""

import asyncio
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar
from unittest import mock

from leadsync import app as app_module
from leadsync.app import App
from leadsync.inbox.door import Door
from leadsync.service import Service
from leadsync.simulator import spoiling
from leadsync.store import lock, opening, witness
from tests.ready_store import empty_store, shared_engine
from tests.simulation.disk import Disk, DiskOs
from tests.simulation.loop import SeededLoop
from tests.simulation.mail import open_door
from tests.simulation.process import Death, Doom, Process, present
from tests.simulation.sqlite import FileSystem, connector
from tests.simulation.trace import Trace
from tests.stage import EVERYTHING, Stage, VirtualAlarms

P = ParamSpec("P")
T = TypeVar("T")

STORE: Final = "leadsync.db"
WORK_MAX_S: Final = 0.02
"""The longest that a piece of work takes on the store's thread."""


class Thread(Executor):
    """The store's one thread: does one thing after another, each at once but a drawn moment later."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._process = present()
        self._queue: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Put work in line."""
        future: Future[T] = Future()
        self._queue.append((future, partial(fn, *args, **kwargs)))
        if len(self._queue) == 1:
            self._later()
        return future

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(self._rng.random() * WORK_MAX_S, self._work)

    def _work(self) -> None:
        future, do = self._queue[0]
        try:
            self._process.step("work.before")
            _settle(future, do)
            self._process.step("work.after")
        except Death:
            return
        self._queue.popleft()
        if self._queue:
            self._later()


def _settle(future: Future[Any], do: Callable[[], Any]) -> None:
    try:
        future.set_result(do())
    except Exception as error:  # noqa: BLE001 - whoever waits for the future gets it
        future.set_exception(error)


class Wall:
    """The clock that leadsync looks at; it may be set. The vendor's clock, and the time that passes, are not moved."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        """What it shows."""
        return self._clock() + self.ahead


class Machine(Stage):
    """One machine with its disk, the vendor and the clocks. `draws` gives each part a generator of its own."""

    def __init__(self, folder: Path, draws: Callable[[str], random.Random], **keys: Any) -> None:
        super().__init__(folder, **{"record_bytes": 300, **keys})
        self.draws = draws
        self.trace = Trace(lambda: self.clock.elapsed_s)
        self.disk = Disk(folder, draws("disk"))
        self.wall = Wall(self.clock)
        self.free_bytes = 1 << 40
        self.traced = False
        """Whether its jobs have their owners found."""
        self._processes: list[Process] = []
        self._vfs = FileSystem(self.disk)
        self.clock.new_loop = lambda: SeededLoop(draws("order"))
        thread = draws("thread")
        self.change(
            now=self.wall,
            draw=draws("leadsync").random,
            executor=lambda: Thread(thread),
            creator=connector,
            alarms=lambda: VirtualAlarms(self.wall),
            free_bytes=lambda _: self.free_bytes,
        )

    @contextmanager
    def on(self) -> Iterator[SeededLoop]:
        """A loop to live in, with the machine's disk beneath; at its end the dead are buried."""
        with _stood_in(self.disk):
            loop = self.clock.next_loop()
            assert isinstance(loop, SeededLoop)
            try:
                yield loop
            finally:
                loop.leave()
                self._vfs.leave()
        self._look_at_log()

    def job(self, name: str = "phoenix", *, search: str = EVERYTHING, **keys: Any) -> None:
        """Write a job file."""
        super().job(name, search=f"{search}\n[skip_trace]\nenabled = true" if self.traced else search, **keys)

    def new_store(self) -> None:
        """Put an empty store of today's schema on the disk: what the migrations make, made once."""
        self.disk.lay(STORE, empty_store())

    @contextmanager
    def reached(self, app: App) -> Iterator[None]:
        """Leave it to the world how webhooks come: the vendor outlives the daemon."""
        del app
        yield

    def boot(self, doom: Doom, begun: Callable[[App, Service], None]) -> "Life":
        """Start the daemon as a process with that doom."""
        process = Process(doom, self.trace.step)
        self._processes.append(process)
        life = Life(process)
        process.within(lambda: asyncio.get_running_loop().create_task(self._live(life, begun)))
        return life

    async def _live(self, life: "Life", begun: Callable[[App, Service], None]) -> None:
        def note(app: App, service: Service) -> None:
            life.app, life.service = app, service
            open_door(app, life, self.outside.executor())
            begun(app, service)

        try:
            await self.daemon(note)
        except Exception as error:  # noqa: BLE001 - the world judges it
            life.error = error
        life.process.over.set()


class Life:
    """A daemon's process from its boot to its end; `error` is what it ended with, if it ended by itself and badly."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.app: App | None = None
        self.service: Service | None = None
        self.error: Exception | None = None
        self.door: Door | None = None
        self.committing: asyncio.Task[None] | None = None


@contextmanager
def _stood_in(disk: Disk) -> Iterator[None]:
    disk_os = DiskOs(disk)
    with (
        mock.patch.object(witness, "os", disk_os),
        mock.patch.object(lock, "os", disk_os),
        mock.patch.object(opening, "os", disk_os),
        # All openings of the store share one engine, and what SQLAlchemy has compiled for it.
        mock.patch.object(opening, "open_writer", shared_engine),
        # The collector's round at start-up.
        mock.patch.object(app_module, "_settle_heap", return_value=None),
        # How deep the vendor's odd records are: the decoder refuses 1,500 levels as it does 100,000.
        mock.patch.object(spoiling, "LEVELS", 1_500),
        # httpx looks for it at each request, and it takes long not to find it.
        mock.patch.dict(sys.modules, {"sniffio": None}),
    ):
        yield
