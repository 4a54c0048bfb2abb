"""Mistakes with async windows that somebody could make, each put in the place of a function of leadsync."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from unittest import mock

import msgspec
from sqlalchemy import Connection, update
from sqlmodel import col

from leadsync.core.asking import Untaken, judge
from leadsync.core.protocol import Wait
from leadsync.core.replies import Lost
from leadsync.jobs import windows as driver
from leadsync.store import runs, windows
from leadsync.store.tables import Page
from leadsync.store.window_ledger import WindowLedger
from leadsync.store.windows import Arrived, WindowAsked, WindowOrder
from leadsync.vendors.async_wire import AsyncRequest, async_request
from leadsync.vendors.batchdata import BatchData
from tests.planted import Bug, instead

_reap = runs.reap


def _reap_with_windows(connection: Connection, now: datetime) -> list[runs.Interrupted]:
    """Tidy up after a death: its runs, and what they waited for."""
    connection.execute(update(Page).where(col(Page.state) == "awaited").values(state="void", settled_at=now))
    return _reap(connection, now)


def _ask_in_mind(connection: Connection, order: WindowOrder, fence: int, now: datetime) -> Any:
    """Make the request, and write it down later."""
    with connection.begin_nested() as thought:
        asked = windows.ask(connection, order, fence, now)
        if isinstance(asked, WindowAsked):
            thought.rollback()
    return asked


@contextmanager
def _written_after() -> Iterator[None]:
    left: list[Callable[[], Any]] = []
    search_async = BatchData.search_async

    async def ask(self: Any, order: WindowOrder, now: datetime) -> Any:
        writer = self._writer
        asked = await writer.write(_ask_in_mind, order, writer.fence, now)
        if isinstance(asked, WindowAsked):
            left.append(lambda: writer.write(windows.ask, order, writer.fence, now))
        return asked

    async def send_first(self: Any, request: bytes) -> Any:
        reply = await search_async(self, request)
        await left.pop()()
        return reply

    with mock.patch.object(WindowLedger, "ask", ask), mock.patch.object(BatchData, "search_async", send_first):
        yield


_arrive = windows.arrive


def _arrive_in_time(connection: Connection, key: str, *about: Any) -> Arrived:
    """What has expired is over."""
    with connection.begin_nested() as thought:
        arrived = _arrive(connection, key, *about)
        if arrived.late:
            thought.rollback()
    return arrived


_expire = windows._expire  # noqa: SLF001 - what a planted bug stands before


def _expire_for_nothing(connection: Connection, row: Mapping[str, Any], *about: Any) -> Any:
    """What never came was surely not billed."""
    expired = _expire(connection, row, *about)  # type: ignore[arg-type]
    connection.execute(update(Page).where(col(Page.id) == row["page_id"]).values(billed=0))
    return expired


def _judge_untaken(reply: Any, tries: Any, **more: Any) -> Any:
    """Ask again where nobody has acknowledged."""
    if isinstance(reply, Lost):
        return Untaken(0, reply.why, Wait(2.0, reply.why, 1))
    return judge(reply, tries, **more)


def _in_a_session(request: AsyncRequest) -> bytes:
    body = msgspec.json.decode(async_request(request))
    body["options"]["searchSession"] = {"id": "bulk"}
    return msgspec.json.encode(body)


WINDOW_BUGS: Final[dict[str, Bug]] = {
    "a window is asked again after a crash": instead(runs, "reap", _reap_with_windows),
    "a window is asked again where its acknowledgement was lost": instead(driver, "judge", _judge_untaken),
    "a window is sent before it is durable": _written_after,
    "a late result is dropped": instead(windows, "arrive", _arrive_in_time),
    "an expired window frees its reservation": instead(windows, "_expire", _expire_for_nothing),
    "a session goes along to the async endpoint": instead(driver, "async_request", _in_a_session),
}

__all__ = ["WINDOW_BUGS"]
