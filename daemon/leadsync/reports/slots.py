"""An account's session slots, as `status`, `plan` and `sessions list` show them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from leadsync.core.pace import Births, cap_reached_on
from leadsync.core.slots import Occupancy, Room


def slots_report(holders: Occupancy, waiting: Collection[str], births: Births, now: datetime) -> dict[str, Any]:
    """Return who holds the slots of an account whose list is known; `cap_reached_on` is null without a pace."""
    full_on = cap_reached_on(births, holders.used, holders.room.cap, now)
    return {
        "used": holders.used,
        "cap": holders.room.cap,
        "ours": holders.ours_in_all,
        "foreign": holders.foreign,
        "reserve": holders.room.reserve,
        "free": holders.free,
        "waiting": len(waiting),
        "cap_reached_on": full_on.isoformat() if full_on else None,
    }


def slots_unknown(room: Room, waiting: Collection[str] = ()) -> dict[str, Any]:
    """Return the same where the vendor's list was never had: null is unknown."""
    unknown = dict.fromkeys(("used", "cap", "ours", "foreign", "reserve", "free", "waiting", "cap_reached_on"))
    return {**unknown, "cap": room.cap, "reserve": room.reserve, "waiting": len(waiting)}


def slots_line(slots: Mapping[str, Any]) -> str:
    """Say it in a cell."""
    if slots["used"] is None:
        return f"? of {slots['cap']}"
    return f"{slots['used']} of {slots['cap']}, {slots['free']} free"


def slots_cells(slots: Mapping[str, Any]) -> tuple[object, ...]:
    """Say it in the cells of a table: slots, ours, foreign, waiting, and the day on which all are used."""
    return (slots_line(slots), slots["ours"], slots["foreign"], slots["waiting"], slots["cap_reached_on"] or "unknown")
