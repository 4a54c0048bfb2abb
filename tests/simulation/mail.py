"""Results that a vendor pushes: sent until they are acknowledged, some twice, some astray, to whatever lives.

The door itself is there, without its socket: a request is a call of its ASGI app, within the process. What a handler
does to the store is a row a result, in a table of the simulation's own, which nothing keeps from having it twice (P9).
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import Connection

from leadsync.app import App
from leadsync.core.hooks import Address, HookKey, hook_url
from leadsync.core.letters import Letter, Opened
from leadsync.inbox.door import Door
from leadsync.inbox.group import GroupCommit
from leadsync.jobs.unpack import Handler, Unpack
from leadsync.store.inbox import Receipt
from tests.simulation.disk import Disk

if TYPE_CHECKING:
    from tests.simulation.machine import Life
    from tests.simulation.watch import Watch
    from tests.simulation.world import World

KINDS: Final = ("async", "async-error", "letter", "letter-done")
BODY_MAX_BYTES: Final = 100_000
EFFECTS: Final = "CREATE TABLE IF NOT EXISTS simulated_effect (digest TEXT)"


@dataclass(slots=True)
class Mail:
    """What the sender knows: digests of results that were answered 200, and of those that never may be."""

    acknowledged: set[str] = field(default_factory=set)
    astray: set[str] = field(default_factory=set)
    under_way: int = 0


def open_door(app: App, life: "Life", executor: Any) -> None:
    """Give a process that has just opened its store a door, and a reader of what comes. Called within the process."""

    async def store(letters: Sequence[Letter]) -> Sequence[Receipt]:
        return await app.ledger.inbox.receive(letters, app.around.now())

    group = GroupCommit(store)
    handlers = {kind: Handler(_read, _take) for kind in KINDS}
    handlers |= app.unpack._handlers  # noqa: SLF001 - leadsync's own stay what they are
    app.unpack = Unpack(app.ledger, app.around, executor, inflated_max_bytes=BODY_MAX_BYTES, handlers=handlers)
    life.door = Door(lambda: app.ledger.hooks, group.keep, BODY_MAX_BYTES, app.unpack.ring, lambda _why: None)
    life.committing = asyncio.get_running_loop().create_task(group.run())


def _read(opened: Opened) -> str:
    msgspec.json.decode(opened.content)
    return hashlib.sha256(opened.content).hexdigest()


def _take(digest: str, connection: Connection) -> None:
    connection.exec_driver_sql(EFFECTS)
    connection.exec_driver_sql("INSERT INTO simulated_effect VALUES (?)", (digest,))


async def mailer(world: "World") -> None:
    """Sends results, each until it is taken: small bursts, a fifth of them twice, a tenth under a wrong address."""
    draws = world.machine.draws("mailer")
    number = 0
    while True:
        await asyncio.sleep(draws.expovariate(1 / 120))
        for _ in range(draws.randint(1, 4)):
            number += 1
            body = b'{"n":%d,"pad":"%b"}' % (number, b"x" * draws.randint(0, 3_000))
            copies = 2 if draws.random() < 0.2 else 1
            astray = draws.random() < 0.1
            delays = [draws.uniform(0, 90) for _ in range(copies)]
            address = Address(draws.choice(KINDS), f"result-{number}")
            for delay_s in delays:
                world.spawn(_deliver(world, address, body, delay_s=delay_s, astray=astray))


async def _deliver(world: "World", address: Address, body: bytes, *, delay_s: float, astray: bool) -> None:
    """Send one result; a right one again and again until it is answered 200, and the answer arrives."""
    mail, draws = world.watch.mail, world.machine.draws("deliveries")
    digest = hashlib.sha256(body).hexdigest()
    mail.under_way += 1
    (mail.astray if astray else set()).add(digest)
    await asyncio.sleep(delay_s)
    while True:
        status = await _post(world, address, body, astray=astray)
        if status == 200:
            world.watch.answered(digest)
            world.acted["mail"] += 1
            if draws.random() < 0.8:
                break
            world.acted["mail_again"] += 1  # the answer got lost
        if status == 404:
            world.acted["mail_astray"] += 1
            break
        await asyncio.sleep(draws.uniform(1, 120))
    mail.under_way -= 1


async def _post(world: "World", address: Address, body: bytes, *, astray: bool) -> int:
    """Send one to the door of the process that is alive; 0 where none is."""
    if world.life.app is None:
        return 0
    key = world.life.app.ledger.hooks
    path = hook_url("", HookKey(key.installation, b"guessed") if astray else key, address)
    return await knock(world, path, body)


async def knock(world: "World", path: str, body: bytes, headers: Mapping[str, str] | None = None) -> int:
    """Call the door of the process that is alive; 0 where none is, or it dies before it has answered."""
    life = world.life
    door = life.door
    if door is None or life.process.over.is_set():
        return 0
    sent = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "method": "POST", "path": path, "headers": sent, "state": {"admit": lambda: None}}
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

    answering = life.process.within(lambda: asyncio.get_running_loop().create_task(door(scope, receive, send)))
    over = asyncio.ensure_future(life.process.over.wait())
    await asyncio.wait({answering, over}, return_when=asyncio.FIRST_COMPLETED)
    over.cancel()
    if answering.done() and not answering.cancelled() and answering.exception() is None and statuses:
        return statuses[0]
    return 0


def p9_answered_is_durable(watch: "Watch", digest: str) -> Iterator[str]:
    """What is answered 200 is in the store at that moment, and no power cut could take it; no stranger is."""
    if digest in watch.mail.astray:
        yield "a result at an address that nobody was given was answered 200"
    elif digest not in _stored(watch):
        yield "a result was answered 200 and is not in the store"
    disk: Disk = watch.machine.disk
    if disk.owes:
        yield "a result was answered 200 while a transaction that was said to be done was not durable"


def p9_acknowledged_is_kept(watch: "Watch", _: object) -> Iterator[str]:
    """Whatever died since, each result that was answered 200 is there, and had its effect at most once."""
    if lost := watch.mail.acknowledged - _stored(watch):
        yield f"{len(lost)} results were answered 200 and are lost"
    if twice := [digest for digest, count in _effects(watch).items() if count > 1]:
        yield f"{len(twice)} results had their effect more than once"


def p9_all_is_read(watch: "Watch", _: object) -> Iterator[str]:
    """At the end each result has had its effect, once, and nothing else has."""
    effects = _effects(watch)
    if unread := watch.mail.acknowledged - effects.keys():
        yield f"{len(unread)} results were answered 200 and had no effect"
    if foreign := effects.keys() & watch.mail.astray:
        yield f"{len(foreign)} results of a stranger had an effect"


def is_quiet(watch: "Watch") -> bool:
    """Whether all that is on its way has come, and has been read."""
    return not watch.mail.under_way and not watch.value("SELECT 1 FROM inbox_message WHERE state = 'waiting'")


def _stored(watch: "Watch") -> set[str]:
    return {hashlib.sha256(body).hexdigest() for (body,) in watch.rows("SELECT body FROM inbox_body")}


def _effects(watch: "Watch") -> Counter[str]:
    if not watch.rows("SELECT 1 FROM sqlite_schema WHERE name = 'simulated_effect'"):
        return Counter()
    return Counter(digest for (digest,) in watch.rows("SELECT digest FROM simulated_effect"))
