"""The books after a page: which totals are right, what is learned from them, and what parks the job (P8)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.books import Judgement, PageCount, judge, starts_new_epoch
from leadsync.core.model import Books, Reason

NEW = Books(next_page=2)
USED = Books(next_page=4, delivered=30)
PAGE = PageCount(records=10, unique=10, new=10, total=None, is_new=False, fresh=True)


def _judge(books: Books, counts_own: bool | None = None, drift_allowed: bool = False, **page: Any) -> Judgement:
    count = replace(PAGE, **page)
    return judge(books, count, counts_own=counts_own, drift_allowed=drift_allowed)


@pytest.mark.parametrize(
    ("counts_own", "fresh", "total", "agrees"),
    [
        # a fresh page: the account's reading, and nothing else
        (True, True, 40, True),
        (True, True, 30, False),
        (False, True, 30, True),
        (False, True, 40, False),
        # not learned yet: either reading
        (None, True, 40, True),
        (None, True, 30, True),
        # a replay: the number of its time or of today, whatever the reading
        (True, False, 40, True),
        (True, False, 30, True),
        (False, False, 40, True),
        (False, False, 30, True),
        # never
        (True, True, 41, False),
        (False, True, 31, False),
        (None, True, 35, False),
        (None, True, 29, False),
        (None, False, 50, False),
        (True, False, 41, False),
        (False, False, 0, False),
    ],
)
def test_which_totals_agree(counts_own: bool | None, fresh: bool, total: int, agrees: bool) -> None:
    """With 30 delivered, a page of ten may say 40 or 30, as the vendor reads its own total; all else is drift."""
    judgement = _judge(USED, counts_own, total=total, fresh=fresh)
    assert judgement.books == replace(USED, delivered=40)
    assert judgement.reason is (None if agrees else Reason.SESSION_DRIFTED)
    assert bool(judgement.message) is not agrees


@pytest.mark.parametrize(
    ("page", "learned"),
    [
        ({"total": 10, "is_new": True}, True),
        ({"total": 0, "is_new": True}, False),
        ({"total": 7, "is_new": True}, None),
        ({"total": None, "is_new": True}, None),
        ({"total": 10, "is_new": True, "fresh": False}, None),
        ({"total": 10, "is_new": False}, None),
        ({"total": 0, "is_new": True, "records": 0, "unique": 0, "new": 0}, None),
    ],
)
def test_the_reading_is_learned_where_nobody_else_can_have_moved_the_total(
    page: dict[str, Any], learned: bool | None
) -> None:
    """Only the first fresh page of a new session teaches; a replay, a known session or an empty page does not."""
    assert _judge(NEW, None, **page).counts_own is learned


@given(st.booleans(), st.integers(0, 60), st.booleans(), st.booleans())
def test_a_reading_once_learned_stays(counts_own: bool, total: int, is_new: bool, fresh: bool) -> None:
    """A vendor that reads its total another way from today on is drift, not a new lesson."""
    assert _judge(NEW, counts_own, total=total, is_new=is_new, fresh=fresh).counts_own is counts_own


def test_a_change_of_reading_is_drift() -> None:
    """What was the right number under the other reading parks the job."""
    learned = _judge(NEW, None, total=10, is_new=True)
    again = judge(learned.books, replace(PAGE, total=10), counts_own=learned.counts_own, drift_allowed=False)
    assert again.reason is Reason.SESSION_DRIFTED


@pytest.mark.parametrize("drift_allowed", [True, False])
@pytest.mark.parametrize("total", [10, 0, 40, None])
def test_a_session_made_anew_is_a_new_epoch_and_parks(total: int | None, drift_allowed: bool) -> None:
    """`isNewSession` on a used session: the page is the first of a new epoch, and the job parks, drift or not."""
    books = Books(epoch=2, next_page=7, delivered=30, base_line=5)
    judgement = _judge(books, True, drift_allowed, total=total, is_new=True, new=4)
    assert judgement.books == Books(epoch=3, next_page=2, delivered=10, base_line=0)
    assert judgement.reason is Reason.SESSION_VANISHED
    assert "35" in judgement.message


@pytest.mark.parametrize(
    ("books", "starts"), [(NEW, False), (Books(next_page=9), False), (USED, True), (Books(base_line=100), True)]
)
def test_when_an_epoch_starts(books: Books, starts: bool) -> None:
    """A session is made anew where properties were delivered or adopted; one that had none is new by right."""
    assert starts_new_epoch(books, is_new=True) is starts
    assert starts_new_epoch(books, is_new=False) is False


def test_an_adopted_session_counts_from_its_base_line() -> None:
    """The vendor's total holds what others were delivered before; ours begins above it."""
    adopted = Books(next_page=2, base_line=100)
    assert _judge(adopted, None, total=110).reason is None
    assert _judge(adopted, None, total=100).reason is None
    assert _judge(adopted, None, total=10).reason is Reason.SESSION_DRIFTED
    assert _judge(adopted, None, total=110).counts_own is None


