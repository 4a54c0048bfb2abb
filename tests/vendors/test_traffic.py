"""Traffic: many may send at once, an audit is alone, and none of both waits for ever."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from leadsync.vendors.traffic import Traffic
from tests.virtual_time import run_virtually


@dataclass
class Watch:
    """Who is on the line; notes when somebody is there beside an audit."""

    senders: int = 0
    audits: int = 0
    most_senders: int = 0
    overlaps: list[float] = field(default_factory=list)

    def look(self) -> None:
        """Look at the line as it is now."""
        self.most_senders = max(self.most_senders, self.senders)
        if self.audits > 1 or (self.audits and self.senders):
            self.overlaps.append(asyncio.get_running_loop().time())


async def _send(traffic: Traffic, watch: Watch, begin_s: float, takes_s: float) -> float:
    """One request from `begin_s` on; returns when it had the line."""
    await asyncio.sleep(begin_s)
    async with traffic.sending():
        began_s = asyncio.get_running_loop().time()
        watch.senders += 1
        watch.look()
        await asyncio.sleep(takes_s)
        watch.senders -= 1
    return began_s


async def _audit(traffic: Traffic, watch: Watch, begin_s: float, takes_s: float) -> float:
    """One audit from `begin_s` on; returns when it had the line."""
    await asyncio.sleep(begin_s)
    async with traffic.quiet():
        began_s = asyncio.get_running_loop().time()
        watch.audits += 1
        watch.look()
        await asyncio.sleep(takes_s)
        watch.audits -= 1
    return began_s


TIMES = st.tuples(st.integers(0, 40).map(float), st.integers(0, 10).map(float))


@given(st.lists(TIMES, max_size=12), st.lists(TIMES, min_size=1, max_size=4))
def test_an_audit_never_overlaps_a_sender(
    senders: list[tuple[float, float]], audits: list[tuple[float, float]]
) -> None:
    """Whoever comes when, an audit is alone on the line, and everybody's turn comes."""

    async def run() -> Watch:
        traffic, watch = Traffic(), Watch()
        await asyncio.gather(
            *(_send(traffic, watch, *times) for times in senders), *(_audit(traffic, watch, *times) for times in audits)
        )
        return watch

    assert not run_virtually(run()).overlaps


def test_many_send_at_once() -> None:
    """Sessions do not wait for each other."""

    async def run() -> Watch:
        traffic, watch = Traffic(), Watch()
        await asyncio.gather(*(_send(traffic, watch, 0.0, 1.0) for _ in range(100)))
        return watch

    assert run_virtually(run()).most_senders == 100


def test_a_waiting_audit_is_not_starved() -> None:
    """While an audit waits no new sender passes: it has its turn when those on their way have ended."""

    async def run() -> tuple[float, list[float]]:
        traffic, watch = Traffic(), Watch()
        relay = [_send(traffic, watch, number * 0.5, 1.0) for number in range(100)]
        audited_s, *sent_s = await asyncio.gather(_audit(traffic, watch, 10.1, 5.0), *relay)
        return audited_s, sent_s

    audited_s, sent_s = run_virtually(run())
    assert 10.1 <= audited_s <= 11.1
    assert not [at_s for at_s in sent_s if 10.11 < at_s < audited_s + 5.0]


def test_a_sender_that_fails_or_is_cancelled_leaves_the_line() -> None:
    """Whatever ends a request, the audit that waits for it has its turn."""

    async def run() -> float:
        traffic, watch = Traffic(), Watch()
        cancelled = asyncio.create_task(_send(traffic, watch, 0.0, 1_000.0))
        failing = asyncio.create_task(_fail(traffic))
        audit = asyncio.create_task(_audit(traffic, Watch(), 0.5, 0.0))
        await asyncio.sleep(2.0)
        cancelled.cancel()
        await asyncio.wait([cancelled, failing])
        assert isinstance(failing.exception(), ValueError)
        return await audit

    assert run_virtually(run()) < 2.1


async def _fail(traffic: Traffic) -> None:
    async with traffic.sending():
        await asyncio.sleep(1.0)
        raise ValueError("the store failed")


def test_an_audit_that_is_cancelled_lets_the_senders_go() -> None:
    """An audit that gives up, while it waits or while it has the line, blocks nobody."""

    async def run() -> float:
        traffic, watch = Traffic(), Watch()
        first = asyncio.create_task(_send(traffic, watch, 0.0, 2.0))
        waiting = asyncio.create_task(_audit(traffic, watch, 0.5, 0.0))
        having = asyncio.create_task(_audit(traffic, watch, 3.0, 1_000.0))
        await asyncio.sleep(1.0)
        waiting.cancel()
        late = asyncio.create_task(_send(traffic, watch, 3.0, 0.0))
        await first
        await asyncio.sleep(3.0)
        having.cancel()
        return await late

    assert run_virtually(run()) < 5.1


def test_who_gives_up_beside_an_audit_goes_at_once() -> None:
    """A second audit that is cancelled while the first has the line does not wait for it."""

    async def run() -> float:
        traffic, watch = Traffic(), Watch()
        first = asyncio.create_task(_audit(traffic, watch, 0.0, 60.0))
        second = asyncio.create_task(_audit(traffic, watch, 1.0, 0.0))
        await asyncio.sleep(2.0)
        second.cancel()
        await asyncio.wait([second])
        gone_s = asyncio.get_running_loop().time()
        await first
        return gone_s

    assert run_virtually(run()) < 2.1
