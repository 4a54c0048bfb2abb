"""The journal: a key is durable with its bytes and its reservation before it is sent, and there is one at a time."""

import json
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from leadsync.core.budget import Limits, Spent
from leadsync.core.model import OpenPage, Reason
from leadsync.core.protocol import BudgetReserved, BudgetSpent, Close
from leadsync.errors import Bug, StoreFailed
from leadsync.store import sessions
from leadsync.store.sessions import SessionState
from leadsync.store.spending import OLDER_KEYS, used
from tests.store.hand import NOW, PRICE, Hand, leads


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    """An open store."""
    return Hand(tmp_path / "leadsync.db")


def test_a_key_is_durable_with_its_bytes(hand: Hand) -> None:
    """What `journal` returned is in the file: the same key, take and bytes after any death (P3)."""
    page = hand.key(hand.order(hand.session(), hand.run(), take=77))
    hand.writer.close()  # no clean stop: the process is simply gone
    found = Hand(hand.file).session().open_page
    assert found == page
    body = json.loads(page.request)
    assert body["options"] == {"searchSession": {"id": "phoenix", "idempotencyKey": page.key}, "take": 77}


def test_keys_count_pages_and_tell_sessions_apart(hand: Hand) -> None:
    """The next key of a session has the next number; another session or account has other keys."""
    keys = []
    for name, account in (("phoenix", "main"), ("tucson", "main"), ("phoenix", "second")):
        session, run_id = hand.session(name, account, job=f"{name}-{account}"), hand.run(f"{name}-{account}", account)
        for _ in range(2):
            page = hand.key(hand.order(session, run_id))
            hand.store(page, run_id, (), 0)
            keys.append(page.key)
    assert len(set(keys)) == 6
    assert [key.split("-")[2:] for key in keys] == [["1", "1"], ["1", "2"]] * 3


def test_a_second_open_key_of_a_session_is_refused(hand: Hand) -> None:
    """The database itself refuses it, whoever asks (P2); nothing of the attempt is kept."""
    order = hand.order(hand.session(), hand.run())
    page = hand.key(order)
    with pytest.raises(StoreFailed, match=r"UNIQUE constraint failed: page\.session_id"):
        hand.ask(order)
    assert hand.session().open_page == page
    assert hand.session().books.next_page == 2
    hand.key(hand.order(hand.session("tucson"), hand.run("tucson")))


def test_a_bad_request_leaves_no_key(hand: Hand) -> None:
    """Where the request cannot be made, no number is used and no budget reserved."""

    def nothing(_key: str, _take: int) -> bytes:
        raise ZeroDivisionError

    order = hand.order(hand.session(), hand.run())
    with pytest.raises(ZeroDivisionError):
        hand.ask(replace(order, request=nothing))
    assert (hand.session().books.next_page, hand.session().criteria) == (1, None)


def test_a_refused_key_uses_its_number_up(hand: Hand) -> None:
    """A refused key is never sent again, its reservation is given back, and the job parks in the same breath."""
    run_id = hand.run()
    page = hand.key(hand.order(hand.session(), run_id))
    hand.do(hand.ledger.close(page.page_id, run_id, Close(400, "no such list", Reason.REFUSED), NOW))
    session = hand.session()
    assert session.parked is not None
    assert (session.open_page, session.parked.reason, session.parked.message) == (None, Reason.REFUSED, "no such list")
    assert hand.rows("SELECT state, status, message, billed FROM page") == [("refused", 400, "no such list", 0)]
    assert hand.key(hand.order(session, run_id)).key.endswith("-1-2")


@pytest.mark.parametrize("settled", ["stored", "refused"])
def test_a_settled_key_cannot_be_settled_again(hand: Hand, settled: str) -> None:
    """A page leaves `asked` once; a second attempt is a bug, not a second page."""
    run_id = hand.run()
    page = hand.key(hand.order(hand.session(), run_id))
    close = partial(hand.ledger.close, page.page_id, run_id, Close(400, "no", None), NOW)
    if settled == "stored":
        hand.store(page, run_id, leads(3), 3, new=True)
    else:
        hand.do(close())
    with pytest.raises(Bug):
        hand.do(close())
    with pytest.raises(Bug):
        hand.store(page, run_id, leads(3), 3, new=True)
    assert hand.rows("SELECT state FROM page") == [(settled,)]
    assert hand.one("SELECT count(*) FROM delivery") == (3 if settled == "stored" else 0)


def test_criteria_stay_those_that_the_epoch_began_with(hand: Hand) -> None:
    """The first key keeps the criteria; a later order does not change them, `begin_criteria` does."""
    run_id = hand.run()
    hand.store(hand.key(hand.order(hand.session(), run_id)), run_id, leads(1), 1, new=True)
    hand.store(hand.key(replace(hand.order(hand.session(), run_id), criteria="others")), run_id, (), 1)
    assert hand.session().criteria == "criteria of phoenix"
    hand.do(hand.ledger.begin_criteria(hand.session().session_id, "others"))
    assert hand.session().criteria == "others"


