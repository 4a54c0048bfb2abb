"""RealEstateAPI's bulk skip trace for one key.

It sends and deciphers; it never retries and never decides. The key is known here and nowhere else, and a refusal that
repeats it, or repeats whom it was asked for, does not carry that into a message.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from leadsync.core.redact import MASK
from leadsync.core.replies import Lost
from leadsync.core.trace_replies import AwaitReply, BatchReply
from leadsync.vendors.batchdata import OffLoop
from leadsync.vendors.http import Http, Reply, Transport
from leadsync.vendors.pace import Pace
from leadsync.vendors.trace_results import decipher_await
from leadsync.vendors.trace_wire import AWAIT_PATH, BATCH_PATH, decipher_acknowledgement

REQUESTS_PER_MINUTE: Final = 20 * 60
"""The vendor allows 20 a second, its second version 60: the lower."""

PERSONAL_MIN_CHARS: Final = 3
"""Shorter ones, such as a state, say nothing of a person."""

REFUSAL_MAX_BYTES: Final = 65_536
"""What is longer has no message for a person."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class TraceAccess:
    """What RealEstateAPI is reached with. `api_key` is a secret."""

    base_url: str
    api_key: str = field(repr=False)


class RealEstateApi:
    """One per process. Before each request the caller takes a `turn`, where it holds up nobody by waiting.

    `off_loop` runs a function on another thread: a hundred people are much to read.
    """

    def __init__(
        self, access: TraceAccess, *, transport: Transport | None, now: Callable[[], datetime], off_loop: OffLoop
    ) -> None:
        self._http = Http(access.base_url, {"x-api-key": access.api_key}, transport)
        self._api_key = access.api_key.encode()
        self._pace = Pace(REQUESTS_PER_MINUTE)
        self._now = now
        self._off_loop = off_loop

    async def send_batch(self, request: bytes) -> BatchReply:
        """Send a batch's stored bytes, and say what was acknowledged; the caller has taken a turn."""
        reply: BatchReply = await self._sent(BATCH_PATH, request, decipher_acknowledgement)
        return reply

    async def send_await(self, request: bytes) -> AwaitReply:
        """Send a few owners' stored bytes, and wait for what was found; the caller has taken a turn."""
        reply: AwaitReply = await self._sent(AWAIT_PATH, request, decipher_await)
        return reply

    async def turn(self, stopping: asyncio.Event) -> bool:
        """Wait until a request may be sent; False where `stopping` was set before that."""
        return await self._pace.turn(stopping)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def _sent(self, path: str, request: bytes, decipher: Callable[..., R]) -> R | Lost:
        reply = await self._http.post(path, request)
        if isinstance(reply, Lost):
            return reply
        event: R = await self._off_loop(self._read, decipher, reply, request)
        return event

    def _read(self, decipher: Callable[..., R], reply: Reply, request: bytes) -> R:
        return decipher(reply.status, reply.headers, self._masked(reply, request), self._now())

    def _masked(self, reply: Reply, request: bytes) -> bytes:
        """A refusal is shown to a person and written to the log, so nothing of the request may come back in it."""
        if reply.status // 100 == 2:  # noqa: PLR2004 - 2xx
            return reply.body
        if len(reply.body) > REFUSAL_MAX_BYTES:
            return b""
        body = reply.body
        for secret in (self._api_key, *_personal(request)):
            body = body.replace(secret, MASK.encode())
        return body


def _personal(request: bytes) -> list[bytes]:
    """Whatever is said of anybody in a request, longest first."""
    skips: list[dict[str, Any]] = msgspec.json.decode(request)["skips"]
    values = {str(value) for skip in skips for name, value in skip.items() if name != "key"}
    return sorted((value.encode() for value in values if len(value) >= PERSONAL_MIN_CHARS), key=len, reverse=True)
