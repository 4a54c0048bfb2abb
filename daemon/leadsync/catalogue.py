"""How an event enters the catalogue of the log; which events there are stands in `events`."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Entry:
    """One event: what it means, the fields beside time and level, and what to do when it is seen."""

    name: str
    meaning: str
    fields: tuple[str, ...]
    action: str


CATALOGUE: Final[dict[str, Entry]] = {}
"""Every event by its name, once `events` was imported."""

NOTHING: Final = "Nothing."


def event(name: str, meaning: str, fields: str, action: str = NOTHING) -> str:
    """Enter an event, and return its name."""
    CATALOGUE[name] = Entry(name, meaning, tuple(fields.split()), action)
    return name
