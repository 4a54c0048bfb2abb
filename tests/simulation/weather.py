"""What befalls requests on their way and at the vendor, drawn per seed at rates of its own, until the weather clears.

To add a fault: the vendor's own are `leadsync.simulator.Fault`; one of the road is a member of `Road`, carried out in
`network.py`. Both are drawn here, and the run fails where one is never met.
"""

import random
from enum import StrEnum
from typing import Final, TypeAlias

from leadsync.simulator import Fault


class Road(StrEnum):
    """What may happen between us and the vendor, beside what the vendor's simulator does itself."""

    LATE = "late"
    """The request arrives long after we have given it up; its reply finds nobody."""
    TWICE = "twice"
    """Somebody in between sends it a second time, later."""
    DRAGGED = "dragged"
    """Its reply takes nearly as long as we wait."""
    OUTAGE = "outage"
    """For minutes nothing gets through at all."""


Fate: TypeAlias = Fault | Road

DRAWN: Final = (*(fault for fault in Fault if fault is not Fault.MALFORMED), Road.LATE, Road.TWICE, Road.DRAGGED)
"""A refusal is not drawn by the request: a vendor that has once answered a key does not call it malformed later."""

ALL: Final = (*Fault, *Road)

FIRST_LOST: Final = 0.15
"""The share of seeds in which the very first page is billed, and its reply is lost: what is learned of the vendor from
the first page must wait then."""

CALM: Final = 0.25
"""The share of seeds without any weather but outages, so that the other trouble is seen alone."""


class Weather:
    """Draws the fate of each request; `clear` ends all trouble."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        kinds = [fate for fate in DRAWN if rng.random() < 0.3]
        self._kinds: list[Fate] = list(kinds)
        self._rate = 0.0 if not kinds or rng.random() < CALM else rng.choice((0.05, 0.2, 0.5))
        self._refusal_rate = rng.choice((0.0, 0.0, 0.05))
        self._first: Fate | None = Fault.CUT_AFTER if rng.random() < FIRST_LOST else None
        self._seen: set[str] = set()
        self._refused: set[str] = set()
        self._is_clear = False
        self.outage = False

    def clear(self) -> None:
        """From now on everything arrives, and is answered."""
        self._is_clear = True
        self.outage = False

    def fate(self, key: str) -> Fate | None:
        """What befalls a request; `key` is '' where it bills nothing."""
        if key in self._refused:
            return Fault.MALFORMED
        if self._is_clear:
            return None
        if self.outage:
            return Road.OUTAGE
        if key and key not in self._seen:
            self._seen.add(key)
            if self._rng.random() < self._refusal_rate:
                self._refused.add(key)
                return Fault.MALFORMED
            if self._first is not None:
                first, self._first = self._first, None
                return first
        return self._rng.choice(self._kinds) if self._rng.random() < self._rate else None
