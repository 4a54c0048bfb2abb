"""The account's pace: never more than the vendor's rate in any minute, and silence for all where it asked for that."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsync.vendors.pace import Pace
from leadsync.waiting import sleep_unless
from tests.virtual_time import run_virtually

MINUTE_S = 60.0


def _sent_at(rate: int, jobs: int, each: int, holds: dict[float, float] | None = None) -> list[float]:
    """When `jobs` jobs that send `each` requests, as fast as they may, get their turns; `holds`: when, how long."""
    sent: list[float] = []

    async def job(pace: Pace) -> None:
        for _ in range(each):
            await pace.turn(asyncio.Event())
            sent.append(asyncio.get_running_loop().time())

    async def run() -> None:
        pace, loop = Pace(rate), asyncio.get_running_loop()
        for at_s, wait_s in (holds or {}).items():
            loop.call_at(at_s, pace.hold, wait_s)
        async with asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(job(pace))

    run_virtually(run())
    return sent


def _most_in_a_minute(sent: list[float]) -> int:
    first, most = 0, 0
    for last, at_s in enumerate(sent):
        while sent[first] <= at_s - MINUTE_S:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize(("rate", "jobs", "each"), [(3_000, 100, 70), (60, 20, 12), (7, 3, 20), (1, 2, 3)])
def test_no_minute_holds_more_than_the_rate(rate: int, jobs: int, each: int) -> None:
    """In no window of 60 s, the first included, do more requests leave than the vendor allows; nor far fewer."""
    sent = _sent_at(rate, jobs, each)
    assert len(sent) == jobs * each
    assert rate * 0.95 - 1 <= _most_in_a_minute(sent) <= rate


def test_requests_are_spaced() -> None:
    """No burst, also not at the start: what leaves evenly may arrive jittered."""
    sent = _sent_at(600, 50, 4)
    assert min(later - earlier for earlier, later in pairwise(sent)) > 0.1


def test_an_idle_account_saves_nothing_up() -> None:
    """An hour of silence does not let more through in the minute after it."""

    async def run() -> list[float]:
        pace, loop = Pace(60), asyncio.get_running_loop()
        sent: list[float] = []
        await asyncio.sleep(3_600)
        while loop.time() < 3_660:
            await pace.turn(asyncio.Event())
            sent.append(loop.time())
        return sent

    assert _most_in_a_minute(run_virtually(run())) <= 60


def test_a_hold_silences_everyone() -> None:
    """After a 429 to one of them nobody of the account sends until the hold is over."""
    sent = _sent_at(600, 30, 10, holds={5.0: 20.0})
    assert not [at_s for at_s in sent if 5.0 < at_s < 25.0]
    assert len(sent) == 300


def test_after_a_hold_there_is_no_burst() -> None:
    """Those who queued when the hold came leave one by one after it: a burst would earn the next 429."""
    sent = _sent_at(60, 100, 1, holds={3.5: 300.0})
    assert _most_in_a_minute(sent) <= 60
    assert min(later - earlier for earlier, later in pairwise(sent)) > 0.9


def test_the_longest_hold_counts() -> None:
    """A shorter hold that comes later takes nothing off a longer one; a longer one adds."""
    sent = _sent_at(600, 5, 50, holds={1.0: 30.0, 2.0: 5.0, 20.0: 40.0})
    assert not [at_s for at_s in sent if 1.0 < at_s < 60.0]


@settings(max_examples=30)
@given(st.integers(1, 200), st.integers(1, 30), st.dictionaries(st.floats(0, 120), st.floats(0, 100), max_size=4))
def test_rate_and_holds_together(rate: int, jobs: int, holds: dict[float, float]) -> None:
    """Whatever holds come when, the rate is kept, nobody sends in a hold, and everybody's turn comes."""
    sent = _sent_at(rate, jobs, 3, holds)
    assert len(sent) == jobs * 3
    assert _most_in_a_minute(sent) <= rate
    for at_s, wait_s in holds.items():
        assert not [each for each in sent if at_s + 1e-3 < each < at_s + wait_s - 1e-3]


def test_who_gives_up_his_turn_blocks_nobody() -> None:
    """A job that is cancelled while it waits leaves the queue in order."""

    async def run() -> float:
        pace = Pace(60)
        await pace.turn(asyncio.Event())
        waiting = [asyncio.create_task(pace.turn(asyncio.Event())) for _ in range(3)]
        await asyncio.sleep(0.1)
        for task in waiting[:2]:
            task.cancel()
        await waiting[2]
        return asyncio.get_running_loop().time()

    assert run_virtually(run()) < 1.1


@pytest.mark.parametrize("hold_s", [0.0, 300.0])
def test_a_stop_ends_every_wait(hold_s: float) -> None:
    """Asked to stop, nobody waits on: neither for the end of a hold nor in the queue for a turn."""

    async def run() -> float:
        pace, stopping, loop = Pace(6), asyncio.Event(), asyncio.get_running_loop()
        pace.hold(hold_s)
        loop.call_at(12.0, stopping.set)
        await asyncio.gather(*(pace.turn(stopping) for _ in range(20)))
        return loop.time()

    assert run_virtually(run()) < 12.1


@pytest.mark.parametrize("wait_s", [0.0, -1.0])
def test_a_wait_that_is_over_is_none(wait_s: float) -> None:
    """What was due before now does not wait for the next round of the loop."""

    async def run() -> float:
        await sleep_unless(asyncio.Event(), wait_s)
        return asyncio.get_running_loop().time()

    assert run_virtually(run()) < 0.01
