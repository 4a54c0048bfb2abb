"""Reading what has come by webhook, one message after another, off the event loop and not on the store's thread.

A message is read by the one handler of its kind, and what that makes of it is stored in one transaction with the mark
that the message is taken (P4); small ones that have come together share a commit. What cannot be read waits in
quarantine and stops no other: neither nonsense, nor what its handler fails over, nor what takes the process with it.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeAlias, TypeVar, assert_never

import structlog
from sqlalchemy import Connection

from leadsync import events
from leadsync.core.letters import Opened, Unreadable, Why, inflated
from leadsync.errors import BadWeather, LeadsyncError
from leadsync.jobs.desk import Surroundings
from leadsync.store.inbox import Hold, Settled, Take, Taken, Verdict, Waiting
from leadsync.store.ledger import Ledger
from leadsync.waiting import result_unless, sleep_unless

STORE_RETRY_S: Final = 60.0

COLLECT_S: Final = 0.1
"""What comes in this time is read together: on a slow disk the commits of those who wait for an answer come first."""

REST_SHARE: Final = 8.0
REST_MAX_S: Final = 0.25
"""The rest between two batches, for the same reason: so many times as long as the last one kept the store busy.

A burst that nobody follows is read at hundreds a second, and under load there are still some eighty a second.
"""

T = TypeVar("T")
R = TypeVar("R")


def _nothing(_told: object) -> None:
    """Whom nobody has to tell."""


@dataclass(frozen=True, slots=True)
class Handler(Generic[T, R]):
    """Who reads a kind of message.

    `read` makes of it what is to be stored, on a thread of its own. It raises Unreadable where it cannot; what it was
    sent for stands in the address, and whether it speaks of that is for `read` to see. `take` stores that, within the
    one transaction in which the message is taken; it may raise Unreadable, too. `taken` is told what `take` has
    returned, once that is durable.
    """

    read: Callable[[Opened], T]
    take: Callable[[T, Connection], R]
    taken: Callable[[R], None] = _nothing


Handlers: TypeAlias = Mapping[str, Handler[Any, Any]]
"""By the kind of message: one of each."""


class Unpack:
    """One per process."""

    def __init__(
        self, ledger: Ledger, around: Surroundings, executor: Executor, *, inflated_max_bytes: int, handlers: Handlers
    ) -> None:
        self._ledger = ledger
        self._around = around
        self._executor = executor
        self._inflated_max_bytes = inflated_max_bytes
        self._handlers = handlers
        self._some = asyncio.Event()
        self._some.set()

    def ring(self) -> None:
        """Something has come, or may be read now."""
        self._some.set()

    async def run(self) -> None:
        """Read what comes, until leadsync is asked to stop."""
        while not self._around.stopping.is_set():
            await result_unless(self._around.stopping, self._some.wait())
            await sleep_unless(self._around.stopping, COLLECT_S)
            self._some.clear()
            try:
                await self._read_all()
            except BadWeather as error:
                _log.warning(events.UNPACKING_DELAYED, message=str(error), wait_s=STORE_RETRY_S)
                await sleep_unless(self._around.stopping, STORE_RETRY_S)
                self.ring()

    async def _read_all(self) -> None:
        """Read until nothing waits. While the store is in doubt nothing is read: whose it is, a person must say."""
        clock, took_s = asyncio.get_running_loop().time, 0.0
        batch = await self._ledger.inbox.begin() if self._may_begin() else []
        while batch:
            verdicts = [await self._read(waiting) for waiting in batch]
            await sleep_unless(self._around.stopping, min(took_s * REST_SHARE, REST_MAX_S))
            began_s = clock()
            settled, later = await self._ledger.inbox.settle(verdicts, self._around.now(), more=self._may_begin())
            took_s = clock() - began_s
            for waiting, verdict in zip(batch, settled, strict=True):
                self._tell(waiting, verdict)
            batch = later

    def _may_begin(self) -> bool:
        return not self._around.stopping.is_set() and self._ledger.doubt is None

    async def _read(self, waiting: Waiting) -> Verdict:
        kind, message_id = waiting.letter.address.kind, waiting.message_id
        if waiting.worn_out:
            return Hold(message_id, Why.CRASHED, "leadsync has ended again and again while it was read")
        handler = self._handlers.get(kind)
        if handler is None:
            return Hold(message_id, Why.NO_HANDLER, "this version of leadsync does not read its kind")
        try:
            content = await self._off_loop(handler, waiting)
        except Unreadable as error:
            return Hold(message_id, error.why, str(error))
        except LeadsyncError:
            raise
        except Exception as error:  # noqa: BLE001 - a message that its handler fails over stops no other
            return Hold.over(message_id, error)
        return Take(message_id, partial(handler.take, content))

    def _tell(self, waiting: Waiting, settled: Settled) -> None:
        kind, subject = waiting.letter.address
        match settled:
            case Taken(message_id, told):
                _log.info(events.WEBHOOK_TAKEN, id=message_id, kind=kind, subject=subject)
                self._handlers[kind].taken(told)
            case Hold(message_id, why, detail):
                told = {"id": message_id, "kind": kind, "subject": subject, "reason": why, "detail": detail}
                _log.warning(events.WEBHOOK_QUARANTINED, **told)
            case _:
                assert_never(settled)

    async def _off_loop(self, handler: Handler[T, R], waiting: Waiting) -> T:
        work = partial(_read, handler, waiting, self._inflated_max_bytes)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _read(handler: Handler[T, R], waiting: Waiting, max_bytes: int) -> T:
    letter = waiting.letter
    content = inflated(letter.headers, bytes(letter.body), max_bytes)
    return handler.read(Opened(letter.address, letter.headers, content))


_log = structlog.get_logger()
