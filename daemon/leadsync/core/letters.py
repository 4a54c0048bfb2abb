"""A webhook's message as it came, and the opening of it: inflated with a cap, read strictly, never trusted.

Nothing is opened while the vendor waits for its answer. What cannot be opened or read raises `Unreadable`, and waits
in quarantine: it may be money, so it is kept as it came.
"""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from leadsync.core.hooks import Address

KEPT_DAYS: Final = 7
"""How long a body stays in the store after its message was taken, or discarded: until a mistake has shown itself."""

KEY_HEADER: Final = "x-api-key"
"""A vendor sends our own API key back in it: kept as its digest, so that it can be compared and not be read."""

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class Why(StrEnum):
    """Why a message waits in quarantine."""

    NO_HANDLER = "no_handler"
    """Nobody in this version reads its kind."""
    NOT_READABLE = "not_readable"
    """It is no JSON, or JSON that says what JSON cannot say."""
    TOO_LARGE = "too_large"
    """Inflated it is more than the configuration allows."""
    WRONG_ID = "wrong_id"
    """It speaks of something else than its address."""
    WRONG_KEY = "wrong_key"
    """It does not come with the API key that it was asked for with."""
    CRASHED = "crashed"
    """Its handler failed over it."""
    NOT_ASKED = "not_asked"
    """It answers what this store does not know of: it was asked for after the backup that was restored."""
    FOREIGN = "foreign"
    """It came while the store was a copy, for the installation that this one was copied from."""


class Unreadable(ValueError):
    """A message that its handler cannot take; `str` says what is wrong in words of our own, without its content."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why = why


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it came. `headers`: the few that matter, by their lower-case names."""

    address: Address
    headers: Mapping[str, str]
    body: bytes | bytearray
    digest: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that its handler reads: `content` is the body, inflated."""

    address: Address
    headers: Mapping[str, str]
    content: bytes


def key_digest(api_key: str) -> str:
    """Return what is kept of an API key: the door's of what comes back, and a batch's of what it was asked with."""
    return hashlib.sha256(api_key.encode()).hexdigest()


def inflated(headers: Mapping[str, str], body: bytes, max_bytes: int) -> bytes:
    """Undo the content encoding, but never make more than `max_bytes` of it. Raises Unreadable."""
    match headers.get("content-encoding", "identity").strip().lower():
        case "identity" | "":
            return body
        case "gzip" | "x-gzip" | "deflate":
            return _inflate(body, max_bytes)
        case other:
            raise Unreadable(Why.NOT_READABLE, f"nobody here undoes the content encoding {other[:20]!r}")


def _inflate(body: bytes, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = max_bytes
    while body:
        stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            parts.append(stream.decompress(body, left + 1))
        except zlib.error:
            raise Unreadable(Why.NOT_READABLE, "the compressed body is damaged") from None
        left -= len(parts[-1])
        if left < 0:
            raise Unreadable(Why.TOO_LARGE, f"inflated it has more than {max_bytes:,} bytes")
        if not stream.eof:
            raise Unreadable(Why.NOT_READABLE, "the compressed body is cut off")
        body = stream.unused_data
    return b"".join(parts)
