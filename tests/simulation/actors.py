"""Who acts beside leadsync while there is trouble: each an endless coroutine that waits and does something.

To add one: write it here, count what it does in `world.acted`, say with `world.watch` what a person will be asked
because of it, and put it into `ACTORS`; name what it does in `ACTS`, and the run fails where that never happens. When
the trouble ends all are stopped, and `put_right` mends what they leave behind.
"""

import asyncio
import errno
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from leadsync.app import App
from leadsync.core.model import Reason
from leadsync.errors import Busy
from leadsync.service import Service
from tests.simulation.disk import no_trouble
from tests.simulation.hands import answer, command, kill, reload, stop
from tests.simulation.mail import mailer
from tests.simulation.process import Doom
from tests.simulation.tenants import NEIGHBOURS, TENANTS, delete

if TYPE_CHECKING:
    from tests.simulation.world import World

AHEAD_MAX: Final = timedelta(hours=4)
"""What is due by a clock that is ahead comes that much later once it is right again: the end waits no longer."""

LISTS: Final = ('orQuickLists = ["high-equity"]', 'orQuickLists = ["high-equity", "absentee-owner"]')


async def stranger(world: "World") -> None:
    """Pulls from our sessions, deletes them, and builds houses."""
    draws = world.machine.draws("stranger")
    sim = world.machine.sim
    while True:
        await asyncio.sleep(draws.expovariate(1 / 150))
        act = draws.choice(("pull", "delete", "grow"))
        session = draws.choice(world.jobs)
        if act == "grow":
            world.acted[act] += 1
            sim.grow(draws.randint(1, 6))
        elif session in sim.sessions and act == "pull":
            if sim.foreign_pull(session, draws.randint(1, 5)):
                world.acted[act] += 1
                world.watch.meddled(session, Reason.SESSION_DRIFTED, Reason.SESSION_FOREIGN)
        elif session in sim.sessions:
            world.acted[act] += 1
            sim.delete_session(session)
            world.watch.deleted(session)


async def operator(world: "World") -> None:
    """Edits job files and the budget, restarts the daemon, has jobs run, and answers what is parked."""
    draws = world.machine.draws("operator")
    while True:
        await asyncio.sleep(draws.expovariate(1 / 90))
        job = draws.choice(world.jobs)
        match draws.choice(("edit", "edit", "budget", "once", "answer", "restart", "kill", "delete")):
            case "edit":
                edit(world, job)
                draws.choice((stop, reload))(world)
            case "budget":
                allot(world, draws)
                stop(world)
            case "once":
                await command(world, "once", job, {"again": False})
            case "answer":
                await answer(world)
            case "kill":
                world.acted["kill"] += 1
                kill(world)
            case "delete":
                await delete(world, draws.choice([*world.jobs, *sorted(world.watch.retired)]))
            case _:
                world.acted["restart"] += 1
                stop(world)


async def impatient(world: "World") -> None:
    """Has another job run while one is in the middle of its pages, and that one once more after it."""
    draws, flying = world.machine.draws("impatient"), world.watch.flying
    while True:
        await asyncio.sleep(draws.expovariate(1 / 40))
        while not any(flying.values()):  # noqa: ASYNC110 - a look now and then is what impatient people have
            await asyncio.sleep(1)
        first = draws.choice(sorted(session for (_, session), count in flying.items() if count))
        others = [job for job in world.jobs if job != first]
        if others:
            world.acted["meanwhile"] += 1
            await command(world, "once", draws.choice(others), {"again": False})
            await command(world, "once", first, {"again": False})


async def twin(world: "World") -> None:
    """Starts a second leadsync on the store, which the first one does not let in."""
    draws = world.machine.draws("twin")
    while True:
        await asyncio.sleep(draws.expovariate(1 / 120))
        hang_up = world.machine.hang_up

        def begun(app: App, _: Service, hang_up: Callable[[], None] = hang_up) -> None:
            world.machine.hang_up = hang_up
            app.around.stopping.set()
            if world.life.app is not None and not world.life.process.over.is_set():
                world.watch.fail("p5_one_at_a_time: two leadsyncs have one store")

        second = world.machine.boot(Doom(), begun)
        await second.process.over.wait()
        world.acted["twin"] += isinstance(second.error, Busy)


