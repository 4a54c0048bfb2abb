"""Pulls by windows whose job file, or whose store's clock, is another by the time that results come."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from leadsync.app import App
from leadsync.core.model import Outcome
from leadsync.core.resume import Choice
from leadsync.errors import UsageMistake
from leadsync.simulator import Fate, Sending
from tests.jobs.windows import asked, assert_all_stored, begin, large
from tests.stage import Stage

Build = Callable[..., Stage]
DAY_S = 86_400.0
SMALL: dict[str, Any] = {"records": 60, "async_above": 0}
"""One window, and cheap."""

OTHER_LIST = 'query = ""\nquickLists = ["vacant"]'


@pytest.fixture
def stage(build: Build) -> Stage:
    """A vendor whose results take a minute."""
    return build(size=500, record_bytes=300, result_after_s=60)


def test_a_pull_whose_file_asks_for_another_list_is_not_called_again_and_again(stage: Stage) -> None:
    """Its last window comes: one run finds that a person must say which list it is, and a run by hand then ends it."""
    stage.sim.fates.next(Fate.HELD)
    large(stage, **SMALL)
    stage.serve(120, begin)
    large(stage, **SMALL, search=OTHER_LIST)
    stage.serve(300, lambda _app: stage.sim.send_results())
    assert stage.rows("SELECT outcome FROM run ORDER BY id") == [("waiting",), ("partial",)]
    assert_all_stored(stage)
    large(stage, **SMALL)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert asked(stage) == [(0, 60)]


async def send_cut(stage: Stage) -> None:
    """Have the vendor send what it holds, cut off on the way."""
    whole = stage.sim.deliver

    async def cut(url: str, body: bytes, how: Sending, headers: Mapping[str, str]) -> list[int]:
        return await whole(url, body[:-9], how, headers)

    stage.sim.deliver = cut
    await stage.sim.send_results()
    stage.sim.deliver = whole


def test_what_lies_in_quarantine_is_not_bought_again(stage: Stage) -> None:
    """It expired, was to be asked again once there is money, and came late and unreadable: a person has it first."""
    account = "budget = { records_per_day = 60 }"
    stage.sim.fates.next(Fate.HELD)
    large(stage, account=account, **SMALL, deadline="20m", on_expiry="ask_again")
    stage.serve(3_600, begin)
    assert [line["again"] for line in stage.logged("window.expired")] == [True]
    stage.serve(60, lambda _app: send_cut(stage))
    assert stage.rows("SELECT id, state FROM inbox_message") == [(1, "quarantined")]
    stage.clock.forward(DAY_S)
    stage.serve(3_600)
    assert asked(stage) == [(0, 60)]
    assert stage.one("SELECT outcome FROM one_shot") == "partial"
    with pytest.raises(UsageMistake, match="quarantine"):
        stage.resume("bulk", Choice.ASK_AGAIN)

    async def discard(app: App) -> None:
        await app.shelf.discard([1])

    stage.serve(60, discard)
    stage.resume("bulk", Choice.ASK_AGAIN)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert asked(stage) == [(0, 60), (0, 60)]


def test_a_window_of_what_is_wanted_no_more_is_not_asked_again(stage: Stage) -> None:
    """It expired, and there was no money to ask again; then the file wanted less, and all of that is here."""
    account = "budget = { records_per_day = 120 }"
    keys: dict[str, Any] = {"async_above": 0, "records_per_run": 60, "deadline": "20m", "on_expiry": "ask_again"}
    stage.sim.fates.next(None, Fate.LOST)
    large(stage, account=account, records=120, **keys)
    stage.serve(3_600, begin)
    assert [line["again"] for line in stage.logged("window.expired")] == [True]
    large(stage, account=account, records=60, **keys)
    stage.clock.forward(DAY_S)
    stage.serve(3_600)
    assert asked(stage) == [(0, 60), (60, 60)]
    assert stage.one("SELECT outcome FROM one_shot") == "complete"


def test_asking_again_tells_what_the_file_wants_by_now(stage: Stage) -> None:
    """`records` was raised since: the word goes on to that, so its cost is what is told."""
    stage.sim.fates.next(None, Fate.LOST)
    keys: dict[str, Any] = {"async_above": 0, "records_per_run": 60, "deadline": "20m"}
    large(stage, records=120, **keys)
    assert stage.end("bulk").outcome is Outcome.PARTIAL
    large(stage, records=200, **keys)
    assert "at most 140 records, about $1.40" in stage.resume("bulk", Choice.ASK_AGAIN)
    before = stage.sim.bill.records
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.sim.bill.records - before == 140


def test_a_persons_word_outlives_the_process_that_heard_it(stage: Stage) -> None:
    """Nobody ran the job then; the next daemon asks again by itself, as it would have done."""
    stage.sim.fates.next(Fate.LOST)
    large(stage, **SMALL, deadline="20m")
    assert stage.end("bulk").outcome is Outcome.PARTIAL
    stage.resume("bulk", Choice.ASK_AGAIN)
    stage.serve(600)
    assert asked(stage) == [(0, 60), (0, 60)]
    assert stage.one("SELECT outcome FROM one_shot") == "complete"
    assert stage.one("SELECT count(*) FROM run") < 6


def test_a_clock_that_was_ahead_holds_up_no_pull(stage: Stage) -> None:
    """Its run ended in what is the future by now: the result comes, and the pull goes on with that."""
    stage.sim.fates.next(Fate.HELD)
    large(stage, records=120, async_above=0, records_per_run=60)
    stage.clock.began += timedelta(days=30)
    stage.serve(120, begin)
    stage.clock.began -= timedelta(days=30)
    stage.serve(600, lambda _app: stage.sim.send_results())
    assert asked(stage) == [(0, 60), (60, 60)]
    assert stage.one("SELECT outcome FROM one_shot") == "complete"
    assert stage.one("SELECT count(*) FROM run") < 6


def test_a_clock_that_was_ahead_makes_nobody_wait_for_it(stage: Stage) -> None:
    """Its deadline lay in what is next month by now: the window expires as if it had been asked for since."""
    stage.sim.fates.next(Fate.LOST)
    large(stage, **SMALL, deadline="2h")
    stage.clock.began += timedelta(days=30)
    stage.serve(120, begin)
    stage.clock.began -= timedelta(days=30)
    stage.serve(4 * 3_600)
    assert len(stage.logged("window.expired")) == 1
    assert stage.one("SELECT outcome FROM one_shot") == "partial"


@pytest.mark.parametrize("spoken", [False, True])
def test_a_file_that_says_stop_by_now_is_heard(stage: Stage, spoken: bool) -> None:
    """It expired while the file said ask_again, and there was no money: by the new file nothing is, but at a word."""
    account = "budget = { records_per_day = 60 }"
    stage.sim.fates.next(Fate.LOST)
    large(stage, account=account, **SMALL, deadline="20m", on_expiry="ask_again")
    stage.serve(3_600, begin)
    assert [line["again"] for line in stage.logged("window.expired")] == [True]
    large(stage, account=account, **SMALL, deadline="20m", on_expiry="stop")
    if spoken:
        stage.resume("bulk", Choice.ASK_AGAIN)
    stage.clock.forward(DAY_S)
    stage.serve(3_600)
    assert asked(stage) == [(0, 60)] * (2 if spoken else 1)
    assert stage.one("SELECT outcome FROM one_shot") == ("complete" if spoken else "partial")
