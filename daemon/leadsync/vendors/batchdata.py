"""BatchData's API for one account: pages of a session, windows, the list of sessions and their deletion, the wallet.

It sends and deciphers; it never retries and never decides. The token is known here and nowhere else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar

from leadsync.core.asking import AsyncReply
from leadsync.core.model import SessionListing
from leadsync.core.redact import MASK
from leadsync.core.replies import Lost, VendorReply
from leadsync.vendors.async_wire import ASYNC_PATH, decipher_acknowledgement
from leadsync.vendors.http import Http, NoReply, Reply, Transport
from leadsync.vendors.pace import Pace
from leadsync.vendors.wire import (
    LIST_TAKE,
    SEARCH_PATH,
    SESSIONS_PATH,
    WALLET_PATH,
    Deletion,
    SessionsPage,
    Trouble,
    Wallet,
    decipher,
    decipher_deletion,
    decipher_sessions,
    decipher_wallet,
    http_date,
    session_path,
)

T = TypeVar("T")
N = TypeVar("N", NoReply, Lost)
OffLoop = Callable[..., Awaitable[Any]]
"""Runs a function on another thread: reading 5 MB of JSON would hold the event loop."""


@dataclass(frozen=True, slots=True)
class Access:
    """What an account needs to be reached. `token` is a secret."""

    base_url: str
    token: str = field(repr=False)
    requests_per_minute: int


class BatchData:
    """One per account. Before each request the caller takes a `turn`, where it holds up nobody by waiting."""

    def __init__(
        self, access: Access, *, transport: Transport | None, now: Callable[[], datetime], off_loop: OffLoop
    ) -> None:
        self._http = Http(access.base_url, {"authorization": f"Bearer {access.token}"}, transport)
        self._token = access.token.encode()
        self._pace = Pace(access.requests_per_minute)
        self._now = now
        self._off_loop = off_loop
        self.clock_ahead: timedelta | None = None
        """How far our clock was ahead of the vendor's `Date`, by the last reply but a page; None where it had none."""

    async def search(self, request: bytes) -> VendorReply:
        """Send one page's stored bytes, and say what came of it."""
        reply = self._masked(await self._http.post(SEARCH_PATH, request))
        if isinstance(reply, Lost):
            return reply
        event: VendorReply = await self._off_loop(decipher, reply.status, reply.headers, reply.body, self._now())
        return event

    async def search_async(self, request: bytes) -> AsyncReply:
        """Send a window's stored bytes, and say whether the vendor has taken them; the caller has taken a turn."""
        reply = self._masked(await self._http.post(ASYNC_PATH, request))
        if isinstance(reply, Lost):
            return reply
        return decipher_acknowledgement(reply.status, reply.headers, reply.body, self._now())

    async def list_sessions(self, stopping: asyncio.Event) -> dict[str, SessionListing] | Trouble:
        """Return every session by its id, oldest first; the caller has taken the turn for the list's first page.

        Sessions may come and go between two pages of the list. So each page begins with the last row of the one
        before, and a list that does not fit together, or does not add up to the total that it names, is Lost.
        """
        found: dict[str, SessionListing] = {}
        last = ""
        while True:
            if found and not await self.turn(stopping):
                return Lost("leadsync was asked to stop")
            page = await self._list_page(skip=max(len(found) - 1, 0))
            if not isinstance(page, SessionsPage):
                return page
            listed = {row.session: row for row in page.rows}
            if last and next(iter(listed), "") != last:
                return Lost("the session list changed while it was read")
            if listed.keys() <= found.keys() and len(found) < page.total:
                return Lost("the session list ends before its total")
            found |= listed
            if len(found) >= page.total:
                return found if len(found) == page.total else Lost("the session list is longer than its total")
            last = page.rows[-1].session

    async def delete_session(self, session: str) -> Deletion | Trouble:
        """Delete a session, for good; the caller has taken a turn. Free, and frees its slot at once."""
        reply = await self._ask("DELETE", session_path(session))
        if isinstance(reply, NoReply):
            return Lost(reply.why)
        return decipher_deletion(reply.status, reply.headers, reply.body, self._now())

    async def wallet(self) -> Wallet | Trouble:
        """Return what the team has left; the caller has taken a turn. Free, and wants the ability `wallet-balance`."""
        reply = await self._ask("GET", WALLET_PATH)
        if isinstance(reply, NoReply):
            return Lost(reply.why)
        return decipher_wallet(reply.status, reply.headers, reply.body, self._now())

    async def turn(self, stopping: asyncio.Event) -> bool:
        """Wait until the account may send; False where `stopping` was set before that."""
        return await self._pace.turn(stopping)

    def change_pace(self, requests_per_minute: int) -> None:
        """Speak at another rate from now on."""
        self._pace.change(requests_per_minute)

    def hold(self, wait_s: float) -> None:
        """Let nobody of this account send for so long."""
        self._pace.hold(wait_s)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def _list_page(self, *, skip: int) -> SessionsPage | Trouble:
        reply = await self._ask("GET", f"{SESSIONS_PATH}?skip={skip}&take={LIST_TAKE}")
        if isinstance(reply, NoReply):
            return Lost(reply.why)
        return decipher_sessions(reply.status, reply.headers, reply.body, self._now())

    async def _ask(self, method: str, path: str) -> Reply | NoReply:
        reply = self._masked(await self._http.send(method, path))
        if isinstance(reply, Reply):
            vendor_at = http_date(reply.headers.get("date"))
            self.clock_ahead = self._now() - vendor_at if vendor_at else None
        return reply

    def _masked(self, reply: Reply | N) -> Reply | N:
        """An error that repeats the token must not carry it into a message; a page is kept as it came."""
        if not isinstance(reply, Reply) or reply.status == HTTPStatus.OK:
            return reply
        return replace(reply, body=reply.body.replace(self._token, MASK.encode()))
