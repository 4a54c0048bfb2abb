"""A fault: a key of one file and what is wrong with it, before the file and the line are known."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from leadsync.config.wording import quoted

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
Loc = tuple[str | int, ...]
"""The way from a file's root to a key: table names and list indices, outermost first."""


class Fault(NamedTuple):
    """Something wrong at a key of one file."""

    loc: Loc
    message: str


def dotted(loc: Loc) -> str:
    """Write a key as TOML does: `accounts.main.budget`, list indices in brackets, odd names in quotes."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if BARE_KEY.fullmatch(part) else quoted(part))
    return text


def member(table: Mapping[str, Any], *path: str) -> Any:
    """Return what stands at a path of an unchecked table, None where there is nothing or no table on the way."""
    value: Any = table
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
