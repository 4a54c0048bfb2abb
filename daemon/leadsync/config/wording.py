"""How a problem is worded: the value that stands in the file, the name that was meant.

Everything fits on one line, and a value is cut before it can fill a screen.
"""

import json
from collections.abc import Iterable

VALUE_MAX_CHARS = 60


def quoted(text: str) -> str:
    """Put text in quotes, on one line, control characters escaped, cut to VALUE_MAX_CHARS."""
    cut = text if len(text) <= VALUE_MAX_CHARS else text[: VALUE_MAX_CHARS - 1] + "…"
    escaped = json.dumps(cut, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in escaped)


def shown(value: object) -> str:
    """Render a value as it reads in a problem; never call it with what stands at a secret or an unknown key."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case int() | float():
            return str(value)[:VALUE_MAX_CHARS]
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"a {type(value).__name__}"


def listed(names: Iterable[str]) -> str:
    """Join names for a sentence: `a, b or c`."""
    *head, last = names
    return f"{', '.join(head)} or {last}" if head else last
