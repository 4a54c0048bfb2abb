"""When a job runs: five cron fields, an interval, or one moment; what cannot ever fire is refused here.

A line that passes goes to core's calculator as it was written: numbers and names are those of cron(5) in both, Sunday
is 0 or 7, so nothing is translated. What the two could read differently is refused.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, model_validator

from leadsync.config.section import Section
from leadsync.config.units import Duration, PositiveDuration, Zone
from leadsync.config.wording import quoted, shown
from leadsync.core.schedule import At, Cron, Every, Times

ITEM = re.compile(
    r"(?P<all>\*)(?:/(?P<step>\d{1,4}))?|(?P<low>\w+)(?:-(?P<high>\w+)(?:/(?P<stride>\d{1,4}))?)?", re.ASCII
)
DIGITS_MAX = 9  # int() itself gives up at thousands, in words of its own
YEARS = range(2000, 2200)
LONGEST_MONTH_DAY = {month: calendar.monthrange(2024, month)[1] for month in range(1, 13)}  # a leap year


@dataclass(frozen=True, slots=True)
class CronField:
    """One of the five places of a cron line: its name, its range, the names that may stand for numbers."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


MINUTE = CronField("minute", 0, 59)
HOUR = CronField("hour", 0, 23)
DAY = CronField("day of month", 1, 31)
MONTH = CronField("month", 1, 12, ("", *(name.lower() for name in calendar.month_abbr[1:])))
WEEKDAY = CronField("day of week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


def refuse_bad_cron(text: str) -> None:
    """Refuse what are not five usable cron fields; the ValueError says in one line which cannot be used and why."""
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise ValueError(
            f"must have five fields (minute, hour, day of month, month, day of week), not {len(fields)}: "
            f'write for example "0 6 * * *"'
        )
    _minutes, _hours, days, months, weekdays = map(_numbers, FIELDS, fields)
    if _both_restricted(fields[2], days, fields[4], weekdays):
        raise ValueError(
            "restricts both the day of month and the day of week: cron would run on either, other schedulers "
            "on both at once, so leave one of them *"
        )
    if not any(day <= LONGEST_MONTH_DAY[month] for day in days for month in months):
        raise ValueError("never fires: those months have no such day")


def _both_restricted(days_text: str, days: frozenset[int], weekdays_text: str, weekdays: frozenset[int]) -> bool:
    """Cron goes by the `*`, not by what a list leaves out: to it `1-31` and `mon` are either of two, so every day."""
    restricted = (len(days) < DAY.high, len({day % 7 for day in weekdays}) < WEEKDAY.high)
    starred = days_text.startswith("*") or weekdays_text.startswith("*")
    return all(restricted) or (any(restricted) and not starred)


def _numbers(field: CronField, text: str) -> frozenset[int]:
    return frozenset(number for item in text.split(",") for number in _item(field, item))


def _item(field: CronField, text: str) -> range:
    found = ITEM.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{field.name} {quoted(text)} is not understood: write *, */2, 5, 1-5, 1-5/2 or a list of those"
        )
    if found["all"]:
        return _stepped(field, range(field.low, field.high + 1), found["step"])
    low = _number(field, found["low"])
    high = _number(field, found["high"]) if found["high"] else low
    if high < low:
        raise ValueError(f"{field.name} {quoted(text)} runs backwards: write the two ends as a list of ranges")
    return _stepped(field, range(low, high + 1), found["stride"])


def _stepped(field: CronField, numbers: range, step: str | None) -> range:
    if step is None:
        return numbers
    if not 0 < int(step) < len(numbers):
        raise ValueError(f"{field.name} step /{step} does not fit into its range of {len(numbers)}")
    return numbers[:: int(step)]


def _number(field: CronField, text: str) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower())
    if text.isdigit() and len(text) <= DIGITS_MAX and field.low <= int(text) <= field.high:
        return int(text)
    hint = f" or a name such as {field.names[1]}" if field.names else ""
    raise ValueError(f"{field.name} {quoted(text)} is not a number from {field.low} to {field.high}{hint}")


def _cron_text(value: str) -> str:
    refuse_bad_cron(value)
    return value


def _moment(value: object) -> object:
    if isinstance(value, datetime) and value.tzinfo is not None:
        if value.year not in YEARS:
            raise ValueError(f"must lie between {YEARS[0]} and {YEARS[-1]}, not in {value.year}")
        return value
    example = "2026-12-01T06:00:00-07:00"
    raise ValueError(f"must be a date and time with its offset, without quotes, such as {example}, not {shown(value)}")


class Schedule(Section):
    """When a job runs; exactly one of cron, every and at."""

    cron: Annotated[str, AfterValidator(_cron_text)] | None = None
    """Five fields: minute, hour, day of month, month, day of week; the clock is that of `timezone`."""

    every: PositiveDuration | None = None
    """An interval of real time, at least one second."""

    at: Annotated[datetime, BeforeValidator(_moment)] | None = None
    """One moment, with its offset from UTC."""

    timezone: Zone = ZoneInfo("UTC")
    """The time zone in which the cron fields are meant."""

    jitter: Duration = timedelta(0)
    """The start is put off by a random time up to this, so that jobs do not all start at the full hour."""

    @property
    def times(self) -> Times:
        """The one of cron, every and at that is given, as core's calculator takes it."""
        [times] = self._given()
        return times

    def _given(self) -> Iterator[Times]:
        if self.cron is not None:
            yield Cron(self.cron, self.timezone)
        if self.every is not None:
            yield Every(self.every)
        if self.at is not None:
            yield At(self.at)

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        given = len([*self._given()])
        if given != 1:
            raise ValueError(f"must have exactly one of cron, every and at, not {given}")
        if self.every is not None and self.jitter > self.every:
            raise ValueError("has a jitter longer than its interval")
        return self
