"""How many records may still be asked for (P10): what was billed and what open keys have reserved both count."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Final

NEARLY: Final = Decimal("0.8")
"""The share of a limit at which a person is warned."""


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
    """What the windows have used."""

    records_day: int = 0
    records_month: int = 0
    dollars_day: Decimal = Decimal(0)
    dollars_month: Decimal = Decimal(0)

    def plus(self, other: "Spent") -> "Spent":
        """Add up two."""
        return Spent(
            self.records_day + other.records_day,
            self.records_month + other.records_month,
            self.dollars_day + other.dollars_day,
            self.dollars_month + other.dollars_month,
        )


@dataclass(frozen=True, slots=True)
class Granted:
    """So many records may be asked for; `nearly` names the limits of which they use the fourth fifth up."""

    take: int
    nearly: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reserved:
    """Nothing is left of this limit, but open keys may give some back."""

    limit: str


@dataclass(frozen=True, slots=True)
class Exhausted:
    """This limit is spent."""

    limit: str


def window_starts(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return when the day and the month that `now` lies in began, as aware datetimes in `zone`."""
    day = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return day, day.replace(day=1)


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a limit is used, in whole percent, and for how many records it has room."""

    limit: str
    percent: int
    left: int

    @property
    def is_nearly_spent(self) -> bool:
        """Whether a person is to be warned; so it is where nothing is left."""
        return self.percent >= NEARLY * 100

    @property
    def is_spent(self) -> bool:
        """Whether no record fits any more."""
        return self.left < 1


def shares(limits: Limits, used: Spent) -> tuple[Share, ...]:
    """Say for each limit how much of it is used."""
    return tuple(
        Share(window.name, int(window.share(0, limits.price) * 100), window.left(limits.price))
        for window in _windows(limits, used)
    )


def grant(wanted: int, limits: Limits, billed: Spent, reserved: Spent) -> Granted | Reserved | Exhausted:
    """Say how many of the `wanted` records may be asked for now.

    `billed` is what pages have cost, `reserved` what open keys may cost yet: it counts until they are answered.
    """
    used = billed.plus(reserved)
    take, limit = allowed_take(wanted, limits, used)
    if take > 0:
        return Granted(take, tuple(_nearly(limits, used, take)))
    left, spent = allowed_take(1, limits, billed)
    return Reserved(limit) if left else Exhausted(spent)


def allowed_take(wanted: int, limits: Limits, spent: Spent) -> tuple[int, str]:
    """Return for how many of the `wanted` records there is room, and the limit that says so ("" if none).

    Where a day's and a month's leave as much, it is the month's: that does not come back tomorrow.
    """
    best, name = wanted, ""
    for window in _windows(limits, spent):
        left = window.left(limits.price)
        if left < best or (name and left == best and window.name.endswith("month")):
            best, name = left, window.name
    return best, name


@dataclass(frozen=True, slots=True)
class _Window:
    """One limit, with what is used of it; in records, or in dollars."""

    name: str
    limit: Decimal
    used: Decimal
    in_dollars: bool

    def left(self, price: Decimal) -> int:
        """In records."""
        left = self.limit - self.used
        return int(left // price if self.in_dollars else left) if left > 0 else 0

    def share(self, take: int, price: Decimal) -> Decimal:
        """How much of it is used once so many records more are."""
        after = self.used + (take * price if self.in_dollars else take)
        return after / self.limit if self.limit else Decimal(1)


def _nearly(limits: Limits, used: Spent, take: int) -> Iterator[str]:
    """Those that this take brings over the mark: said once, also where leadsync is started anew beyond it."""
    price = limits.price
    return (
        window.name for window in _windows(limits, used) if window.share(0, price) < NEARLY <= window.share(take, price)
    )


def _windows(limits: Limits, spent: Spent) -> Iterator[_Window]:
    for name, limit, used in (
        ("records_per_day", limits.records_day, spent.records_day),
        ("records_per_month", limits.records_month, spent.records_month),
        ("dollars_per_day", limits.dollars_day, spent.dollars_day),
        ("dollars_per_month", limits.dollars_month, spent.dollars_month),
    ):
        if limit is not None:
            yield _Window(name, Decimal(limit), Decimal(used), in_dollars=name.startswith("dollars"))
