"""Windows in the store: durable before they are sent, within the budget, asked again by a word alone."""

from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pytest
from sqlmodel import col

from leadsync.core.budget import Limits
from leadsync.core.model import End, Outcome, Reason
from leadsync.core.protocol import BudgetReserved, BudgetSpent
from leadsync.core.windows import AskWindow, AwaitWindows, StillMissing, WindowState
from leadsync.core.witness import StoreAnswer
from leadsync.store.pulls import Counts, counts
from leadsync.store.standing import Said
from leadsync.store.tables import AsyncRequest
from leadsync.store.windows import WindowAsked
from tests.store.hand import NOW, Hand, leads
from tests.store.pulling import DAY, HOUR, Pull, day, untaken


@pytest.fixture
def pull(tmp_path: Path) -> Pull:
    """A pull of 3,200 records that has asked for nothing yet."""
    return Pull(Hand(tmp_path / "leadsync.db"))


def test_a_window_is_durable_with_its_bytes_and_deadline(pull: Pull) -> None:
    """P3: what goes out, until when it is waited for, and that the next must wait."""
    asked = pull.asked()
    assert (asked.window, asked.deadline_at) == (AskWindow(1, 0, 1_000), NOW + HOUR)
    assert asked.page.request == f"{asked.page.key} 0 1000".encode()
    row = "SELECT state, keyless, take, request FROM page"
    assert pull.hand.rows(row) == [("awaited", 1, 1_000, asked.page.request)]
    assert pull.hand.rows('SELECT "window", skip, again FROM async_request') == [(1, 0, 0)]
    assert pull.ask() == AwaitWindows(1)
    ledger = pull.hand.ledger.windows
    assert pull.hand.do(ledger.next_deadline()) == NOW + HOUR
    assert pull.hand.do(ledger.is_awaited("main", "bulk"))
    assert pull.hand.do(ledger.goes_by_windows("main", "bulk"))
    assert not pull.hand.do(ledger.goes_by_windows("main", "another"))
    assert [window.number for window in pull.hand.do(ledger.of(pull.life))] == [1]
    pull.arrive(asked, leads(1_000))
    assert not pull.hand.do(ledger.is_awaited("main", "bulk"))


def test_the_end_of_its_run_loses_nothing(pull: Pull) -> None:
    """Others that have no key are given up with their run; a window is waited for."""
    pull.asked()
    pull.end()
    assert pull.states() == ["awaited"]
    assert pull.hand.do(pull.hand.ledger.life(pull.wanted, NOW)) is not None
    assert pull.states() == ["awaited"]


def test_the_budget_is_reserved_and_never_overshot(pull: Pull) -> None:
    """P10: what is left is asked for, then nothing; what a window gives back may be asked for."""
    asked = pull.ask(day(1_300))
    assert isinstance(asked, WindowAsked)
    pull.arrive(asked, leads(1_000))
    second = pull.ask(day(1_300))
    assert isinstance(second, WindowAsked)
    assert second.window == AskWindow(2, 1_000, 300)
    pull.arrive(second, leads(300, 1_000))
    third = pull.ask(day(1_400))
    assert isinstance(third, WindowAsked)
    assert third.window.skip == 1_300
    assert isinstance(pull.ask(day(1_400)), BudgetReserved)
    pull.hand.do(pull.hand.ledger.windows.withdraw(third.page.page_id, untaken(), NOW))
    assert isinstance(pull.ask(day(1_300)), BudgetSpent)


def test_a_window_is_asked_again_whole_or_not_at_all(pull: Pull) -> None:
    """Less of it would leave a hole that nobody fills."""
    pull.asked()
    assert [one.again for one in pull.expire("bulk")] == [True]
    short = pull.ask(day(1_999))
    assert isinstance(short, BudgetSpent)
    assert "no room for a page of 1000 records, which was asked for before" in short.message
    again = pull.ask(day(2_000), most=10)
    assert isinstance(again, WindowAsked)
    assert again.window == AskWindow(1, 0, 1_000, whole=True)


def test_a_run_has_a_limit_of_its_own(pull: Pull) -> None:
    """It asks for what is left of that; with nothing left it learns that there would be more."""
    asked = pull.ask(most=250)
    assert isinstance(asked, WindowAsked)
    assert asked.window.take == 250
    pull.arrive(asked, leads(250))
    assert pull.ask(most=0) == AskWindow(2, 250, 0)
    assert pull.states() == ["stored"]


