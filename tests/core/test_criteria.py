"""The hash of a list: equal for equal lists, however their file is written."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.criteria import criteria_hash

SEARCH = {"query": "Phoenix, AZ", "quickLists": ["high-equity", "not-owner-occupied"]}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def _backwards(value: Any) -> Any:
    """The same value with the keys of every table written the other way round."""
    if isinstance(value, dict):
        return {key: _backwards(value[key]) for key in reversed(value)}
    return [_backwards(each) for each in value] if isinstance(value, list) else value


def test_golden_hashes() -> None:
    """Stores out there hold hashes made this way: another formula would park every job `criteria_changed`."""
    assert criteria_hash(SEARCH, None) == "d6a2ae7e4907962dc9fd3928797554d1"
    assert criteria_hash(SEARCH, {"field": "address.zip", "sortOrder": "asc"}) == "ff5b878b57cddaadccdf6969bf5f1ce9"
    assert criteria_hash({"query": "Cañon City, CO"}, None) == "ca80df1b1bb76c015cf74f064b6a0d1b"


@given(st.dictionaries(st.text(), VALUES, max_size=4), VALUES)
def test_the_order_of_keys_does_not_matter(search: dict[str, Any], sort: Any) -> None:
    """Two tables that differ in the order of their keys alone are one list."""
    assert criteria_hash(_backwards(search), _backwards(sort)) == criteria_hash(search, sort)


def test_the_order_of_lists_matters() -> None:
    """What a vendor makes of the order of a list is not known, so another order is another list."""
    turned = {**SEARCH, "quickLists": ["not-owner-occupied", "high-equity"]}
    assert criteria_hash(turned, None) != criteria_hash(SEARCH, None)


@given(st.dictionaries(st.text(), VALUES, min_size=1, max_size=4))
def test_search_and_sort_are_told_apart(search: dict[str, Any]) -> None:
    """The same table as criteria and as sort is not the same list, and a key more is another list."""
    assert criteria_hash(search, None) != criteria_hash({}, search)
    assert criteria_hash({**search, "x" * 40: 1}, None) != criteria_hash(search, None)
