"""The wire: the exact bytes of a request, and what every reply is taken for. What is not certain is Lost."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.model import PageReply, Reason
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled, VendorReply
from leadsync.core.retry import HOLD_MAX_S, throttle_wait_s
from leadsync.vendors.wire import (
    MESSAGE_MAX_CHARS,
    decipher,
    plain_request,
    retry_after_s,
    search_request,
)

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
NO_ABILITY = "Provided token does not have permission to access this API."
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
DEEP = b"[" * 100_000 + b"]" * 100_000

PAGE = (
    b'{"status":{"code":200,"text":"OK"},"results":{"properties":['
    b'{"_id":"a1","address":{"street":"9 Elm St","note":"}]}}"}},{"_id":"b2","remarks":"\\"}]}}"}],'
    b'"searchSessionMeta":{"isNewSession":true,"totalDelivered":2},"nextPageCursor":"c",'
    b'"meta":{"requestId":"01KRCV36NPGHBE6FQER77S0XZR"}}}'
)


def _envelope(message: object, code: int = 400) -> bytes:
    return msgspec.json.encode({"status": {"code": code, "text": "Error", "message": message}})


def _reply(status: int, body: bytes = b"", **headers: str) -> VendorReply:
    return decipher(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, NOW)


# Requests -------------------------------------------------------------------------------------------------------------


def test_the_golden_request() -> None:
    """These bytes are journaled and sent again: another order or spacing would be another body under a known key."""
    search = {"query": "Phoenix, AZ", "quickLists": ["high-equity", "not-owner-occupied"]}
    options = {"datasets": ["basic", "valuation"], "sort": {"field": "address.zip", "sortOrder": "asc"}}
    assert search_request(search, options, "phoenix-absentee", "i-h-1-7", 500) == (
        b'{"options":{"datasets":["basic","valuation"],"searchSession":{"id":"phoenix-absentee",'
        b'"idempotencyKey":"i-h-1-7"},"sort":{"field":"address.zip","sortOrder":"asc"},"take":500},'
        b'"searchCriteria":{"query":"Phoenix, AZ","quickLists":["high-equity","not-owner-occupied"]}}'
    )


@given(
    st.dictionaries(st.text(), st.integers() | st.text(), max_size=4),
    st.dictionaries(st.text() | st.sampled_from(["take", "searchSession"]), st.integers() | st.text(), max_size=4),
    st.integers(1, 500),
)
def test_nothing_of_ours_stands_at_the_root(search: dict[str, Any], options: dict[str, Any], take: int) -> None:
    """At the root the vendor ignores `take` and `searchSession` without a word; an option cannot displace them."""
    sent = json.loads(search_request(search, options, "s", "k", take))
    assert set(sent) == {"searchCriteria", "options"}
    assert sent["searchCriteria"] == search
    own = {"take": take, "searchSession": {"id": "s", "idempotencyKey": "k"}}
    assert sent["options"] == {**options, **own}


# Pages ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cursor", "more"), [(None, b""), ("c7", b'"pageCursor":"c7",')])
def test_a_request_without_a_session(cursor: str | None, more: bytes) -> None:
    """It names no session and no key; from the top there is no cursor, and all of ours is among the options."""
    assert plain_request({"query": "AZ"}, {"take": 9, "sort": {}}, cursor, 500) == (
        b'{"options":{' + more + b'"sort":{},"take":500,"useCursorPagination":true},"searchCriteria":{"query":"AZ"}}'
    )


def test_a_whole_page() -> None:
    """200 with properties is a page, with its totals, its cursor and the vendor's own number for it."""
    page = _reply(200, PAGE)
    assert isinstance(page, PageReply)
    assert [lead.vendor_id for lead in page.leads] == ["a1", "b2"]
    assert (page.total, page.is_new, page.has_cursor) == (2, True, True)
    assert page.request_id == "01KRCV36NPGHBE6FQER77S0XZR"


