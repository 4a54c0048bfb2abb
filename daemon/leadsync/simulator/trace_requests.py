"""What a skip trace request says: its JSON as the vendor reads it, or the 400 that it earns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

__all__ = ["AskedOwner", "AskedTrace", "read_await", "read_batch"]

ITEMS_MIN, ITEMS_MAX, AWAIT_MAX = 10, 1_000, 100
BODY_MAX_BYTES = 256_000
KEY_MAX = 2**31 - 1
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ADDRESS = ("address", "city", "state", "zip")


@dataclass(frozen=True, slots=True)
class AskedOwner:
    """One owner; `said` is all of it as it was sent, but the key and the URL."""

    key: int
    url: str
    said: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AskedTrace:
    """A request in form. `done_url` is "" for the endpoint that answers at once."""

    owners: tuple[AskedOwner, ...]
    done_url: str


class _Body(msgspec.Struct):
    skips: list[dict[str, Any]]
    webcomplete_url: str = ""


def read_batch(body: bytes) -> AskedTrace | str:
    """Read a batch, or say what is wrong with it."""
    if len(body) > BODY_MAX_BYTES:
        return "Request body must not exceed 256 KB"
    return _read(body, ITEMS_MIN, ITEMS_MAX, completes=True)


def read_await(body: bytes) -> AskedTrace | str:
    """Read a request that is answered at once, or say what is wrong with it."""
    return _read(body, 1, AWAIT_MAX, completes=False)


def _read(body: bytes, least: int, most: int, *, completes: bool) -> AskedTrace | str:
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "skips must be an array of objects"
    if not least <= len(read.skips) <= most:
        return f"skips must contain between {least} and {most} elements"
    if completes and not _is_https(read.webcomplete_url):
        return f"webcomplete_url must be a valid https POST endpoint: {read.webcomplete_url}"
    problem = next(filter(None, (_problem(number, skip) for number, skip in enumerate(read.skips))), None)
    if problem:
        return problem
    if len({skip["key"] for skip in read.skips}) < len(read.skips):
        return "keys must be unique"
    return AskedTrace(_owners(read.skips), read.webcomplete_url)


def _owners(skips: Sequence[dict[str, Any]]) -> tuple[AskedOwner, ...]:
    return tuple(
        AskedOwner(
            skip["key"],
            skip["webhook_url"],
            tuple((name, str(value)) for name, value in sorted(skip.items()) if name not in {"key", "webhook_url"}),
        )
        for skip in skips
    )


def _problem(number: int, skip: dict[str, Any]) -> str | None:
    key, url = skip.get("key"), skip.get("webhook_url")
    if not isinstance(key, int) or isinstance(key, bool) or not -KEY_MAX - 1 <= key <= KEY_MAX:
        return f"skips[{number}].key must be an integer"
    if not isinstance(url, str) or not _is_https(url):
        # The vendor repeats what it was sent: nothing of that may get into anybody's log.
        return f"skips[{number}].webhook_url must be a valid https POST endpoint: {url} ({skip.get('last_name')})"
    whole = (all(skip.get(prefix + name) for name in ADDRESS) for prefix in ("", "mail_"))
    if not any(whole):
        return (
            f"skips[{number}] needs address, city, state and zip, or mail_address, mail_city, mail_state and mail_zip"
        )
    return None


def _is_https(url: str) -> bool:
    """Whether it is https; on this machine plain http will do."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
