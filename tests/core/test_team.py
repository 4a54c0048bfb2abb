"""Whose a token is, as the vendor's list of sessions tells it."""

import pytest

from leadsync.core.audit import Standing
from leadsync.core.model import Books
from leadsync.core.team import is_same_team


def used(name: str, delivered: int, **more: object) -> Standing:
    """A session of ours that has delivered so much."""
    return Standing(name, Books(next_page=3, delivered=delivered), **more)  # type: ignore[arg-type]


UNUSED = Standing("new", Books())
ASKED = Standing("asked", Books(next_page=2), open_take=100)


@pytest.mark.parametrize(
    ("ours", "totals", "same"),
    [
        pytest.param([], {"theirs": 5}, True, id="nothing of ours yet"),
        pytest.param([UNUSED, ASKED], {"theirs": 5}, True, id="nothing was ever delivered"),
        pytest.param([used("a", 50)], {"a": 50}, True, id="as we know it"),
        pytest.param([used("a", 50)], {}, False, id="absent"),
        pytest.param([used("a", 50)], {"a": 49}, False, id="the name with less"),
        pytest.param([used("a", 50)], {"a": 51}, False, id="the name with more"),
        pytest.param([used("a", 50, open_take=10)], {"a": 60}, True, id="its open page is billed"),
        pytest.param([used("a", 50, open_take=10)], {"a": 61}, False, id="more than its open page"),
        pytest.param([used("a", 50, recovering=True)], {"a": 900}, True, id="a restored store is behind"),
        pytest.param([used("a", 50, deleted=True)], {}, True, id="we have deleted it ourselves"),
        pytest.param([used("a", 50), used("b", 7)], {"b": 7}, True, id="one of two is enough"),
        pytest.param([used("a", 50), used("b", 7)], {"a": 7, "b": 50}, False, id="the same names at another team"),
        pytest.param([used("a", 50), UNUSED], {"new": 0}, False, id="an unused one proves nothing"),
    ],
)
def test_a_list_tells_the_team(ours: list[Standing], totals: dict[str, int], same: bool) -> None:
    """One session that the ledger explains is proof; a name is none, and where nothing was delivered none is needed."""
    assert is_same_team(ours, totals) is same
