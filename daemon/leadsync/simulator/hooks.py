"""Sending webhooks as vendors do, with all that nobody promises: copies, delays, slowness, retries or none.

It writes HTTP itself, so that a message can trickle. Nothing goes out in the clear to an https address.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

__all__ = ["Deliver", "Sending", "astray", "send"]

ANSWER_WAIT_S = 30.0
"""How long a vendor waits for an answer."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How a vendor sends one result. It tries again on anything but 2xx, if at all."""

    tries_max: int = 1
    """1: no retries."""

    retry_wait_s: float = 0.5
    """Between two tries."""

    copies: int = 1
    """How often the same result is sent, one after another, each with its tries."""

    delay_s: float = 0.0
    """Before the first."""

    piece_bytes: int | None = None
    """None: the body at once. N: in pieces of N bytes."""

    piece_wait_s: float = 0.0
    """Between two pieces."""


Deliver: TypeAlias = Callable[[str, bytes, Sending, Mapping[str, str]], Awaitable[list[int]]]
"""Brings a webhook, with these headers beside its own, to its URL; returns the status of each try, 0 for no answer."""


def astray(url: str) -> str:
    """Return the URL with another id, for which its MAC was not made."""
    head, _, mac = url.rpartition(".")
    return f"{head}0.{mac}"


async def send(
    url: str,
    body: bytes,
    how: Sending,
    headers: Mapping[str, str] | None = None,
    *,
    context: ssl.SSLContext | None = None,
) -> list[int]:
    """Send a result; return the status of each try, 0 where no answer came. `context` is for https."""
    await asyncio.sleep(how.delay_s)
    statuses: list[int] = []
    for _ in range(how.copies):
        for attempt in range(how.tries_max):
            await asyncio.sleep(how.retry_wait_s if attempt else 0)
            statuses.append(await _try(url, body, how, headers or {}, context))
            if statuses[-1] // 100 == 2:  # noqa: PLR2004 - 2xx
                break
    return statuses


async def _try(url: str, body: bytes, how: Sending, headers: Mapping[str, str], context: ssl.SSLContext | None) -> int:
    parts = urlsplit(url)
    context = context or (ssl.create_default_context() if parts.scheme == "https" else None)
    writer = None
    try:
        async with asyncio.timeout(ANSWER_WAIT_S):
            port = parts.port or (443 if context else 80)
            reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
            lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Content-Type: application/json"]
            lines += [f"Content-Length: {len(body)}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            for piece in _pieces(body, how.piece_bytes):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(how.piece_wait_s)
            return int((await reader.readline()).split()[1])
    except (OSError, TimeoutError, IndexError, ValueError):
        return 0
    finally:
        if writer is not None:
            writer.transport.abort()


def _pieces(body: bytes, size: int | None) -> Iterator[bytes]:
    if size is None:
        yield body
        return
    for begin in range(0, len(body), size):
        yield body[begin : begin + size]
