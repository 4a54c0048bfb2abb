"""The tree of errors, and the drawing of it that everybody reads first."""

import re

from leadsync import errors
from leadsync.errors import LeadsyncError


def test_the_tree_is_drawn_as_it_grows() -> None:
    """Every error stands in it, and the culprits alone at its stem."""
    drawn = re.findall(r"(?m)^(│   |    )?[├└]── (\w+)", errors.__doc__ or "")
    grown = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, LeadsyncError)}
    assert {name for _, name in drawn} == {one.__name__ for one in grown} - {"LeadsyncError"}
    culprits = {one.__name__ for one in grown if one.__base__ is LeadsyncError}
    assert {name for indent, name in drawn if not indent} == culprits
