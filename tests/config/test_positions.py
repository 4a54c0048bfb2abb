"""Each key's line, whatever form of TOML it is written in."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.config.fault import Loc
from leadsync.config.positions import key_lines, line_of

TEXT = b"""\
a = 1
b."c.d".'e' = { x = [1, # one
  { y = 2 },
 3], z = "s" }

[t.u]
k = '''
w = 7
'''
[[rows]]
q = 1
[[rows]]
[rows.sub]
"\\u0077" = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 1),
        (("b",), 2),
        (("b", "c.d", "e"), 2),
        (("b", "c.d", "e", "x", 0), 2),
        (("b", "c.d", "e", "x", 1, "y"), 3),
        (("b", "c.d", "e", "x", 2), 4),
        (("b", "c.d", "e", "z"), 4),
        (("t",), 6),
        (("t", "u", "k"), 7),
        (("rows", 0, "q"), 11),
        (("rows", 1), 12),
        (("rows", 1, "sub"), 13),
        (("rows", 1, "sub", "w"), 14),
    ],
)
def test_every_form_of_key_has_its_line(path: Loc, line: int) -> None:
    """Dotted, quoted and escaped keys, inline tables, lists and tables of tables are all found."""
    assert key_lines(TEXT)[path] == line


@pytest.mark.parametrize(("path", "line"), [(("t", "u", "none"), 6), (("t", "none", 3), 6), (("none",), 0), ((), 0)])
def test_a_missing_key_has_the_line_of_its_table(path: Loc, line: int) -> None:
    """What is not there is looked for where it should stand; 0 is the file."""
    assert line_of(key_lines(TEXT), path) == line


def test_windows_line_ends_and_wide_characters_do_not_shift_lines() -> None:
    """Lines are counted as an editor counts them."""
    text = 'a = "äöü€"\r\n# ☃\r\n"ключ" = 2\r\n'.encode()
    assert key_lines(text) == {("a",): 1, ("ключ",): 3}


def paths(value: Any, base: Loc = ()) -> set[Loc]:
    """Return every key and index of a value, as tomllib read it."""
    if not isinstance(value, dict | list):
        return set()
    items: list[tuple[str | int, Any]] = list(value.items() if isinstance(value, dict) else enumerate(value))
    return {(*base, name) for name, _ in items}.union(*(paths(inner, (*base, name)) for name, inner in items))


def inline(value: Any) -> str:
    """Write a value as TOML, in one line."""
    match value:
        case dict():
            return "{" + ", ".join(f'"{name}" = {inline(inner)}' for name, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(inline, value)) + "]"
        case _:
            return str(value)


NAMES = st.text(alphabet="ab.-_ é#=[]", min_size=1, max_size=4)
TREES = st.dictionaries(
    NAMES,
    st.recursive(st.integers(0, 9), lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=8),
)


@given(TREES)
def test_the_tree_knows_every_key_that_tomllib_knows(tree: dict[str, Any]) -> None:
    """Both readers agree about what the keys are, so no problem is ever put on another key's line."""
    text = "\n".join(f'"{name}" = {inline(value)}' for name, value in tree.items())
    lines = key_lines(text.encode())
    assert set(lines) == paths(tomllib.loads(text))
    assert [lines[(name,)] for name in tree] == list(range(1, len(tree) + 1))
