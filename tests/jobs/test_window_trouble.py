"""Pulls by windows in trouble of two kinds at once: a store that fails beside the vendor, a person beside a run."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from leadsync.app import App
from leadsync.core.model import Outcome, Reason
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from leadsync.errors import StoreFailed, UsageMistake
from leadsync.simulator import Fate, Fault, Sending
from leadsync.store import inbox, windows
from tests.jobs.test_witness import elsewhere
from tests.jobs.windows import asked, assert_all_stored, begin, large
from tests.stage import Stage

Build = Callable[..., Stage]
SMALL: dict[str, Any] = {"records": 60, "async_above": 0}
"""One window, and cheap."""


@pytest.fixture
def stage(build: Build) -> Stage:
    """A vendor whose results take a minute."""
    return build(size=500, record_bytes=300, result_after_s=60)


def last_end(stage: Stage) -> tuple[str, str | None]:
    """How the last run ended, and why."""
    outcome, reason = stage.rows("SELECT outcome, reason FROM run ORDER BY id")[-1]
    return outcome, reason


def test_an_old_acknowledgement_ends_no_new_pause(build: Build) -> None:
    """It was on its way when another job was turned down: what it says of token and wallet is older than that."""
    stage = build(size=500, record_bytes=300, result_after_s=60, slow_s=20.0)
    stage.sim.async_faults.next(Fault.SLOW)
    large(stage, **SMALL)
    stage.job(search='query = "AZ"')

    async def both(app: App) -> None:
        await app.dispatch.run("phoenix", "once")
        stage.sim.faults.next(Fault.EMPTY_WALLET)
        async with asyncio.TaskGroup() as group:
            group.create_task(begin(app))
            await asyncio.sleep(5)
            assert (await app.dispatch.run("phoenix", "once")).reason is Reason.WALLET_EMPTY

    stage.serve(40, both)
    assert len(stage.logged("window.acknowledged")) == 1
    assert stage.logged("account.resumed") == []
    assert stage.one("SELECT paused_reason FROM account") == Reason.WALLET_EMPTY


def test_what_was_turned_away_has_time_to_come_again(stage: Stage) -> None:
    """The disk was full when the result came, shortly before its deadline: it is not bought again in that moment."""
    brought: list[tuple[str, bytes, Sending, Mapping[str, str]]] = []
    stage.sim.fates.next(Fate.HELD)
    large(stage, **SMALL, deadline="30m", on_expiry="ask_again")

    async def act(app: App) -> None:
        deliver = stage.sim.deliver

        async def full(*message: Any) -> list[int]:
            brought.append(message)
            error = sqlite3.OperationalError("database or disk is full")
            with mock.patch.object(inbox, "receive", side_effect=error), pytest.raises(StoreFailed):
                await deliver(*message)
            return [503]

        await begin(app)
        await asyncio.sleep(29 * 60)
        stage.sim.deliver = full
        await stage.sim.send_results()
        await asyncio.sleep(5 * 60)
        assert await deliver(*brought[0]) == [200]

    stage.serve(3_600, act)
    assert asked(stage) == [(0, 60)]
    assert_all_stored(stage)


def test_a_pull_that_the_store_has_parked_goes_on_once_that_is_answered(stage: Stage) -> None:
    """A run met the doubt and ended with it; no time of its own is left that would have another begin."""
    stage.sim.fates.next(Fate.HELD)
    large(stage, records=120, async_above=0, records_per_run=60)
    stage.serve(120, begin)
    stage.write("UPDATE installation SET doubt = 'store_moved'")
    stage.serve(120, begin)
    assert last_end(stage) == ("parked", "store_moved")
    stage.answer_store(StoreAnswer.MOVED)
    stage.serve(600, lambda _app: stage.sim.send_results())
    assert asked(stage) == [(0, 60), (60, 60)]
    assert stage.one("SELECT outcome FROM one_shot") == "complete"


def test_a_pull_that_a_refusal_has_parked_goes_on_once_that_is_answered(stage: Stage) -> None:
    """Its file was mended: the daemon asks for the window that was refused, as it would have done before."""
    stage.sim.async_faults.next(None, Fault.MALFORMED)
    large(stage, records=120, async_above=0, records_per_run=60)
    stage.serve(600, begin)
    assert last_end(stage) == ("parked", "refused")
    stage.serve(600)
    assert asked(stage) == [(0, 60)]
    stage.resume("bulk")
    stage.serve(600)
    assert asked(stage) == [(0, 60), (60, 60)]
    assert stage.one("SELECT outcome FROM one_shot") == "complete"


def test_what_was_not_taken_is_not_waited_for_because_the_disk_was_full(stage: Stage) -> None:
    """A 429 that could not be written down at once: it is soon after, and the window is asked for, not given up."""
    stage.sim.async_faults.next(Fault.RATE_LIMITED)
    large(stage, **SMALL)
    failures = [sqlite3.OperationalError("database or disk is full")] * 3
    withdraw = windows.withdraw

    def fails_first(*about: Any) -> None:
        if failures:
            raise failures.pop()
        withdraw(*about)

    with mock.patch.object(windows, "withdraw", fails_first):
        assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.rows("SELECT state FROM page ORDER BY id") == [("void",), ("stored",)]


def test_after_a_lost_answer_the_vendor_is_looked_for_before_the_next_window(build: Build) -> None:
    """An outage begins under a pull that may have several out: one of them meets it, and the others wait."""
    stage = build(size=6_000, record_bytes=300, result_after_s=60)

    def outage() -> None:
        stage.sim.async_faults.storm(1.0, [Fault.CUT_BEFORE], 7)
        stage.sim.list_faults.storm(1.0, [Fault.CUT_BEFORE], 7)

    stage.wire.before = {3: outage}
    large(stage, records=5_100, windows_in_flight=4)
    stage.serve(1_000, begin)
    assert len(stage.logged("window.unsure")) == 1
    assert stage.one("SELECT count(*) FROM page WHERE state = 'awaited'") == 1
    assert last_end(stage) == ("failed", None)


def test_a_copy_asks_nothing_again_that_is_the_originals(stage: Stage, tmp_path: Path) -> None:
    """Its windows were asked for by the store that it was copied from, which may ask for them again itself."""
    stage.sim.fates.next(None, Fate.LOST)
    large(stage, records=120, async_above=0, records_per_run=60, deadline="20m")
    assert stage.end("bulk").outcome is Outcome.PARTIAL
    copy = elsewhere(stage, tmp_path / "copy", "leadsync.db", "leadsync.db.witness")
    large(copy, records=120, async_above=0, records_per_run=60, deadline="20m")
    copy.answer_store(StoreAnswer.COPIED)
    with pytest.raises(UsageMistake, match="it was copied from"):
        copy.resume("bulk", Choice.ASK_AGAIN)
    assert copy.once("bulk", again=True)["bulk"].outcome is Outcome.COMPLETE
