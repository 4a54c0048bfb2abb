"""What goes over the wire to BatchData and what comes back, as pure functions of bytes.

`decipher` knows every reply: it turns status, headers and body into an event of the paging protocol. What cannot be
told for certain is `Lost`: the page may be billed, so the same bytes go out again. Facts are the vendor's documents'
unless a comment says otherwise.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import quote

import msgspec

from leadsync.core.model import PageReply, Reason, SessionListing
from leadsync.core.redact import redact
from leadsync.core.replies import Denied, Lost, PlainTrouble, Refused, SlotsFull, Throttled, VendorReply
from leadsync.vendors.records import REFUSALS, NotAPage, believable, read_page

SEARCH_PATH: Final = "/api/v1/property/search"
SESSIONS_PATH: Final = "/api/v2/property/search-sessions"
WALLET_PATH: Final = "/api/v1/wallet/balance"
LIST_TAKE: Final = 100
MESSAGE_MAX_CHARS: Final = 200
BALANCE_MAX: Final = Decimal(10) ** 12
"""No wallet holds more; it keeps numbers out that fill a screen."""

Trouble: TypeAlias = PlainTrouble | SlotsFull

_encoder: Final = msgspec.json.Encoder(order="deterministic")


def search_request(search: Mapping[str, Any], options: Mapping[str, Any], session: str, key: str, take: int) -> bytes:
    """Return the body of one page's request.

    All of leadsync's own members go into `options`: at the root the vendor ignores them without a word (SEEN).
    """
    own = {"take": take, "searchSession": {"id": session, "idempotencyKey": key}}
    return _encoder.encode({"searchCriteria": search, "options": {**options, **own}})


def reworded(request: bytes, key: str, take: int) -> bytes:
    """Return the body of a request as it would be for another key, or for another take."""
    body = msgspec.json.decode(request)
    own = {"take": take, "searchSession": {**body["options"]["searchSession"], "idempotencyKey": key}}
    return _encoder.encode({**body, "options": {**body["options"], **own}})


def plain_request(search: Mapping[str, Any], options: Mapping[str, Any], cursor: str | None, take: int) -> bytes:
    """Return the body of one page's request without a session: from that cursor on, or from the top."""
    own = {"take": take, "useCursorPagination": True, **({"pageCursor": cursor} if cursor is not None else {})}
    return _encoder.encode({"searchCriteria": search, "options": {**options, **own}})


