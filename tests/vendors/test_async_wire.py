"""The async endpoint's bytes: everything where the vendor may look for it, and no place for a session (P6)."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.asking import Acknowledged, AsyncReply
from leadsync.core.hooks import Address
from leadsync.core.letters import Opened, Unreadable, Why
from leadsync.core.model import Reason
from leadsync.core.replies import Denied, Lost, Refused, Throttled
from leadsync.core.windows import AskWindow
from leadsync.vendors.async_wire import (
    ERROR_KIND,
    RESULT_KIND,
    AsyncRequest,
    Failure,
    Result,
    async_request,
    decipher_acknowledgement,
    read_result,
    request_id,
)

URL = "https://leads.example.com/hooks/async/7.proof"
REQUEST = AsyncRequest({"query": "Phoenix, AZ"}, AskWindow(2, 1_000, 1_000), URL, f"{URL}e", datasets=("basic",))
ID = "01KRCV36NPGHBE6FQER77S0XZR"


def test_a_session_has_no_place() -> None:
    """Mypy refuses it: strict as it is here, it would complain of an ignore that nothing needs. So does Python."""
    with pytest.raises(TypeError):
        AsyncRequest({}, AskWindow(1, 0, 1), URL, URL, session="phoenix")  # type: ignore[call-arg]
    assert b"searchSession" not in async_request(REQUEST)


def test_the_body() -> None:
    """Skip, take, both URLs and a sort that stays in `options`; data sets there and at the root."""
    assert json.loads(async_request(REQUEST)) == {
        "searchCriteria": {"query": "Phoenix, AZ"},
        "datasets": ["basic"],
        "options": {
            "datasets": ["basic"],
            "errorWebhookUrl": f"{URL}e",
            "skip": 1_000,
            "sort": {"field": "_id", "order": "asc", "sortOrder": "asc"},
            "take": 1_000,
            "webhookUrl": URL,
        },
    }


def test_the_jobs_own_sort_holds_and_no_data_sets_are_none() -> None:
    """What the job says of the order is not overruled; without data sets the vendor's default holds."""
    body = json.loads(async_request(replace(REQUEST, datasets=(), options={"sort": {"field": "price"}})))
    assert body["options"]["sort"] == {"field": "price"}
    assert "datasets" not in body
    assert "datasets" not in body["options"]


def test_a_request_shows_no_url() -> None:
    """Its address is its credential (P11)."""
    assert "proof" not in repr(REQUEST)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ({"results": {"meta": {"requestId": ID}}}, ID),
        ({"meta": {"requestId": ID}}, ID),
        ({"requestId": ID}, ID),
        ({"status": {"code": 200}}, None),
        ({"meta": {"requestId": 7}}, None),
        ({"meta": None, "requestId": ID}, ID),
        ({"result": {"requestId": ID, "webhookUrl": URL}}, ID),
    ],
)
def test_the_id_is_where_it_is(reply: dict[str, object], found: str | None) -> None:
    """Under `results.meta`, `meta`, at the root, or missing: each has been seen somewhere."""
    assert request_id(json.dumps(reply).encode()) == found


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(body: bytes) -> None:
    """What is no acknowledgement has no id, and raises nothing."""
    assert request_id(body) is None or isinstance(request_id(body), str)


NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
SLOTS = b'{"status": {"code": 400, "message": "session limit of 100 reached"}}'


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (200, b'{"meta": {"requestId": "01K"}}', Acknowledged("01K")),
        (202, b'{"status": {"code": 200, "text": "OK"}}', Acknowledged(None)),
        (201, b" {}", Acknowledged(None)),
        (200, b"<html>", Lost("HTTP 200 without a word of the vendor's")),
        (200, b"", Lost("HTTP 200 without a word of the vendor's")),
        (204, b"", Lost("HTTP 204")),
        (302, b"", Lost("HTTP 302")),
        (200, b'{"status": {"code": 429}}', Throttled(None)),
        (503, b"", Lost("HTTP 503")),
        (429, b"", Throttled(None)),
        (401, b'{"status": {"code": 401, "message": "no"}}', Denied(Reason.TOKEN_REFUSED, 401, "no")),
        (400, b'{"status": {"code": 400, "message": "bad"}}', Refused(400, "bad")),
        (400, SLOTS, Refused(400, "session limit of 100 reached")),
    ],
)
def test_acknowledgements(status: int, body: bytes, means: AsyncReply) -> None:
    """What the vendor has taken, what it has not, and what nobody knows; no session is ever in question."""
    assert decipher_acknowledgement(status, {}, body, NOW) == means


def opened(content: bytes, kind: str = RESULT_KIND) -> Opened:
    """What came to one of the two addresses of a window."""
    return Opened(Address(kind, "key-1"), {}, content)


PAGE = b'{"results": {"properties": [{"_id": "a"}, null, {"_id": "b", "x": NaN}], "meta": {"requestId": "01K"}}}'
EMPTY = b'{"status": {"code": 200}, "results": {"properties": []}}'


@pytest.mark.parametrize("kind", [RESULT_KIND, ERROR_KIND])
def test_records_are_a_result_wherever_they_come(kind: str) -> None:
    """They are paid for, whatever is odd about them; they are read as often as somebody wants."""
    result = read_result(opened(PAGE, kind))
    assert isinstance(result, Result)
    assert (result.key, [lead.vendor_id for lead in result.leads()]) == ("key-1", ["a", "b"])
    assert len(list(result.leads())) == 2


def test_nothing_is_a_result_too() -> None:
    """The list has nothing there; at the other address it is an error without a reason."""
    result, failure = read_result(opened(EMPTY)), read_result(opened(EMPTY, ERROR_KIND))
    assert isinstance(result, Result)
    assert list(result.leads()) == []
    assert isinstance(failure, Failure)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"status": {"code": 500, "message": "broken"}, "meta": {"requestId": "01K"}}', "broken"),
        (b'{"status": {"code": 500, "message": "broken"}, "results": {"properties": []}}', "broken"),
        (b'{"error": "broken", "requestId": "01K"}', "broken"),
        (b'{"error": {"message": "broken"}}', "broken"),
        (b'{"error": {"code": 7}}', "the vendor gave no reason that can be read"),
        (b'{"error": 7}', "the vendor gave no reason that can be read"),
    ],
)
def test_an_error_says_so_at_either_address(content: bytes, says: str) -> None:
    """By its inner status or a bare `error`; its reason is cut and redacted."""
    for kind in (RESULT_KIND, ERROR_KIND):
        failure = read_result(opened(content, kind))
        assert isinstance(failure, Failure)
        assert failure.message == says


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"message": "call (602) 555-0123"}', "call ***"),
        (b"no  such\nlist", "no such list"),
        (b"<html>", "the vendor gave no reason that can be read"),
        (b"", "the vendor gave no reason that can be read"),
        (b'["x"]', "the vendor gave no reason that can be read"),
    ],
)
def test_what_comes_to_the_error_address_is_an_error(content: bytes, says: str) -> None:
    """Whatever its form; what is no result at the other address is kept for a person."""
    failure = read_result(opened(content, ERROR_KIND))
    assert isinstance(failure, Failure)
    assert failure.message == says
    with pytest.raises(Unreadable) as held:
        read_result(opened(content))
    assert held.value.why is Why.NOT_READABLE
