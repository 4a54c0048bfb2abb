"""What a person's hand, or the system's, does to the daemon that lives: stop, kill, reload, and its commands."""

import asyncio
from typing import TYPE_CHECKING, Any

from leadsync.config.fingerprint import fingerprint
from leadsync.core.model import Reason
from leadsync.core.resume import Choice, needed
from leadsync.errors import LeadsyncError, OperatorMistake
from tests.simulation.process import Doom

if TYPE_CHECKING:
    from tests.simulation.world import World


def stop(world: "World") -> None:
    """Ask the daemon to stop; systemd starts it again."""
    app = world.life.app
    if app is not None and not world.life.process.dead:
        app.around.stopping.set()


def kill(world: "World") -> None:
    """End the process at once, between two of its steps; systemd starts it again."""
    if not world.life.process.over.is_set():
        world.life.process.doom = Doom()  # whatever it was to meet
        world.life.process.die("kill -9")


def reload(world: "World") -> None:
    """Have the daemon read its files again, as systemd does on `reload`."""
    if world.life.app is not None and not world.life.process.over.is_set():
        world.acted["reload"] += 1
        world.life.process.within(world.machine.hang_up)


async def answer(world: "World") -> None:
    """Answer each parked job that has a file as its reason needs; what a person has begun, the person ends."""
    await asyncio.shield(world.spawn(_answer_all(world)))


async def _answer_all(world: "World") -> None:
    for job, reason in world.watch.rows("SELECT name, park_reason FROM search_session WHERE park_reason IS NOT NULL"):
        choice = Choice(needed(Reason(reason)).strip()) if needed(Reason(reason)) else None
        world.watch.answering.add(job)
        await command(world, "resume", job, {"choice": choice})
        world.watch.parked.pop(job, None)
        world.watch.answering.discard(job)


async def command(world: "World", name: str, job: str, more: dict[str, Any]) -> None:
    """Have the daemon carry out a command about a job that has a file."""
    settings = world.machine.settings()
    if job in settings.jobs:
        done = await carry_out(world, name, {"jobs": {job: fingerprint(settings, job)}, **more})
        world.acted["answer" if name == "resume" else name] += done is not None


async def carry_out(world: "World", name: str, asked: dict[str, Any]) -> Any:
    """Have the daemon carry out a command, if it can, and wait for its end, or the daemon's; None where it failed."""
    life = world.life
    if life.service is None or life.process.over.is_set():
        return None
    service = life.service
    try:
        errand = life.process.within(lambda: service.commands[name](asked))
    except OperatorMistake:
        return None
    over = asyncio.ensure_future(life.process.over.wait())
    await asyncio.wait({errand.work, over}, return_when=asyncio.FIRST_COMPLETED)
    over.cancel()
    if not errand.work.done() or errand.work.cancelled() or errand.work.exception() is not None:
        return None
    result = errand.work.result()
    return None if isinstance(result, LeadsyncError) else result
