"""Worlds of many seeds, and of all that have failed once: every promise holds, and it ends well (P1-P10, L1).

Each day has 2,000 of its own, so that a run can be had again on its day; `--first-seed=N` begins with another one,
`--seeds=100000` lives through so many, and `--seed=N` through that one alone.
"""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from tests.simulation.actors import ACTS
from tests.simulation.figures import ENOUGH_SEEDS, Figures
from tests.simulation.runs import kept, live_through
from tests.simulation.script import DEATHS
from tests.simulation.watch import PROMISES
from tests.simulation.weather import ALL

CHUNK: int = 50
"""Seeds in one test: few enough to spread over workers."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make chunks of seeds."""
    config = metafunc.config
    if "fresh" in metafunc.fixturenames:
        first, count = config.getoption("--first-seed"), config.getoption("--seeds")
        one = config.getoption("--seed")
        if one is not None:
            metafunc.parametrize("fresh", [range(one, one + 1)], ids=["one"])
        else:
            chunks = [range(at, min(at + CHUNK, count)) for at in range(0, count, CHUNK)]
            # The ids are the same in every run, so that workers agree on them.
            fresh = [range(first + chunk.start, first + chunk.stop) for chunk in chunks]
            metafunc.parametrize("fresh", fresh, ids=[f"chunk {number}" for number in range(len(chunks))])


def test_fresh_seeds(fresh: range, record_property: Callable[[str, object], None]) -> None:
    """Whatever a seed brings, nothing is lost, nothing paid twice, and all jobs complete when it is over."""
    met = live_through(fresh)
    record_property("simulated", json.dumps(met | {"seeds": len(fresh)}))


def test_kept_seeds() -> None:
    """What has failed once does not fail again."""
    live_through(kept())


@pytest.mark.parametrize("name", ["p7_deletions", "p3_window_first", "bulk_again", "folder.sync power"])
def test_what_never_came_in_many_seeds_fails_the_run(name: str) -> None:
    """A promise that was never asked and an act that nobody did are named, however well all worlds end."""
    everything = Counter([*ACTS, *map(str, ALL), *DEATHS, *PROMISES]) + Counter(seeds=ENOUGH_SEEDS)
    assert Figures(everything).missing == []
    assert Figures(everything - Counter([name])).missing == [name]
