"""One world: a machine with leadsync on it, a vendor, the weather between them, and people, all from one seed.

First there is trouble: faults, deaths, power cuts, meddlers. Then it ends, and every job must come to `complete` within
a bounded time, with a person's answer only where a person was really asked (L1). Rooms: `script.py` what it is made of,
`process.py` death, `disk.py` what power cuts leave, `weather.py` and `network.py` faults, `actors.py` and `tenants.py`
people and machines that meddle, `hands.py` what they do to the daemon, `courier.py` who brings webhooks,
`invariants.py` what must hold, `watch.py` when that is looked at, `bugs.py` planted bugs. Each says how to add to it.
"""

import asyncio
import contextvars
import itertools
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from leadsync.app import App
from leadsync.errors import BadWeather, OperatorMistake
from leadsync.service import Service
from tests.simulation import actors, hands, tenants, traces, windows
from tests.simulation.courier import WEBHOOKS
from tests.simulation.disk import no_trouble
from tests.simulation.machine import Life, Machine
from tests.simulation.mail import is_quiet
from tests.simulation.network import Network
from tests.simulation.process import Doom
from tests.simulation.script import Script, drawn_doom, switches
from tests.simulation.trace import Trace
from tests.simulation.watch import Watch
from tests.simulation.weather import Weather

TROUBLE_S: Final = (50.0, 100.0, 200.0, 400.0)
"""How long the trouble lasts, give or take a quarter: most worlds are short, so that there are many."""

PEACE_S: Final = 6 * 3_600.0
"""How long it may take to come to rest once that has ended: a deadline of before a clock was set back is hours away."""

LOOKS: Final = 30
"""After so many looks that found no rest, a quarter of an hour, the clock goes an hour ahead: most wait for that."""

POOR: Final = 0.2
"""The share of seeds whose budget is short from the beginning."""

LATE: Final = 0.5
"""The share of these that begin shortly before the next day of the budget."""

ROOMY: Final = 100
"""So many slots are never short."""


@dataclass(slots=True)
class Report:
    """What happened: how often each fault, act and death; the trace of all steps; what was broken, if anything.

    `checked` is how often each promise was asked.
    """

    seed: int
    trace: Trace
    broken: str = ""
    met: Counter[str] = field(default_factory=Counter)
    acted: Counter[str] = field(default_factory=Counter)
    died: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)


