"""The vendor's bill against what leadsync says of itself: what a test of the real process asks at its end."""

from collections import Counter
from typing import Any

from tests.system.house import House


def hold_the_books_together(house: House, bill: dict[str, Any]) -> None:
    """Compare bill, export, store and status, each counted in its own way."""
    exported = [(line["session"], line["property_id"]) for line in house.exported()]
    stored = house.rows(
        "SELECT s.name, p.vendor_id FROM delivery d JOIN page g ON g.id = d.page_id"
        " JOIN search_session s ON s.id = g.session_id JOIN property p ON p.id = d.property_id"
    )
    assert len(set(exported)) == len(exported), "a session delivered a property twice"
    assert sorted(stored) == sorted(exported)
    assert Counter(name for _, name in exported) == Counter(bill["billed_ids"])
    assert Counter(session for session, _ in exported) == bill["by_session"] == bill["sessions"]
    for name, job in house.status().items():
        assert job["delivered"] == job["vendor_total"] == bill["sessions"][name]
    assert house.one("SELECT sum(billed) FROM page") == bill["records"]
    assert house.one("SELECT sum(cost_micros) FROM run") == round(bill["dollars"] * 1_000_000)


def replays_with_the_same_bytes(bill: dict[str, Any]) -> int:
    """How often a key came again; never with another body (P3)."""
    asked = [(seen["key"], seen["body_sha256"]) for seen in bill["requests"] if seen["key"]]
    keys = {key for key, _ in asked}
    assert len(set(asked)) == len(keys), "a key was sent with two bodies"
    return len(asked) - len(keys)