def decipher(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> VendorReply:
    """Turn the reply to a search into an event. `headers` has lower-case names."""
    if status != HTTPStatus.OK:
        return trouble(status, headers, body, now)
    try:
        page: PageReply | None = read_page(body)
    except NotAPage:
        page = None
    if page is not None and page.leads:
        return page
    # A gateway may say 200 around an error; with an empty page that would look like the end of the stream.
    inner = inner_status(body)
    if inner >= HTTPStatus.BAD_REQUEST:
        return trouble(inner, headers, body, now)
    return page or Lost("HTTP 200 without a whole page of properties")


def decipher_sessions(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> "SessionsPage | Trouble":
    """Turn the reply to the session list into one page of it. `headers` has lower-case names."""
    if status != HTTPStatus.OK:
        return trouble(status, headers, body, now)
    try:
        results = _sessions_decoder.decode(body).results
    except REFUSALS:
        return Lost("the session list is not what the vendor documents")
    if any(believable(number) is None for number in (results.total, *(row.totalDelivered for row in results.sessions))):
        return Lost("the session list has totals that no team can have reached")
    rows = tuple(map(_listing_of, results.sessions))
    return SessionsPage(rows, results.total)


def decipher_deletion(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> "Deletion | Trouble":
    """Turn the reply to a deletion into what is known of the session by now. `headers` has lower-case names.

    A 200 that does not say that it was deleted is Lost: whoever asked looks at the list, and asks again.
    """
    if status == HTTPStatus.NOT_FOUND:
        # The vendor says so also of another team's id; a gateway that has lost its way says nothing of a session.
        return Deletion.GONE if message_of(body) else Lost("HTTP 404 without a word of the vendor's")
    if status != HTTPStatus.OK:
        return trouble(status, headers, body, now)
    try:
        deleted = _deletion_decoder.decode(body).results.deleted
    except REFUSALS:
        deleted = False
    return Deletion.DELETED if deleted else Lost("HTTP 200 without the word that the session was deleted")


def session_path(session: str) -> str:
    """Return where a session is deleted; an id that a person made up must not leave its place in the path."""
    return f"{SESSIONS_PATH}/{quote(session, safe='')}"


def decipher_wallet(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> "Wallet | Trouble":
    """Turn the reply to the question for the balance into a figure. `headers` has lower-case names."""
    if status != HTTPStatus.OK:
        return trouble(status, headers, body, now)
    try:
        wallet = _wallet_decoder.decode(body).results
    except REFUSALS:
        return Lost("the balance is not what the vendor documents")
    believed = wallet.balance.is_finite() and abs(wallet.balance) <= BALANCE_MAX
    return wallet if believed else Lost("the balance is none that a wallet can have")


def trouble(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Trouble:
    """Judge every reply but a good one, by its status first and its message where two causes share a status."""
    message = message_of(body) or phrase(status)
    plain = _by_status(status, message, headers, now)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and _speaks_of_slots(message):
        return SlotsFull(status, message, otherwise=plain)
    return plain


def _by_status(status: int, message: str, headers: Mapping[str, str], now: datetime) -> PlainTrouble:
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(retry_after_s(headers.get("retry-after"), now))
        case HTTPStatus.UNAUTHORIZED:
            return Denied(Reason.TOKEN_REFUSED, status, message)
        case HTTPStatus.PAYMENT_REQUIRED:
            return Denied(Reason.WALLET_EMPTY, status, message)
        case HTTPStatus.FORBIDDEN:
            # The vendor says 403 to both; only the text tells them apart (SEEN by three).
            empty = "insufficient balance" in message.lower()
            return Denied(Reason.WALLET_EMPTY if empty else Reason.ABILITY_MISSING, status, message)
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.TOO_EARLY:
            return Lost(f"HTTP {status}")
        case HTTPStatus.CONFLICT if not _speaks_of_another_body(message):
            return Lost("HTTP 409: the vendor is busy with this session")
        case _ if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refused(status, message, other_body=_speaks_of_another_body(message))
        case _:
            # 5xx, redirects (never followed: they would carry the token away) and anything unheard of.
            return Lost(f"HTTP {status}")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Read `Retry-After` as seconds or as a date; None where it is missing or nonsense, never negative."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]+", value.strip()):
        return float(value)
    when = http_date(value)
    return max((when - now).total_seconds(), 0.0) if when else None


def http_date(value: str | None) -> datetime | None:
    """Read `Date`, or a `Retry-After` that is a date, as an aware time; None where it is missing or nonsense."""
    try:
        when = parsedate_to_datetime(value) if value else None
    except (ValueError, OverflowError):
        return None
    return when.replace(tzinfo=UTC) if when and not when.tzinfo else when


def message_of(body: bytes) -> str:
    """Return the envelope's message, or its text: one line, redacted, cut; "" where there is none (HTML, nothing)."""
    try:
        status = _envelope_decoder.decode(body).status
    except REFUSALS:
        return ""
    return shown(status.message or status.text)


def shown(text: object) -> str:
    """What may be shown of a vendor's words: one line, redacted, cut; "" of what is no text."""
    return redact(" ".join(text.split()))[:MESSAGE_MAX_CHARS] if isinstance(text, str) else ""


class Deletion(StrEnum):
    """What a deletion found: the session is gone now, or was gone before."""

    DELETED = "deleted"
    GONE = "gone"


class SessionsPage(msgspec.Struct, frozen=True):
    """One page of the vendor's session list; `total` is how many there are in all."""

    rows: tuple[SessionListing, ...]
    total: int


class Wallet(msgspec.Struct, frozen=True):
    """What the team has left at the vendor."""

    balance: Decimal
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{3}$")] = "USD"


class _Wallet(msgspec.Struct):
    results: Wallet


class _Status(msgspec.Struct):
    code: Any = None
    text: Any = None
    message: Any = None


class _Envelope(msgspec.Struct):
    status: _Status


class _Row(msgspec.Struct):
    id: str
    totalDelivered: int  # noqa: N815 - the vendor's name
    lastRequestAt: Any = None  # noqa: N815 - the same
    createdAt: Any = None  # noqa: N815 - the same


class _Results(msgspec.Struct):
    sessions: list[_Row]
    total: int


class _Sessions(msgspec.Struct):
    results: _Results


class _Deleted(msgspec.Struct):
    deleted: bool


class _Deletion(msgspec.Struct):
    results: _Deleted


_envelope_decoder: Final = msgspec.json.Decoder(_Envelope)
_sessions_decoder: Final = msgspec.json.Decoder(_Sessions)
_deletion_decoder: Final = msgspec.json.Decoder(_Deletion)
_wallet_decoder: Final = msgspec.json.Decoder(_Wallet)


def _listing_of(row: _Row) -> SessionListing:
    return SessionListing(row.id, row.totalDelivered, _moment(row.lastRequestAt), _moment(row.createdAt))


def _moment(value: object) -> datetime | None:
    """Read a time; one without an offset is UTC, and one that cannot be read is none: what has no age is not old."""
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
        return when and (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def inner_status(body: bytes) -> int:
    """The status in the envelope, 0 where there is none."""
    try:
        code = _envelope_decoder.decode(body).status.code
    except REFUSALS:
        return 0
    return code if isinstance(code, int) else 0


def phrase(status: int) -> str:
    """Return HTTP's own words for a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no message"


def _speaks_of_slots(message: str) -> bool:
    """The refusal of the 101st session is OPEN: known by `session` with a word for a limit."""
    text = message.lower()
    return "session" in text and re.search(r"limit|maximum|\bcap\b|\b100\b", text) is not None


def _speaks_of_another_body(message: str) -> bool:
    """What a vendor says to a known key with other bytes is OPEN; these are the words that such messages have.

    'Another request with this key is in progress' must not count: its page is being billed.
    """
    text = message.lower()
    other = re.search(r"different|mismatch|not match|payload|body|parameter", text)
    busy = re.search(r"progress|process|current", text)
    return "idempotency" in text and other is not None and busy is None
