"""Who comes and goes in the account's slots beside the jobs that stay: neighbours, projects, and their successors.

Each is an endless coroutine like those of `actors.py`, and its acts are counted there. `make_room` is the person who
reads that jobs wait for a slot, and deletes by name what nobody needs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from leadsync.config.fingerprint import fingerprint
from leadsync.core.model import Reason
from tests.simulation.hands import carry_out, kill, stop

if TYPE_CHECKING:
    from tests.simulation.world import World

NEIGHBOURS: Final = "theirs-"
"""What the sessions of others begin with."""

OPEN_KEY: Final = (
    "SELECT 1 FROM page JOIN search_session AS s ON s.id = session_id WHERE state = 'asked' AND s.name = ?"
)

PAGE_MAX: Final = 6

ASKED_WITHIN_S: Final = 120.0
"""So long a project that ends in a hurry is waited for in the middle of a page."""


async def neighbour(world: "World") -> None:
    """Moves in with a session of its own where a slot is free, and out again: slots come and go beside us."""
    draws = world.machine.draws("neighbour")
    sim = world.machine.sim
    while True:
        await asyncio.sleep(draws.expovariate(1 / 120))
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
        await asyncio.sleep(draws.expovariate(1 / 50))
        world.acted["project"] += 1
        name = f"project-{world.acted['project']}"
        world.watch.retired.add(name)
        world.watch.edited.add(name)
        machine.job(name, page_size=draws.randint(2, PAGE_MAX), schedule='every = "1m"', buy_again=True)
        stop(world)
        try:
            await asyncio.sleep(draws.uniform(40, 120))
            if draws.random() < 0.3:
                await _end_in_a_hurry(world, name)
        finally:
            machine.remove(name)
            stop(world)


async def _end_in_a_hurry(world: "World", name: str) -> None:
    """The process is killed in the middle of the project's page, and somebody else goes on with its session."""
    until_s = asyncio.get_running_loop().time() + ASKED_WITHIN_S
    while asyncio.get_running_loop().time() < until_s:
        await asyncio.sleep(0.1)
        if world.watch.flying[id(world.life.process), name]:
            world.acted["hurry"] += 1
            kill(world)
            take_over(world, name, 2 * PAGE_MAX)
            return


def take_over(world: "World", session: str, count: int) -> None:
    """Pull from a session that leadsync has used; whoever runs its job again is asked about that."""
    sim = world.machine.sim
    if session not in sim.sessions:
        return
    sim.grow(count)  # leadsync may have had everything
    if sim.foreign_pull(session, count):
        world.acted["pull"] += 1
        world.watch.meddled(session, Reason.SESSION_DRIFTED, Reason.SESSION_FOREIGN)


async def successor(world: "World") -> None:
    """Goes on with the session of a project that is over, often just when leadsync has had a look at it."""
    draws, sim, looked = world.machine.draws("successor"), world.machine.sim, world.watch.looked
    while True:
        looked.clear()
        await looked.wait()
        left = [name for name in sorted(world.watch.retired) if name in sim.sessions and not has_file(world, name)]
        if left and draws.random() < 0.5:
            take_over(world, draws.choice(left), draws.randint(1, 5))


def has_file(world: "World", job: str) -> bool:
    """Whether a job's file is there."""
    return (world.machine.folder / "jobs.d" / f"{job}.toml").exists()


async def make_room(world: "World") -> None:
    """Where a job waits for a slot, delete by name what no enabled job needs; what is parked gets its file back first.

    A session with a key open is not deleted, so its job must be answered before: that wants its file.
    """
    waits = "SELECT 1 FROM run WHERE id IN (SELECT max(id) FROM run GROUP BY job) AND outcome = 'waiting'"
    if not world.watch.value(waits):
        return
    for session in [name for name in world.machine.sim.sessions if name in world.watch.retired]:
        if world.watch.value(OPEN_KEY, session):
            if not has_file(world, session):
                world.machine.job(session, enabled=False, buy_again=True)
            stop(world)  # the next start reads the file, and settles what has been answered
            return
        await delete(world, session)


async def delete(world: "World", session: str) -> None:
    """Look at a session, and delete it by name where nothing speaks against that."""
    settings = world.machine.settings()
    asked = {
        "jobs": {job: fingerprint(settings, job) for job in settings.jobs},
        "policy": repr(settings.housekeeping),
        "account": "main",
        "force": False,
    }
    seen = await carry_out(world, "look_at_session", {**asked, "session": session})
    if seen is not None and await carry_out(world, "delete_session", {**asked, "seen": seen["seen"]}) is not None:
        world.acted["evict"] += 1


TENANTS: Final[tuple[Callable[["World"], Awaitable[None]], ...]] = (neighbour, projects, successor)