def test_an_acknowledgement_names_the_id_once(pull: Pull) -> None:
    """The result may have come before, with its own."""
    first = pull.asked()
    acknowledge = pull.hand.ledger.windows.acknowledge
    assert not pull.hand.do(acknowledge(first.page.page_id, "01A", NOW, ends_pause=True))
    pull.arrive(first, leads(1_000), "01A")
    second = pull.asked()
    pull.arrive(second, leads(1_000, 1_000), "01B")
    assert not pull.hand.do(acknowledge(second.page.page_id, "01X", NOW, ends_pause=True))
    assert [name for (name,) in pull.hand.rows("SELECT request_id FROM page")] == ["01A", "01B"]


@pytest.mark.parametrize(
    ("reason", "ends"), [(Reason.TOKEN_REFUSED, True), (Reason.WALLET_EMPTY, True), (Reason.ABILITY_MISSING, False)]
)
def test_an_acknowledgement_ends_a_pause(pull: Pull, reason: Reason, ends: bool) -> None:
    """Token and wallet are good; of the ability that sessions need it says nothing."""
    asked = pull.asked()
    pull.hand.do(pull.hand.ledger.pause("main", reason, "no", NOW))
    assert pull.hand.do(pull.hand.ledger.windows.acknowledge(asked.page.page_id, None, NOW, ends_pause=True)) == ends


def test_what_was_not_taken_is_no_window(pull: Pull) -> None:
    """The same is asked for next, under another key; where the result has come all the same, it stays."""
    asked = pull.asked()
    pull.hand.do(pull.hand.ledger.windows.withdraw(asked.page.page_id, untaken(), NOW))
    again = pull.asked()
    assert (again.window, again.page.key != asked.page.key) == (AskWindow(1, 0, 1_000), True)
    pull.arrive(again, leads(1_000))
    refused = untaken(End(Outcome.PARKED, "no such list", Reason.REFUSED))
    pull.hand.do(pull.hand.ledger.windows.withdraw(again.page.page_id, refused, NOW))
    assert pull.states() == ["void", "stored"]
    assert pull.hand.one("SELECT park_reason FROM search_session WHERE name LIKE 'bulk%'") == "refused"


def test_which_pulls_may_go_on(pull: Pull) -> None:
    """Open lives that have asked, and that no run is at; with what has come since the last one ended."""
    found = pull.hand.ledger.windows.open_pulls
    pull.end(Outcome.FAILED)
    assert pull.hand.do(found()) == []
    pull.begin()
    asked = pull.asked()
    assert pull.hand.do(found()) == []
    pull.end(Outcome.FAILED, Reason.WALLET_EMPTY)
    (one,) = pull.hand.do(found())
    assert (one.account, one.job, one.wanted) == ("main", "bulk", 3_200)
    assert [window.state for window in one.windows] == [WindowState.ASKED]
    assert (one.rest.outcome, one.rest.ended_at, one.rest.news_at, one.rest.denied) == (
        Outcome.FAILED,
        NOW,
        None,
        True,
    )
    pull.arrive(asked, leads(1_000))
    (one,) = pull.hand.do(found())
    assert one.rest.news_at == NOW + HOUR
    pull.hand.do(pull.hand.ledger.end_life(pull.life, Outcome.PARTIAL, NOW))
    assert pull.hand.do(found()) == []


def test_a_persons_word_asks_for_what_is_missing(pull: Pull) -> None:
    """The windows that never came, of a life that had ended, too; nothing where nothing is missing."""
    again = pull.hand.ledger.windows.ask_again
    assert pull.hand.do(again("main", "another", 3_200, NOW)) == "it has asked for no windows"
    asked = pull.asked()
    assert pull.hand.do(again("main", "bulk", 3_200, NOW)) == "none of its windows has expired or failed"
    pull.expire()
    pull.hand.do(pull.hand.ledger.end_life(pull.life, Outcome.PARTIAL, NOW))
    assert pull.hand.do(again("main", "bulk", 3_200, NOW)) == StillMissing((1,), (1_000,), 2_200)
    assert pull.hand.one("SELECT outcome FROM one_shot") is None
    assert pull.asked().window == AskWindow(1, 0, 1_000, whole=True)
    pull.expire(now=NOW + 3 * HOUR)
    pull.message(asked)
    assert "the daemon reads it, or the next" in str(pull.hand.do(again("main", "bulk", 3_200, NOW)))
    pull.hold()
    assert "in quarantine" in str(pull.hand.do(again("main", "bulk", 3_200, NOW)))


