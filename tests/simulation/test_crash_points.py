"""The end at every step, in a loop until none is left: each write, sync, cut, commit, send and reply of a whole life.

The life is a daemon's: the store is opened, a job pulls all its pages, the daemon is stopped, and between two starts
nothing but what the disk kept. Whatever step is the last, the next process has everything once.
"""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.simulation.process import Doom
from tests.simulation.runs import Script, live, one_cycle

BASE_SEEDS = (3, 9, 12)
STEPS_MIN = 150
"""Fewer than this, and the search for a place to die has missed the pages."""

PARTS = 4
"""The steps are dealt to so many tests, so that workers share them."""


def points(first: int, stride: int, *, power: bool) -> Iterator[Script]:
    """One world for each step to die at."""
    for step in count(first, stride):
        yield one_cycle(dooms=(Doom(step, power=power),))


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
@pytest.mark.parametrize("seed", BASE_SEEDS)
def test_the_end_at_every_step(seed: int, power: bool, part: int) -> None:
    """Nothing is lost or paid twice, and it ends well."""
    last = 0
    for step, script in enumerate(points(1 + part, PARTS, power=power)):
        report = live(seed, script)
        assert not report.broken, f"seed {seed}, step {1 + part + step * PARTS}: {report.broken}"
        if not report.died:
            break
        last = 1 + part + step * PARTS
    assert last > STEPS_MIN


def test_two_deaths_in_a_row() -> None:
    """The recovery may die as well, at any of its first steps, and so may the recovery from that."""
    for step in range(1, 60, 3):
        dooms = (Doom(100 + step, power=True), Doom(step, power=step % 2 == 0), Doom(2 * step))
        report = live(4, one_cycle(dooms=dooms))
        assert not report.broken, f"step {step}: {report.broken}"
        assert sum(report.died.values()) >= 2
