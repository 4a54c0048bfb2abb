"""Windows in the store: durable before they are sent, stored whenever they come, and counted as what they are."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlmodel import col

from leadsync.core.asking import Untaken
from leadsync.core.budget import Limits
from leadsync.core.hooks import Address
from leadsync.core.letters import Letter, Unreadable, Why
from leadsync.core.model import End, Lead, Outcome, Reason, Route
from leadsync.core.one_shot import Life, Wanted
from leadsync.core.protocol import BudgetReserved, BudgetSpent, Wait
from leadsync.core.windows import TRIES_MAX, AskWindow, AwaitWindows, StillMissing, WindowsDone, WindowState
from leadsync.core.witness import StoreAnswer
from leadsync.store import windows
from leadsync.store.inbox import Hold
from leadsync.store.pulls import Counts, counts
from leadsync.store.standing import Said
from leadsync.store.tables import AsyncRequest
from leadsync.store.windows import Arrived, Expired, Failed, WindowAsked, WindowOrder
from tests.store.hand import NOW, PRICE, UNLIMITED, Hand, leads

SEAT = "bulk-0123456789abcdef-1"
HOUR = timedelta(hours=1)
STATES = "SELECT state FROM page ORDER BY id"


class Pull:
    """One life of a one-shot by windows, with its run."""

    def __init__(self, hand: Hand, wanted: int = 3_200) -> None:
        self.hand = hand
        self.wanted = Wanted("main", "bulk", wanted)
        life = hand.do(hand.ledger.life(self.wanted, NOW))
        assert life is not None
        self.life: Life = life
        self.run_id = 0
        self.begin()
        hand.do(hand.ledger.take_route(life, self.run_id, Route.ASYNC))

    def begin(self) -> None:
        """Begin a run of it."""
        self.run_id = self.hand.run("bulk")
        self.hand.do(self.hand.ledger.take_route(self.life, self.run_id, Route.ASYNC))

    def end(self, outcome: Outcome = Outcome.WAITING, reason: Reason | None = None) -> None:
        """End the run."""
        self.hand.do(self.hand.ledger.end_run(self.run_id, End(outcome, "", reason), 0.0, NOW))
        self.hand.alive.discard(self.run_id)

    def order(self, limits: Limits = UNLIMITED, most: int | None = None) -> WindowOrder:
        """What it wants next; three may be out at once."""
        seat = self.hand.session(SEAT, job="bulk")
        return WindowOrder(self.life, seat.session_id, self.run_id, limits, "these", 3, HOUR, _request, most)

    def ask(self, limits: Limits = UNLIMITED, most: int | None = None, now: datetime = NOW) -> object:
        """Ask for what is next."""
        return self.hand.do(self.hand.ledger.windows.ask(self.order(limits, most), now))

    def asked(self, now: datetime = NOW) -> WindowAsked:
        """Ask for a window that there is."""
        asked = self.ask(now=now)
        assert isinstance(asked, WindowAsked)
        return asked

    def arrive(self, asked: WindowAsked, came: Sequence[Lead], request_id: str | None = None) -> Arrived:
        """A result comes."""
        return self.hand.do(self.hand.writer.write(windows.arrive, asked.page.key, request_id, came, NOW + HOUR))

    def fail(self, asked: WindowAsked) -> Failed:
        """An error comes."""
        return self.hand.do(self.hand.writer.write(windows.fail, asked.page.key, None, "broken", NOW + HOUR))

    def expire(self, *again: str, now: datetime = NOW + HOUR) -> list[Expired]:
        """Let expire what is due."""
        return self.hand.do(self.hand.ledger.windows.expire(again, now))

    def states(self) -> list[str]:
        """What became of each request."""
        return [state for (state,) in self.hand.rows(STATES)]

    def message(self, asked: WindowAsked, *, hold: bool = False) -> None:
        """Something has come for a window, and is not read yet; or lies in quarantine."""
        letter = Letter(Address("batchdata", asked.page.key), {}, b"?", "digest")
        self.hand.do(self.hand.ledger.receive([letter], NOW))
        if hold:
            (waiting,) = self.hand.do(self.hand.ledger.begin_letters())
            self.hand.do(self.hand.ledger.settle_letters([Hold(waiting.message_id, Why.NOT_READABLE, "")], NOW))


def _request(key: str, window: AskWindow) -> bytes:
    return f"{key} {window.skip} {window.take}".encode()


@pytest.fixture
def pull(tmp_path: Path) -> Pull:
    """A pull of 3,200 records that has asked for nothing yet."""
    return Pull(Hand(tmp_path / "leadsync.db"))


def day(records: int) -> Limits:
    """A budget of so many records a day."""
    return Limits(UTC, PRICE, records_day=records)


def untaken(end: End | None = None) -> Untaken:
    """The vendor has not taken a request."""
    return Untaken(429, "slow down", end or Wait(1.0, "slow down", 1))


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
    assert not pull.hand.do(acknowledge(first.page.page_id, "01A", NOW))
    pull.arrive(first, leads(1_000), "01A")
    second = pull.asked()
    pull.arrive(second, leads(1_000, 1_000), "01B")
    assert not pull.hand.do(acknowledge(second.page.page_id, "01X", NOW))
    assert [name for (name,) in pull.hand.rows("SELECT request_id FROM page")] == ["01A", "01B"]


@pytest.mark.parametrize(
    ("reason", "ends"), [(Reason.TOKEN_REFUSED, True), (Reason.WALLET_EMPTY, True), (Reason.ABILITY_MISSING, False)]
)
def test_an_acknowledgement_ends_a_pause(pull: Pull, reason: Reason, ends: bool) -> None:
    """Token and wallet are good; of the ability that sessions need it says nothing."""
    asked = pull.asked()
    pull.hand.do(pull.hand.ledger.pause("main", reason, "no", NOW))
    assert pull.hand.do(pull.hand.ledger.windows.acknowledge(asked.page.page_id, None, NOW)) == ends


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


def test_a_result_is_stored_with_books_and_figures(pull: Pull) -> None:
    """P4: deliveries, what they cost, how many were new; an id that comes twice in it counts once."""
    asked = pull.asked()
    pull.end()
    came = pull.arrive(asked, [*leads(150), *leads(2)])
    assert (came.records, came.new, came.duplicates, came.redelivered, came.cost) == (152, 150, 2, 0, 1.52)
    assert [came.late, came.further, came.other_id, came.completes] == [False] * 4
    assert pull.states() == ["stored"]
    assert pull.hand.one("SELECT delivered FROM search_session WHERE name LIKE 'bulk%'") == 150
    assert pull.hand.rows("SELECT pages, records, new, cost_micros FROM run") == [(1, 152, 150, 1_520_000)]
    assert pull.ask() == WindowsDone(Outcome.PARTIAL, "the list has nothing more")


def test_another_result_adds_what_it_has_beyond_the_first(pull: Pull) -> None:
    """A copy that differs in a byte brings nothing; other records are paid for as well."""
    asked = pull.asked()
    pull.arrive(asked, leads(100))
    same = pull.arrive(asked, leads(100))
    assert (same.records, same.further, same.late) == (0, True, False)
    more = pull.arrive(asked, leads(40, 90))
    assert (more.records, more.new) == (30, 30)
    assert pull.hand.rows("SELECT billed, new FROM page") == [(130, 130)]
    assert pull.hand.one("SELECT count(*) FROM delivery") == 130


@pytest.mark.parametrize("fate", ["expired", "failed", "void"])
def test_what_comes_late_is_stored(pull: Pull, fate: str) -> None:
    """Whatever was thought of it before, it is paid for, and costs what it brought."""
    asked = pull.asked()
    match fate:
        case "expired":
            pull.expire()
        case "failed":
            pull.fail(asked)
        case _:
            pull.hand.do(pull.hand.ledger.windows.withdraw(asked.page.page_id, untaken(), NOW))
    came = pull.arrive(asked, leads(1_000))
    assert (came.late, pull.states()) == (True, ["stored"])
    assert pull.hand.one("SELECT sum(billed) FROM page") == 1_000
    assert isinstance(pull.ask(), WindowAsked)


def test_a_late_result_completes_what_had_ended(tmp_path: Path) -> None:
    """The life had ended partial, and is whole now."""
    pull = Pull(Hand(tmp_path / "leadsync.db"), wanted=500)
    asked = pull.asked()
    pull.expire()
    pull.hand.do(pull.hand.ledger.end_life(pull.life, Outcome.PARTIAL, NOW))
    assert pull.arrive(asked, leads(499)).completes is False
    assert pull.arrive(asked, leads(500)).completes is True
    assert pull.hand.one("SELECT outcome FROM one_shot") == "complete"


def test_whose_id_it_is(pull: Pull) -> None:
    """An id that the vendor changed loses nothing; one of another window, or no window at all, is for a person."""
    first = pull.asked()
    pull.hand.do(pull.hand.ledger.windows.acknowledge(first.page.page_id, "01A", NOW))
    assert pull.arrive(first, leads(1_000), "01Z").other_id is True
    second = pull.asked()
    pull.hand.do(pull.hand.ledger.windows.acknowledge(second.page.page_id, "01B", NOW))
    with pytest.raises(Unreadable) as wrong:
        pull.arrive(second, leads(1_000), "01A")
    assert wrong.value.why is Why.WRONG_ID
    with pytest.raises(Unreadable) as unknown:
        pull.arrive(replace(second, page=replace(second.page, key="nobody's")), leads(1_000))
    assert unknown.value.why is Why.NOT_ASKED


def test_an_error_frees_what_was_counted(pull: Pull) -> None:
    """Reserved or counted as spent; where a result is here, an error changes nothing."""
    first = pull.asked()
    failed = pull.fail(first)
    assert (failed.message, failed.counts, pull.fail(first).counts) == ("broken", True, False)
    pull.arrive(first, leads(1_000))
    assert pull.fail(first).counts is False
    pull.asked()
    pull.expire(now=NOW + 2 * HOUR)
    assert pull.hand.one("SELECT sum(billed) FROM page") == 2_000
    second = pull.hand.one("SELECT key FROM page WHERE state = 'unknown'")
    pull.hand.do(pull.hand.writer.write(windows.fail, second, None, "broken", NOW))
    assert pull.hand.one("SELECT sum(billed) FROM page") == 1_000
    assert pull.states() == ["stored", "refused"]


def test_what_expires_counts_as_spent(pull: Pull) -> None:
    """Not before its deadline, and then with all that it may have cost, on its run, too."""
    asked = pull.asked()
    pull.end()
    assert pull.expire(now=NOW + HOUR - timedelta(seconds=1)) == []
    (expired,) = pull.expire()
    assert (expired.place.window, expired.records, expired.cost, expired.again) == (1, 1_000, 10.0, False)
    assert pull.hand.rows("SELECT state, billed FROM page") == [("unknown", 1_000)]
    assert pull.hand.one("SELECT cost_micros FROM run") == 10_000_000
    assert pull.expire() == []
    assert pull.hand.do(pull.hand.ledger.windows.next_deadline()) is None
    assert asked.page.take == 1_000


def test_what_has_come_and_is_not_read_does_not_expire(pull: Pull) -> None:
    """Its deadline is over, but not because nothing came."""
    pull.message(pull.asked())
    assert pull.expire("bulk") == []


def test_what_waits_in_quarantine_is_not_bought_again(pull: Pull) -> None:
    """It expires, and a person must look: the result may be here."""
    pull.message(pull.asked(), hold=True)
    assert [one.again for one in pull.expire("bulk")] == [False]


def test_asking_again_by_itself_is_bounded(pull: Pull) -> None:
    """Each try may be billed; nor is anything asked for a life that has ended."""
    agains = []
    for hour in range(TRIES_MAX):
        pull.asked(NOW + hour * HOUR)
        agains += [one.again for one in pull.expire("bulk", now=NOW + (hour + 1) * HOUR)]
    assert agains == [True] * (TRIES_MAX - 1) + [False]
    assert isinstance(pull.ask(), WindowsDone)


def test_nothing_is_asked_again_for_a_life_that_was_left(pull: Pull) -> None:
    """Somebody has begun the list anew."""
    pull.asked()
    pull.hand.do(pull.hand.ledger.life(replace(pull.wanted, again=True), NOW))
    assert [one.again for one in pull.expire("bulk")] == [False]


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
    assert pull.hand.do(again("main", "another")) == "it has asked for no windows"
    asked = pull.asked()
    assert pull.hand.do(again("main", "bulk")) == "none of its windows has expired or failed"
    pull.expire()
    pull.hand.do(pull.hand.ledger.end_life(pull.life, Outcome.PARTIAL, NOW))
    assert pull.hand.do(again("main", "bulk")) == StillMissing((1,), (1_000,), 2_200)
    assert pull.hand.one("SELECT outcome FROM one_shot") is None
    assert pull.asked().window == AskWindow(1, 0, 1_000, whole=True)
    pull.expire(now=NOW + 3 * HOUR)
    pull.message(asked)
    assert "not read yet" in str(pull.hand.do(again("main", "bulk")))


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
    """What comes for them comes there."""
    pull.asked()
    pull.end()
    pull.hand.do(pull.hand.ledger.answer_store(Said(StoreAnswer.COPIED, "fedcba9876543210", [], []), NOW))
    assert pull.states() == ["void"]


def test_prices_are_those_of_the_asking(pull: Pull) -> None:
    """A window costs what was said when it was asked for."""
    asked = pull.ask(Limits(UTC, Decimal("0.64")))
    assert isinstance(asked, WindowAsked)
    assert pull.arrive(asked, leads(100)).cost == 64.0
