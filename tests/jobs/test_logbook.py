"""The book of what is held: what the store has not learned yet is kept until it has."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from leadsync.core.conditions import Condition
from leadsync.core.watch import Held, Key, Told
from leadsync.jobs.logbook import Logbook
from leadsync.store.watching import open_conditions
from tests.store.hand import NOW, Hand

DAY = timedelta(days=1)
PARKED = Held(Key(Condition.JOB_PARKED, "phoenix"), NOW, 0.0, "refused", 0.0)


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    """An open store."""
    hand = Hand(tmp_path / "leadsync.db")
    yield hand
    hand.close()


def test_whoever_was_told_of_the_begin_is_owed_the_end(hand: Hand) -> None:
    """A mail server that is down over a weekend, and a restart meanwhile, lose no end; after a week nobody waits."""
    logbook = Logbook(hand.ledger)
    over = replace(PARKED, gone_at=NOW + DAY, ended_at=NOW + DAY, told={"team": Told(NOW)})
    enter(hand, logbook, replace(PARKED, told=over.told), days=0)
    for days in (1, 4):
        enter(hand, logbook, over, days=days)
    again = Logbook(hand.ledger)
    hand.do(again.open(NOW + 4 * DAY))
    assert again.held == logbook.held == (over,)
    hand.do(again.note({(over.key, NOW): Told(NOW, ended_at=NOW + 4 * DAY)}, "team"))
    enter(hand, again, over, days=4)
    enter(hand, logbook, over, days=8)
    assert [*again.held, *logbook.held] == []


def enter(hand: Hand, logbook: Logbook, held: Held, *, days: int) -> None:
    """Enter what a look of that day has left."""
    hand.do(logbook.enter([held], NOW + days * DAY, is_news=True))


def change(hand: Hand, statement: str) -> None:
    """Change the store behind leadsync's back."""
    hand.do(hand.writer.write(lambda connection: connection.exec_driver_sql(statement).close()))


def test_an_end_that_the_store_learns_late_is_an_end(hand: Hand) -> None:
    """The store could not be written for two days; then the end is there, and the same condition may begin anew."""
    logbook = Logbook(hand.ledger)
    enter(hand, logbook, PARKED, days=0)
    change(hand, "CREATE TRIGGER broken BEFORE UPDATE ON condition BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
    over = replace(PARKED, gone_at=NOW + DAY, ended_at=NOW + DAY)
    for days in (1, 3):
        enter(hand, logbook, over, days=days)
    assert hand.do(hand.writer.write(open_conditions)) == [PARKED]
    change(hand, "DROP TRIGGER broken")
    enter(hand, logbook, over, days=3)
    assert hand.do(hand.writer.write(open_conditions)) == []
    again = replace(PARKED, began_at=NOW + 4 * DAY)
    enter(hand, logbook, again, days=4)
    assert hand.do(hand.writer.write(open_conditions)) == [again]
    assert logbook.held == (again,)
