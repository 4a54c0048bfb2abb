"""Reading a page of property records: fast where the vendor is orderly, patient where not, never failing on a field.

The fast way decodes the envelope and leaves each record as raw bytes, then reads a handful of its fields. What that
refuses (a lone surrogate, NaN, a hundred thousand levels) is cut into records by `core.scan`: it is paid for. Only
`_id` and `address` can be relied on, and types vary between records.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final

import msgspec

from leadsync.core.model import Lead, PageReply
from leadsync.core.scan import NotJson, elements, members, text_of

REFUSALS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises over bytes that it does not like: form or type, broken UTF-8, too many levels."""


class NotAPage(ValueError):
    """A reply with status 200 that holds no page: HTML, nothing, a body cut off, or another shape."""


class _Meta(msgspec.Struct):
    totalDelivered: int | None = None  # noqa: N815 - the vendor's name
    isNewSession: bool | None = None  # noqa: N815 - the vendor's name


class _Request(msgspec.Struct):
    requestId: str | None = None  # noqa: N815 - the vendor's name


class _Results(msgspec.Struct):
    properties: list[msgspec.Raw]
    searchSessionMeta: _Meta | None = None  # noqa: N815 - the vendor's name
    nextPageCursor: Any = None  # noqa: N815 - the vendor's name
    meta: _Request | None = None


class _Envelope(msgspec.Struct):
    results: _Results


class _Address(msgspec.Struct):
    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    county: str | None = None


class _Owner(msgspec.Struct):
    fullName: str | None = None  # noqa: N815 - the vendor's name
    mailingAddress: _Address | None = None  # noqa: N815 - the vendor's name


class _Valuation(msgspec.Struct):
    estimatedValue: float | None = None  # noqa: N815 - the vendor's name
    equityCurrentEstimatedBalance: float | None = None  # noqa: N815 - the vendor's name


class _Head(msgspec.Struct):
    id: str = msgspec.field(name="_id")
    address: _Address | None = None
    owner: _Owner | None = None
    valuation: _Valuation | None = None


_envelope: Final = msgspec.json.Decoder(_Envelope)
_head: Final = msgspec.json.Decoder(_Head)
_meta: Final = msgspec.json.Decoder(_Meta)
_request: Final = msgspec.json.Decoder(_Request)
_string: Final = msgspec.json.Decoder(str)

_DOLLARS_MAX: Final = 1e15
"""No house costs more; it keeps NaN and infinity out, too."""

_TOTAL_MAX_DIGITS: Final = 16
"""Beyond that a number does not fit everywhere that it goes."""

_NO_ADDRESS: Final = _Address()
_NO_OWNER: Final = _Owner()
_NO_VALUATION: Final = _Valuation()


def read_page(body: bytes) -> PageReply:
    """Read a whole reply. Raises NotAPage where it is none; a page of records is never refused for what is in them."""
    try:
        results = _envelope.decode(body).results
    except REFUSALS:
        return _read_patiently(body)
    meta = results.searchSessionMeta or _Meta()
    return PageReply(
        leads=tuple(_leads(results.properties)),
        total=believable(meta.totalDelivered),
        is_new=bool(meta.isNewSession),
        has_cursor=bool(results.nextPageCursor),
        request_id=results.meta.requestId if results.meta else None,
        cursor=results.nextPageCursor if isinstance(results.nextPageCursor, str) else None,
    )


def leads_of(body: bytes) -> Callable[[], Iterator[Lead]]:
    """Return what reads the records of a whole reply one after another, where it is too large to be held twice.

    Raises NotAPage.
    """
    try:
        records = _envelope.decode(body).results.properties
    except REFUSALS:
        return partial(iter, _read_patiently(body).leads)
    return partial(_leads, records)


def _leads(records: Iterable[msgspec.Raw]) -> Iterator[Lead]:
    for raw in records:
        lead = _lead(bytes(raw))
        if lead is not None:
            yield lead


def _read_patiently(body: bytes) -> PageReply:
    try:
        results = members(members(body)["results"])
        leads = [_lead(raw) for raw in elements(results["properties"])]
        meta = _members_or_none(results.get("searchSessionMeta", b""))
    except (NotJson, KeyError) as error:
        raise NotAPage("HTTP 200 without a whole page of properties") from error
    total = meta.get("totalDelivered", b"")[:_TOTAL_MAX_DIGITS]
    cursor = results.get("nextPageCursor", b"null")
    return PageReply(
        leads=tuple(lead for lead in leads if lead is not None),
        total=believable(int(total) if total.isdigit() else None),
        is_new=meta.get("isNewSession") == b"true",
        has_cursor=cursor not in (b"null", b'""', b"false"),
        cursor=_text(cursor) if cursor[:1] == b'"' else None,
    )


def believable(total: int | None) -> int | None:
    """A total that no team can have reached is none."""
    return total if total is not None and 0 <= total < 10 ** (_TOTAL_MAX_DIGITS - 1) else None


def _lead(raw: bytes) -> Lead | None:
    """Make a lead of one element; null is nothing, and everything else was billed."""
    try:
        head = _head.decode(raw)
    except REFUSALS:
        return None if raw == b"null" else _lead_patiently(raw)
    if not head.id:
        return _lead_patiently(raw)
    address = head.address or _NO_ADDRESS
    owner = head.owner or _NO_OWNER
    valuation = head.valuation or _NO_VALUATION
    return Lead(
        head.id,
        address.street,
        address.city,
        address.state,
        address.zip,
        address.county,
        owner.fullName,
        _on_one_line(owner.mailingAddress),
        valuation.estimatedValue,
        valuation.equityCurrentEstimatedBalance,
        raw,
    )


def _on_one_line(address: _Address | None) -> str | None:
    if address is None:
        return None
    return ", ".join(filter(None, (address.street, address.city, address.state, address.zip))) or None


def _lead_patiently(raw: bytes) -> Lead:
    """Take field by field what has the expected type; a record without an id is known by its bytes."""
    fields = _members_or_none(raw)
    address = _members_or_none(fields.get("address", b""))
    owner = _members_or_none(fields.get("owner", b""))
    mailing = _members_or_none(owner.get("mailingAddress", b""))
    valuation = _members_or_none(fields.get("valuation", b""))
    return Lead(
        _text(fields.get("_id")) or f"sha256-{hashlib.sha256(raw).hexdigest()[:32]}",
        _text(address.get("street")),
        _text(address.get("city")),
        _text(address.get("state")),
        _text(address.get("zip")),
        _text(address.get("county")),
        _text(owner.get("fullName")),
        _on_one_line(_Address(*(_text(mailing.get(name)) for name in ("street", "city", "state", "zip")))),
        _number(valuation.get("estimatedValue")),
        _number(valuation.get("equityCurrentEstimatedBalance")),
        raw,
    )


def _members_or_none(raw: bytes) -> dict[str, bytes]:
    try:
        return members(raw)
    except NotJson:
        return {}


def _text(raw: bytes | None) -> str | None:
    """A string as it is, a number as its digits; anything else is no text."""
    if raw is None or raw[:1] in (b"", b"{", b"[") or raw in (b"null", b"true", b"false"):
        return None
    return text_of(raw) if raw[:1] == b'"' else raw.decode("utf-8", "replace")


def _number(raw: bytes | None) -> float | None:
    text = (_text(raw) or "").replace(",", "").lstrip("$")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < _DOLLARS_MAX else None
