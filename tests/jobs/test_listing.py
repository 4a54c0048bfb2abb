"""The session list for somebody who looks: with nothing of the account in flight, in its time, never insisted on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from leadsync.config.limits import limits_of
from leadsync.core.model import Reason
from leadsync.core.replies import Denied, Lost, Throttled
from leadsync.jobs.desk import Desk, Surroundings, Terms
from leadsync.jobs.listing import LIST_WAIT_S, Listed, listing
from leadsync.simulator import Fault
from leadsync.vendors.batchdata import Access, BatchData
from leadsync.vendors.breaker import IN_VAIN_MIN, SILENCE_MIN_S
from tests.stage import TOKEN, Stage

Build = Callable[..., Stage]


@asynccontextmanager
async def at_desk(stage: Stage) -> AsyncIterator[tuple[Desk, Surroundings]]:
    """An account of the stage's vendor, and its surroundings."""

    async def at_once(do: Callable[..., object], *arguments: object) -> object:
        return do(*arguments)

    access = Access("http://vendor", TOKEN, 3_000)
    limits = limits_of(stage.settings().accounts["main"])
    client = BatchData(access, transport=stage.wire, now=stage.clock, off_loop=at_once)
    desk = Desk("main", client, Terms(limits, 100, 5, timedelta(minutes=15)))
    yield desk, Surroundings(stage.clock, lambda: 0.5, lambda: 0)
    await client.close()


async def listed_at(desk: Desk, around: Surroundings) -> Listed:
    """Only look."""
    async with listing(desk, around) as listed:
        return listed


def look(stage: Stage) -> tuple[Listed, float]:
    """What comes of a look, and how long it took."""

    async def act() -> Listed:
        async with at_desk(stage) as (desk, around):
            return await listed_at(desk, around)

    began_s = stage.clock.elapsed_s
    return stage.play(act()), stage.clock.elapsed_s - began_s


def test_the_list_is_had_with_one_request(build: Build) -> None:
    """Every session's total, and nothing else is asked or billed."""
    stage = build(size=250)
    stage.job()
    stage.once("phoenix")
    lists, billed = stage.wire.lists, stage.sim.bill.records
    assert look(stage)[0] == {"phoenix": 250}
    assert (stage.wire.lists, stage.sim.bill.records) == (lists + 1, billed)


def test_a_team_without_sessions_has_an_empty_list(build: Build) -> None:
    """That is an answer, and no reason to call it unknown."""
    assert look(build())[0] == {}


@pytest.mark.parametrize("fault", [Fault.BAD_GATEWAY, Fault.CUT_BEFORE])
def test_a_vendor_in_trouble_is_asked_once(build: Build, fault: Fault) -> None:
    """What went wrong is a value; nobody waits for the weather to clear."""
    stage = build()
    stage.sim.list_faults.storm(1.0, [fault], seed=0)
    listed, took_s = look(stage)
    assert isinstance(listed, Lost)
    assert (stage.wire.lists, took_s < 1) == (1, True)


def test_a_vendor_that_turns_the_account_down_pauses_nothing(build: Build) -> None:
    """A look is no run: the reason is told, and nobody else is held up by it."""
    stage = build()
    stage.sim.list_faults.next(Fault.NO_TOKEN)

    async def act() -> tuple[Listed, Denied | None]:
        async with at_desk(stage) as (desk, around):
            return await listed_at(desk, around), desk.denied

    listed, denied = stage.play(act())
    assert isinstance(listed, Denied)
    assert (listed.reason, denied) == (Reason.TOKEN_REFUSED, None)


def test_a_vendor_that_hangs_is_left_after_a_while(build: Build) -> None:
    """A person waits: after fifteen seconds the list is said to be unknown, and the account may send again."""
    stage = build()
    stage.sim.list_faults.next(Fault.HANG)

    async def act() -> Listed:
        async with at_desk(stage) as (desk, around):
            listed = await listed_at(desk, around)
            async with asyncio.timeout(1), desk.traffic.sending():
                return listed

    began_s = stage.clock.elapsed_s
    assert stage.play(act()) == Lost("not within 15 s")
    assert stage.clock.elapsed_s - began_s == pytest.approx(LIST_WAIT_S, abs=0.5)


