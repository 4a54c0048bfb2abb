"""What an export reads from a real store: in which pieces, and what that costs the one who writes it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leadsync.config import Settings, load
from leadsync.reports.export.rows import (
    CHUNK_ROWS,
    WINDOW_CHANGES,
    Span,
    Wanted,
    chunks_of,
    count_rows,
    rows_query,
    span_of,
)
from leadsync.store.engine import open_reader
from leadsync.store.standing import CHANGES_A_GENERATION
from tests.store.hand import Hand, leads
from tests.system.house import NOBODY_LISTENS, House

PHOENIX, TAMPA = 2 * CHUNK_ROWS + 5, 7


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two jobs and no store."""
    house = House(tmp_path / "house", NOBODY_LISTENS)
    for job in ("phoenix", "tampa"):
        house.job(job)
    return load(house.config, {})


@pytest.fixture
def hand(settings: Settings) -> Iterator[Hand]:
    """An opened store with a page of `phoenix`, and then a small one of `tampa`."""
    hand = Hand(span_of(settings, Wanted()).file)
    deliver(hand, "phoenix", PHOENIX)
    deliver(hand, "tampa", TAMPA, first=PHOENIX)
    yield hand
    hand.close()


def deliver(hand: Hand, job: str, count: int, first: int = 0) -> None:
    """Pull so many properties in one page."""
    run_id = hand.run(job)
    page = hand.key(hand.order(hand.session(job), run_id, count))
    hand.store(page, run_id, leads(count, first), count, new=True)


def numbers(span: Span) -> list[int]:
    """The change numbers in the order in which they come."""
    return [row.change_id for chunk in chunks_of(span) for row in chunk]


def test_all_come_in_order_and_are_counted(settings: Settings, hand: Hand) -> None:
    """No row is missed or doubled where one chunk ends and the next begins, nor in the count that the bar shows."""
    span = span_of(settings, Wanted())
    assert numbers(span) == list(range(1, PHOENIX + TAMPA + 1))
    assert count_rows(span) == PHOENIX + TAMPA == hand.one("SELECT count(*) FROM delivery")


@pytest.mark.parametrize(
    ("job", "since"), [(None, 1_500), ("phoenix", 1_500), ("tampa", PHOENIX + 2), ("tampa", 9_999)]
)
@pytest.mark.usefixtures("hand")
def test_the_count_is_that_of_the_rows(settings: Settings, job: str | None, since: int) -> None:
    """Whatever is wanted of the store."""
    span = span_of(settings, Wanted(job, since))
    assert count_rows(span) == len(numbers(span))


def test_a_delivery_that_changed_again_comes_once_with_its_newest_number(settings: Settings, hand: Hand) -> None:
    """Later changes of a delivery move it to its end, and it is counted once, for its job and for all."""
    with closing(sqlite3.connect(hand.file)) as store, store:
        store.execute("INSERT INTO change (delivery_id) VALUES (?), (?)", (PHOENIX + 1, 1))
    last = PHOENIX + TAMPA + 2
    assert numbers(span_of(settings, Wanted("tampa"))) == [*range(PHOENIX + 2, PHOENIX + TAMPA + 1), last - 1]
    assert count_rows(span_of(settings, Wanted("tampa"))) == TAMPA
    assert numbers(span_of(settings, Wanted(since=last - 2))) == [last - 1, last]
    assert count_rows(span_of(settings, Wanted())) == PHOENIX + TAMPA


def test_what_arrives_meanwhile_is_the_next_exports(settings: Settings, hand: Hand) -> None:
    """The end is fixed when the export begins."""
    span = span_of(settings, Wanted())
    with closing(chunks_of(span)) as chunks:
        first = next(chunks)
        deliver(hand, "late", 3, first=PHOENIX + TAMPA)
        assert len(first) + sum(map(len, chunks)) == count_rows(span) == PHOENIX + TAMPA


def test_a_slow_reader_holds_nothing(settings: Settings, hand: Hand) -> None:
    """While somebody looks at a chunk, the writer can empty the write-ahead log."""
    with closing(chunks_of(span_of(settings, Wanted()))) as chunks:
        next(chunks)
        hand.session("new in the log")
        with closing(sqlite3.connect(hand.file)) as writer:
            assert writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall() == [(0, 0, 0)]
        assert sum(map(len, chunks)) == PHOENIX + TAMPA - CHUNK_ROWS


@pytest.mark.parametrize("job", [None, "tampa"])
@pytest.mark.usefixtures("hand")
def test_every_offset_costs_the_same(settings: Settings, job: str | None) -> None:
    """The query begins at its change number, and finds all else by row id: nothing is scanned, sorted or skipped."""
    span = span_of(settings, Wanted(job))
    with open_reader(span.file).connect() as connection:
        query = rows_query(span, 1_000, 1_000 + WINDOW_CHANGES).compile(
            connection, compile_kwargs={"literal_binds": True}
        )
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    assert plan[0] == "SEARCH change USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    assert not [step for step in plan if "SCAN" in step or "TEMP" in step or "AUTOMATIC" in step]


def test_a_rare_job_is_looked_for_in_pieces(settings: Settings, hand: Hand) -> None:
    """Where few changes are of the job, a transaction ends after so many numbers; the next goes on behind them."""
    with closing(sqlite3.connect(hand.file)) as store, store:
        for number in (3 * WINDOW_CHANGES, 3 * WINDOW_CHANGES + 1):
            store.execute("INSERT INTO change (id, delivery_id) VALUES (?, ?)", (number, PHOENIX + 1))
    assert numbers(span_of(settings, Wanted("tampa"))) == [*range(PHOENIX + 2, PHOENIX + TAMPA + 1), number]


def test_the_gap_that_a_restore_leaves_costs_nothing(settings: Settings, hand: Hand) -> None:
    """After a restore the numbers go on two thousand million further up; window by window that would take minutes."""
    far = 2 * CHANGES_A_GENERATION
    with closing(sqlite3.connect(hand.file)) as store, store:
        store.execute("INSERT INTO change (id, delivery_id) VALUES (?, ?)", (far, PHOENIX + 1))
    assert numbers(span_of(settings, Wanted("tampa"))) == [*range(PHOENIX + 2, PHOENIX + TAMPA + 1), far]
