"""Mistakes with owners that somebody could make, each put in the place of a function of leadsync."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from unittest import mock

from sqlalchemy import Connection, select, update
from sqlmodel import col

from leadsync.core import trace
from leadsync.core.budget import Limits, Spent
from leadsync.core.letters import Opened
from leadsync.core.replies import Lost
from leadsync.core.trace import BatchState, GiveBack, State, brought_again
from leadsync.jobs import trace_batch, trace_mail
from leadsync.jobs.trace_mail import ItemMail, TraceMail
from leadsync.store import trace_answers, trace_batches, trace_spending, trace_subjects
from leadsync.store.trace_answers import Answer
from leadsync.store.trace_batches import EndedBatch
from leadsync.store.trace_contacts import enter_contacts
from leadsync.store.trace_ledger import TraceLedger
from leadsync.store.trace_tables import TraceBatch, TraceItem
from leadsync.vendors.realestateapi import RealEstateApi
from leadsync.vendors.trace_results import read_item
from tests.planted import Bug, instead


def _judge_lost(reply: Any, items: int, now: datetime) -> Any:
    """What nobody has acknowledged was not taken."""
    if isinstance(reply, Lost):
        return GiveBack(BatchState.VOID, None, reply.why)
    return trace.judge(reply, items, now)


def _reap_by_giving_back(connection: Connection) -> list[tuple[str, int]]:
    """Tidy up after a death: what it had on its way is sent again."""
    asked = connection.execute(select(col(TraceBatch.id)).where(col(TraceBatch.state) == "asked")).scalars().all()
    for batch_id in asked:
        back = GiveBack(BatchState.VOID, None, "leadsync ended")
        trace_batches.give_back(connection, batch_id or 0, back, datetime.fromtimestamp(0).astimezone())
    return []


@contextmanager
def _sent_before_it_is_journaled() -> Iterator[None]:
    """Send, and let the witness and the journal know afterwards."""
    left: list[Callable[[], Any]] = []
    journal, send = TraceLedger.journal, RealEstateApi.send_batch

    async def in_mind(self: Any, order: Any, now: datetime) -> Any:
        def thought(connection: Connection) -> Any:
            with connection.begin_nested() as nested:
                opened = trace_batches.journal(connection, order, self._writer.fence, now)
                nested.rollback()
            return opened

        left.append(lambda: journal(self, order, now))
        return await self._writer.write(thought)

    async def send_first(self: Any, request: bytes) -> Any:
        reply = await send(self, request)
        await left.pop()()
        return reply

    with mock.patch.object(TraceLedger, "journal", in_mind), mock.patch.object(RealEstateApi, "send_batch", send_first):
        yield


async def _nobody_vouches(_self: Any, _batch_id: int) -> None:
    """Say nothing."""


def _read_without_its_key(self: TraceMail, opened: Opened) -> ItemMail:
    """Believe the address, whatever the answer speaks of."""
    batch, _, number = opened.address.subject.rpartition("-")
    result = replace(read_item(opened.content), batch_request_id=None)
    return ItemMail(batch, int(number), result, self._proof(opened))


def _no_key_checked(*_: Any) -> None:
    """Whoever knows the address is the vendor."""


_take_item = trace_answers.take_item


def _take_in_time(connection: Connection, answer: Answer, now: datetime) -> bool:
    """What is missing is missing."""
    found = (
        select(col(TraceItem.state))
        .join(TraceBatch, col(TraceBatch.id) == col(TraceItem.batch_id))
        .where(col(TraceBatch.name) == answer.batch, col(TraceItem.key) == answer.key)
    )
    if connection.execute(found).scalar_one_or_none() == State.MISSING:
        return False
    return _take_item(connection, answer, now)


_end = trace_batches._end  # noqa: SLF001 - what a planted bug stands before


def _end_as_misses(connection: Connection, row: Mapping[str, Any], now: datetime, *, retry: bool) -> EndedBatch:
    """Who was not answered about was not found."""
    mine = (col(TraceItem.batch_id) == row["id"], col(TraceItem.state) == State.SENT)
    subjects = list(connection.execute(select(col(TraceItem.subject_id)).where(*mine)).scalars())
    trace_subjects.move(connection, subjects, State.SENT, State.MISSED, answered_at=now)
    connection.execute(update(TraceItem).where(*mine).values(state=State.MISSED.value, answered_at=now))
    return _end(connection, row, now, retry=retry)  # type: ignore[arg-type]


def _end_and_forget(connection: Connection, row: Mapping[str, Any], now: datetime, *, retry: bool) -> EndedBatch:
    """Who was not answered about is asked for again."""
    ended = _end(connection, row, now, retry=retry)  # type: ignore[arg-type]
    mine = (col(TraceItem.batch_id) == row["id"], col(TraceItem.state) == State.MISSING)
    again = connection.execute(select(col(TraceItem.subject_id)).where(*mine)).scalars().all()
    trace_subjects.ask_again(connection, again, now)
    return ended


_spent = trace_spending.spent


def _spent_without_reservations(connection: Connection, limits: Limits, now: datetime) -> tuple[Spent, Spent]:
    """What is on its way costs nothing yet."""
    return _spent(connection, limits, now)[0], Spent()


def _always_wanted(state: State, answered_at: datetime | None, fresh_since: datetime) -> State:
    """Who is brought again is asked for again."""
    answered = state in {State.MATCHED, State.MISSED}
    return State.WANTED if answered else brought_again(state, answered_at, fresh_since)


def _first_contacts(connection: Connection, subject_id: int, found: Collection[Any], now: datetime) -> set[int]:
    """One phone is enough."""
    return enter_contacts(connection, subject_id, list(found)[:1], now)


TRACE_BUGS: Final[dict[str, Bug]] = {
    "a batch is sent again where its acknowledgement was lost": instead(trace_batch, "judge", _judge_lost),
    "a batch is sent again after a crash": instead(trace_batches, "reap", _reap_by_giving_back),
    "a batch is sent before it is journaled": _sent_before_it_is_journaled,
    "a batch is sent, and no witness knows it": instead(TraceLedger, "vouch", _nobody_vouches),
    "an answer is taken whatever key it speaks of": instead(TraceMail, "_read_item", _read_without_its_key),
    "an answer is taken without our API key": instead(trace_mail, "check_key", _no_key_checked),
    "an answer that comes late is dropped": instead(trace_mail, "take_item", _take_in_time),
    "who is missing counts as a miss": instead(trace_batches, "_end", _end_as_misses),
    "who is missing is asked for again by itself": instead(trace_batches, "_end", _end_and_forget),
    "batches on their way reserve nothing": instead(trace_batches, "spent", _spent_without_reservations),
    "a fresh answer is bought again": instead(trace_subjects, "brought_again", _always_wanted),
    "one contact of several is kept": instead(trace_answers, "enter_contacts", _first_contacts),
}

__all__ = ["TRACE_BUGS"]