class World:
    """One seed's world.

    `jobs` are the names of its jobs and sessions, `keys` what stands in their files, `out` those that somebody has
    removed or disabled; `terms` are the account's.
    """

    def __init__(self, folder: Path, seed: int, script: Script) -> None:
        self.seed = seed
        self.script = script
        self._streams: dict[str, random.Random] = {}
        draws = self.draws("world")
        self.jobs = [f"job-{letter}" for letter in "abc"[: script.jobs or draws.randint(1, 3)]]
        self.keys: dict[str, dict[str, Any]] = {
            job: {
                "page_size": draws.randint(3, 12),
                "schedule": f'every = "{draws.choice((1, 2, 3))}m", jitter = "{draws.choice((0, 4))}s"',
                "buy_again": True,
            }
            for job in self.jobs
        }
        self.terms = f'audit_every = "{draws.choice(("1m", "3m", "15m"))}"'
        size, vendor = script.size or draws.randint(5, 25), switches(draws)
        self.pull = windows.drawn(self)
        if self.pull is not None:
            vendor |= windows.open_questions(self.draws("windows"))
        self.cap = self._furnish(self.draws("house")) if script.meddlers else ROOMY
        self.terms += WEBHOOKS if self.pull is not None else ""
        self.hunt = traces.drawn(self)
        self.terms += traces.terms(self)
        self.machine = Machine(folder, self.draws, size=size, account=self.terms, session_cap=self.cap, **vendor)
        self.report = Report(seed, self.machine.trace)
        self.acted = self.report.acted
        traces.furnish(self)
        if self.pull is not None:
            self.machine.job(windows.JOB, **self.pull.keys)
        self.machine.clock.began -= timedelta(seconds=10)  # all jobs are due then
        if script.meddlers and (draws.random() < POOR or script.late):
            actors.allot(self, draws)
            if (calendar := self.draws("calendar")).random() < LATE or script.late:
                self._begin_late(calendar)
        for job in self.jobs:
            self.machine.job(job, **self.keys[job])
        self.weather = Weather(self.draws("weather"))
        if not script.weather:
            self.weather.clear()
        self._deaths_left = draws.choice((0, 1, 2, 3, 5))
        self._trouble_s = script.trouble_s or draws.choice(TROUBLE_S) * draws.uniform(0.75, 1.25)
        self.machine.disk.trouble = script.disk_trouble
        self._context = contextvars.copy_context()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._over = False
        self.out: set[str] = set()
        self.life: Life
        self._unwanted: Life | None = None
        self.watch: Watch
        self.network: Network

    def _furnish(self, draws: random.Random) -> int:
        """Let some worlds be short of slots, and keep house there; return how many slots the team has."""
        if draws.random() < 0.4:
            return ROOMY
        reserve = draws.randint(0, 1)
        cap = len(self.jobs) + reserve + draws.randint(0, 1)
        self.terms += (
            f"\nsession_cap = {cap}\nsession_reserve = {reserve}\n"
            f'[housekeeping]\nevery = "{draws.choice((1, 3))}m"\ndelete = "orphans"\norphan_after_days = 0'
        )
        return cap

    def _begin_late(self, draws: random.Random) -> None:
        """Begin a minute or two before a day ends, with little to spend: what is open then is paid by the next."""
        self.acted["midnight"] += 1
        self.machine.clock.began += timedelta(hours=18, minutes=-draws.randint(1, 2))
        actors.allot(self, draws, most=15)

    def draws(self, name: str) -> random.Random:
        """The stream of random numbers of that name: what one part draws changes nothing for another."""
        if name not in self._streams:
            self._streams[name] = random.Random(f"{self.seed} {name}")  # noqa: S311 - a world is to be had again
        return self._streams[name]

    def run(self) -> Report:
        """Live through all of it."""
        report, machine = self.report, self.machine
        self.script.lay(machine)
        with machine.on() as loop, windows.small_windows(), traces.small_batches():
            try:
                loop.run_until_complete(self._all())
            except Exception as error:  # noqa: BLE001 - whatever ends a world early is what was found
                report.broken = f"{type(error).__name__}: {error}"
        machine.disk.let_go()
        report.met.update({str(fate): count for fate, count in self.network.met.items()})
        report.checked.update(self.watch.checked)
        return report

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something in the world's name, and not in that of a process."""
        task = asyncio.get_running_loop().create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.watch.fail(f"the world itself failed: {task.exception()!r}")

    async def _all(self) -> None:
        self.watch = Watch(self.machine, self.script.promises)
        self.network = Network(
            self.machine.sim, self.weather, self.draws("network"), watch=self.watch, spawn=self.spawn
        )
        self.machine.change(transport=self.network)
        if self.pull is not None:
            self.watch.pull = self.pull
            self.machine.sim.deliver = windows.WindowsCourier(self, self.pull).deliver
        if self.hunt is not None:
            self.watch.hunt = self.hunt
            self.machine.sim.deliver = traces.OwnersCourier(self, self.hunt, self.machine.sim.deliver).deliver
        plot = self.spawn(self._plot())
        await asyncio.wait({plot, self.watch.broken}, return_when=asyncio.FIRST_COMPLETED)
        if self.watch.broken.done():
            self.watch.broken.result()
        plot.result()

    async def _plot(self) -> None:
        supervisor = self.spawn(self._supervise())
        meddlers = [self.spawn(actor(self)) for actor in self._cast()]  # type: ignore[arg-type]
        meddlers += [self.spawn(actor(self)) for actor in traces.ACTORS if self.hunt is not None]
        await asyncio.sleep(self._trouble_s)
        for meddler in meddlers:
            meddler.cancel()
        self._deaths_left = 0
        self.weather.clear()
        actors.put_right(self)
        await windows.put_right(self)
        traces.put_right(self)
        if self.script.dooms is None:
            self.life.process.doom = Doom()
        self._stop()
        await self._come_to_rest()
        self._over = True
        self._stop()
        await supervisor
        self.watch.ended()

    def _stop(self) -> None:
        """Have the daemon end, so that the next reads what was put right; one that is starting ends as it begins."""
        self._unwanted = self.life
        hands.stop(self)

    def _cast(self) -> Iterable[Callable[["World"], object]]:
        draws = self.draws("cast")
        house = tenants.TENANTS if self.cap < ROOMY else ()
        likely = (*house, actors.impatient)
        drawn = [actor for actor in actors.ACTORS if draws.random() < (0.7 if actor in likely else 0.3)]
        return [*drawn, *(windows.ACTORS if self.pull else ())] if self.script.meddlers else []

    async def _come_to_rest(self) -> None:
        """Wait until every job has completed since the trouble ended; answer what is parked (L1)."""
        since = self.watch.value("SELECT coalesce(max(id), 0) FROM run") or 0
        wanted = set(self.jobs) - self.watch.retired
        until_s = asyncio.get_running_loop().time() + PEACE_S
        for look in itertools.count(1):
            await asyncio.sleep(30)
            complete = {
                job for (job,) in self.watch.rows("SELECT job FROM run WHERE outcome = 'complete' AND id > ?", since)
            }
            at_rest = is_quiet(self.watch) and windows.is_quiet(self) and traces.is_quiet(self)
            if complete >= wanted and not self._is_settling() and at_rest:
                return
            if asyncio.get_running_loop().time() > until_s:
                self.watch.fail(f"l1_it_ends_well: of {sorted(wanted)} only {sorted(complete)} are complete")
            if look % LOOKS == 0:
                self.machine.wall.ahead += timedelta(hours=1)
            await hands.answer(self)
            await tenants.make_room(self)
            await windows.answer(self)
            await traces.answer(self)

    def _is_settling(self) -> bool:
        """Whether an open key waits that no person is asked about."""
        open_keys = "SELECT 1 FROM page JOIN search_session AS s ON s.id = session_id WHERE state = 'asked'"
        return bool(self.watch.rows(f"{open_keys} AND park_reason IS NULL"))

    async def _supervise(self) -> None:
        """Start the daemon again whenever it ends, as systemd does."""
        draws = self.draws("supervisor")
        lives = 0
        while not self._over:
            doom = self._doom(draws, lives)
            lives += 1
            self.life = self.machine.boot(doom, self._begun)
            await self.life.process.over.wait()
            if self.life.process.dead:
                self.report.died[f"{self.life.process.last} {'power' if doom.power else 'kill'}"] += 1
                self.machine.disk.restart(power=doom.power)
            elif self.life.error is not None:
                self._judge(self.life.error)
            if self.script.disk_trouble is not no_trouble:
                self.machine.disk.trouble = no_trouble
            await asyncio.sleep(draws.uniform(1, 60))

    def _begun(self, app: App, _: Service) -> None:
        if self.life is self._unwanted:
            app.around.stopping.set()
        self.watch.app = app
        self.watch.started()

    def _doom(self, draws: random.Random, lives: int) -> Doom:
        if self.script.dooms is not None:
            return self.script.dooms[lives] if lives < len(self.script.dooms) else Doom()
        if self._deaths_left <= 0:
            return Doom()
        self._deaths_left -= 1
        return drawn_doom(draws)

    def _judge(self, error: Exception) -> None:
        """Weather and operators' mistakes end a process with a sentence; anything else is a bug."""
        told = (BadWeather, OperatorMistake)
        bugs = error.split(told)[1] if isinstance(error, ExceptionGroup) else error
        if bugs is not None and not isinstance(bugs, told):
            self.watch.fail(f"p12_never_silent: the daemon ended with {bugs!r}")
