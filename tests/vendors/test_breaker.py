"""The breaker of an account: opens after minutes of silence, lets one probe at a time through, closes when answered."""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leadsync.vendors.breaker import PROBE_MAX_S, THE_LIST, Breaker
from tests.virtual_time import run_virtually

NEVER_S = 1e9
MIDDLE = 0.5
"""The draw that jitters nothing."""


def after(outcomes: list[tuple[str, float]]) -> Breaker:
    """A breaker that has met unknown outcomes: of whom, and when."""
    breaker = Breaker()
    for asker, at_s in outcomes:
        breaker.unanswered(asker, at_s, MIDDLE)
    return breaker


def opened(at_s: float = 120.0) -> Breaker:
    """A breaker that has just opened."""
    breaker = after([*[("one", at_s - 120.0)] * 7, ("two", at_s)])
    assert breaker.is_open
    return breaker


@pytest.mark.parametrize(
    ("outcomes", "opens"),
    [
        ([*[("one", 0.0)] * 6, ("two", 120.0)], False),  # seven
        ([*[("one", 0.0)] * 90, ("two", 119.0)], False),  # in less than two minutes
        ([*[("one", 0.0)] * 7, ("two", 120.0)], True),
        ([*[("one", 0.0)] * 7, (THE_LIST, 120.0)], True),
        ([(THE_LIST, at_s * 20.0) for at_s in range(8)], True),  # the list speaks for the account
    ],
)
def test_it_opens_after_eight_in_vain_over_two_minutes(outcomes: list[tuple[str, float]], opens: bool) -> None:
    """Neither a short cut of the line under many jobs nor a few slow time-outs open it; both together do."""
    assert after(outcomes).is_open is opens


def test_one_session_alone_never_opens_it() -> None:
    """A session that hangs for an hour while nobody else asks says nothing of the account."""
    breaker = after([("stuck", at_s * 60.0) for at_s in range(60)])
    assert not breaker.is_open
    assert breaker.unanswered("other", 3_660.0, MIDDLE)


def test_opening_is_told_once() -> None:
    """Whoever else loses an answer afterwards brings no news; what is told counts from the first."""
    breaker = Breaker()
    news = [breaker.unanswered(("one", "two")[n % 2], n * 20.0, MIDDLE) for n in range(20)]
    assert news.index(True) == 7
    assert sum(news) == 1
    assert (breaker.in_vain, breaker.silence_s(400.0)) == (20, 400.0)


def test_an_answer_begins_the_count_anew() -> None:
    """An answer between two storms is an answer: the next one must be as long by itself."""
    breaker = after([("one", 0.0), *[("two", 100.0)] * 6])
    assert breaker.answered(110.0) is None
    assert breaker.silence_s(500.0) == 0.0
    assert not [n for n in range(7) if breaker.unanswered(("one", "two")[n % 2], 120.0 + n * 20.0, MIDDLE)]
    assert breaker.unanswered("one", 260.0, MIDDLE)


def test_an_answer_closes_it() -> None:
    """The first answer closes it and says how long it was open; the second is no news."""
    breaker = opened(120.0)
    assert breaker.answered(420.0) == 300.0
    assert not breaker.is_open
    assert breaker.answered(430.0) is None


@dataclass
class Vendor:
    """Answers nobody before `back_s`, and takes its time; notes when each asker's request came and ended."""

    back_s: float = NEVER_S
    takes_s: float = 1.0
    seen: list[tuple[str, float, float]] = field(default_factory=list)

    async def ask(self, breaker: Breaker, asker: str, draw: float = MIDDLE) -> None:
        """Be asked once."""
        loop = asyncio.get_running_loop()
        came_s = loop.time()
        await asyncio.sleep(self.takes_s)
        self.seen.append((asker, came_s, loop.time()))
        if came_s >= self.back_s:
            breaker.answered(loop.time())
        else:
            breaker.unanswered(asker, loop.time(), draw)

    def probes(self, until_s: float) -> list[tuple[str, float, float]]:
        """The requests that came up to then, in turn."""
        return sorted((seen for seen in self.seen if seen[1] <= until_s), key=lambda seen: seen[1])


async def persist(breaker: Breaker, vendor: Vendor, asker: str, until_s: float = NEVER_S, draw: float = MIDDLE) -> bool:
    """Ask until the vendor is back; return whether it was."""
    while breaker.is_open:
        if not await breaker.passed(asker, asyncio.Event(), until_s):
            return False
        await vendor.ask(breaker, asker, draw)
    return True


def test_the_probes_are_spaced() -> None:
    """Thirty seconds, doubling to five minutes, however many wait."""

    async def run() -> list[tuple[str, float, float]]:
        breaker, vendor = opened(0.0), Vendor(back_s=3_000.0)
        await asyncio.gather(*(persist(breaker, vendor, f"job-{n}") for n in range(100)))
        return vendor.probes(3_000.0)

    trips = [("", 0.0, 0.0), *run_virtually(run())]
    gaps = [round(later[1] - earlier[2]) for earlier, later in pairwise(trips)]
    assert gaps[:7] == [30, 60, 120, 240, 300, 300, 300]


@pytest.mark.parametrize(("draw", "first_s"), [(0.0, 15.0), (0.999, 45.0)])
def test_the_probes_are_jittered(draw: float, first_s: float) -> None:
    """Accounts part ways: half to one and a half of each wait."""

    async def run() -> float:
        breaker = after([("one", 0.0)] * 7)
        breaker.unanswered("two", 120.0, draw)
        await asyncio.sleep(120.0)
        await breaker.passed("one", asyncio.Event(), NEVER_S)
        return asyncio.get_running_loop().time() - 120.0

    assert run_virtually(run()) == pytest.approx(first_s, abs=0.1)


