"""The reservations of an account that may come back: whose budget is all reserved waits here for its change.

A page that turns out smaller than its take, or a key that is refused, gives back what it had reserved. A key whose run
has ended without an answer gives nothing back for now, so nobody waits for it.
"""

import asyncio
from datetime import datetime

from leadsync.core.budget import Limits, window_starts


class Till:
    """One per account."""

    def __init__(self) -> None:
        self._reserving = 0
        self._change = asyncio.Event()
        self._warned: set[tuple[str, datetime]] = set()

    @property
    def reserving(self) -> int:
        """How many runs have a key open."""
        return self._reserving

    @property
    def next_change(self) -> asyncio.Event:
        """Set when the next reservation is settled or given up."""
        return self._change

    def reserve(self) -> None:
        """A run has a key open."""
        self._reserving += 1

    def settle(self) -> None:
        """The key is answered, or its run has ended."""
        self._reserving -= 1
        self._change.set()
        self._change = asyncio.Event()

    def first_warnings(self, nearly: tuple[str, ...], limits: Limits, now: datetime) -> list[str]:
        """Return those of the limits that nobody was warned of in this day or month."""
        day, month = window_starts(now, limits.zone)
        marks = {(limit, day if limit.endswith("day") else month) for limit in nearly}
        news = marks - self._warned
        self._warned |= news
        return sorted(limit for limit, _ in news)