def test_only_the_word_of_a_person_outlives_a_file_that_says_stop(pull: Pull) -> None:
    """What expired was to be asked again; by now the file has nothing asked again, unless somebody says so after it."""
    pull.asked()
    pull.expire("bulk")
    spare, again = pull.hand.ledger.windows.spare, "SELECT again FROM async_request"
    pull.hand.do(spare(pull.life))
    assert pull.hand.one(again) == 0
    pull.hand.do(pull.hand.ledger.windows.ask_again("main", "bulk", 3_200, NOW + 2 * HOUR))
    pull.hand.do(spare(pull.life))
    assert pull.hand.one(again) == 1


def test_a_late_error_does_not_undo_the_word_of_a_person(pull: Pull) -> None:
    """It says of a window that had expired that nothing will come, and that is why somebody had it asked again."""
    asked = pull.asked()
    pull.expire()
    pull.hand.do(pull.hand.ledger.windows.ask_again("main", "bulk", 3_200, NOW + 2 * HOUR))
    assert pull.fail(asked, now=NOW + 3 * HOUR).counts
    pull.hand.do(pull.hand.ledger.windows.spare(pull.life))
    assert pull.asked().window == AskWindow(1, 0, 1_000, whole=True)


def test_a_window_of_a_clock_that_was_far_ahead_waits_no_longer_than_others(pull: Pull) -> None:
    """Put back by less than its deadline it waits for that; by more, for as long as one that is asked now."""
    pull.asked(now=NOW + 30 * DAY)
    next_deadline = pull.hand.ledger.windows.next_deadline
    for put_back, deadline in ((HOUR / 2, NOW + 30 * DAY + HOUR), (30 * DAY, NOW + HOUR)):
        assert pull.expire(now=NOW + 30 * DAY - put_back) == []
        assert pull.hand.do(next_deadline()) == deadline


def test_what_has_come_for_it_is_looked_at_before_it_is_asked_again(pull: Pull) -> None:
    """Unread it is waited for; and a window that another request has brought is not told to be asked again."""
    first = pull.asked()
    assert [one.again for one in pull.expire("bulk")] == [True]
    second = pull.asked(now=NOW + HOUR)
    pull.arrive(first, leads(1_000))
    assert [one.again for one in pull.expire("bulk", now=NOW + 2 * HOUR)] == [False]
    assert second.window.whole
    third = pull.asked(now=NOW + 2 * HOUR)
    assert [one.again for one in pull.expire("bulk", now=NOW + 3 * HOUR)] == [True]
    pull.message(third)
    assert pull.ask() == AwaitWindows(1)


def test_they_are_counted(pull: Pull) -> None:
    """By what became of them, with what they cost and may have cost; a void one is none."""
    mine = col(AsyncRequest.life_id) == pull.life.life_id
    assert pull.hand.do(pull.hand.writer.write(counts, mine)) is None
    first = pull.asked()
    pull.hand.do(pull.hand.ledger.windows.withdraw(first.page.page_id, untaken(), NOW))
    pull.arrive(pull.asked(), leads(1_000))
    pull.arrive(pull.asked(), leads(1_000, 600))
    third = pull.asked()
    pull.expire(now=NOW + 2 * HOUR)
    pull.asked()
    assert third.window.number == 3
    found = pull.hand.do(pull.hand.writer.write(counts, mine))
    assert found == Counts(4, 1, 2, 1, 0, 3_200, 2_000, 1_600, 30.0)


def test_a_restored_store_gives_no_number_twice(pull: Pull) -> None:
    """A result of after the backup may still come, and must not be taken for another."""
    said = Said(StoreAnswer.RESTORED, "0123456789abcdef", [], [("main", "later")])
    pull.hand.do(pull.hand.ledger.answer_store(said, NOW))
    before = pull.asked()
    assert before.page.key.rpartition("-")[2] != "1"


def test_a_copied_store_leaves_the_windows_to_the_original(pull: Pull) -> None:
    """What comes for them comes there, and what has not come is asked for again there."""
    pull.asked()
    pull.expire("bulk")
    pull.asked()
    pull.end()
    pull.hand.do(pull.hand.ledger.answer_store(Said(StoreAnswer.COPIED, "fedcba9876543210", [], []), NOW))
    assert pull.states() == ["unknown", "void"]
    again = pull.hand.ledger.windows.ask_again
    assert "the store it was copied from" in str(pull.hand.do(again("main", "bulk", 3_200, NOW)))


def test_prices_are_those_of_the_asking(pull: Pull) -> None:
    """A window costs what was said when it was asked for."""
    asked = pull.ask(Limits(UTC, Decimal("0.64")))
    assert isinstance(asked, WindowAsked)
    assert pull.arrive(asked, leads(100)).cost == 64.0
