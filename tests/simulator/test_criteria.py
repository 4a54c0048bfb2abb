"""Criteria select by place and quick list: the same each time, partly overlapping, counted without a search."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsync.simulator import World
from leadsync.simulator.criteria import Criteria, select
from leadsync.simulator.moulds import MOULDS, PLACES, QUICK_LISTS
from tests.simulator.caller import ids, message, page, search, simulate

QUERIES = st.sampled_from([None, "", "AZ", "Phoenix, AZ", "denver co", "85990", "Atlantis"])
NAMES = st.sampled_from([*list(QUICK_LISTS)[:8], *(f"not-{name}" for name in list(QUICK_LISTS)[:8])])
CRITERIA = st.builds(Criteria, QUERIES, st.lists(NAMES, max_size=2).map(tuple), st.lists(NAMES, max_size=2).map(tuple))
WORLD = World(7, 3 * MOULDS + 100)


def chosen(**criteria: Any) -> set[int]:
    """The indexes that those criteria select in a world of some 3,000."""
    selection = select(WORLD, Criteria.of(criteria))
    return {selection.nth(position) for position in range(selection.count(WORLD.size))}


@settings(deadline=None)
@given(CRITERIA, st.integers(0, 5 * MOULDS))
def test_count_agrees_with_the_properties_selected(criteria: Criteria, size: int) -> None:
    """As many are counted as lie below the size, and they come in order, each once."""
    selection = select(WORLD, criteria)
    count = selection.count(size)
    positions = [selection.nth(position) for position in range(count)]
    assert positions == sorted(set(positions))
    assert all(index < size for index in positions)
    assert count == 0 or selection.nth(count) >= size


def test_no_criteria_select_the_whole_world() -> None:
    """Criteria without query and lists match exactly as many properties as there are."""
    assert page(simulate(1_234))["meta"]["results"]["resultsFound"] == 1_234


def test_places_share_the_world_evenly() -> None:
    """Each city has an eighth of the world, a state what its cities have, a zip a part of its city."""
    for place in PLACES:
        city = chosen(query=f"{place.city}, {place.state}")
        assert len(city) == pytest.approx(WORLD.size / 8, abs=1)
        assert city <= chosen(query=place.state)
        assert city == set().union(*(chosen(query=code) for code in place.zips))


def test_an_unknown_place_selects_nothing() -> None:
    """A place that the world does not know is no reason to sell everything."""
    assert chosen(query="Atlantis, AT") == set()


def test_lists_narrow_widen_and_turn_round() -> None:
    """QuickLists must all hold, of orQuickLists one must, and not- is the complement."""
    everything = set(range(WORLD.size))
    vacant, absentee = chosen(quickLists=["vacant"]), chosen(quickLists=["absentee-owner"])
    assert chosen(quickLists=["vacant", "absentee-owner"]) == vacant & absentee
    assert chosen(orQuickLists=["vacant", "absentee-owner"]) == vacant | absentee
    assert chosen(quickLists=["not-vacant"]) == everything - vacant
    assert vacant & absentee
    assert vacant - absentee


@pytest.mark.parametrize("name", list(QUICK_LISTS))
def test_every_list_has_some_and_never_all(name: str) -> None:
    """Each of the vendor's 38 lists divides the world."""
    assert 0 < len(chosen(quickLists=[name])) < WORLD.size


def test_records_say_what_selected_them() -> None:
    """A record carries the place and the flags that its criteria asked for."""
    results = page(simulate(), criteria={"query": "Tampa, FL", "quickLists": ["out-of-state-absentee-owner"]})
    assert results["properties"]
    for record in results["properties"]:
        assert record["address"]["city"] == "Tampa"
        assert record["quickLists"]["absenteeOwnerOutOfState"]


def test_an_unknown_list_is_a_warning_and_selects_nothing() -> None:
    """The vendor adds to its lists: one that it does not have is named in the warnings."""
    results = page(simulate(), criteria={"quickLists": ["haunted"]})
    assert ids(results) == []
    assert results["warnings"] == ["Unknown quick list: haunted"]


@pytest.mark.parametrize("lists", ["vacant", [1], {"vacant": True}])
def test_lists_that_are_no_array_of_strings_are_refused(lists: object) -> None:
    """Malformed criteria get 400 in the vendor's words."""
    response = search(simulate(), criteria={"quickLists": lists})
    assert response.status_code == 400
    assert message(response) == "quickLists should be an array of strings"
