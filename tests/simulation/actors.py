"""Who acts beside leadsync while there is trouble: each an endless coroutine that waits and does something.

To add one: write it here, count what it does in `world.acted`, say with `world.watch` what a person will be asked
because of it, and put it into `ACTORS`; name what it does in `ACTS`, and the run fails where that never happens. When
the trouble ends all are stopped, and `put_right` mends what they leave behind.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from leadsync.config.fingerprint import fingerprint
from leadsync.core.model import Reason
from leadsync.core.resume import Choice, needed
from leadsync.errors import LeadsyncError, OperatorMistake
from tests.simulation.disk import no_trouble
from tests.simulation.mail import mailer

if TYPE_CHECKING:
    from tests.simulation.world import World

NEIGHBOURS: Final = "theirs-"
"""What the sessions of others begin with."""

LISTS: Final = ('orQuickLists = ["high-equity"]', 'orQuickLists = ["high-equity", "absentee-owner"]')


async def stranger(world: "World") -> None:
    """Pulls from our sessions, deletes them, and builds houses."""
    draws = world.machine.draws("stranger")
    sim = world.machine.sim
    while True:
        await asyncio.sleep(draws.expovariate(1 / 250))
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


async def neighbour(world: "World") -> None:
    """Moves in with a session of its own where a slot is free, and out again: slots come and go beside us."""
    draws = world.machine.draws("neighbour")
    sim = world.machine.sim
    while True:
        await asyncio.sleep(draws.expovariate(1 / 200))
        theirs = [name for name in sim.sessions if name.startswith(NEIGHBOURS)]
        mould = next(iter(sim.sessions.values()), None)
        if draws.random() < 0.6 and mould is not None and len(sim.sessions) < world.cap:
            world.acted["move_in"] += 1
            name = f"{NEIGHBOURS}{len(theirs)}-{world.acted['move_in']}"
            sim.sessions[name] = replace(mould, id=name, created_at=sim.now(), delivered={0})
        elif theirs:
            world.acted["move_out"] += 1
            sim.delete_session(draws.choice(theirs))


async def projects(world: "World") -> None:
    """Gives short projects a job each, and takes its file away when they are over: their sessions are orphans then."""
    draws, machine = world.machine.draws("projects"), world.machine
    while True:
        await asyncio.sleep(draws.expovariate(1 / 150))
        world.acted["project"] += 1
        name = f"project-{world.acted['project']}"
        world.watch.retired.add(name)
        world.watch.edited.add(name)
        machine.job(name, page_size=draws.randint(3, 12), schedule='every = "2m"', buy_again=True)
        stop(world)
        try:
            await asyncio.sleep(draws.uniform(60, 300))
        finally:
            machine.remove(name)
            stop(world)


async def operator(world: "World") -> None:
    """Edits job files and the budget, restarts the daemon, has jobs run, and answers what is parked."""
    draws = world.machine.draws("operator")
    while True:
        await asyncio.sleep(draws.expovariate(1 / 150))
        job = draws.choice(world.jobs)
        match draws.choice(("edit", "edit", "budget", "once", "answer", "restart")):
            case "edit":
                edit(world, job)
                draws.choice((stop, reload))(world)
            case "budget":
                world.acted["budget"] += 1
                budget = f"budget = {{ records_per_day = {draws.randint(10, 60)} }}"
                world.machine.configure(f"{budget}\n{world.terms}")
                stop(world)
            case "once":
                await command(world, "once", job, {"again": False})
            case "answer":
                await answer(world)
            case _:
                world.acted["restart"] += 1
                stop(world)


async def clock(world: "World") -> None:
    """Sets the clock that leadsync looks at, by up to two hours; or the machine sleeps, which looks the same."""
    draws = world.machine.draws("clock")
    while True:
        await asyncio.sleep(draws.expovariate(1 / 350))
        world.acted["clock"] += 1
        world.machine.wall.ahead += timedelta(seconds=draws.choice((-7_200, -600, 600, 7_200)))


async def disk(world: "World") -> None:
    """Fails now and then, for one operation or for minutes, or for the witness alone, or is nearly full."""
    draws = world.machine.draws("failing disk")
    while True:
        await asyncio.sleep(draws.expovariate(1 / 250))
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
        await asyncio.sleep(draws.expovariate(1 / 350))
        world.weather.outage = True
        await asyncio.sleep(draws.choice((30, 150, 700)))
        world.weather.outage = False


ACTORS: Final[tuple[Callable[["World"], Awaitable[None]], ...]] = (
    stranger,
    operator,
    clock,
    disk,
    sky,
    neighbour,
    projects,
    mailer,
)
ACTS: Final = frozenset(
    {"pull", "delete", "grow", "disable", "remove", "page_size", "criteria", "budget", "once", "answer", "restart"}
    | {"reload", "clock", "disk_full", "disk_error", "disk_low", "witness_error", "move_in", "move_out", "project"}
    | {"mail", "mail_again", "mail_astray"}
)


def edit(world: "World", job: str) -> None:
    """Change, disable or remove a job's file, or bring it back as it was."""
    draws, machine = world.machine.draws("operator's hand"), world.machine
    act = draws.choice(("disable", "remove", "page_size", "criteria", "back"))
    keys: dict[str, Any] = dict(world.keys[job])
    world.out.discard(job)
    world.watch.filed.add(job)
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


