"""The one writer: fenced, all or nothing, and indifferent to a caller that went away."""

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from leadsync.errors import Fenced, StoreFailed
from leadsync.store.engine import file_creator
from leadsync.store.opening import Place, close_store, open_store
from leadsync.store.tables import SearchSession
from tests.stage import InlineExecutor
from tests.store.hand import NOW, Hand

SECRET = "jane@example.com"


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    """An open store."""
    return Hand(tmp_path / "leadsync.db")


def enter(connection: Connection, name: str) -> None:
    """Write one row."""
    connection.execute(insert(SearchSession).values(account="main", name=name, job=name))


def enter_and_fail(connection: Connection, name: str) -> None:
    """Write one row, then break a rule of the database with it as a parameter."""
    enter(connection, name)
    enter(connection, name)


def names(hand: Hand) -> list[str]:
    """What is in the store."""
    return [name for (name,) in hand.rows("SELECT name FROM search_session ORDER BY id")]


def test_one_that_lost_the_store_cannot_write(hand: Hand) -> None:
    """Once another instance has opened the store, the first one's next write is Fenced and leaves nothing (P5)."""
    hand.do(hand.writer.write(enter, "ours"))
    other = Hand(hand.file)
    with pytest.raises(Fenced, match="fence 2, ours is 1"):
        hand.do(hand.writer.write(enter, "too late"))
    assert names(other) == ["ours"]
    other.do(other.writer.write(enter, "theirs"))
    assert names(other) == ["ours", "theirs"]


def test_a_closed_store_takes_nothing(hand: Hand) -> None:
    """After the close there is no fence and no connection to write with."""
    hand.close()
    with pytest.raises(Fenced, match="not open"):
        hand.do(hand.writer.write(enter, "late"))
    with pytest.raises(Fenced):
        _ = hand.writer.fence


def test_a_failure_keeps_nothing_and_tells_no_value(hand: Hand) -> None:
    """A transaction that fails half-way leaves nothing; its message says so, without the row's values."""
    with pytest.raises(StoreFailed, match="nothing of this step was kept") as failed:
        hand.do(hand.writer.write(enter_and_fail, SECRET))
    assert names(hand) == []
    told: BaseException | None = failed.value
    while told is not None:
        assert SECRET not in str(told)
        told = told.__cause__
    hand.do(hand.writer.write(enter, "next"))
    assert names(hand) == ["next"]


def test_any_error_keeps_nothing(hand: Hand) -> None:
    """Not only the database's errors undo a transaction."""

    def enter_and_stumble(connection: Connection) -> None:
        enter(connection, "half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        hand.do(hand.writer.write(enter_and_stumble))
    assert names(hand) == []


def test_the_drivers_own_errors_are_told_alike(hand: Hand) -> None:
    """The page path goes past SQLAlchemy to the driver; what fails there is StoreFailed too."""

    def past_sqlalchemy(connection: Connection) -> None:
        connection.connection.cursor().execute("INSERT INTO change (delivery_id) VALUES (NULL)")

    with pytest.raises(StoreFailed, match="nothing of this step was kept"):
        hand.do(hand.writer.write(past_sqlalchemy))


def test_a_cancelled_caller_does_not_undo_a_commit(tmp_path: Path) -> None:
    """Who waits may go; what has begun on the writer's thread is finished and durable."""
    began, may_go_on = threading.Event(), threading.Event()

    def slowly(connection: Connection) -> None:
        began.set()
        assert may_go_on.wait(10)
        enter(connection, "finished")

    file = tmp_path / "leadsync.db"

    async def act() -> None:
        with ThreadPoolExecutor(1) as thread:
            writer, _ = await open_store(
                Place(file, file_creator(file), thread, lambda: "name", lambda: bytes(32)), NOW
            )
            writing = asyncio.create_task(writer.write(slowly))
            await asyncio.to_thread(began.wait, 10)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            may_go_on.set()
            await close_store(writer, NOW)

    asyncio.run(act())
    assert names(Hand(file)) == ["finished"]


def test_a_clean_stop_is_remembered(hand: Hand) -> None:
    """Opening says whether the last process closed the store; each opening raises the fence."""
    hand.close()
    second = Hand(hand.file)
    assert (second.opened.clean, second.opened.fence) == (True, 2)
    second.writer.close()
    third = Hand(hand.file)
    assert (third.opened.clean, third.opened.fence) == (False, 3)
    assert third.opened.installation == "0123456789abcdef"


@pytest.mark.parametrize(
    ("clean", "days", "looked"), [(True, 6, False), (True, 7, True), (True, -1, True), (False, 1, True)]
)
def test_a_store_is_looked_through_after_a_crash_or_a_week(hand: Hand, clean: bool, days: int, looked: bool) -> None:
    """A large one takes minutes, so not at each start; a clock that was put back does not put it off."""
    hand.close() if clean else hand.writer.close()
    later = NOW + timedelta(days=days)
    place = Place(hand.file, file_creator(hand.file), InlineExecutor(), lambda: "name", lambda: b"secret")
    writer, _ = asyncio.run(open_store(place, later))
    asyncio.run(close_store(writer, later))
    with closing(sqlite3.connect(hand.file)) as store:
        ((checked_at,),) = store.execute("SELECT checked_at FROM installation")
    assert datetime.fromisoformat(checked_at).replace(tzinfo=UTC) == (later if looked else NOW)


def test_a_store_may_be_closed_twice(hand: Hand) -> None:
    """Who closes in a hurry and then in order finds nothing left to close."""
    hand.writer.close()
    hand.writer.close()
