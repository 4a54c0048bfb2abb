"""What goes to BatchData's async endpoint, what it acknowledges and what it sends later, as functions of bytes (P6).

There is no key, and the type of a request has no place for a session: the vendor would refuse it, and nothing could be
asked for again with it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec

from leadsync.core.asking import Acknowledged, AsyncReply
from leadsync.core.letters import Opened, Unreadable, Why
from leadsync.core.model import Lead
from leadsync.core.replies import Lost, SlotsFull
from leadsync.core.windows import AskWindow
from leadsync.vendors.records import REFUSALS, NotAPage, leads_of
from leadsync.vendors.wire import inner_status, message_of, shown, trouble

ASYNC_PATH: Final = "/api/v1/property/search/async"

RESULT_KIND: Final = "batchdata"
ERROR_KIND: Final = "batchdata-error"
"""The kinds of webhook that a request names, and what is sent to them."""

STABLE_SORT: Final[Mapping[str, str]] = {"field": "_id", "order": "asc", "sortOrder": "asc"}
"""A guess, since nobody knows which fields the vendor sorts by: windows by `skip` want an order that stays.

Its schema says `sortOrder`, a client of a third party `order`; the vendor ignores members that it does not know (SEEN).
"""


@dataclass(frozen=True, slots=True)
class AsyncRequest:
    """One window. The URLs carry the proof of who may answer, so they are never shown; `options` are the job's own."""

    search: Mapping[str, Any]
    window: AskWindow
    result_url: str = field(repr=False)
    error_url: str = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A result that has come; `leads` reads its records, as often as it is called."""

    key: str
    request_id: str | None
    leads: Callable[[], Iterator[Lead]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """The vendor says that a request has failed; `message` is the vendor's, cut and redacted."""

    key: str
    request_id: str | None
    message: str


_encoder: Final = msgspec.json.Encoder(order="deterministic")


def async_request(request: AsyncRequest) -> bytes:
    """Return the body of a request.

    Where `datasets` are read is OPEN: the article on async prints them at the root, the release notes in `options`.
    """
    datasets = {"datasets": list(request.datasets)} if request.datasets else {}
    own = {
        "skip": request.window.skip,
        "take": request.window.take,
        "webhookUrl": request.result_url,
        "errorWebhookUrl": request.error_url,
    }
    options = {"sort": STABLE_SORT, **request.options, **datasets, **own}
    return _encoder.encode({"searchCriteria": request.search, "options": options, **datasets})


def decipher_acknowledgement(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> AsyncReply:
    """Turn the reply to a request into what is known of it. `headers` has lower-case names.

    Lost: it may run, and its result may come. Where a gateway says 200 around something else, nobody has taken it.
    """
    inner = inner_status(body)
    if status not in _TAKEN or inner >= HTTPStatus.BAD_REQUEST:
        heard = trouble(inner if status in _TAKEN else status, headers, body, now)
        return heard.otherwise if isinstance(heard, SlotsFull) else heard
    if not body.lstrip().startswith(b"{"):
        return Lost(f"HTTP {status} without a word of the vendor's")
    return Acknowledged(request_id(body))


def read_result(opened: Opened) -> Result | Failure:
    """Read what came to either address. Records are a result wherever they come; they are paid for.

    Raises Unreadable.
    """
    key, content = opened.address.subject, opened.content
    try:
        leads = leads_of(content)
    except NotAPage:
        leads = None
    has_failed = opened.address.kind == ERROR_KIND or _says_so(content)
    if leads is not None and not (has_failed and next(leads(), None) is None):
        return Result(key, request_id(content), leads)
    if not has_failed:
        raise Unreadable(Why.NOT_READABLE, "it is no result that can be read")
    return Failure(key, request_id(content), _reason(content) or "the vendor gave no reason that can be read")


def _says_so(content: bytes) -> bool:
    """Whether it is an error by what it says: by its inner status, or by a bare `error`."""
    try:
        bare = _bare.decode(content)
    except REFUSALS:
        return False
    return inner_status(content) >= HTTPStatus.BAD_REQUEST or bool(bare.error)


def _reason(content: bytes) -> str:
    """What an error says is OPEN: an envelope, a bare `error` or `message`, or plain text; "" where nothing is said."""
    try:
        bare = _bare.decode(content)
    except REFUSALS:
        return (
            "" if content.lstrip()[:1] in (b"", b"<", b"{", b"[") else shown(content[:1_000].decode(errors="replace"))
        )
    return message_of(content) or shown(bare.message) or shown(bare.error) or _reason_within(bare.error)


def _reason_within(error: object) -> str:
    return shown(error.get("message")) if isinstance(error, dict) else ""


def request_id(body: bytes) -> str | None:
    """Find the id in an acknowledgement or in a callback: in `results.meta`, `meta`, `result`, at the root, or nowhere.

    Without one a result is known by its URL all the same.
    """
    try:
        read = _decoder.decode(body)
    except REFUSALS:
        return None
    metas = (read.results and read.results.meta, read.meta, read.result)
    found = [*(meta.requestId for meta in metas if meta), read.requestId]
    return next((one for one in found if isinstance(one, str) and one), None)


class _Meta(msgspec.Struct):
    requestId: Any = None  # noqa: N815 - the vendor's name


class _Results(msgspec.Struct):
    meta: _Meta | None = None


class _Acknowledgement(msgspec.Struct):
    results: _Results | None = None
    meta: _Meta | None = None
    result: _Meta | None = None
    requestId: Any = None  # noqa: N815 - the vendor's name


class _Bare(msgspec.Struct):
    error: Any = None
    message: Any = None


_bare: Final = msgspec.json.Decoder(_Bare)
_TAKEN: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED})
_decoder: Final = msgspec.json.Decoder(_Acknowledgement)