def put_right(world: "World") -> None:
    """Files as they were, but of jobs that stay out for good; money enough, a disk in order, the right time."""
    machine, draws = world.machine, world.machine.draws("retirement")
    machine.configure(world.terms)
    for job in world.jobs:
        world.watch.filed.add(job)
        if job in world.out and draws.random() < 0.5:
            world.watch.retired.add(job)
        else:
            machine.job(job, **world.keys[job])
    machine.disk.trouble = no_trouble
    machine.free_bytes = 1 << 40
    machine.wall.ahead = timedelta(0)
    for name in [name for name in machine.sim.sessions if name.startswith(NEIGHBOURS)]:
        machine.sim.delete_session(name)


def stop(world: "World") -> None:
    """Ask the daemon to stop; systemd starts it again."""
    app = world.life.app
    if app is not None and not world.life.process.dead:
        app.around.stopping.set()


def reload(world: "World") -> None:
    """Have the daemon read its files again, as systemd does on `reload`."""
    if world.life.app is not None and not world.life.process.over.is_set():
        world.acted["reload"] += 1
        world.life.process.within(world.machine.hang_up)


async def answer(world: "World") -> None:
    """Answer each parked job that has a file as its reason needs."""
    for job, reason in world.watch.rows("SELECT name, park_reason FROM search_session WHERE park_reason IS NOT NULL"):
        world.watch.parked.pop(job, None)
        choice = Choice(needed(Reason(reason)).strip()) if needed(Reason(reason)) else None
        await command(world, "resume", job, {"choice": choice})


async def command(world: "World", name: str, job: str, more: dict[str, Any]) -> None:
    """Have the daemon carry out a command, if it can, and wait for its end, or the daemon's."""
    life, settings = world.life, world.machine.settings()
    if life.service is None or life.process.over.is_set() or job not in settings.jobs:
        return
    service = life.service
    asked = {"jobs": {job: fingerprint(settings, job)}, **more}
    try:
        errand = life.process.within(lambda: service.commands[name](asked))
    except OperatorMistake:
        return
    over = asyncio.ensure_future(life.process.over.wait())
    await asyncio.wait({errand.work, over}, return_when=asyncio.FIRST_COMPLETED)
    over.cancel()
    if errand.work.done() and not errand.work.cancelled():
        failed = isinstance(errand.work.exception() or errand.work.result(), LeadsyncError)
        world.acted["answer" if name == "resume" else name] += not failed
