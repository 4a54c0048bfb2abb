"""Members of JSON whose types vary: each is taken where it is what it should be, and is nothing where it is not."""

from collections.abc import Mapping
from typing import Any, Final

LINE_MAX_CHARS: Final = 120
NUMBER_MAX: Final = 2**53


def object_of(value: Any) -> Mapping[str, Any]:
    """An object as it is; anything else is an empty one."""
    return value if isinstance(value, Mapping) else {}


def list_of(value: Any) -> list[Any]:
    """A list as it is; what should be one and is not, is its only element; null is an empty one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def line_of(value: Any) -> str:
    """A text or a number on one line; anything else, and what is too long to be meant, is ""."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    line = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())
    return line if len(line) <= LINE_MAX_CHARS else ""


def count_of(value: Any) -> int | None:
    """A whole number from 0 on, or its digits in a text; anything else is None."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:17])
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= NUMBER_MAX else None
