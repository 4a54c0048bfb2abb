"""The conditions that are held, and those that ended lately: one book for the daemon, written through to the store.

The memory is the working copy: where the store fails, which is a condition itself, what is held is still known and
told. What could not be written is written with the next entry.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from leadsync.core.notices import is_kept
from leadsync.core.watch import Held, Key, Told
from leadsync.errors import BadWeather
from leadsync.store.ledger import Ledger


class Logbook:
    """One per daemon."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: dict[tuple[Key, datetime], Held] = {}
        self._unwritten: set[tuple[Key, datetime]] = set()
        self._news = asyncio.Event()
        self.is_current = False
        """Whether a look has been entered since leadsync began: before, what is held may be over by now."""
        self.is_behind = False
        """Whether the store did not take what was entered last: it may be one that can be read and not be written."""

    @property
    def held(self) -> Collection[Held]:
        """Open conditions, and those that ended lately."""
        return tuple(self._held.values())

    @property
    def news(self) -> asyncio.Event:
        """Set when the next condition begins or ends, and after the first look."""
        return self._news

    async def open(self, now: datetime) -> None:
        """Read what was held when leadsync ended."""
        self._held = {(one.key, one.began_at): one for one in await self._ledger.conditions(now)}

    async def enter(self, after: Collection[Held], now: datetime, *, is_news: bool) -> None:
        """Take what a look has left, with what began and ended."""
        before = self._held
        # A notifier may have told somebody while the look was taken: what it noted holds.
        after = [replace(one, told=before[place].told) if (place := _place(one)) in before else one for one in after]
        self._unwritten |= {_place(one) for one in after if _differs(before.get(_place(one)), one)}
        self._held = {place: one for one in after if self._is_kept(place := _place(one), one, now)}
        await self._write()
        if is_news or not self.is_current:
            self.is_current = True
            self._news.set()
            self._news = asyncio.Event()

    async def note(self, told: Mapping[tuple[Key, datetime], Told], notifier: str) -> None:
        """Note what a notifier has told."""
        for place, what in told.items():
            if place in self._held:
                one = self._held[place]
                self._held[place] = replace(one, told={**one.told, notifier: what})
                self._unwritten.add(place)
        await self._write()

    def _is_kept(self, place: tuple[Key, datetime], one: Held, now: datetime) -> bool:
        """An end that the store has not learned is kept: its row would stay open there, and let none begin anew."""
        return is_kept(one, now) or place in self._unwritten

    async def _write(self) -> None:
        places = {place for place in self._unwritten if place in self._held}
        if not places:
            return
        try:
            await self._ledger.note_conditions([self._held[place] for place in places])
        except BadWeather:
            self.is_behind = True  # a condition of its own, which the next look finds
            return
        self.is_behind = False
        self._unwritten -= places


def _place(one: Held) -> tuple[Key, datetime]:
    return one.key, one.began_at


def _differs(before: Held | None, after: Held) -> bool:
    """Whether the store should know: what grows by the minute is written when it is news, and at its end."""
    return before is None or (before.said, before.ended_at, before.told) != (after.said, after.ended_at, after.told)
