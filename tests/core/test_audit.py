"""The audit's table, row by row, and what no row may ever do."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leadsync.core.audit import GoOn, Leave, ParkJob, Standing, Verdict, audit, judge_criteria
from leadsync.core.model import Books, Reason

NEW = Books()
ASKED = Books(next_page=2)
USED = Books(next_page=4, delivered=30)
ADOPTED = Books(base_line=100)
ADOPTED_ASKED = Books(next_page=2, base_line=100)
ADOPTED_USED = Books(next_page=4, delivered=30, base_line=100)

GO_ON = GoOn()
MAKE_IT = GoOn(needs_slot=True)
VANISHED = Reason.SESSION_VANISHED
DRIFTED = Reason.SESSION_DRIFTED
FOREIGN = Reason.SESSION_FOREIGN


def _audit(books: Books, open_take: int | None, vendor_total: int | None, leave: Leave | None = None) -> Verdict:
    return audit(Standing("phoenix", books, open_take), vendor_total, leave or Leave())


@pytest.mark.parametrize(
    ("books", "open_take", "vendor_total", "answer"),
    [
        # used, absent: whoever deleted it, and whether a key is open or not
        (USED, None, None, VANISHED),
        (USED, 10, None, VANISHED),
        (ADOPTED, None, None, VANISHED),
        (ADOPTED_ASKED, 10, None, VANISHED),
        (ADOPTED_USED, 10, None, VANISHED),
        # used, no key open: the same total, or drift
        (USED, None, 30, GO_ON),
        (USED, None, 31, DRIFTED),
        (USED, None, 29, DRIFTED),
        (USED, None, 0, DRIFTED),
        (ADOPTED_USED, None, 130, GO_ON),
        (ADOPTED_USED, None, 30, DRIFTED),
        # used, a key open: more by its take at most
        (USED, 10, 30, GO_ON),
        (USED, 10, 37, GO_ON),
        (USED, 10, 40, GO_ON),
        (USED, 10, 41, DRIFTED),
        (USED, 10, 29, DRIFTED),
        (ADOPTED_USED, 10, 140, GO_ON),
        # not used, absent: a new session
        (NEW, None, None, MAKE_IT),
        (NEW, 10, None, MAKE_IT),
        (ASKED, None, None, MAKE_IT),
        # not used, present: not ours, unless we had asked and nothing came
        (NEW, None, 0, FOREIGN),
        (NEW, None, 50, FOREIGN),
        (ASKED, None, 0, GO_ON),
        (ASKED, None, 1, FOREIGN),
        (ADOPTED_ASKED, None, 100, GO_ON),
        (ADOPTED_ASKED, None, 101, FOREIGN),
        # not used, a key open: from the base line to base line and take
        (ASKED, 10, 0, GO_ON),
        (ASKED, 10, 10, GO_ON),
        (ASKED, 10, 11, FOREIGN),
        (ADOPTED_ASKED, 10, 100, GO_ON),
        (ADOPTED_ASKED, 10, 110, GO_ON),
        (ADOPTED_ASKED, 10, 111, FOREIGN),
        (ADOPTED_ASKED, 10, 99, FOREIGN),
    ],
)
def test_the_table(books: Books, open_take: int | None, vendor_total: int | None, answer: GoOn | Reason) -> None:
    """Each row of the table: what the ledger has, what the vendor's list has, what is done."""
    verdict = _audit(books, open_take, vendor_total)
    assert (verdict.reason if isinstance(verdict, ParkJob) else verdict) == answer


@pytest.mark.parametrize(
    ("books", "open_take", "vendor_total", "leave", "base_line"),
    [
        (NEW, None, 50, Leave(adopt=True), 50),
        (NEW, None, 0, Leave(adopt=True), 0),
        (ASKED, None, 7, Leave(adopt=True), 7),
        (USED, None, 41, Leave(drift=True), 11),
        (ADOPTED_USED, None, 90, Leave(drift=True), 60),
        # with a key open the base line waits for its page
        (USED, 10, 99, Leave(drift=True), None),
    ],
)
def test_what_the_job_file_may_allow(
    books: Books, open_take: int | None, vendor_total: int, leave: Leave, base_line: int | None
) -> None:
    """`adopt` and `on_drift` go on from the vendor's total, so that the ledger's total is the vendor's again."""
    assert _audit(books, open_take, vendor_total, leave) == GoOn(base_line)


