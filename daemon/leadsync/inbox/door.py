"""What stands behind the door: an address that this installation has given out, or 404 before any body is read.

A right address is never turned away for its form: compressed, in a foreign type or nonsense, it is stored as it came
and answered 200 once that is durable (P9). It is refused for its size, and where the store cannot be written: with 503,
never 2xx.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from leadsync import events
from leadsync.core.hooks import Address, HookKey, address_of
from leadsync.core.letters import KEY_HEADER, Letter, key_digest
from leadsync.errors import BadWeather
from leadsync.store.inbox import Receipt

RETRY_AFTER_S: Final = 30
"""When a sender may try again where the store could not be written: a full disk is not mended by haste."""

KEPT_HEADERS: Final = ("content-type", "content-encoding", "user-agent")
HEADER_MAX_CHARS: Final = 200

Keep: TypeAlias = Callable[[Letter], Awaitable[Receipt]]
"""Returns once a message is durable. Raises BadWeather."""


@dataclass(frozen=True, slots=True)
class Door:
    """The ASGI app. `hooks` gives the installation's key as it is now; `refused` counts, `stored` is called each time.

    The connection's guard puts `admit` into a request's state, to be told of a right address.
    """

    hooks: Callable[[], HookKey]
    keep: Keep
    body_max_bytes: int
    stored: Callable[[], None]
    refused: Callable[[str], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        address = address_of(self.hooks(), request.scope["path"]) if request.method == "POST" else None
        if address is None:
            self.refused("no_address")
            return _closing(HTTPStatus.NOT_FOUND)
        request.state.admit()
        try:
            letter = await self._read(request, address)
        except ClientDisconnect:
            _log.warning(events.WEBHOOK_CUT, kind=address.kind, subject=address.subject)
            return _closing(HTTPStatus.BAD_REQUEST)  # nobody reads it
        if letter is None:
            _log.warning(
                events.WEBHOOK_TOO_LARGE, kind=address.kind, subject=address.subject, max_bytes=self.body_max_bytes
            )
            return _closing(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return await self._store(letter)

    async def _read(self, request: Request, address: Address) -> Letter | None:
        """Return the message, None where it is too large; no more of it is read then."""
        declared = request.headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self.body_max_bytes:
            return None
        headers = {name: request.headers[name][:HEADER_MAX_CHARS] for name in KEPT_HEADERS if name in request.headers}
        if KEY_HEADER in request.headers:
            headers[KEY_HEADER] = key_digest(request.headers[KEY_HEADER])
        # The same bytes in another encoding, or with another key, are another message: one may be taken, the other not.
        apart = "\n".join(headers[name] for name in ("content-encoding", KEY_HEADER) if name in headers)
        digest = hashlib.sha256(apart.encode() + b"\n")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self.body_max_bytes:
                return None
            digest.update(chunk)
        return Letter(address, headers, body, digest.hexdigest())

    async def _store(self, letter: Letter) -> Response:
        kind, subject = letter.address
        try:
            receipt = await self.keep(letter)
        except BadWeather as error:
            _log.error(events.WEBHOOK_REFUSED, kind=kind, subject=subject, message=str(error), wait_s=RETRY_AFTER_S)
            return _closing(HTTPStatus.SERVICE_UNAVAILABLE, {"retry-after": str(RETRY_AFTER_S)})
        self.stored()
        told = {"kind": kind, "subject": subject, "bytes": len(letter.body), "version": receipt.version}
        if receipt.again:
            _log.info(events.WEBHOOK_REPEATED, **told)
        elif receipt.version > 1:
            _log.warning(events.WEBHOOK_CHANGED, **told)
        else:
            _log.info(events.WEBHOOK_RECEIVED, **told)
        return Response(status_code=HTTPStatus.OK)


def _closing(status: HTTPStatus, headers: dict[str, str] | None = None) -> Response:
    """An answer after which nothing more is read."""
    return Response(status_code=status, headers={"connection": "close", **(headers or {})})


_log = structlog.get_logger()
