"""The simulation finds mistakes with owners: each planted one breaks a promise within 200 seeds (P1, P2, P3, P10)."""

from typing import Final

import pytest

from tests.simulation.runs import Script
from tests.simulation.search import UNSEEN, assert_found
from tests.simulation.trace_bugs import TRACE_BUGS

HUNT: Final = Script(hunt=True)

NEAR: Final = {
    "a batch is sent again where its acknowledgement was lost": 22,
    "a batch is sent again after a crash": 112,
    "an answer is taken without our API key": 8,
    "a fresh answer is bought again": 8,
}
"""Where a bug is found that is not among the first few; a shortcut, and no promise: the search goes on from there."""


@pytest.mark.parametrize("name", TRACE_BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    """With the bug in its place a seed breaks; without it the same seed does not."""
    assert_found(TRACE_BUGS[name], HUNT, NEAR.get(name, 0))


@pytest.mark.long
@pytest.mark.parametrize("name", TRACE_BUGS)
def test_a_planted_bug_is_found_anywhere(name: str) -> None:
    """The same among 200 seeds that no fault, actor or invariant was ever chosen by."""
    assert_found(TRACE_BUGS[name], HUNT, UNSEEN)
