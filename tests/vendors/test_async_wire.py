"""The async endpoint's bytes: everything where the vendor may look for it, and no place for a session (P6)."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.windows import AskWindow
from leadsync.vendors.async_wire import AsyncRequest, async_request, request_id

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
    ],
)
def test_the_id_is_where_it_is(reply: dict[str, object], found: str | None) -> None:
    """Under `results.meta`, `meta`, at the root, or missing: each has been seen somewhere."""
    assert request_id(json.dumps(reply).encode()) == found


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(body: bytes) -> None:
    """What is no acknowledgement has no id, and raises nothing."""
    assert request_id(body) is None or isinstance(request_id(body), str)
