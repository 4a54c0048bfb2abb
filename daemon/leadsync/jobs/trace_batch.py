"""One batch of owners on its way to the vendor: journaled, vouched for, sent once, and settled by what came back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from leadsync import events
from leadsync.core.retry import GIVE_UP_S, STORE_AGAIN_S, doubling_s, throttle_wait_s
from leadsync.core.trace import BatchState, Doubtful, GiveBack, Pause, Taken, TraceRoute, judge
from leadsync.core.trace_replies import Awaited, ItemResult
from leadsync.errors import StoreFailed
from leadsync.jobs.desk import Surroundings
from leadsync.store.trace_answers import Answer
from leadsync.store.trace_batches import OpenBatch
from leadsync.store.trace_ledger import TraceLedger
from leadsync.vendors.realestateapi import RealEstateApi
from leadsync.waiting import result_unless, sleep_unless

BACK_OFF_MAX_S: Final = 900.0
"""A vendor that is down for a night gets some dozens of batches to refuse, not thousands."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a sending: whether the vendor may have the batch, and how long to rest before the next."""

    taken: bool = True
    rest_s: float = 0.0


class Sending:
    """One sending; made for it and thrown away. `failed` is how many before it the vendor has not taken in a row."""

    def __init__(self, opened: OpenBatch, ledger: TraceLedger, around: Surroundings, *, failed: int) -> None:
        self._opened = opened
        self._ledger = ledger
        self._around = around
        self._failed = failed

    async def send(self, client: RealEstateApi) -> Sent:
        """Send it, and enter what came back. Raises StoreFailed."""
        opened = self._opened
        try:
            await self._ledger.vouch(opened.batch_id)
        except StoreFailed as error:
            return await self._give_back(GiveBack(BatchState.VOID, None, str(error)))
        ask = client.send_batch if opened.route is TraceRoute.BATCH else client.send_await
        reply = await result_unless(self._around.hurry, ask(opened.request))
        if reply is None:
            return await self._doubt("leadsync was stopped before the vendor's answer came")
        if isinstance(reply, Awaited):
            return await self._enter(reply.results, reply.unreadable)
        match judge(reply, opened.items, self._around.now()):
            case Taken() as taken:
                return await self._take(taken)
            case Doubtful(why):
                return await self._doubt(why)
            case GiveBack() as back:
                return await self._give_back(back)

    async def _take(self, taken: Taken) -> Sent:
        opened, now = self._opened, self._around.now()
        ids = (opened.batch_id, taken.vendor_id, taken.request_ids)
        await self._insist(partial(self._ledger.acknowledge, *ids, now))
        _log.info(events.TRACE_ACKNOWLEDGED, batch=opened.name, vendor_id=taken.vendor_id, items=opened.items)
        if taken.complaint is not None:
            _log.warning(events.TRACE_DOUBTED, batch=opened.name, message=taken.complaint)
        return Sent()

    async def _doubt(self, why: str) -> Sent:
        await self._insist(partial(self._ledger.note_unknown, self._opened.batch_id, why))
        _log.warning(events.TRACE_UNKNOWN, batch=self._opened.name, items=self._opened.items, why=why)
        return Sent()

    async def _enter(self, results: Sequence[ItemResult], unreadable: int) -> Sent:
        """Take the answers that came at once; what none of them is about will be missing."""
        name = self._opened.name
        answers = [answer_of(name, one.key, one) for one in results if one.key is not None]
        write = partial(self._ledger.answer, self._opened.batch_id, answers, self._around.now())
        odd = await self._insist(write)
        _log.info(events.TRACE_ACKNOWLEDGED, batch=name, vendor_id=None, items=self._opened.items)
        odd += unreadable + len(results) - len(answers)
        if odd:
            _log.warning(events.TRACE_DOUBTED, batch=name, message=f"{odd} of its answers belong to nobody")
        return Sent()

    async def _give_back(self, back: GiveBack) -> Sent:
        opened = self._opened
        returned = await self._insist(partial(self._ledger.give_back, opened.batch_id, back, self._around.now()))
        wait_s = 0.0 if back.pause else self._rest_s(back)
        if returned:
            told: dict[str, Any] = {"status": back.status, "why": back.message, "wait_s": round(wait_s)}
            _log.warning(events.TRACE_RETURNED, batch=opened.name, items=opened.items, **told)
        else:
            _log.warning(events.TRACE_UNKNOWN, batch=opened.name, items=opened.items, why=back.message)
        if back.pause is not None:
            _tell(back.pause)
        return Sent(taken=False, rest_s=wait_s)

    async def _insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """What came back exists nowhere else: a store that fails is tried again, for as long as anybody waits."""
        until_s = asyncio.get_running_loop().time() + GIVE_UP_S
        while True:
            try:
                return await write()
            except StoreFailed as error:
                if self._around.hurry.is_set() or asyncio.get_running_loop().time() > until_s:
                    raise
                _log.warning(events.TRACE_DELAYED, message=str(error), wait_s=STORE_AGAIN_S)
            await sleep_unless(self._around.hurry, STORE_AGAIN_S)

    def _rest_s(self, back: GiveBack) -> float:
        """Back off, doubling up to a quarter of an hour."""
        doubled = doubling_s(1.0, BACK_OFF_MAX_S, self._failed, self._around.draw())
        return max(throttle_wait_s(1, back.retry_after_s, self._around.draw()), doubled)


def answer_of(batch: str, key: int, result: ItemResult) -> Answer:
    """Put what the vendor says of an item under its address."""
    return Answer(batch, key, result.batch_id, result.batch_request_id, result.matched, result.contacts)


def _tell(pause: Pause) -> None:
    if pause.parked_until is not None:
        _log.warning(events.TRACE_PARKED, until=pause.parked_until.isoformat())
        return
    again_at = pause.again_at and pause.again_at.isoformat()
    _log.error(events.TRACE_PAUSED, reason=pause.paused, message=pause.message, again_at=again_at)


_log = structlog.get_logger()