def test_each_probes_in_turn() -> None:
    """Who has probed in vain stands behind the others: a request that can never be answered keeps nobody out."""

    async def run() -> list[str]:
        breaker, vendor = opened(0.0), Vendor(back_s=1_000.0)
        await asyncio.gather(*(persist(breaker, vendor, asker) for asker in ("one", "two", "three")))
        return [asker for asker, _, _ in vendor.probes(1_000.0)]

    assert run_virtually(run()) == ["one", "two", "three", "one", "two"]


def test_what_was_on_its_way_is_no_probe() -> None:
    """Requests that were out when it opened end in vain one by one: the next probe goes when it was to go."""

    async def run() -> float:
        breaker, loop = opened(0.0), asyncio.get_running_loop()
        for late_s in range(1, 30):
            loop.call_at(float(late_s), breaker.unanswered, f"job-{late_s}", float(late_s), MIDDLE)
        await breaker.passed("one", asyncio.Event(), NEVER_S)
        return loop.time()

    assert run_virtually(run()) == pytest.approx(30.0, abs=0.1)


def test_a_probe_that_was_never_sent_is_not_waited_for() -> None:
    """A run that was let through and ended before it had sent holds the others up for five minutes, no more."""

    async def run() -> float:
        breaker, loop = opened(0.0), asyncio.get_running_loop()
        assert await breaker.passed("stopped", asyncio.Event(), NEVER_S)
        let_through_s = loop.time()
        assert await breaker.passed("next", asyncio.Event(), NEVER_S)
        return loop.time() - let_through_s

    assert run_virtually(run()) == pytest.approx(PROBE_MAX_S, abs=0.1)


@pytest.mark.parametrize("way", ["passed", "closed"])
@pytest.mark.parametrize("end", ["stop", "time"])
def test_every_wait_ends(way: str, end: str) -> None:
    """First in the queue or last, with something to send or not: a stop ends the wait, and so does its time."""

    async def run() -> tuple[set[bool], float]:
        breaker, stopping, loop = opened(0.0), asyncio.Event(), asyncio.get_running_loop()
        until_s = 20.0 if end == "time" else NEVER_S
        loop.call_at(20.0 if end == "stop" else NEVER_S, stopping.set)
        waits = (breaker.passed(f"job-{n}", stopping, until_s) for n in range(10))
        ends = await asyncio.gather(*(waits if way == "passed" else [breaker.closed(stopping, until_s)]))
        if way == "passed":
            assert not await breaker.passed("late", stopping, min(until_s, loop.time() + 1.0))
        return set(ends), loop.time()

    ends, at_s = run_virtually(run())
    assert ends == {False}
    assert 20.0 <= at_s < 22.0


def test_who_has_nothing_to_send_waits_for_the_answer() -> None:
    """A run that would ask for a new page is never the probe; it goes on when another's is answered."""

    async def run() -> float:
        breaker, vendor = opened(0.0), Vendor(back_s=200.0)
        probing = asyncio.create_task(persist(breaker, vendor, "one"))
        assert await breaker.closed(asyncio.Event(), NEVER_S)
        await probing
        return asyncio.get_running_loop().time()

    assert run_virtually(run()) == pytest.approx(213.0, abs=0.1)


def test_who_is_cancelled_leaves_the_queue() -> None:
    """A run that a hurried stop has ended holds up nobody behind it."""

    async def run() -> float:
        breaker = opened(0.0)
        waits = [asyncio.create_task(breaker.passed(name, asyncio.Event(), NEVER_S)) for name in ("one", "two")]
        await asyncio.sleep(10.0)
        waits[0].cancel()
        assert await waits[1]
        return asyncio.get_running_loop().time()

    assert run_virtually(run()) == pytest.approx(30.0, abs=0.1)


RUNS = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900), st.floats(0, 0.999)), min_size=1, max_size=12)
"""When each comes, how long it has patience, and what it draws."""


@example(runs=[(30, 1, 0.0), (30, 119, 0.0)], back_s=0, takes_s=119.0)
@given(RUNS, st.integers(0, 1_500), st.sampled_from([1.0, 60.0, 119.0]))
def test_whoever_waits_one_probes(runs: list[tuple[int, int, float]], back_s: int, takes_s: float) -> None:
    """Whoever comes and goes when: no two probes at once, nobody waits beyond its time, and the answer frees all."""

    async def one(breaker: Breaker, vendor: Vendor, number: int) -> tuple[bool, float, float]:
        come_s, patience_s, draw = runs[number]
        await asyncio.sleep(come_s)
        # Never over in the very instant of an answer, in which either may come first.
        until_s = come_s + patience_s + 0.25
        return (
            await persist(breaker, vendor, f"job-{number}", until_s, draw),
            until_s,
            asyncio.get_running_loop().time(),
        )

    async def run() -> tuple[Vendor, float | None, list[tuple[bool, float, float]]]:
        breaker, vendor = opened(0.0), Vendor(back_s, takes_s)
        ends = await asyncio.gather(*(one(breaker, vendor, number) for number in range(len(runs))))
        answers = [ended_s for _, came_s, ended_s in vendor.seen if came_s >= back_s]
        return vendor, min(answers, default=None), list(ends)

    vendor, closed_s, ends = run_virtually(run())
    probes = vendor.probes(NEVER_S if closed_s is None else closed_s)
    assert all(later[1] >= earlier[2] for earlier, later in pairwise(probes))
    assert all(later[1] - earlier[2] >= 0.5 * 30.0 for earlier, later in pairwise(probes))
    for was_back, until_s, ended_s in ends:
        assert ended_s <= until_s + takes_s + 0.1 or ended_s == closed_s
        assert was_back is (closed_s is not None and closed_s <= ended_s)
