"""When the team's session slots run out, if they go on filling as they did lately."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(days=30)
"""What counts as lately."""

SPAN_MIN: Final = timedelta(days=1)
"""A pace that is younger than this is none."""

HORIZON: Final = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Births:
    """When each session that lives was made, and how many older than the window we have deleted in it.

    What others deleted is not known, so the day comes rather too early than too late.
    """

    created: Collection[datetime] = ()
    deleted: int = 0


def cap_reached_on(births: Births, used: int, cap: int, now: datetime) -> date | None:
    """Return the day on which all slots are used at the present pace; None where there is no pace."""
    if used >= cap:
        return now.date()
    span = min(WINDOW, now - min(births.created, default=now))
    grown = sum(at > now - WINDOW for at in births.created) - births.deleted
    if span < SPAN_MIN or grown <= 0:
        return None
    left = span * ((cap - used) / grown)
    return (now + left).date() if left <= HORIZON else None
