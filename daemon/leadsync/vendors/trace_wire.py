"""What goes over the wire to RealEstateAPI's bulk skip trace, and what it answers, as pure functions of bytes.

There is no key against a second sending: an answer that cannot be told for certain is `Lost`, and the batch may run.
Facts are the vendor's documents' unless a comment says otherwise. Version 2's answers are known from prose alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from leadsync.core.loose import count_of, line_of, list_of, object_of
from leadsync.core.model import Reason
from leadsync.core.packing import AWAIT_MAX, ITEMS_MAX, ITEMS_MIN
from leadsync.core.replies import Denied, Lost, Refused, Throttled
from leadsync.core.subjects import Subject
from leadsync.core.trace_replies import Acknowledged, BatchReply, DailyLimit, TraceTrouble
from leadsync.vendors.records import REFUSALS
from leadsync.vendors.wire import phrase, retry_after_s, shown

BATCH_PATH: Final = "/v1/SkipTraceBatch"
AWAIT_PATH: Final = "/v1/SkipTraceBatchAwait"
KEY_MAX: Final = 2**31 - 1
"""The vendor's OpenAPI says int32."""


_LEFT_OUT: Final = msgspec.UNSET
_STATUSES: Final = range(100, 600)


@dataclass(frozen=True, slots=True)
class TraceItem:
    """One owner of a batch. `key` is unique in it; the URL carries the proof of who may answer: never shown."""

    key: int
    webhook_url: str = field(repr=False)
    subject: Subject


Url = Annotated[str, msgspec.Meta(pattern="^https?://[!-~]+$", max_length=2_000)]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=250)]
_WHOLE: Final = {"required": ["address", "city", "state", "zip"]}
_WHOLE_MAIL: Final = {"required": ["mail_address", "mail_city", "mail_state", "mail_zip"]}


