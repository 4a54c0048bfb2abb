"""The idempotency key: the one string that must never change, and never be the same for two pages."""

import re

from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.keys import page_key

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=30)
PAGES = st.tuples(NAMES, NAMES, st.integers(1, 50), st.integers(1, 50))


def test_golden_keys() -> None:
    """Keys in stores out there were made by this formula: another one would ask for, and pay, every open page anew."""
    assert page_key("3f9c2a7be1d04586", "main", "phoenix-absentee", 1, 1) == "3f9c2a7be1d04586-420b9b6e0091d521-1-1"
    assert page_key("3f9c2a7be1d04586", "main", "phoenix-absentee", 2, 417) == "3f9c2a7be1d04586-420b9b6e0091d521-2-417"
    assert page_key("0000000000000000", "west", "a", 1, 1) == "0000000000000000-b592fbd67df28e0c-1-1"


def test_the_longest_names_fit() -> None:
    """The vendor takes 1 to 128 of [A-Za-z0-9_-]; names of any length and alphabet, and a large count, stay within."""
    key = page_key("f" * 32, "account " * 100, "Žluťoučký/" * 50, 10**12, 10**12)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", key)


@given(PAGES, PAGES)
def test_two_pages_never_share_a_key(one: tuple[str, str, int, int], other: tuple[str, str, int, int]) -> None:
    """Another account, session, epoch or page is another key; the same four are the same key."""
    assert (page_key("i", *one) == page_key("i", *other)) is (one == other)


@given(st.text("ab", min_size=1, max_size=6), st.integers(1, 5))
def test_where_two_names_are_cut_matters(text: str, cut: int) -> None:
    """Account and session are not run together: `ab` and `c` is not `a` and `bc`."""
    one, other = (text[:cut], text[cut:] + "x"), (text[: cut - 1], text[cut - 1 :] + "x")
    assert (page_key("i", *one, 1, 1) == page_key("i", *other, 1, 1)) is (one == other)
