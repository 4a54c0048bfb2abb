"""Reading what has come by webhook, one message after another, off the event loop and not on the store's thread.

A message is read by the one handler of its kind, and what that makes of it is stored in one transaction with the mark
that the message is taken (P4). What cannot be read waits in quarantine and stops no other: neither nonsense, nor what
its handler fails over, nor what takes the whole process with it.
"""

import asyncio
import traceback
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, TypeAlias, TypeVar

import structlog
from sqlalchemy import Connection

from leadsync import events
from leadsync.core.letters import Opened, Unreadable, Why, inflated
from leadsync.errors import BadWeather, Bug, UsageMistake
from leadsync.jobs.desk import Surroundings
from leadsync.store.inbox import Waiting
from leadsync.store.ledger import Ledger
from leadsync.vendors.pace import result_unless, sleep_unless

STORE_RETRY_S: Final = 60.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Handler(Generic[T]):
    """Who reads a kind of message.

    `read` makes of it what is to be stored, on a thread of its own. It raises Unreadable where it cannot; what it was
    sent for stands in the address, and whether it speaks of that is for `read` to see. `take` stores that, within the
    one transaction in which the message is taken.
    """

    read: Callable[[Opened], T]
    take: Callable[[T, Connection], None]


Handlers: TypeAlias = Mapping[str, Handler[Any]]
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
            self._some.clear()
            try:
                await self._read_all()
            except BadWeather as error:
                _log.warning(events.UNPACKING_DELAYED, message=str(error), wait_s=STORE_RETRY_S)
                await sleep_unless(self._around.stopping, STORE_RETRY_S)
                self.ring()

    async def release(self, messages: Collection[int]) -> str:
        """Let messages out of quarantine, to be read again; return what the operator is told."""
        count = await self._ledger.release(messages)
        if not count:
            raise UsageMistake("none of these is in quarantine; nothing was changed. `leadsync inbox list` shows them")
        _log.info(events.WEBHOOKS_RELEASED, count=count)
        self.ring()
        return (
            f"{count} of {len(messages)} wait to be read again: the daemon does that, or the next one that is started"
        )

    async def _read_all(self) -> None:
        """Read until nothing waits. While the store is in doubt nothing is read: whose it is, a person must say."""
        while not self._around.stopping.is_set() and self._ledger.doubt is None:
            batch = await self._ledger.begin_letters(self._around.now())
            if not batch:
                return
            for waiting in batch:
                if not self._around.stopping.is_set():
                    await self._unpack(waiting)

    async def _unpack(self, waiting: Waiting) -> None:
        kind, subject = waiting.letter.address
        try:
            handler = self._handler_of(kind)
            content = await self._off_loop(handler, waiting)
            effect = partial(handler.take, content)
            await self._ledger.take_letter(waiting.message_id, effect, self._around.now())
        except Unreadable as error:
            await self._quarantine(waiting, error.why, str(error))
        except (BadWeather, Bug):
            raise
        except Exception as error:  # noqa: BLE001 - a message that its handler fails over stops no other
            await self._quarantine(waiting, Why.CRASHED, _place_of(error))
        else:
            _log.info(events.WEBHOOK_TAKEN, id=waiting.message_id, kind=kind, subject=subject)

    def _handler_of(self, kind: str) -> Handler[Any]:
        if kind not in self._handlers:
            raise Unreadable(Why.NO_HANDLER, "this version of leadsync does not read its kind")
        return self._handlers[kind]

    async def _off_loop(self, handler: Handler[T], waiting: Waiting) -> T:
        work = partial(_read, handler, waiting, self._inflated_max_bytes)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def _quarantine(self, waiting: Waiting, why: Why, detail: str) -> None:
        await self._ledger.quarantine(waiting.message_id, why, detail, self._around.now())
        kind, subject = waiting.letter.address
        _log.warning(
            events.WEBHOOK_QUARANTINED,
            id=waiting.message_id,
            kind=kind,
            subject=subject,
            reason=why,
            detail=detail,
        )


def _read(handler: Handler[T], waiting: Waiting, max_bytes: int) -> T:
    letter = waiting.letter
    content = inflated(letter.headers, bytes(letter.body), max_bytes)
    return handler.read(Opened(letter.address, waiting.version, letter.headers, content))


def _place_of(error: Exception) -> str:
    """Where a handler failed; its words may be a part of the message."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"its handler failed: {type(error).__name__}{place}"


_log = structlog.get_logger()
