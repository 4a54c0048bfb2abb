"""The one module that speaks HTTP. It sends bytes and brings a whole reply, or says why there is none.

Redirects are never followed, since they would carry the token to a stranger. Every wait has an end, and so has a body.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import httpx  # noqa: TID251 - this is the one module

from leadsync.core.replies import Lost
from leadsync.errors import EnvironmentUnusable

Transport: TypeAlias = httpx.AsyncBaseTransport
"""What a test or a simulation hands in instead of the network."""

CONNECT_WAIT_S: Final = 10.0
READ_WAIT_S: Final = 60.0
REPLY_WAIT_S: Final = 120.0
"""The whole reply: a vendor that drips a byte a minute must not hold a session for ever."""

CONNECTIONS_MAX: Final = 128
"""More than the 100 sessions of a team: cancelled requests under contention can leak slots of httpx's pool."""

BODY_MAX_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NoReply:
    """There is no whole reply. `why` is one or two words for the log, without the URL.

    `sent` is False where there was no connection on which a byte could have left.
    """

    why: str
    sent: bool = True


class Http:
    """A client of one host with one set of headers; the headers hold a secret and are never shown."""

    def __init__(self, base_url: str, headers: Mapping[str, str], transport: Transport | None) -> None:
        self._base_url = base_url
        self._headers = headers
        self._transport = transport
        self._client = self._connect()

    async def send(self, method: str, path: str, *, body: bytes | None = None) -> Reply | NoReply:
        """Send one request. Whatever goes wrong on the way is a value, since the outcome is what matters."""
        client = self._client
        try:
            async with asyncio.timeout(REPLY_WAIT_S):
                return await _exchange(client, method, path, body)
        except httpx.PoolTimeout:
            if client is self._client:
                self._client = self._connect()
                await client.aclose()
            return NoReply("no free connection", sent=False)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return NoReply("cannot connect", sent=False)
        except (httpx.HTTPError, TimeoutError) as error:
            return NoReply(_why(error))

    async def post(self, path: str, body: bytes) -> Reply | Lost:
        """Send what may be billed. What has no whole reply is lost: it says how long that took, and whether it left."""
        began_s = asyncio.get_running_loop().time()
        reply = await self.send("POST", path, body=body)
        if isinstance(reply, NoReply):
            return Lost(reply.why, asyncio.get_running_loop().time() - began_s, reply.sent)
        return reply

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def _connect(self) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                base_url=self._base_url,
                headers=self._headers,
                transport=self._transport,
                timeout=httpx.Timeout(READ_WAIT_S, connect=CONNECT_WAIT_S),
                limits=httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX),
                follow_redirects=False,
            )
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            # What it reads beside our settings is the environment; its words may hold a proxy's password.
            raise EnvironmentUnusable(
                f"HTTP cannot be set up ({type(error).__name__}); nothing was sent. Look at the environment variables"
                " SSL_CERT_FILE, SSL_CERT_DIR, HTTPS_PROXY, ALL_PROXY and NO_PROXY"
            ) from error


async def _exchange(client: httpx.AsyncClient, method: str, path: str, body: bytes | None) -> Reply | NoReply:
    headers = {"content-type": "application/json"} if body is not None else None
    async with client.stream(method, path, content=body, headers=headers) as response:
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > BODY_MAX_BYTES:
                return NoReply(f"the body is larger than {BODY_MAX_BYTES} bytes")
            parts.append(part)
        return Reply(response.status_code, dict(response.headers), b"".join(parts))


def _why(error: Exception) -> str:
    """Say in a few words what went wrong; httpx's own messages may hold the URL."""
    match error:
        case httpx.TimeoutException() | TimeoutError():
            return "timed out"
        case httpx.DecodingError():
            return "the body's compression is broken"
        case _:
            return "connection cut"