def test_a_page_on_its_way_is_waited_for_and_no_longer(build: Build) -> None:
    """The list is asked for when the page has ended; where that takes too long it is not asked for at all."""
    stage = build()

    async def act(page_s: float) -> Listed:
        async with at_desk(stage) as (desk, around), asyncio.TaskGroup() as group:
            sent = asyncio.Event()

            async def send() -> None:
                async with desk.traffic.sending():
                    sent.set()
                    await asyncio.sleep(page_s)

            group.create_task(send())
            await sent.wait()
            return await listed_at(desk, around)

    assert stage.play(act(10)) == {}
    assert stage.wire.lists == 1
    assert stage.play(act(60)) == Lost("not within 15 s")
    assert stage.wire.lists == 1


def test_nothing_is_sent_until_the_ledger_was_read_too(build: Build) -> None:
    """Inside the block no page can leave; after it, it can."""
    stage = build()

    async def act() -> list[str]:
        order: list[str] = []
        async with at_desk(stage) as (desk, around), asyncio.TaskGroup() as group:

            async def send() -> None:
                async with desk.traffic.sending():
                    order.append("sent")

            async with listing(desk, around):
                group.create_task(send())
                await asyncio.sleep(5)
                order.append("read")
        return order

    assert stage.play(act()) == ["read", "sent"]


def test_a_stop_does_not_wait_for_it(build: Build) -> None:
    """The list is given up at once, and that is said."""
    stage = build()
    stage.sim.list_faults.next(Fault.HANG)

    async def act() -> Listed:
        async with at_desk(stage) as (desk, around):
            asyncio.get_running_loop().call_later(2, around.stopping.set)
            return await listed_at(desk, around)

    began_s = stage.clock.elapsed_s
    assert stage.play(act()) == Lost("leadsync was asked to stop")
    assert stage.clock.elapsed_s - began_s == pytest.approx(2, abs=0.5)


def test_a_rate_limit_silences_the_whole_account(build: Build) -> None:
    """The vendor said 429 to a look, and means the jobs as well."""
    stage = build(retry_after_s=30)
    stage.sim.list_faults.next(Fault.RATE_LIMITED)

    async def act() -> tuple[Listed, float]:
        async with at_desk(stage) as (desk, around):
            listed = await listed_at(desk, around)
            began_s = stage.clock.elapsed_s
            assert await desk.client.turn(around.stopping)
            return listed, stage.clock.elapsed_s - began_s

    listed, waited_s = stage.play(act())
    assert isinstance(listed, Throttled)
    assert waited_s >= 30


def test_an_audit_that_hangs_is_waited_for_no_longer_than_the_vendor(build: Build) -> None:
    """Who looks beside it is told after fifteen seconds, and not when the audit has given up."""
    stage = build()
    stage.sim.list_faults.next(Fault.HANG)

    async def act() -> tuple[Listed, float]:
        async with at_desk(stage) as (desk, around):
            hanging = asyncio.create_task(listed_by_an_audit(desk, around))
            await asyncio.sleep(1)
            began_s = stage.clock.elapsed_s
            listed = await listed_at(desk, around)
            took_s = stage.clock.elapsed_s - began_s
            hanging.cancel()
            await asyncio.wait([hanging])
            return listed, took_s

    listed, took_s = stage.play(act())
    assert listed == Lost("not within 15 s")
    assert took_s == pytest.approx(LIST_WAIT_S, abs=0.5)


async def listed_by_an_audit(desk: Desk, around: Surroundings) -> None:
    """Take the list as an audit does: without a limit but the client's own."""
    async with desk.traffic.quiet():
        await desk.client.list_sessions(around.stopping)


def test_an_answer_closes_the_breaker_and_a_silence_counts_nothing(build: Build) -> None:
    """Whoever asked: the vendor is back, and what waits goes on; but who only looks is no witness of a silence."""
    stage = build()

    async def act() -> tuple[int, bool, bool]:
        async with at_desk(stage) as (desk, around):
            for number in range(IN_VAIN_MIN):
                desk.hear(f"session-{number % 2}", Lost("HTTP 503"), around)
                await asyncio.sleep(SILENCE_MIN_S / 4)
            was_open = desk.breaker.is_open
            stage.sim.list_faults.next(Fault.BAD_GATEWAY)
            assert isinstance(await listed_at(desk, around), Lost)
            in_vain = desk.breaker.in_vain
            await listed_at(desk, around)
            return in_vain, was_open, desk.breaker.is_open

    assert stage.play(act()) == (IN_VAIN_MIN, True, False)