@pytest.mark.parametrize("leave", [Leave(), Leave(drift=True), Leave().accepting(DRIFTED)])
@pytest.mark.parametrize("vendor_total", [29, 31, 500])
def test_what_we_have_deleted_is_no_drift_where_it_is_there_again(vendor_total: int, leave: Leave) -> None:
    """Whoever made it anew: its next page would bring and bill what we had before, so no leave to drift goes on."""
    standing = Standing("phoenix", USED, deleted=True)
    verdict = audit(standing, vendor_total, leave)
    assert isinstance(verdict, ParkJob)
    assert verdict.reason is VANISHED
    assert "was deleted by leadsync, and made anew" in verdict.message


def test_an_open_key_in_a_foreign_session_is_not_adopted() -> None:
    """Where a key is open, it cannot be told whose the properties are; a person looks."""
    verdict = _audit(ASKED, 10, 50, Leave(adopt=True))
    assert isinstance(verdict, ParkJob)
    assert verdict.reason is FOREIGN


@pytest.mark.parametrize("books", [NEW, ASKED])
@pytest.mark.parametrize("open_take", [None, 10])
def test_a_new_session_needs_a_slot(books: Books, open_take: int | None) -> None:
    """One that is not there is made by the next page, with a key open too: it is no reason to park."""
    assert audit(Standing("phoenix", books, open_take), None, Leave()) == GoOn(needs_slot=True)


def test_a_present_session_needs_no_slot() -> None:
    """A session at the vendor has its slot."""
    assert audit(Standing("phoenix", USED), 30, Leave()) == GO_ON


@pytest.mark.parametrize(("deleted", "who"), [(True, "was deleted by leadsync"), (False, "is gone at the vendor")])
def test_a_vanished_session_names_its_cost(deleted: bool, who: str) -> None:
    """The operator reads who did it, how many would come again and what that costs."""
    standing = Standing("phoenix", Books(next_page=30, delivered=12_500), deleted=deleted)
    verdict = audit(standing, None, Leave(price=Decimal("0.64")))
    assert isinstance(verdict, ParkJob)
    for words in (who, "phoenix", "12500", "$8,000.00", "$0.64"):
        assert words in verdict.message


TOTALS = st.integers(0, 2_000)
BOOKS = st.builds(Books, st.integers(1, 3), st.integers(2, 9), st.integers(0, 500), st.integers(0, 500))
TAKES = st.none() | st.integers(1, 500)
LEAVES = st.builds(Leave, st.booleans(), st.booleans(), st.booleans(), st.booleans())


@given(BOOKS, TAKES, TOTALS, LEAVES)
def test_a_used_session_goes_on_only_where_totals_can_agree(
    books: Books, open_take: int | None, vendor_total: int, leave: Leave
) -> None:
    """P8: below the ledger's total, or above what an open key explains, nothing goes on without leave to drift."""
    assume(books.delivered and not leave.drift)
    explained = books.total <= vendor_total <= books.total + (open_take or 0)
    assert (_audit(books, open_take, vendor_total, leave) == GO_ON) is explained


@given(BOOKS, TAKES, TOTALS, LEAVES)
def test_a_new_base_line_makes_the_books_agree(
    books: Books, open_take: int | None, vendor_total: int, leave: Leave
) -> None:
    """Where the base line moves, no key is open, and the ledger's total is the vendor's from then on (P8)."""
    verdict = _audit(books, open_take, vendor_total, leave)
    if isinstance(verdict, GoOn) and verdict.base_line is not None:
        assert open_take is None
        assert verdict.base_line + books.delivered == vendor_total


@given(BOOKS, TAKES, LEAVES)
def test_no_leave_lets_a_vanished_list_be_bought_again(books: Books, open_take: int | None, leave: Leave) -> None:
    """A session that had anything in it and is gone parks the job, whatever the file says: `--new-epoch` is by hand."""
    assume(books.total)
    verdict = audit(Standing("phoenix", books, open_take), None, leave)
    assert isinstance(verdict, ParkJob)
    assert verdict.reason is VANISHED


