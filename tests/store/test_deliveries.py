"""Storing a page: one transaction for deliveries, totals and the key; bytes as they came; numbers without reuse."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsync.core.model import Lead, PageReply, Reason
from leadsync.errors import StoreFailed
from leadsync.store.spending import used
from tests.store.hand import NOW, UNLIMITED, Hand, lead, leads


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    """An open store."""
    return Hand(tmp_path / "leadsync.db")


def pulled(hand: Hand, *pages: tuple[Lead, ...], name: str = "phoenix") -> None:
    """Pull these pages in one run of a session; the vendor's totals are right."""
    session, run_id = hand.session(name), hand.run(name)
    seen: set[str] = set()
    for number, came in enumerate(pages):
        seen |= {each.vendor_id for each in came}
        hand.store(hand.key(hand.order(session, run_id, 500)), run_id, came, len(seen), new=number == 0)


def test_a_page_and_its_key_commit_together(hand: Hand) -> None:
    """Deliveries, totals and the spent key: all there after one call (P4)."""
    pulled(hand, leads(3))
    assert hand.rows("SELECT state, billed, new, total, request_id FROM page") == [("stored", 3, 3, 3, "01K")]
    assert hand.session().books.delivered == 3
    assert hand.session().open_page is None
    assert hand.one("SELECT count(*) FROM change JOIN delivery ON delivery.id = change.delivery_id") == 3


@pytest.mark.parametrize("spoilt", [{"value": {}}, {"value": 2**64}, {"street": "\ud800"}, {"body": None}])
def test_a_page_that_fails_half_way_keeps_nothing(hand: Hand, spoilt: dict[str, Any]) -> None:
    """The last lead of a page cannot be stored: no delivery, no total, the key still open, and the rest works."""
    run_id = hand.run()
    page = hand.key(hand.order(hand.session(), run_id))
    with pytest.raises(Exception, match=r".") as failed:
        hand.store(page, run_id, (*leads(5), lead("spoilt", **spoilt)), 6, new=True)
    assert "spoilt" not in str(failed.value)
    kept = "(SELECT count(*) FROM property) + (SELECT count(*) FROM delivery) + (SELECT count(*) FROM change)"
    assert hand.rows("SELECT " + kept) == [(0,)]
    assert hand.session().open_page == page
    assert hand.session().books.delivered == 0
    hand.store(page, run_id, leads(5), 5, new=True)
    assert hand.session().books.delivered == 5


def test_what_the_driver_cannot_store_is_told_in_words(hand: Hand) -> None:
    """A value that breaks a rule of the database is StoreFailed, like anything that it refuses."""
    run_id = hand.run()
    page = hand.key(hand.order(hand.session(), run_id))
    with pytest.raises(StoreFailed):
        hand.store(page, run_id, (lead("spoilt", body=None),), 1, new=True)


def test_an_id_twice_in_a_page_is_delivered_once(hand: Hand) -> None:
    """The first of two equal ids is kept; both were billed."""
    pulled(hand, (lead("a", body=b"first"), lead("b"), lead("a", body=b"second")))
    assert hand.rows("SELECT billed, new FROM page") == [(3, 2)]
    assert hand.rows("SELECT body FROM delivery ORDER BY id") == [(b"first",), (b'{"_id":"b"}',)]
    assert hand.session().books.delivered == 2


def test_what_the_account_had_is_redelivered(hand: Hand) -> None:
    """Another session's property, or the same one again, is a delivery with `redelivered`; another account's is not."""
    pulled(hand, leads(3))
    pulled(hand, leads(4), name="tucson")
    assert hand.rows("SELECT redelivered, count(*) FROM delivery GROUP BY 1") == [(0, 4), (1, 3)]
    session = hand.session(account="second", job="other")
    run_id = hand.run("other", "second")
    hand.store(hand.key(hand.order(session, run_id)), run_id, leads(3), 3, new=True)
    assert hand.rows("SELECT redelivered, count(*) FROM delivery GROUP BY 1") == [(0, 7), (1, 3)]


def test_a_thinner_delivery_erases_nothing(hand: Hand) -> None:
    """What a later delivery leaves out stays in the index, what it has is new there, and all bytes are kept."""
    first = lead("a", street="1 Elm St", owner="Pat Doe", value=100.0, body=b"thick")
    pulled(hand, (first,))
    pulled(hand, (lead("a", street=None, owner="Sam Doe", equity=5.0, body=b"thin"),), name="tucson")
    (found,) = hand.rows("SELECT street, owner, value, equity, first_delivery, last_delivery FROM property")
    assert found == ("1 Elm St", "Sam Doe", 100.0, 5.0, 1, 2)
    assert hand.rows("SELECT body FROM delivery ORDER BY id") == [(b"thick",), (b"thin",)]