async def clock(world: "World") -> None:
    """Sets the clock that leadsync looks at, by up to two hours; or the machine sleeps, which looks the same."""
    draws, wall = world.machine.draws("clock"), world.machine.wall
    while True:
        await asyncio.sleep(draws.expovariate(1 / 200))
        world.acted["clock"] += 1
        ahead = wall.ahead + timedelta(seconds=draws.choice((-7_200, -600, 600, 7_200)))
        wall.ahead = max(-AHEAD_MAX, min(ahead, AHEAD_MAX))


async def disk(world: "World") -> None:
    """Fails now and then, for one operation or for minutes, or for the witness alone, or is nearly full."""
    draws = world.machine.draws("failing disk")
    while True:
        await asyncio.sleep(draws.expovariate(1 / 150))
        act = draws.choice(("disk_full", "disk_error", "disk_low", "witness_error"))
        world.acted[act] += 1
        if act == "disk_low":
            world.machine.free_bytes = 1
        elif act == "witness_error":
            world.machine.disk.trouble = _trouble(errno.EIO, "witness.sync")
        else:
            code = errno.ENOSPC if act == "disk_full" else errno.EIO
            world.machine.disk.trouble = _trouble(code, draws.choice(("write", "sync", "")))
        await asyncio.sleep(150 if act == "witness_error" else draws.choice((1, 30, 150)))
        world.machine.disk.trouble = no_trouble
        world.machine.free_bytes = 1 << 40


def _trouble(code: int, operation: str) -> Callable[[str], None]:
    def trouble(label: str) -> None:
        if label.endswith(operation):
            raise OSError(code, "disk trouble")

    return trouble


async def sky(world: "World") -> None:
    """Cuts the line for minutes."""
    draws = world.machine.draws("sky")
    while True:
        await asyncio.sleep(draws.expovariate(1 / 200))
        world.weather.outage = True
        await asyncio.sleep(draws.choice((30, 150, 700)))
        world.weather.outage = False


ACTORS: Final[tuple[Callable[["World"], Awaitable[None]], ...]] = (
    stranger,
    operator,
    impatient,
    twin,
    clock,
    disk,
    sky,
    *TENANTS,
    mailer,
)
ACTS: Final = frozenset(
    {"pull", "delete", "grow", "disable", "remove", "page_size", "criteria", "budget", "once", "answer", "restart"}
    | {"reload", "clock", "disk_full", "disk_error", "disk_low", "witness_error", "move_in", "move_out", "project"}
    | {"mail", "mail_again", "mail_astray", "meanwhile", "hurry", "kill", "twin", "evict"}
    | {"result", "bulk_again", "traced", "midnight"}
)
"""What must come in the seeds of a day. Of what else is counted, some days have none."""


def edit(world: "World", job: str) -> None:
    """Change, disable or remove a job's file, or bring it back as it was."""
    draws, machine = world.machine.draws("operator's hand"), world.machine
    act = draws.choice(("disable", "remove", "page_size", "criteria", "back"))
    keys: dict[str, Any] = dict(world.keys[job])
    world.out.discard(job)
    world.watch.filing(job)
    if act in {"remove", "disable"}:
        world.watch.edited.add(job)
        world.out.add(job)
    match act:
        case "remove":
            machine.job(job, **keys)
            machine.remove(job)
        case "disable":
            machine.job(job, **keys, enabled=False)
        case "page_size":
            machine.job(job, **{**keys, "page_size": draws.randint(2, 9)})
        case "criteria":
            world.watch.posed[job].add(Reason.CRITERIA_CHANGED)
            machine.job(job, **keys, search=draws.choice(LISTS))
        case _:
            machine.job(job, **keys)
    if act != "back":
        world.acted[act] += 1


def allot(world: "World", draws: random.Random, *, most: int = 60) -> None:
    """Allow so many records a day, and no more."""
    world.acted["budget"] += 1
    budget = f"budget = {{ records_per_day = {draws.randint(10, most)} }}"
    world.machine.configure(f"{budget}\n{world.terms}")


def put_right(world: "World") -> None:
    """Files as they were, but of jobs that stay out for good; money enough, a disk in order, the right time."""
    machine, draws = world.machine, world.machine.draws("retirement")
    machine.configure(world.terms)
    for job in world.jobs:
        world.watch.filing(job)
        if job in world.out and draws.random() < 0.5:
            world.watch.retired.add(job)
        else:
            machine.job(job, **world.keys[job])
    machine.disk.trouble = no_trouble
    machine.free_bytes = 1 << 40
    machine.wall.ahead = timedelta(0)
    for name in [name for name in machine.sim.sessions if name.startswith(NEIGHBOURS)]:
        machine.sim.delete_session(name)
