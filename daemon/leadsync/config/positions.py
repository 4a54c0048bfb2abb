"""Where each key of a TOML text stands: tomllib gives values without lines, so a syntax tree is read beside it.

Only a text that tomllib has accepted is asked about; what the tree does not know falls to the table around it.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from leadsync.config.fault import Loc

KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})
TABLES = frozenset({"table", "table_array_element"})


def key_lines(text: bytes) -> dict[Loc, int]:
    """Map every key, table and list member of a TOML text to the 1-based line on which it first stands."""
    lines: dict[Loc, int] = {}
    for path, line in _walk(Parser(Language(tree_sitter_toml.language())).parse(text).root_node):
        for depth in range(1, len(path) + 1):
            lines.setdefault(path[:depth], line)
    return lines


def line_of(lines: Mapping[Loc, int], path: Loc) -> int:
    """Return the line of a key, or of the nearest table around it that has one; 0 is the file as a whole."""
    for depth in range(len(path), 0, -1):
        if path[:depth] in lines:
            return lines[path[:depth]]
    return 0


def _walk(document: Node) -> Iterator[tuple[Loc, int]]:
    counts: dict[Loc, int] = {}
    for child in document.named_children:
        base: Loc = ()
        if child.type in TABLES:
            base = _header(child, counts)
            yield base, _line(child)
        yield from _pairs(child, base)


def _header(table: Node, counts: dict[Loc, int]) -> Loc:
    """Resolve a header: under `[[a]]`, `[a.b]` means the last `a`."""
    *outer, name = _key(table)
    path: Loc = ()
    for part in outer:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path] - 1)
    path = (*path, name)
    if table.type == "table_array_element":
        counts[path] = counts.get(path, 0) + 1
        path = (*path, counts[path] - 1)
    return path


def _pairs(node: Node, base: Loc) -> Iterator[tuple[Loc, int]]:
    if node.type == "pair":
        path = (*base, *_key(node))
        yield path, _line(node)
        yield from _pairs(node.named_children[-1], path)
    elif node.type == "array":
        members = [child for child in node.named_children if child.type != "comment"]
        for index, member in enumerate(members):
            yield (*base, index), _line(member)
            yield from _pairs(member, (*base, index))
    elif node.type in TABLES or node.type == "inline_table":
        for child in node.named_children:
            if child.type == "pair":
                yield from _pairs(child, base)


def _key(node: Node) -> Loc:
    """Read the key of a pair or header by asking tomllib itself: quotes, escapes and dots are its business."""
    key = next(child for child in node.named_children if child.type in KEYS)
    table: Any = tomllib.loads(f"{(key.text or b'').decode()} = 0")
    path: Loc = ()
    while isinstance(table, dict):
        ((name, table),) = table.items()
        path = (*path, name)
    return path


def _line(node: Node) -> int:
    return node.start_point.row + 1