def test_known_criteria_are_those_that_were_asked_for(hand: Hand) -> None:
    """Another session, the account's or the job's, makes criteria known that has delivered, or has a key open: P2."""
    run_id = hand.run("old")
    page = hand.key(hand.order(hand.session("old"), run_id))
    moved = hand.session("old", account="second", job="old")
    others = hand.session("strange", account="second", job="third")
    new = hand.session("new")

    def known(session: SessionState, *, is_new: bool = True) -> str | None:
        return hand.do(hand.ledger.known_criteria(session, "criteria of old", is_new=is_new))

    assert known(new) == "old"
    hand.store(page, run_id, (), 0, new=True)
    assert known(new) is None
    page = hand.key(hand.order(hand.session("old"), run_id))
    hand.store(page, run_id, leads(1), 1)
    assert [known(one) for one in (new, hand.session("old"), others)] == ["old", None, None]
    assert known(moved) == "old of account main"
    assert known(moved, is_new=False) is None  # the same session, which the job goes on with
    elsewhere = hand.do(hand.writer.write(sessions.of_other_accounts, "main"))
    assert [(one.account, one.name) for one in elsewhere] == [("second", "old"), ("second", "strange")]


DAY = Limits(UTC, PRICE, records_day=100)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (DAY, "records_per_day"),
        (Limits(UTC, PRICE, records_month=100), "records_per_month"),
        (Limits(UTC, PRICE, dollars_day=Decimal(1)), "dollars_per_day"),
        (Limits(UTC, PRICE, dollars_month=Decimal("1.009")), "dollars_per_month"),
    ],
)
def test_reservations_count_until_they_are_bills(hand: Hand, limits: Limits, name: str) -> None:
    """An open key counts with its take, also after a restart; a stored page with what it was billed (P10)."""
    run_id, other = hand.run(), hand.run("other")
    page = hand.key(hand.order(hand.session(), run_id, 60, limits))
    hand = hand.reopened()
    rest = hand.key(hand.order(hand.session("other"), other, 60, limits))
    assert rest.take == 40
    spent = hand.ask(hand.order(hand.session("third"), other, 60, limits))
    assert spent == BudgetReserved(f"what is left of the account's {name} is reserved by open keys")
    assert hand.session("third").books.next_page == 1
    hand.store(page, run_id, leads(25), 25, new=True)
    assert hand.key(hand.order(hand.session("third"), other, 60, limits)).take == 35


def test_a_budget_is_the_accounts_own(hand: Hand) -> None:
    """What another account spends does not count."""
    hand.key(hand.order(hand.session(account="second"), hand.run(), 100, DAY))
    assert hand.key(hand.order(hand.session("tucson"), hand.run("tucson"), 100, DAY)).take == 100


def test_windows_begin_at_midnight(hand: Hand) -> None:
    """Yesterday's pages do not count today, those of the month do."""
    run_id = hand.run()
    limits = replace(DAY, records_month=250)
    takes = []
    for days in (0, 0, 1, 2, 29):
        page = hand.ask(hand.order(hand.session(), run_id, 100, limits), NOW + timedelta(days=days))
        takes.append(page.take if isinstance(page, OpenPage) else 0)
        if isinstance(page, OpenPage):
            hand.store(page, run_id, leads(page.take, sum(takes)), sum(takes), new=len(takes) == 1)
    assert takes == [100, 0, 100, 50, 100]


@pytest.mark.parametrize("days", [0, 1, 29])
def test_an_open_key_is_reserved_in_every_window(hand: Hand, days: int) -> None:
    """It may be asked again, and billed, on any later day; a parked one not before a person has answered (P10)."""
    hand.key(hand.order(hand.session(), hand.run(), 60))
    now = NOW + timedelta(days=days)

    def spent() -> Spent:
        return hand.do(hand.writer.write(used, "main", Limits(UTC, PRICE), now))

    whole = Spent(60, 60, 60 * PRICE, 60 * PRICE)
    assert spent() == whole
    hand.do(hand.ledger.park(hand.session().session_id, Reason.SESSION_VANISHED, "it is gone", now))
    assert spent().records_day == (0 if days else 60)
    hand.do(hand.ledger.unpark(hand.session().session_id))
    assert spent() == whole


def test_older_keys_are_found_without_a_look_at_older_pages(hand: Hand) -> None:
    """Each page asks for them, so it must not walk through a month of pages: the index of open keys has them."""
    query = str(OLDER_KEYS.compile(dialect=sqlite.dialect()))

    def plan(connection: Connection) -> list[str]:
        explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("0",) * query.count("?"))
        return [row[3] for row in explained]

    assert any("page_one_open_key" in step for step in hand.do(hand.writer.write(plan)))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 1)), max_size=12), st.integers(0, 120))
def test_a_budget_is_never_overshot(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, float]], budget: int
) -> None:
    """Whatever is asked for and however much of it comes: bills and reservations never exceed the budget."""
    hand = Hand(tmp_path_factory.mktemp("budget") / "leadsync.db")
    run_id, delivered = hand.run(), 0
    limits = Limits(UTC, PRICE, records_day=budget)
    for take, share in asked:
        page = hand.ask(hand.order(hand.session(), run_id, take, limits))
        if isinstance(page, BudgetSpent | BudgetReserved):
            assert delivered == budget
            continue
        assert page.take == min(take, budget - delivered)
        came = leads(int(page.take * share), delivered)
        delivered += len(came)
        hand.store(page, run_id, came, delivered, new=delivered == len(came))
    assert hand.one("SELECT coalesce(sum(billed), 0) FROM page") == delivered <= budget


def test_what_is_used_is_billed_or_reserved(hand: Hand) -> None:
    """What counts against the budget is both, each once."""
    run_id = hand.run()
    hand.store(hand.key(hand.order(hand.session(), run_id, 10)), run_id, leads(7), 7, new=True)
    hand.key(hand.order(hand.session(), run_id, 5))
    spent = hand.do(hand.writer.write(used, "main", Limits(UTC, PRICE), NOW))
    assert spent == Spent(12, 12, Decimal("0.12"), Decimal("0.12"))
