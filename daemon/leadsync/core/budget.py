"""How many records may still be asked for (P10): what was billed and what open keys have reserved both count."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Limits:
    """An account's budget; None is no limit. Days and months begin at midnight in `zone`; dollars are US dollars."""

    zone: tzinfo
    price: Decimal
    records_day: int | None = None
    records_month: int | None = None
    dollars_day: Decimal | None = None
    dollars_month: Decimal | None = None

    @property
    def unlimited(self) -> bool:
        """Whether there is nothing to add up."""
        limits = (self.records_day, self.records_month, self.dollars_day, self.dollars_month)
        return all(limit is None for limit in limits)


@dataclass(frozen=True, slots=True)
class Spent:
    """What the windows have used, reservations of open keys included."""

    records_day: int = 0
    records_month: int = 0
    dollars_day: Decimal = Decimal(0)
    dollars_month: Decimal = Decimal(0)


def window_starts(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return when the day and the month that `now` lies in began, as aware datetimes in `zone`."""
    day = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return day, day.replace(day=1)


def allowed_take(wanted: int, limits: Limits, spent: Spent) -> tuple[int, str]:
    """Return how many of the `wanted` records may be asked for, and the name of the limit that says so ("" if none)."""
    best, name = wanted, ""
    for left, limit in _left(limits, spent):
        if left < best:
            best, name = max(left, 0), limit
    return best, name


def _left(limits: Limits, spent: Spent) -> list[tuple[int, str]]:
    left: list[tuple[int, str]] = []
    if limits.records_day is not None:
        left.append((limits.records_day - spent.records_day, "records_per_day"))
    if limits.records_month is not None:
        left.append((limits.records_month - spent.records_month, "records_per_month"))
    if limits.dollars_day is not None:
        left.append((_records(limits.dollars_day - spent.dollars_day, limits.price), "dollars_per_day"))
    if limits.dollars_month is not None:
        left.append((_records(limits.dollars_month - spent.dollars_month, limits.price), "dollars_per_month"))
    return left


def _records(dollars: Decimal, price: Decimal) -> int:
    return int(dollars // price) if dollars > 0 else 0
