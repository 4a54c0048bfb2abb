"""The alarms of the real clock: each rings once, at its time or right after it, on the loop that it was set on."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta

import pytest

from leadsync.scheduler import Scheduler

SOON_S = 5.0
"""What rings in milliseconds has rung by then, on whatever machine."""


@asynccontextmanager
async def alarms() -> AsyncIterator[Scheduler]:
    """The scheduler of this loop."""
    with closing(Scheduler()) as scheduler:
        yield scheduler


def coming(wait_ms: float) -> datetime:
    """So many milliseconds from now; negative: ago."""
    return datetime.now(UTC) + timedelta(milliseconds=wait_ms)


async def rung(bell: asyncio.Event) -> None:
    """Wait until it has rung."""
    async with asyncio.timeout(SOON_S):
        await bell.wait()


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=2), timedelta(days=3)], ids=str)
def test_an_alarm_whose_time_has_passed_rings_at_once(late: timedelta) -> None:
    """A moment late or days late: nothing is dropped, as APScheduler would by itself after a second."""

    async def act() -> None:
        bell = asyncio.Event()
        async with alarms() as scheduler:
            scheduler.set("phoenix", datetime.now(UTC) - late, bell.set)
            await rung(bell)

    asyncio.run(act())


def test_an_alarm_does_not_ring_before_its_time() -> None:
    """It rings when the wall clock has come to it, and not a millisecond earlier."""

    async def act() -> tuple[datetime, datetime]:
        bell = asyncio.Event()
        async with alarms() as scheduler:
            at = coming(40)
            scheduler.set("phoenix", at, bell.set)
            await rung(bell)
            return at, datetime.now(UTC)

    at, rang_at = asyncio.run(act())
    assert at <= rang_at


@pytest.mark.parametrize(("first_ms", "then_ms"), [(10, 60), (3_600_000, 20)], ids=["later", "earlier"])
def test_an_alarm_that_is_replaced_rings_once_at_its_new_time(first_ms: float, then_ms: float) -> None:
    """Of a name there is one alarm: the old one never rings. Other names are other alarms."""

    async def act() -> list[str]:
        heard: list[str] = []
        bells = {"new": asyncio.Event(), "other": asyncio.Event()}

        def ring(name: str) -> None:
            heard.append(name)
            bells[name].set()

        async with alarms() as scheduler:
            scheduler.set("phoenix", coming(first_ms), lambda: heard.append("old"))
            scheduler.set("phoenix", coming(then_ms), lambda: ring("new"))
            scheduler.set("tampa", coming(then_ms + 30), lambda: ring("other"))
            await rung(bells["new"])
            await rung(bells["other"])
        return heard

    assert asyncio.run(act()) == ["new", "other"]


def test_an_alarm_may_set_itself_again() -> None:
    """While it rings, too, and for a time that has come: it rings again."""

    async def act() -> int:
        count, bell = 0, asyncio.Event()
        async with alarms() as scheduler:

            def ring() -> None:
                nonlocal count
                count += 1
                if count < 3:
                    scheduler.set("phoenix", coming(-1), ring)
                else:
                    bell.set()

            scheduler.set("phoenix", coming(1), ring)
            await rung(bell)
        return count

    assert asyncio.run(act()) == 3


def test_what_is_closed_rings_no_more() -> None:
    """Neither what was to come, nor what was due just now."""

    async def act() -> list[str]:
        heard: list[str] = []
        async with alarms() as scheduler:
            scheduler.set("phoenix", coming(20), lambda: heard.append("coming"))
            scheduler.set("tampa", coming(-20), lambda: heard.append("due"))
        await asyncio.sleep(0.06)
        return heard

    assert asyncio.run(act()) == []


def test_an_alarm_rings_on_the_thread_of_its_loop() -> None:
    """What it wakes is not safe to touch from another."""

    async def act() -> int:
        bell = asyncio.Event()
        threads: list[int] = []

        def ring() -> None:
            threads.append(threading.get_ident())
            bell.set()

        async with alarms() as scheduler:
            scheduler.set("phoenix", coming(1), ring)
            await rung(bell)
        return threads[0]

    assert asyncio.run(act()) == threading.get_ident()