@pytest.mark.parametrize("cut", range(len(PAGE)))
def test_a_page_cut_off_at_any_byte_is_lost(cut: int) -> None:
    """Half a page is never a smaller page: the rest of it is billed."""
    assert isinstance(_reply(200, PAGE[:cut]), Lost)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        HTML,
        b"null",
        b"[]",
        b"{}",
        b'{"status":{"code":200}}',
        b'{"results":null}',
        b'{"results":[]}',
        b'{"results":{}}',
        b'{"results":{"properties":null}}',
        b'{"results":{"properties":{}}}',
        b'{"results":{"properties":"many"}}',
        PAGE + b"}",
        DEEP,
        b'{"status":{"code":' + DEEP + b"}}",
        b'{"results":' + DEEP + b"}",
        b"\xff\xfe",
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_200_that_is_no_page_is_lost(body: bytes) -> None:
    """HTML, nothing, another shape: the page behind it may be billed, so the same bytes go out again."""
    assert isinstance(_reply(200, body), Lost)


@pytest.mark.parametrize("results", [None, {}, {"properties": []}])
@pytest.mark.parametrize(
    ("code", "message", "event"),
    [
        (500, "Something went wrong", Lost("HTTP 500")),
        (503, "busy", Lost("HTTP 503")),
        (429, "Too many requests", Throttled(None)),
        (401, "Unauthenticated.", Denied(Reason.TOKEN_REFUSED, 401, "Unauthenticated.")),
        (403, "Insufficient balance", Denied(Reason.WALLET_EMPTY, 403, "Insufficient balance")),
        (400, "malformed", Refused(400, "malformed")),
    ],
)
def test_an_error_inside_a_200(results: object, code: int, message: str, event: VendorReply) -> None:
    """A gateway may wrap an error in 200: the envelope's status speaks, and no empty list makes it the end (P12)."""
    body = {"status": {"code": code, "text": "Error", "message": message}, "results": results}
    assert _reply(200, msgspec.json.encode(body)) == event


def test_a_page_with_records_is_kept_whatever_its_envelope_says() -> None:
    """Records that came are billed, and stored."""
    page = _reply(200, PAGE.replace(b'"code":200', b'"code":500'))
    assert isinstance(page, PageReply)
    assert len(page.leads) == 2


# Trouble --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [100, 201, 202, 204, 206, 301, 302, 307, 308, 408, 425, 500, 502, 503, 504, 520, 599]
)
@pytest.mark.parametrize("body", [b"", HTML, PAGE, _envelope("no")], ids=["nothing", "html", "page", "envelope"])
def test_an_unknown_outcome_is_lost(status: int, body: bytes) -> None:
    """Time-outs, redirects, gateways and statuses that nobody documents: the page may be billed."""
    assert _reply(status, body) == Lost(f"HTTP {status}")


@pytest.mark.parametrize(
    ("status", "message", "event"),
    [
        (400, "quickLists should be an array of strings", Refused(400, "quickLists should be an array of strings")),
        (401, "Unauthenticated.", Denied(Reason.TOKEN_REFUSED, 401, "Unauthenticated.")),
        (402, "Payment required", Denied(Reason.WALLET_EMPTY, 402, "Payment required")),
        (403, NO_ABILITY, Denied(Reason.ABILITY_MISSING, 403, NO_ABILITY)),
        (403, "Error: Insufficient balance.", Denied(Reason.WALLET_EMPTY, 403, "Error: Insufficient balance.")),
        (403, "INSUFFICIENT BALANCE", Denied(Reason.WALLET_EMPTY, 403, "INSUFFICIENT BALANCE")),
        (404, "Not found", Refused(404, "Not found")),
        (410, "Gone", Refused(410, "Gone")),
        (413, "Payload too large", Refused(413, "Payload too large")),
        (422, "take must be a number", Refused(422, "take must be a number")),
        (429, "Too many requests", Throttled(None)),
    ],
)
def test_what_the_vendor_says_in_its_envelope(status: int, message: str, event: VendorReply) -> None:
    """A refusal, a denial or a rate limit, with the vendor's words; both meanings of 403 by its message."""
    assert _reply(status, _envelope(message, status)) == event


@pytest.mark.parametrize("body", [b"", HTML, b'{"message":"no"}', _envelope(None), _envelope(7), _envelope(["a"])])
def test_a_403_without_words_is_a_missing_ability(body: bytes) -> None:
    """An empty 403 stops the account, and is never taken for an empty wallet."""
    event = _reply(403, body)
    assert isinstance(event, Denied)
    assert event.reason is Reason.ABILITY_MISSING
    assert event.message


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Conflict",
        "Another request for this search session is in progress.",
        "Another request with this idempotency key is in progress.",
        "There is currently another in-progress request using this idempotency key.",
        "A request with this idempotencyKey is being processed; its body was accepted.",
    ],
)
def test_a_409_that_may_be_busy_is_lost(message: str) -> None:
    """A key whose page is being made must not be closed: that page is billed in a moment."""
    assert isinstance(_reply(409, _envelope(message)), Lost)


