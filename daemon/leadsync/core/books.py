"""Comparing the books with a page's totals (P8). Called inside the transaction that stores the page.

Whether `totalDelivered` counts the page it comes with is OPEN at the vendor. The answer is learned from the first fresh
page of a new session, where nobody else can have moved the total, and kept for the account; from then on the other
reading is drift. A replay may carry the total of its own time or of today, so both are right for it.
"""

from dataclasses import dataclass, replace

from leadsync.core.audit import forgotten
from leadsync.core.model import Books, Reason


@dataclass(frozen=True, slots=True)
class PageCount:
    """A page as the ledger and the vendor count it.

    `records` were billed, `unique` ids are in it, `new` of them this epoch had not delivered before. `fresh`: this is
    the answer to the first sending of the key. `recover_until` is the vendor's total when a restored store began to
    ask its old keys again.
    """

    records: int
    unique: int
    new: int
    total: int | None
    is_new: bool
    fresh: bool
    recover_until: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The books after the page; `counts_own` is the reading of totals known by now; `reason` parks the job."""

    books: Books
    counts_own: bool | None
    reason: Reason | None = None
    message: str = ""


def starts_new_epoch(books: Books, *, is_new: bool) -> bool:
    """Whether the vendor made the session anew although the ledger knows it as used."""
    return is_new and books.total > 0


def judge(books: Books, page: PageCount, *, counts_own: bool | None, drift_allowed: bool) -> Judgement:
    """Enter a page into the books and say whether they still agree with the vendor's."""
    if starts_new_epoch(books, is_new=page.is_new):
        return _vanished(books, page, counts_own)
    after = replace(books, delivered=books.delivered + page.new)
    learned = _learn(books, after, page, counts_own)
    trouble = _disagreement(books, after, page, counts_own)
    if trouble is None:
        return Judgement(after, learned)
    if drift_allowed and _is_another_life(books, page):
        anew = f"{trouble}; it was made anew at the vendor, and the next pages would bring and bill properties again"
        return Judgement(after, learned, Reason.SESSION_VANISHED, anew)
    if drift_allowed:
        return Judgement(_follow(after, page, counts_own), learned)
    return Judgement(after, learned, Reason.SESSION_DRIFTED, trouble)


def _is_another_life(books: Books, page: PageCount) -> bool:
    """Others' use of a session moves its total, but never below what we had, and it delivers nothing twice."""
    fell = page.total is not None and page.total < books.delivered
    return fell or bool(page.records and not page.new)


def _vanished(books: Books, page: PageCount, counts_own: bool | None) -> Judgement:
    """The page is paid, so it is stored as the first of a new epoch; what follows is a person's decision."""
    fresh = Books(epoch=books.epoch + 1, next_page=2, delivered=page.unique)
    message = (
        f"the vendor made the session anew after {books.total} properties; this page of {page.records} records"
        f" is paid and stored, the next pages would bring and bill the rest again"
    )
    return Judgement(fresh, counts_own, Reason.SESSION_VANISHED, message)


def _learn(before: Books, after: Books, page: PageCount, counts_own: bool | None) -> bool | None:
    if counts_own is not None or not (page.fresh and page.is_new and page.new):
        return counts_own
    return {after.total: True, before.total: False}.get(page.total if page.total is not None else -1)


def _disagreement(before: Books, after: Books, page: PageCount, counts_own: bool | None) -> str | None:
    if page.records and not page.new:
        # An open key's page was never stored, so this holds for a replay, too.
        return f"a key brought and billed {page.records} records that this session had delivered before"
    if page.total is None:
        return "the vendor's reply carries no totalDelivered, so the books cannot be compared"
    if page.recover_until is not None and page.total > page.recover_until:
        return forgotten(page.total, page.recover_until, page.recover_until - before.total)
    if page.total not in _right_totals(before, after, page, counts_own):
        seen = f"the vendor's total is {page.total}, the ledger's {after.total}"
        return f"{seen}: someone else uses the session"
    return None


def _right_totals(before: Books, after: Books, page: PageCount, counts_own: bool | None) -> set[int]:
    if page.fresh and counts_own is not None:
        return {after.total if counts_own else before.total}
    then_or_now = {before.total, after.total}
    return then_or_now if page.recover_until is None else then_or_now | {page.recover_until}


def _follow(after: Books, page: PageCount, counts_own: bool | None) -> Books:
    """With `on_drift = "continue"` the base line moves so that the totals agree again."""
    if page.total is None:
        return after
    not_counted = page.new if counts_own is False else 0
    return replace(after, base_line=page.total + not_counted - after.delivered)
