"""Planted bugs: each of them is a mistake that somebody could make, and costs money or a night's sleep.

To add one: a context manager that puts something wrong in the place of a function of leadsync, under its name in
`BUGS`. `test_bugs.py` demands that the simulation finds it within 200 seeds; where it does not, a fault, an actor or an
invariant is missing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from unittest import mock

from sqlalchemy import Connection, false, update
from sqlmodel import col

from leadsync.core import audit, books, paging
from leadsync.core.budget import Granted, Spent, grant
from leadsync.core.hooks import Address, HookKey, address_of, hook_url
from leadsync.core.letters import Letter
from leadsync.core.model import Books, End, Lead, Outcome, PageReply, Reason
from leadsync.core.protocol import Close, Closing, Event, Journaled, Sending, Step, Stored, Wait
from leadsync.core.replies import Lost, Throttled, VendorReply
from leadsync.inbox import door
from leadsync.inbox.group import GroupCommit
from leadsync.jobs.dispatch import Dispatch, Sessions
from leadsync.jobs.gate import Gate
from leadsync.jobs.pull import Pull
from leadsync.store import engine, inbox, opening, pages, runs, spending, timetable
from leadsync.store import leads as leads_module
from leadsync.store.inbox import Receipt as InboxReceipt
from leadsync.store.leads import Shelf, Shelved
from leadsync.store.ledger import Arrival, Ledger, Order, Receipt, SessionState
from leadsync.store.tables import Page, SearchSession
from leadsync.vendors import batchdata, wire
from leadsync.vendors.traffic import Traffic
from leadsync.vendors.wire import search_request
from tests.jobs.slot_bugs import SLOT_BUGS
from tests.planted import Bug, instead
from tests.simulation.trace_bugs import TRACE_BUGS
from tests.simulation.window_bugs import WINDOW_BUGS


async def _store_in_two(self: Any, arrival: Arrival, now: datetime) -> Receipt:
    """The books first, the leads in a second transaction."""
    left: list[tuple[Shelf, list[Lead]]] = []

    def later(_: Connection, shelf: Shelf, leads: Iterable[Lead]) -> Shelved:
        left.append((shelf, list(leads)))
        unique = len({lead.vendor_id for lead in left[-1][1]})
        return Shelved(unique=unique, new=unique)

    def first(connection: Connection) -> Receipt:
        with mock.patch.object(pages, "shelve", later):
            return pages.store(connection, arrival, now)

    receipt: Receipt = await self._writer.write(first)
    for shelf, leads in left:
        await self._writer.write(leads_module.shelve, shelf, leads)
    return receipt


_wait = Pull._wait  # noqa: SLF001 - what a planted bug stands before


async def _wait_for_a_fresh_key(self: Any, wait: Wait) -> Event:
    """Give the old key up and ask with a new one."""
    event = await _wait(self, wait)
    page = self._gate.open_page()
    await self._gate.close(self._ledger, Close(0, "tried anew", None))
    await self._journal(page.take)
    return event


_gate_send = Gate.send


async def _witness_later(self: Any, ledger: Ledger) -> VendorReply:
    """Send first, and then have the witness know the key."""
    page_id = self.open_page().page_id
    with mock.patch.object(ledger, "vouch", _nobody_vouches):
        reply = await _gate_send(self, ledger)
    await ledger.vouch(page_id)
    return reply


async def _nobody_vouches(_: int) -> None:
    """Say nothing."""


_pull_journal = Pull._journal  # noqa: SLF001 - the same


@contextmanager
def witnessed_once() -> Iterator[None]:
    """Have the witness know a key when it is journaled, and not look again before it is sent another time."""
    vouch = Ledger.vouch

    async def journal(self: Any, take: int) -> Event:
        event = await _pull_journal(self, take)
        if isinstance(event, Journaled):
            await vouch(self._ledger, self._gate.open_page().page_id)
        return event

    async def no_more(*_: Any) -> None:
        """It was done, or has failed."""

    with mock.patch.object(Pull, "_journal", journal), mock.patch.object(Ledger, "vouch", no_more):
        yield


_journal = pages.journal


def _journal_in_mind(connection: Connection, order: Order, fence: int, now: datetime) -> Any:
    """Make the key, and write it down later."""
    with connection.begin_nested() as thought:
        asked = _journal(connection, order, fence, now)
        thought.rollback()
    return asked


@contextmanager
def _key_after_send() -> Iterator[None]:
    orders: dict[int, tuple[Order, int, datetime]] = {}

    def journal(connection: Connection, order: Order, fence: int, now: datetime) -> Any:
        orders[order.session_id] = (order, fence, now)
        return _journal_in_mind(connection, order, fence, now)

    send = Pull._send  # noqa: SLF001 - the same

    async def send_first(self: Any) -> Event:
        reply = await send(self)
        order = orders.pop(self._ticket.session.session_id, None)
        if order is not None:
            await self._ledger._writer.write(_journal, *order)  # noqa: SLF001 - the same
        return reply

    with mock.patch.object(pages, "journal", journal), mock.patch.object(Pull, "_send", send_first):
        yield


@contextmanager
def _normal() -> Iterator[None]:
    settings = [setting.replace("FULL", "NORMAL") for setting in engine._SETTINGS]  # noqa: SLF001 - the same
    with (
        mock.patch.object(engine, "_SETTINGS", settings),
        mock.patch.object(opening, "check_settings", return_value=None),
    ):
        yield


_again = paging._again  # noqa: SLF001 - the same


def _lost_is_the_end(state: Sending, event: Lost | Throttled, now_s: float, draw: float) -> Step:
    if isinstance(event, Throttled):
        return _again(state, event, now_s, draw)
    return Closing(state.tally, End(Outcome.COMPLETE, "nothing came")), Close(0, "nothing came", None)


_after_page = paging._after_page  # noqa: SLF001 - the same


def _short_is_the_end(plan: Any, tally: Any, stored: Stored, *, has_cursor: bool) -> Step:
    state, effect = _after_page(plan, tally, stored, has_cursor=has_cursor)
    if stored.records < plan.page_size and stored.reason is None and plan.settle_only is None:
        return paging._finish(tally, End(Outcome.COMPLETE, "a short page"))  # noqa: SLF001 - the same
    return state, effect


def _grant_while_any_is_left(connection: Connection, account: str, order: Order, now: datetime) -> Any:
    """Look at what is spent, and then ask for a whole page."""
    if order.limits.unlimited:
        return Granted(order.take)
    granted = grant(1, order.limits, *_spent(connection, account, order.limits, now))
    return replace(granted, take=order.take) if isinstance(granted, Granted) else granted


_spent = spending.spent


def _spent_without_reservations(*about: Any) -> tuple[Spent, Spent]:
    return _spent(*about)[0], Spent()


_open_sessions = Dispatch._open_sessions  # noqa: SLF001 - the same


async def _open_sessions_of_jobs(self: Any, account: str, but: Sessions) -> list[SessionState]:
    """Forget the keys of jobs that are disabled or gone."""
    jobs = {job.name for job in self._office.settings.jobs.values() if job.enabled}
    return [session for session in await _open_sessions(self, account, but) if session.job in jobs]


def _learn_from_any(before: Books, after: Books, page: books.PageCount, counts_own: bool | None) -> bool | None:
    """Learn the reading of totals from whatever page comes first."""
    if counts_own is not None or not page.new:
        return counts_own
    return {after.total: True, before.total: False}.get(page.total if page.total is not None else -1)


@asynccontextmanager
async def _not_quiet(_: Traffic) -> AsyncIterator[None]:
    yield


async def _send_what_the_file_says(self: Any) -> VendorReply:
    """Build the request anew instead of sending what is stored."""
    brief, page = self._ticket.brief, self._gate.open_page()
    request = page.request
    if brief.page_size:
        request = search_request(brief.search, brief.options, brief.session, page.key, brief.page_size)
    page = replace(page, request=request)
    with mock.patch.object(self._gate, "_page", page):
        reply: VendorReply = await self._gate.send(self._ledger)
    return reply


_start_slot = timetable._start  # noqa: SLF001 - the same


def _start_taken_again(connection: Connection, timing: Any, now: datetime, draw: float) -> Any:
    """Plan a slot again whose run was cut short."""
    taken = timetable._read(connection, timetable._TAKEN_SLOTS, timing.job)  # noqa: SLF001 - the same
    if taken and timing.makes_up:
        for slot in timetable._read(connection, timetable._PLANNED_SLOTS, timing.job):  # noqa: SLF001 - the same
            timetable._move(connection, slot, "planned", "skipped")  # noqa: SLF001 - the same
        for slot in taken[:1]:
            timetable._move(connection, slot, "taken", "planned")  # noqa: SLF001 - the same
        return []
    return _start_slot(connection, timing, now, draw)


_reap = runs.reap


def _reap_with_keys(connection: Connection, now: datetime) -> list[runs.Interrupted]:
    """Tidy up after a death: its runs, and what they had open."""
    connection.execute(update(Page).where(col(Page.state) == "asked").values(state="void", settled_at=now))
    return _reap(connection, now)


def _reap_with_parks(connection: Connection, now: datetime) -> list[runs.Interrupted]:
    """Tidy up after a death: whoever is parked for its criteria may try again."""
    parked = col(SearchSession.park_reason) == Reason.CRITERIA_CHANGED
    connection.execute(update(SearchSession).where(parked).values(park_reason=None, park_message=None, parked_at=None))
    return _reap(connection, now)


parks_let_go: Final[Bug] = instead(runs, "reap", _reap_with_parks)

_decipher = wire.decipher


def _decipher_anything(status: int, headers: Any, body: bytes, now: datetime) -> VendorReply:
    """Take a 200 that cannot be read for a page without anything."""
    reply = _decipher(status, headers, body, now)
    nothing = PageReply((), total=None, is_new=False, has_cursor=False)
    return nothing if status == 200 and isinstance(reply, Lost) else reply


_keep = GroupCommit.keep


async def _keep_later(self: GroupCommit, letter: Letter) -> InboxReceipt:
    """Answer, and let the commit come when it comes."""
    kept = asyncio.get_running_loop().create_task(_keep(self, letter))
    kept.add_done_callback(lambda task: task.cancelled() or task.exception())
    return InboxReceipt(1, again=False)


def _known_by_its_form(key: HookKey, path: str) -> Address | None:
    """Take any proof for a right one."""
    return address_of(key, hook_url("", key, Address(*path.removeprefix("/hooks/").rsplit(".", 1)[0].split("/"))))


_WAITS_AGAIN = inbox._AGAIN.values(state="waiting")  # noqa: SLF001 - the same

_NO_KEYS = spending.OLDER_KEYS.where(false())


LATE_BUGS: Final[dict[str, Bug]] = {
    "an open key is forgotten by the budget of the next day": instead(spending, "OLDER_KEYS", _NO_KEYS),
}
"""Those that need a day to end."""

BUGS: Final[dict[str, Bug]] = {
    "a webhook is answered before its commit": instead(GroupCommit, "keep", _keep_later),
    "a webhook that comes twice is handled twice": instead(inbox, "_AGAIN", _WAITS_AGAIN),
    "the proof in a webhook's address is not looked at": instead(door, "address_of", _known_by_its_form),
    "a page in two transactions": instead(Ledger, "store", _store_in_two),
    "a fresh key on retry": instead(Pull, "_wait", _wait_for_a_fresh_key),
    "the key is journaled after it was sent": _key_after_send,
    "the witness is written after the send": instead(Gate, "send", _witness_later),
    "synchronous = NORMAL": _normal,
    "a lost reply is taken for the end": instead(paging, "_again", _lost_is_the_end),
    "a 200 that cannot be read is taken for an empty page": instead(batchdata, "decipher", _decipher_anything),
    "a short page is taken for the end": instead(paging, "_after_page", _short_is_the_end),
    "the budget is looked at, and not what the page may cost": instead(pages, "_grant", _grant_while_any_is_left),
    "open keys reserve nothing": instead(pages, "spent", _spent_without_reservations),
    "the open key of a disabled job is forgotten": instead(Dispatch, "_open_sessions", _open_sessions_of_jobs),
    "open keys are tidied up at start": instead(runs, "reap", _reap_with_keys),
    "totals are learned from a replay": instead(books, "_learn", _learn_from_any),
    "an audit while a request is on its way": instead(Traffic, "quiet", _not_quiet),
    "a replay is built from the job's file": instead(Pull, "_send", _send_what_the_file_says),
    "a parked job parks no more when its audit agrees": instead(audit.Leave, "answers", lambda *_, **__: True),
    "a slot that was cut short is taken again": instead(timetable, "_start", _start_taken_again),
    **LATE_BUGS,
    **SLOT_BUGS,
    **WINDOW_BUGS,
    **TRACE_BUGS,
}
