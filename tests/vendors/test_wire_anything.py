"""Any bytes whatever: the wire makes an event of them and never fails, since what it reads may be paid for."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.model import PageReply
from leadsync.vendors.wire import SessionsPage, decipher, decipher_sessions

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
DEEP = b"[" * 100_000 + b"]" * 100_000

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def _sometimes(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object that has, lacks or mistakes each of these members; or none at all."""
    return st.fixed_dictionaries({}, optional={name: ODD | field for name, field in fields.items()}) | ODD


BODIES = _sometimes(
    status=_sometimes(code=st.integers(0, 600), text=st.text(), message=st.text()),
    results=_sometimes(
        properties=st.lists(_sometimes(_id=st.text(), address=_sometimes(street=st.text(), zip=st.integers()))),
        searchSessionMeta=_sometimes(totalDelivered=st.integers(), isNewSession=st.booleans()),
        nextPageCursor=st.text(),
        meta=_sometimes(requestId=st.text()),
        sessions=st.lists(_sometimes(id=st.text(), totalDelivered=st.integers()), max_size=3),
        total=st.integers(),
    ),
).map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(st.integers(100, 599) | st.integers(), BODIES | st.binary(), st.none() | st.text() | st.datetimes().map(str))
def test_no_reply_makes_it_fail(status: int, body: bytes, wait: str | None) -> None:
    """Any status, any header, any bytes become an event; only a 200 becomes a page."""
    headers = {} if wait is None else {"retry-after": wait}
    event = decipher(status, headers, body, NOW)
    assert status == 200 or not isinstance(event, PageReply)
    listed = decipher_sessions(status, headers, body, NOW)
    assert status == 200 or not isinstance(listed, SessionsPage)


@given(BODIES | st.binary())
def test_no_200_makes_it_fail(body: bytes) -> None:
    """The same where it matters most; what comes of a page can be stored."""
    event = decipher(200, {}, body, NOW)
    if isinstance(event, PageReply):
        assert event.total is None or 0 <= event.total < 2**63
        assert all(lead.vendor_id.encode() for lead in event.leads)


@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize(
    "body",
    [
        b'{"status":{"code":' + DEEP + b"}}",
        b'{"deep":' + DEEP + b',"status":{"code":1,"message":"m"}}',
        b'{"status":{"code":1,"message":"\xc3("}}',
        b'{"results":{"properties":[],"searchSessionMeta":{"totalDelivered":' + b"9" * 5_000 + b"}}}",
        b'{"results":{"properties":[],"sessions":[{"id":"\xff","totalDelivered":1}],"total":1}}',
        b'{"status":{"code":' + b"9" * 5_000 + b"}}",
    ],
    ids=["deep code", "deep stranger", "broken UTF-8", "long total", "broken id", "long code"],
)
def test_what_decoders_stumble_over(status: int, body: bytes) -> None:
    """Depth, broken UTF-8 and numbers of five thousand digits are events like any other."""
    assert decipher(status, {}, body, NOW) is not None
    assert decipher_sessions(status, {}, body, NOW) is not None