@pytest.mark.parametrize(
    ("kept", "known_from", "leave", "reason"),
    [
        (None, None, Leave(), None),
        ("same", None, Leave(), None),
        ("same", "other-job", Leave(), None),
        ("old", None, Leave(), Reason.CRITERIA_CHANGED),
        ("old", "other-job", Leave(buy_again=True), Reason.CRITERIA_CHANGED),
        ("old", None, Leave(criteria_change=True), None),
        (None, "other-job", Leave(), Reason.CRITERIA_KNOWN),
        (None, "other-job", Leave(criteria_change=True), Reason.CRITERIA_KNOWN),
        (None, "other-job", Leave(buy_again=True), None),
    ],
)
def test_criteria(kept: str | None, known_from: str | None, leave: Leave, reason: Reason | None) -> None:
    """A changed list and a list bought before each park the job, unless the file answers that very question."""
    doubt = judge_criteria(kept=kept, now="same", known_from=known_from, leave=leave)
    assert (doubt.reason if doubt else None) is reason


@pytest.mark.parametrize(("reason", "allowed"), list(product(Reason, (True, False))))
def test_a_park_is_answered_by_its_own_key_alone(reason: Reason, allowed: bool) -> None:
    """Each of four reasons is answered by its own key of the job file, and all others by a person only."""
    keys = {
        Reason.SESSION_FOREIGN: "adopt",
        Reason.SESSION_DRIFTED: "drift",
        Reason.CRITERIA_CHANGED: "criteria_change",
        Reason.CRITERIA_KNOWN: "buy_again",
    }
    mine = keys.get(reason)
    given_leave = {key: (key == mine) is allowed for key in keys.values()}
    leave = Leave(price=Decimal(1), **given_leave)
    assert leave.answers(reason, undone=False) is (allowed and mine is not None)


@pytest.mark.parametrize(("number", "buys_again"), [(0, False), (1, False), (2, True)])
def test_a_further_life_of_a_one_shot_buys_its_list_again(number: int, buys_again: bool) -> None:
    """Who began it has said so; it grants nothing else, and takes nothing back that the file allows."""
    assert Leave().in_life(number) == Leave(buy_again=buys_again)
    assert Leave(adopt=True, buy_again=True).in_life(number) == Leave(adopt=True, buy_again=True)


@pytest.mark.parametrize("reason", Reason)
def test_undone_criteria_answer_their_own_question_alone(reason: Reason) -> None:
    """Who takes the change of the list back has answered `criteria_changed`, and nothing else."""
    assert Leave().answers(reason, undone=True) is (reason is Reason.CRITERIA_CHANGED)


def test_a_key_that_a_person_accepted_is_asked_again() -> None:
    """Adopted and drifting, as an acceptance allows: the key goes out, and its page sets the base line."""
    assert _audit(ASKED, 10, 50, Leave(adopt=True, drift=True)) == GO_ON


@pytest.mark.parametrize(("vendor_total", "verdict"), [(50, GoOn(recover_until=50)), (30, GO_ON), (29, VANISHED)])
def test_a_restored_store_asks_its_old_keys_up_to_the_vendors_total(vendor_total: int, verdict: GoOn | Reason) -> None:
    """What the vendor has beyond the backup is billed already; with less, or the same, there is nothing to recover."""
    found = audit(Standing("phoenix", USED, recovering=True), vendor_total, Leave())
    assert (found.reason if isinstance(found, ParkJob) else found) == verdict


@pytest.mark.parametrize(
    ("reason", "leave"),
    [
        (Reason.SESSION_FOREIGN, Leave(adopt=True, drift=True)),
        (Reason.SESSION_DRIFTED, Leave(drift=True)),
        (Reason.CRITERIA_CHANGED, Leave(criteria_change=True)),
        (Reason.CRITERIA_KNOWN, Leave(buy_again=True)),
        (Reason.REFUSED, Leave()),
        (None, Leave()),
    ],
)
def test_an_acceptance_is_a_leave_for_one_run(reason: Reason | None, leave: Leave) -> None:
    """It allows what the file could have allowed, for the question that was asked; the rest stays forbidden."""
    assert Leave().accepting(reason) == leave
    assert reason is None or leave.answers(reason, undone=False) is (leave != Leave())


@pytest.mark.parametrize("open_take", [None, 10])
def test_a_total_that_has_become_smaller_is_no_drift(open_take: int | None) -> None:
    """Where drift is allowed too: nobody's use makes a total smaller, so the session was made anew and would bill."""
    verdict = _audit(USED, open_take, 29, Leave(drift=True))
    assert isinstance(verdict, ParkJob)
    assert verdict.reason is VANISHED
    assert "was made anew at the vendor" in verdict.message