def test_a_session_made_anew_begins_an_epoch(hand: Hand) -> None:
    """`isNewSession` on a used session: the paid page is the first of a new epoch, and the job parks."""
    pulled(hand, leads(3))
    run_id = hand.run("other")
    receipt = hand.store(hand.key(hand.order(hand.session(), run_id)), run_id, leads(2), 2, new=True)
    assert (receipt.epoch, receipt.number, receipt.redelivered, receipt.total) == (2, 1, 2, 2)
    assert receipt.stored.reason is Reason.SESSION_VANISHED
    assert hand.rows("SELECT epoch, number FROM page ORDER BY id") == [(1, 1), (2, 1)]
    assert hand.key(hand.order(hand.session(), run_id)).key.endswith("-2-2")


@pytest.mark.parametrize(("fresh", "lost"), [(True, []), (False, [("unknown", 1, 2, 10)])])
def test_what_a_key_may_have_brought_in_a_deleted_session_is_spent(
    hand: Hand, fresh: bool, lost: list[tuple[str, int, int, int]]
) -> None:
    """A key that was sent before, and now begins another life of its session, may be billed twice (P10)."""
    pulled(hand, leads(3))
    run_id = hand.run("other")
    page = hand.key(hand.order(hand.session(), run_id))
    arrival = hand.arrival(page, run_id, PageReply(leads(2), 2, is_new=True, has_cursor=True, request_id="01K"))
    hand.do(hand.ledger.store(replace(arrival, fresh=fresh), NOW))
    rows = hand.rows("SELECT state, epoch, number, billed FROM page WHERE id > 1 ORDER BY id")
    assert rows == [("stored", 2, 1, 2), *lost]
    spent = hand.do(hand.writer.write(used, "main", UNLIMITED, NOW))
    assert spent.records_day == 3 + 2 + sum(billed for _, _, _, billed in lost)


def test_another_total_parks_in_the_same_transaction(hand: Hand) -> None:
    """A page whose total is not the ledger's is stored, and the job is parked with it (P8)."""
    pulled(hand, leads(3))
    run_id = hand.run("other")
    receipt = hand.store(hand.key(hand.order(hand.session(), run_id)), run_id, leads(3, 3), 9)
    parked = hand.session().parked
    assert receipt.stored.reason is Reason.SESSION_DRIFTED
    assert parked is not None
    assert (parked.reason, hand.session().books.delivered) == (Reason.SESSION_DRIFTED, 6)


def test_change_numbers_are_never_given_twice(hand: Hand) -> None:
    """Numbers rise in commit order, also after the newest rows were purged."""
    pulled(hand, leads(3))
    hand.do(hand.writer.write(lambda connection: connection.exec_driver_sql("DELETE FROM change").close()))
    hand = hand.reopened()
    pulled(hand, leads(2, 3), name="tucson")
    assert hand.rows("SELECT id FROM change ORDER BY id") == [(4,), (5,)]


ids = st.integers(0, 12).map(lambda number: f"{number:032x}")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), st.lists(ids, max_size=9)), max_size=8))
def test_any_pages_are_counted_right(
    tmp_path_factory: pytest.TempPathFactory, pages: list[tuple[str, list[str]]]
) -> None:
    """Whatever ids come, twice in a page, again in a session, in two sessions: the sums are those of plain sets."""
    hand = Hand(tmp_path_factory.mktemp("pages") / "leadsync.db")
    runs = {name: hand.run(name) for name in ("one", "two")}
    delivered: dict[str, set[str]] = {"one": set(), "two": set()}
    rows: list[tuple[str, bool]] = []
    for name, came in pages:
        known = set().union(*delivered.values())
        fresh = set(came) - delivered[name]
        rows += [(each, each in known) for each in dict.fromkeys(came)]
        delivered[name] |= fresh
        page = hand.key(hand.order(hand.session(name), runs[name]))
        receipt = hand.store(page, runs[name], tuple(map(lead, came)), len(delivered[name]))
        assert (receipt.stored.records, receipt.stored.new) == (len(came), len(fresh))
        assert receipt.redelivered == len(known & set(came))
    kept = hand.rows(
        "SELECT vendor_id, redelivered FROM delivery JOIN property ON property.id = property_id ORDER BY delivery.id"
    )
    assert kept == rows
    assert {name: hand.session(name).books.delivered for name in delivered} == {
        name: len(each) for name, each in delivered.items()
    }
    assert hand.rows("SELECT id, delivery_id FROM change") == [(n, n) for n in range(1, len(rows) + 1)]
