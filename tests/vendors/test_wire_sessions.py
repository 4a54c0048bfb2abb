"""The session list on the wire: a list that is whole, or Lost; a hundred sessions must not vanish by a misreading."""

from datetime import UTC, datetime

import msgspec
import pytest

from leadsync.core.model import SessionListing
from leadsync.core.replies import Denied, Lost, Refused, Throttled, VendorReply
from leadsync.vendors.wire import SessionsPage, decipher_sessions

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
HTML = b"<html><body><h1>Please try again later</h1></body></html>"
DEEP = b"[" * 100_000 + b"]" * 100_000


def _listing(*rows: dict[str, object], total: object = 2) -> SessionsPage | object:
    return decipher_sessions(200, {}, msgspec.json.encode({"results": {"sessions": rows, "total": total}}), NOW)


def test_a_page_of_the_session_list() -> None:
    """Ids and totals in the vendor's order; `lastRequestAt` may be absent, other members are nobody's concern."""
    rows = ({"id": "a", "totalDelivered": 5, "lastRequestAt": "x"}, {"id": "b", "totalDelivered": 0, "more": [1]})
    assert _listing(*rows) == SessionsPage((SessionListing("a", 5), SessionListing("b", 0)), 2)


@pytest.mark.parametrize(
    "row", [{"id": "a"}, {"id": 7, "totalDelivered": 5}, {"id": "a", "totalDelivered": None}, {"totalDelivered": 5}]
)
def test_a_session_list_with_a_hole_is_lost(row: dict[str, object]) -> None:
    """A session whose total cannot be read is not one that is absent: nothing is sent until the list is whole."""
    assert isinstance(_listing({"id": "b", "totalDelivered": 1}, row), Lost)


@pytest.mark.parametrize("figure", [-1, 2**63, 10**20])
def test_a_figure_that_no_store_can_hold_is_lost(figure: int) -> None:
    """An impossible total is the vendor's nonsense, and must not break the commit that notes the list."""
    assert isinstance(_listing({"id": "a", "totalDelivered": figure}, total=1), Lost)


@pytest.mark.parametrize("body", [b"", HTML, b"{}", b'{"results":{}}', b'{"results":{"sessions":[]}}', DEEP])
def test_a_session_list_that_is_none_is_lost(body: bytes) -> None:
    """HTML with 200 is no empty list: that would be a hundred vanished sessions."""
    assert isinstance(decipher_sessions(200, {}, body, NOW), Lost)


@pytest.mark.parametrize(
    ("status", "event"), [(401, Denied), (403, Denied), (429, Throttled), (400, Refused), (502, Lost)]
)
def test_trouble_with_the_session_list(status: int, event: type[VendorReply]) -> None:
    """The same statuses mean the same."""
    assert isinstance(decipher_sessions(status, {}, b"", NOW), event)