class Skip(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One owner as the vendor is asked for; a company has no names. One of the two addresses is there, whole."""

    key: Annotated[int, msgspec.Meta(ge=1, le=KEY_MAX)]
    webhook_url: Url
    first_name: Line | msgspec.UnsetType = msgspec.UNSET
    last_name: Line | msgspec.UnsetType = msgspec.UNSET
    address: Line | msgspec.UnsetType = msgspec.UNSET
    city: Line | msgspec.UnsetType = msgspec.UNSET
    state: Line | msgspec.UnsetType = msgspec.UNSET
    zip: Line | msgspec.UnsetType = msgspec.UNSET
    mail_address: Line | msgspec.UnsetType = msgspec.UNSET
    mail_city: Line | msgspec.UnsetType = msgspec.UNSET
    mail_state: Line | msgspec.UnsetType = msgspec.UNSET
    mail_zip: Line | msgspec.UnsetType = msgspec.UNSET


WholeSkip = Annotated[Skip, msgspec.Meta(extra_json_schema={"anyOf": [_WHOLE, _WHOLE_MAIL]})]


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a batch; `webcomplete_url` is told when the vendor is through with it."""

    webcomplete_url: Url
    skips: Annotated[list[WholeSkip], msgspec.Meta(min_length=ITEMS_MIN, max_length=ITEMS_MAX)]


class AwaitBatch(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a batch that is answered at once; the vendor's OpenAPI wants a `webhook_url` of its items, too."""

    skips: Annotated[list[WholeSkip], msgspec.Meta(min_length=1, max_length=AWAIT_MAX)]


def batch_request(items: Sequence[TraceItem], webcomplete_url: str) -> bytes:
    """Return the body of a batch."""
    return msgspec.json.encode(Batch(webcomplete_url, [_skip(item) for item in items]))


def await_request(items: Sequence[TraceItem]) -> bytes:
    """Return the body of a batch that is answered at once."""
    return msgspec.json.encode(AwaitBatch([_skip(item) for item in items]))


def frame_bytes(webcomplete_url: str) -> int:
    """Return how many bytes a batch has around its items."""
    return len(batch_request((), webcomplete_url))


def item_bytes(item: TraceItem) -> int:
    """Return how many bytes an item has; give it the longest key and URL that it may get."""
    return len(msgspec.json.encode(_skip(item)))


def decipher_acknowledgement(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> BatchReply:
    """Turn the reply to a batch into what it means: flat as in version 1, or under `data`. `headers` are lower-case."""
    read = object_in(body)
    said = object_of(read.get("data")) or read
    batch_id = line_of(said.get("batchId"))
    if status // 100 == 2 and batch_id and said.get("acknowledged") is not False:  # noqa: PLR2004 - 2xx
        return Acknowledged(batch_id, _ids_by_key(said.get("batchRequestIds")), count_of(said.get("receiveCount")))
    return without_answer(status, headers, body, now)


def without_answer(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> TraceTrouble:
    """Judge a reply that is no answer; a 200 that is an error inside is that error, and else nobody knows."""
    if status // 100 != 2:  # noqa: PLR2004 - 2xx
        return _trouble(status, headers, body, now)
    inner = inner_status(object_in(body))
    if inner >= HTTPStatus.BAD_REQUEST:
        return _trouble(inner, headers, body, now)
    return Lost(f"HTTP {status} without an answer that the vendor documents")


def _trouble(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> TraceTrouble:
    message = message_in(body) or phrase(status)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and _speaks_of_the_day(message):
        return DailyLimit(datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC))
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(retry_after_s(headers.get("retry-after"), now))
        case HTTPStatus.UNAUTHORIZED:
            return Denied(Reason.TOKEN_REFUSED, status, message)
        case HTTPStatus.PAYMENT_REQUIRED:
            return Denied(Reason.WALLET_EMPTY, status, message)
        case HTTPStatus.FORBIDDEN:
            return Denied(Reason.ABILITY_MISSING, status, message)
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.CONFLICT | HTTPStatus.TOO_EARLY:
            return Lost(f"HTTP {status}")
        case _ if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refused(status, message)
        case _:
            return Lost(f"HTTP {status}")


def object_in(body: bytes) -> Mapping[str, Any]:
    """Read an object; what is none is empty."""
    try:
        return object_of(msgspec.json.decode(body))
    except REFUSALS:
        return {}


def inner_status(said: Mapping[str, Any]) -> int:
    """Return the HTTP status that stands in a body, whatever its name; 0 where there is none."""
    values = (said.get(name) for name in ("statusCode", "status", "responseCode", "code"))
    counts = (count_of(object_of(value).get("code", value)) for value in values)
    return next((count for count in counts if count in _STATUSES), 0) or 0


def message_in(body: bytes) -> str:
    """Return the vendor's message: one line, redacted, cut; "" where there is none."""
    read = object_in(body)
    places = (read, object_of(read.get("error")), object_of(read.get("data")), object_of(read.get("status")))
    found = (place.get(name) for place in places for name in ("message", "responseMessage", "statusMessage", "error"))
    text = next((text for text in found if isinstance(text, str) and text.strip()), "")
    return shown(text)


def _skip(item: TraceItem) -> Skip:
    subject, at, mailing = item.subject, item.subject.property_at, item.subject.mailing_at
    skip = Skip(item.key, item.webhook_url)
    if not subject.company:
        skip.first_name, skip.last_name = subject.first_name or _LEFT_OUT, subject.last_name or _LEFT_OUT
    if at:
        skip.address, skip.city, skip.state, skip.zip = at.street, at.city, at.state, at.zip
    if mailing:
        skip.mail_address, skip.mail_city, skip.mail_state = mailing.street, mailing.city, mailing.state
        skip.mail_zip = mailing.zip
    return skip


def _ids_by_key(value: Any) -> dict[int, str]:
    pairs = ((count_of(one.get("key")), line_of(one.get("batchRequestId"))) for one in map(object_of, list_of(value)))
    return {key: request_id for key, request_id in pairs if key is not None and request_id}


def _speaks_of_the_day(message: str) -> bool:
    """`You have reached your daily credit limit` and its like."""
    text = message.lower()
    return (
        re.search(r"daily|per day|for today", text) is not None and re.search(r"limit|quota|credit", text) is not None
    )
