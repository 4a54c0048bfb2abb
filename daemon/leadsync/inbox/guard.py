"""What uvicorn does not limit: how long a head and a request may take, how long a head is, how many may connect.

It leans on the inside of uvicorn's protocol class, so uvicorn's minor version is pinned, and the tests attack a real
socket. Where there are too many connections, the oldest gives way that has shown no right address yet: who has shown
one is turned away for nobody.
"""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import httptools
import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from leadsync import events

UPGRADE_HEADERS: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})

TELL_EVERY_S: Final = 60.0
"""A flood of strangers is a line a minute."""

_quiet: Final = logging.getLogger("leadsync.inbox")
_quiet.setLevel(logging.ERROR)  # uvicorn writes a line for each request that is no HTTP


@dataclass(frozen=True, slots=True)
class Limits:
    """What one door lets in. `of_address_max` does not hold for `proxies`, nor for a Unix socket."""

    head_within_s: float
    head_max_bytes: int
    request_within_s: float
    body_max_bytes: int
    connections_max: int
    of_address_max: int
    proxies: frozenset[str]


class Gate:
    """The connections of one door, and who was turned away from it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._open = 0
        # Insertion order is age. Those that have shown no right address yet, in all and by where they come from.
        self._strangers: dict[Guarded, None] = {}
        self._from: dict[str, dict[Guarded, None]] = {}
        self._refused: Counter[str] = Counter()
        self._telling: asyncio.TimerHandle | None = None

    def enter(self, newcomer: "Guarded") -> None:
        """Let a connection in, and make room for it."""
        origin = newcomer.origin
        theirs = self._from.get(origin, {})
        if origin and origin not in self.limits.proxies and len(theirs) >= self.limits.of_address_max:
            next(iter(theirs)).cut("crowd")
        if self._open >= self.limits.connections_max and self._strangers:
            next(iter(self._strangers)).cut("crowd")
        self._open += 1
        self._strangers[newcomer] = None
        self._from.setdefault(origin, {})[newcomer] = None
        if self._open > self.limits.connections_max:
            newcomer.cut("crowd")

    def admit(self, known: "Guarded") -> None:
        """A connection has shown a right address."""
        self._forget(known)

    def leave(self, gone: "Guarded") -> None:
        """A connection has ended."""
        self._open -= 1
        self._forget(gone)

    def _forget(self, stranger: "Guarded") -> None:
        """It is none any more."""
        self._strangers.pop(stranger, None)
        theirs = self._from.get(stranger.origin, {})
        theirs.pop(stranger, None)
        if not theirs:
            self._from.pop(stranger.origin, None)

    def count(self, why: str) -> None:
        """Somebody was turned away; the log hears of it in a while, however many there are."""
        self._refused[why] += 1
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_EVERY_S, self.tell)

    def tell(self) -> None:
        """Say how many were turned away since the last time."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
            _log.warning(events.DOOR_REFUSED, counts=dict(self._refused))
            self._refused.clear()


class Guarded(HttpToolsProtocol):
    """One connection. The app finds `admit` in the state of its request, and calls it for a right address."""

    def __init__(
        self,
        gate: Gate,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _quiet
        self.origin = ""
        self._gate = gate
        self._inside = False
        self._in_head = True
        self._ended = False
        self._fed_bytes = 0
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count, and to measure the time."""
        super().connection_made(transport)
        self.origin = self.client[0] if self.client else ""
        self._inside = True
        self._gate.enter(self)
        self._arm(self._gate.limits.head_within_s, "slow_head")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._disarm()
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let the parser have it, unless the head has no end."""
        if self._in_head and self._deadline is None:  # a further request on a connection that was kept
            self._arm(self._gate.limits.head_within_s, "slow_head")
        self._ended = False
        self._unset_keepalive_if_required()
        self._feed(data)
        if self._in_head and not self._ended:
            # The parser tells of a line once it is whole: of one without an end only these bytes tell.
            self._fed_bytes += len(data)
            if self._fed_bytes > self._gate.limits.head_max_bytes:
                self.cut("large_head")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head_bytes = 0
        self.scope["state"]["admit"] = lambda: self._gate.admit(self)

    def on_url(self, url: bytes) -> None:
        """A part of the request's first line."""
        self._weigh(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._weigh(len(name) + len(value) + len(b": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: the rest has a time of its own."""
        if self.parser.should_upgrade():
            return  # it comes again, without that wish
        self._in_head = False
        self._arm(self._gate.limits.request_within_s, "slow_request")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self.parser.should_upgrade():
            return
        self._disarm()
        self._in_head = True
        self._ended = True
        self._fed_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP, or has a head beyond the limit."""
        self._gate.count("not_http")
        super().send_400_response(msg)

    def cut(self, why: str) -> None:
        """End the connection at once."""
        if self._inside:
            self._gate.count(why)
            self._leave()
        self.transport.abort()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        except httptools.HttpParserUpgrade as wish:
            self._feed_without_upgrade(data[wish.args[0] :])

    def _feed_without_upgrade(self, rest: bytes) -> None:
        """Take a request that would rather speak another protocol for what else it is.

        The parser would end at its head, and its body would be answered 200 and be lost.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self.send_400_response("Nothing can be reached through here.")
            return
        kept = [name + b": " + value for name, value in self.headers if name not in UPGRADE_HEADERS]
        head = b"\r\n".join((method + b" " + self.url + b" HTTP/1.1", *kept, b"", b""))
        self.parser = httptools.HttpRequestParser(self)
        self._feed(head + rest)

    def _weigh(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > self._gate.limits.head_max_bytes:
            raise ValueError("the head is too large")  # which the parser turns into an error of its own

    def _leave(self) -> None:
        if self._inside:
            self._inside = False
            self._gate.leave(self)

    def _arm(self, within_s: float, why: str) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(within_s, self.cut, why)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


_log = structlog.get_logger()
