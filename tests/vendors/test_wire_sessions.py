"""The session list on the wire: a list that is whole, or Lost; a hundred sessions must not vanish by a misreading."""

from datetime import UTC, datetime

import msgspec
import pytest

from leadsync.core.model import SessionListing
from leadsync.core.replies import Denied, Lost, Refused, Throttled, VendorReply
from leadsync.vendors.wire import Deletion, SessionsPage, decipher_deletion, decipher_sessions, session_path

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
HTML = b"<html><body><h1>Please try again later</h1></body></html>"
DEEP = b"[" * 100_000 + b"]" * 100_000


def _listing(*rows: dict[str, object], total: object = 2) -> SessionsPage | object:
    return decipher_sessions(200, {}, msgspec.json.encode({"results": {"sessions": rows, "total": total}}), NOW)


def test_a_page_of_the_session_list() -> None:
    """Ids and totals in the vendor's order; `lastRequestAt` may be absent, other members are nobody's concern."""
    first = {"id": "a", "totalDelivered": 5, "lastRequestAt": "2026-11-01T08:00:00+02:00", "createdAt": "2026-10-01"}
    rows = (first, {"id": "b", "totalDelivered": 0, "more": [1]})
    seen = SessionListing("a", 5, NOW, datetime(2026, 10, 1, tzinfo=UTC))
    assert _listing(*rows) == SessionsPage((seen, SessionListing("b", 0)), 2)


@pytest.mark.parametrize("time", ["x", 7, None, "", "0001-01-01T00:00:00+14:00", {}])
def test_a_time_that_cannot_be_read_is_none(time: object) -> None:
    """The list is whole without it; what has no age is not old, so nothing is deleted for it."""
    row = {"id": "a", "totalDelivered": 5, "lastRequestAt": time, "createdAt": time}
    assert _listing(row, total=1) == SessionsPage((SessionListing("a", 5),), 1)


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, b'{"results": {"deleted": true, "id": "a"}}', Deletion.DELETED),
        (200, b'{"results": {"deleted": false, "id": "a"}}', Lost),
        (200, HTML, Lost),
        (200, b"", Lost),
        (404, b'{"status": {"code": 404, "message": "Search session not found: a"}}', Deletion.GONE),
        (404, HTML, Lost),
        (400, b'{"status": {"code": 400, "message": "searchSessionId must match"}}', Refused),
        (401, b"", Denied),
        (403, b"", Denied),
        (429, b"", Throttled),
        (302, b"", Lost),
        (503, HTML, Lost),
    ],
)
def test_what_a_deletion_found(status: int, body: bytes, found: Deletion | type) -> None:
    """Only the vendor's own word is one: a gateway that says 200 or 404 has deleted nothing."""
    reply = decipher_deletion(status, {}, body, NOW)
    assert reply is found if isinstance(found, Deletion) else isinstance(reply, found)


def test_an_id_stays_in_its_place() -> None:
    """Whatever somebody calls a session, no other path is asked."""
    assert session_path("a/../b?c") == "/api/v2/property/search-sessions/a%2F..%2Fb%3Fc"


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