@pytest.mark.parametrize(
    "message",
    [
        "idempotencyKey was already used with a different request body.",
        "Idempotency key reused with a different payload",
        "The idempotency key does not match the request parameters",
    ],
)
def test_a_409_for_another_body_is_refused(message: str) -> None:
    """A key that the vendor knows with other bytes is never answered: nothing is gained by asking again."""
    assert _reply(409, _envelope(message)) == Refused(409, message, other_body=True)


@pytest.mark.parametrize(
    ("status", "otherwise"),
    [(400, Refused), (403, Denied), (409, Lost), (422, Refused), (429, Throttled)],
)
@pytest.mark.parametrize(
    "message",
    [
        "Search session limit reached: a team may have at most 100 sessions.",
        "Search session limits exceeded",
        "SESSION_LIMIT_REACHED",
        "The session cap of your team is reached",
        "You have the maximum number of search sessions",
        "A team may not have more than 100 searchSessions",
    ],
)
def test_the_101st_session(status: int, otherwise: type[VendorReply], message: str) -> None:
    """Known by `session` and a word for a limit, under every status; what the status alone would mean is kept."""
    event = _reply(status, _envelope(message, status))
    assert isinstance(event, SlotsFull)
    assert (event.status, event.message) == (status, message)
    assert isinstance(event.otherwise, otherwise)


@pytest.mark.parametrize(
    "message", [NO_ABILITY, "Search session not found: x", "take must not be greater than 100", ""]
)
def test_other_words_are_not_taken_for_slots(message: str) -> None:
    """`session` alone, or a limit of something else, is no lack of a slot."""
    assert isinstance(_reply(403, _envelope(message)), Denied)


def test_a_gateway_that_speaks_of_sessions_is_still_a_gateway() -> None:
    """A 5xx is Lost, whatever it says."""
    assert isinstance(_reply(503, _envelope("session limit", 503)), Lost)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("Sun, 01 Nov 2026 06:00:30 GMT", 30.0),
        ("Sun, 01 Nov 2026 07:00:30 +0100", 30.0),
        ("Sunday, 01-Nov-26 06:00:30 GMT", 30.0),
        ("Sun, 01 Nov 2026 05:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0667", None),
        ("Sun, 99 Nov 2026 06:00:30 GMT", None),
        ("Sun, 01 Nov 2026 06:00:30 +99999999999999999999", None),
        ("Sun, 01 Nov 99999 06:00:30 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    """Seconds or a date, never negative; what is neither is as if it were not there."""
    assert retry_after_s(value, NOW) == seconds
    headers = {} if value is None else {"retry-after": value}
    assert decipher(429, headers, b"", NOW) == Throttled(seconds)


@pytest.mark.parametrize("value", ["301", "999999999", "99999999999", "9" * 500])
def test_an_absurd_retry_after_is_believed_up_to_the_cap(value: str) -> None:
    """However large the figure, the account waits five minutes: neither a year nor half a second."""
    assert throttle_wait_s(1, retry_after_s(value, NOW), 0.0) == HOLD_MAX_S


def test_a_message_is_one_short_line() -> None:
    """What the operator reads is cut, and broken lines are joined."""
    event = _reply(400, _envelope("two\n  lines\t" + "x" * 1_000))
    assert isinstance(event, Refused)
    assert event.message.startswith("two lines xxx")
    assert len(event.message) == MESSAGE_MAX_CHARS


def test_a_message_shows_nobodys_data() -> None:
    """The vendor may quote what was sent; its words are kept in the ledger and shown, so they are redacted first."""
    event = _reply(400, _envelope(f"{'x' * (MESSAGE_MAX_CHARS - 30)} no owner jo@example.com, +1 602-555-0134"))
    assert isinstance(event, Refused)
    assert "jo@" not in event.message
    assert "602-555" not in event.message
