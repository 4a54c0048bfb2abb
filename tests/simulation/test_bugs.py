"""The simulation finds what it is there to find: each planted bug breaks a promise within 200 seeds."""

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.runs import live

SEEDS_MAX = 200


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    """With the bug in its place one of the first 200 seeds breaks; without it none of them does (`test_seeds`)."""
    with BUGS[name]():
        found = next((report for report in map(live, range(SEEDS_MAX)) if report.broken), None)
    assert found is not None, f"nobody notices that {name}"
    assert not live(found.seed).broken, "it breaks without the bug, too"
