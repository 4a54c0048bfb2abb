"""The vendor's replies as bytes, shaped like the captured ones. A page is joined from its records, never dumped."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from leadsync.simulator.switches import Switches

__all__ = ["JSON", "OK", "RequestIds", "gone", "http_date", "listing", "page", "refused", "retry_after", "status_of"]

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
JSON = "application/json"
OK = {"code": 200, "text": "OK"}


class RequestIds:
    """ULIDs, from the moment and a seeded count."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0

    def next(self, now: datetime) -> str:
        """The next one: 26 characters."""
        self._count += 1
        drawn = hashlib.blake2b(f"{self._seed} {self._count}".encode(), digest_size=10).digest()
        number = int(now.timestamp() * 1_000) << 80 | int.from_bytes(drawn)
        return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def page(records: Iterable[bytes], rest: Mapping[str, Any]) -> Response:
    """A search's 200: `rest` is what stands beside the properties in `results`."""
    head = b'{"status":{"code":200,"text":"OK"},"results":{"properties":['
    tail = msgspec.json.encode(rest)
    return Response(b"".join((head, b",".join(records), b"],", tail[1:], b"}")), media_type=JSON)


def listing(results: Mapping[str, Any]) -> Response:
    """Any other 200."""
    return Response(msgspec.json.encode({"status": OK, "results": results}), media_type=JSON)


def refused(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal in the vendor's envelope."""
    return Response(msgspec.json.encode({"status": status_of(status, message)}), status, headers, JSON)


def status_of(status: int, message: str) -> dict[str, Any]:
    """The head of the vendor's envelope."""
    return {"code": status, "text": HTTPStatus(status).phrase, "message": message}


def retry_after(switches: Switches, now: datetime) -> dict[str, str]:
    """The header `Retry-After` in the form of the switches."""
    wait_s = switches.retry_after_s
    forms = {
        "seconds": {"Retry-After": str(wait_s)},
        "date": {"Retry-After": http_date(now + timedelta(seconds=wait_s))},
        "zero": {"Retry-After": "0"},
        "absurd": {"Retry-After": "9" * 11},
        "none": {},
    }
    return forms[switches.retry_after]


def http_date(moment: datetime) -> str:
    """A moment as HTTP writes it, in whole seconds."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


async def gone(request: Request) -> None:
    """Wait until the client has given up; in process, until it cancels this."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