@pytest.mark.parametrize("fresh", [True, False])
def test_a_page_of_known_properties_parks(fresh: bool) -> None:
    """A key that brings and bills nothing but what this epoch has is wrong: also as a replay, since P4 had it open."""
    judgement = _judge(USED, None, total=30, new=0, fresh=fresh)
    assert judgement.reason is Reason.SESSION_DRIFTED
    assert judgement.books == USED


@pytest.mark.parametrize("total", [None, 30, 130])
def test_known_properties_are_no_drift_that_anybody_allows(total: int | None) -> None:
    """A session delivers each property once in a life: whatever its total, this is another, and buys the list again."""
    judgement = _judge(USED, True, drift_allowed=True, total=total, new=0)
    assert (judgement.books, judgement.reason) == (USED, Reason.SESSION_VANISHED)


@pytest.mark.parametrize("counts_own", [True, False, None])
@pytest.mark.parametrize(("total", "fresh"), [(29, True), (0, True), (0, False)])
def test_a_total_below_what_was_delivered_is_no_drift_that_anybody_allows(
    counts_own: bool | None, total: int, fresh: bool
) -> None:
    """Nobody's use makes a total smaller; and no base line below nothing hides that the session was used."""
    judgement = _judge(USED, counts_own, drift_allowed=True, total=total, fresh=fresh)
    assert (judgement.books, judgement.reason) == (replace(USED, delivered=40), Reason.SESSION_VANISHED)


def test_an_empty_page_agrees() -> None:
    """The end of the stream brings nothing and bills nothing."""
    assert _judge(USED, True, records=0, unique=0, new=0, total=30) == Judgement(USED, counts_own=True)


def test_a_reply_without_a_total_parks() -> None:
    """Books that cannot be compared do not agree."""
    assert _judge(USED, True, total=None).reason is Reason.SESSION_DRIFTED


@pytest.mark.parametrize(("counts_own", "base_line"), [(True, 60), (None, 60), (False, 70)])
def test_where_drift_is_allowed_the_base_line_follows(counts_own: bool | None, base_line: int) -> None:
    """`on_drift = "continue"`: the page's total is believed, so that the next page is compared from there."""
    judgement = _judge(USED, counts_own, drift_allowed=True, total=100)
    assert judgement.reason is None
    assert judgement.books == replace(USED, delivered=40, base_line=base_line)


def test_where_drift_is_allowed_a_missing_total_moves_nothing() -> None:
    """Without a number there is nothing to follow; the page still counts."""
    judgement = _judge(USED, True, drift_allowed=True, total=None)
    assert (judgement.reason, judgement.books) == (None, replace(USED, delivered=40))


@given(
    counts_own=st.booleans(),
    foreign=st.lists(st.integers(0, 20), min_size=1, max_size=8),
    takes=st.lists(st.integers(1, 20), min_size=8, max_size=8),
)
def test_foreign_use_never_goes_unnoticed_by_a_fresh_page(
    counts_own: bool, foreign: list[int], takes: list[int]
) -> None:
    """Once the reading is known, the first page after somebody else's pull says so, and none before it."""
    books, total = NEW, 0
    for others, take in zip(foreign, takes, strict=False):
        total += others
        said = total + take * counts_own
        total += take
        count = PageCount(take, take, take, said, is_new=False, fresh=True)
        judgement = judge(books, count, counts_own=counts_own, drift_allowed=False)
        assert (judgement.reason is Reason.SESSION_DRIFTED) is bool(others)
        if others:
            return
        books = judgement.books


@pytest.mark.parametrize(
    ("total", "trouble"),
    [
        (40, None),
        (30, None),
        (60, None),
        (61, "it no longer knows the old keys"),
        (50, "someone else uses the session"),
    ],
)
def test_what_a_restored_store_asks_again_ends_where_the_vendor_was(total: int, trouble: str | None) -> None:
    """An old key's page comes with the total of its time or of today; a higher one means that it was billed anew."""
    judgement = _judge(USED, True, total=total, fresh=False, recover_until=60)
    assert judgement.reason is (Reason.SESSION_DRIFTED if trouble else None)
    assert (trouble or "") in judgement.message
    assert judgement.books == replace(USED, delivered=40)
