"""The end at every step of a pull by windows: asked, sent, acknowledged, brought, stored, gone on, ended.

The daily run takes a step here and there; `--long` takes each.
"""

from typing import Final

import pytest

from tests.simulation.process import Doom
from tests.simulation.runs import Script, live, one_cycle

SEED: Final = 9
STEPS_MIN: Final = 600
STRIDE: Final = 127
PARTS: Final = 8


def a_pull(step: int, *, power: bool) -> Script:
    """A daemon that ends at that step, and lives long enough to pull all windows before."""
    return one_cycle(pull=True, size=9, trouble_s=120.0, dooms=(Doom(step, power=power),))


def end_at(steps: range, *, power: bool) -> int:
    """End there, one world for each; return the last step that there was."""
    last = 0
    for step in steps:
        report = live(SEED, a_pull(step, power=power))
        assert not report.broken, f"step {step}: {report.broken}"
        if not report.died:
            break
        last = step
    return last


def test_the_end_here_and_there() -> None:
    """No window is asked twice and no result is lost, wherever the power fails."""
    assert end_at(range(STRIDE, 10_000, STRIDE), power=True) > STEPS_MIN


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_the_end_at_every_step(power: bool, part: int) -> None:
    """The same at each step."""
    assert end_at(range(1 + part, 10_000, PARTS), power=power) > STEPS_MIN
