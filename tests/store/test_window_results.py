"""Results of windows in the store: stored whenever they come, and counted as what they are."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from leadsync.core.letters import Unreadable, Why
from leadsync.core.model import Outcome
from leadsync.core.windows import TRIES_MAX, WindowsDone
from leadsync.store import windows
from leadsync.store.windows import WindowAsked
from tests.store.hand import NOW, Hand, leads
from tests.store.pulling import HOUR, Pull, untaken


@pytest.fixture
def pull(tmp_path: Path) -> Pull:
    """A pull of 3,200 records that has asked for nothing yet."""
    return Pull(Hand(tmp_path / "leadsync.db"))


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
    pull.hand.do(pull.hand.ledger.windows.acknowledge(first.page.page_id, "01A", NOW, ends_pause=True))
    assert pull.arrive(first, leads(1_000), "01Z").other_id is True
    second = pull.asked()
    pull.hand.do(pull.hand.ledger.windows.acknowledge(second.page.page_id, "01B", NOW, ends_pause=True))
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
    pull.message(pull.asked())
    pull.hold()
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
