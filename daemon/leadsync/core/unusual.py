"""Whether a job brings unusually little or much: judged by the day, against the job's own history.

The rule, in words. The unit is the day on the job's own clock, and what all its runs of that day brought; a day is
judged once the job will not run on it any more. Days on which the last run did not end well tell nothing and are left
out, and so is the oldest day that is known: it is the backlog of a new session. The history of a day are the 28 known
days before it, and with fewer than 7 nothing is said.

*Empty* is what brings nothing for longer than ever. A weekday that was empty three times of four is left out, so a
list that rests at the weekend is not missed on a Saturday. Where the quietest day of the history brought 5 records or
more, one empty day is enough. Where quieter days happen, a row of empty days counts once it is longer than any before
it, and has a chance of less than 1 in 500 by the history's own share of empty days. A holiday is a false alarm, once.

*Little* and *much* are days that lie beyond every day of the history of the same weekday (of all, where it has fewer
than 3), and more than four spreads from its median, counted in doublings. The spread is the median deviation, half a
doubling at least: so nothing between a fourth and four times as much. And 50 records at least must be missing or too
many. Much is counted by the day since the last known one, so that what an outage held back is no surprise. Days whose
run its own limit has cut are left out here. A new level is learned within weeks, as it becomes the history.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from itertools import groupby, pairwise
from statistics import median
from typing import Final

from leadsync.core.conditions import Condition
from leadsync.core.model import Outcome

HISTORY_DAYS: Final = 28
HISTORY_DAYS_MIN: Final = 7
NEVER_QUIET: Final = 5
"""Records: where no day of the history brought fewer, an empty one is no chance."""

CHANCE_MAX: Final = 1 / 500
RESTING_SEEN_MIN: Final = 2
SAME_WEEKDAY_MIN: Final = 3
SPREADS: Final = 4.0
SPREAD_MIN: Final = 0.5
"""In doublings."""

RECORDS_MIN: Final = 50
_TO_DEVIATION: Final = 1.4826
"""From the median of the deviations to a standard deviation, where they are normal."""


@dataclass(frozen=True, slots=True)
class Past:
    """A run that has ended: when it began, how it ended, and how many records it brought."""

    started_at: datetime
    outcome: Outcome
    records: int


@dataclass(frozen=True, slots=True)
class Day:
    """What the runs of a day brought, and how the last of them ended."""

    date: date
    records: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Unusual:
    """What is unusual about a job; `factor` is how much, and grows with it."""

    condition: Condition
    factor: float
    detail: str


def days_of(runs: Iterable[Past], zone: tzinfo, now: datetime) -> list[Day]:
    """Add up runs, in the order in which they ended, by the day on which they began.

    What began ahead of `now` did so by a clock that has been put back since: nobody knows its day.
    """
    by_day: defaultdict[date, list[Past]] = defaultdict(list)
    for run in runs:
        if run.started_at <= now:
            by_day[run.started_at.astimezone(zone).date()].append(run)
    # By date, whatever the clock has done meanwhile: a day has one place, and each comes after the one before it.
    return [Day(day, sum(run.records for run in of_it), of_it[-1].outcome) for day, of_it in sorted(by_day.items())]


def judge(days: Sequence[Day], today: date | None) -> Unusual | None:
    """Say what is unusual about the last day that is over; `today`, if any, may still bring something."""
    known = [day for day in days[1:] if day.outcome.ended_well]
    over = [day for day in known if day.date != today]
    brought = any(day.records for day in known if day.date == today)
    return (None if brought else _empty(over)) or _amount([day for day in over if day.outcome is Outcome.COMPLETE])


def _empty(days: Sequence[Day]) -> Unusual | None:
    row = len(days) - next((at for at in range(len(days), 0, -1) if days[at - 1].records), 0)
    before = days[: len(days) - row][-HISTORY_DAYS:]
    resting = _resting_weekdays(before)
    history = [day.records for day in before if day.date.weekday() not in resting]
    missed = [day for day in days[len(days) - row :] if day.date.weekday() not in resting]
    if not missed or len(history) < HISTORY_DAYS_MIN or not _is_news(history, len(missed)):
        return None
    usual = median(history)
    detail = f"nothing on {_count(missed)} since {missed[0].date}; usually {usual:,.0f} records a day"
    return Unusual(Condition.JOB_EMPTY, float(len(missed)), detail)


def _resting_weekdays(days: Sequence[Day]) -> set[int]:
    """The weekdays that were seen twice or more, and empty three times of four or more."""
    seen = Counter(day.date.weekday() for day in days)
    empty = Counter(day.date.weekday() for day in days if not day.records)
    return {
        weekday for weekday in seen if seen[weekday] >= RESTING_SEEN_MIN and 4 * empty[weekday] >= 3 * seen[weekday]
    }


def _is_news(history: Sequence[int], row: int) -> bool:
    """Whether so many empty days in a row are more than the history makes one expect."""
    if min(history) >= NEVER_QUIET:
        return True
    longest = max(
        (len(list(days)) for empty, days in groupby(history, key=lambda records: not records) if empty), default=0
    )
    share = (sum(not records for records in history) + 1) / (len(history) + 2)
    return row > longest and share**row <= CHANCE_MAX


def _amount(days: Sequence[Day]) -> Unusual | None:
    if not days or not days[-1].records:
        return None  # nothing at all has a rule of its own
    *before, last = days[-HISTORY_DAYS - 1 :]
    if len(before) < HISTORY_DAYS_MIN:
        return None
    rates = [day.records / gap for day, gap in zip(days, _gaps(days), strict=True)][-HISTORY_DAYS - 1 :]
    same = [at for at, day in enumerate(before) if day.date.weekday() == last.date.weekday()]
    sample = same if len(same) >= SAME_WEEKDAY_MIN else range(len(before))
    return _little(last, [before[at].records for at in sample]) or _much(last, rates[-1], [rates[at] for at in sample])


def _little(last: Day, sample: Sequence[int]) -> Unusual | None:
    usual = median(sample)
    if last.records >= min(sample) or usual - last.records < RECORDS_MIN or _spreads(last.records, sample) > -SPREADS:
        return None
    detail = f"{last.records:,} records on {last.date}; usually {usual:,.0f}"
    return Unusual(Condition.JOB_LITTLE, usual / last.records, detail)


def _much(last: Day, rate: float, sample: Sequence[float]) -> Unusual | None:
    usual = median(sample)
    if rate <= max(sample) or rate - usual < RECORDS_MIN or _spreads(rate, sample) < SPREADS:
        return None
    detail = f"{last.records:,} records on {last.date}; usually {usual:,.0f} a day"
    return Unusual(Condition.JOB_MUCH, rate / max(usual, 1.0), detail)


def _spreads(value: float, sample: Sequence[float]) -> float:
    """How many spreads a value lies from the sample's median, in doublings."""
    doublings = [math.log2(1 + one) for one in sample]
    centre = median(doublings)
    spread = max(_TO_DEVIATION * median(abs(one - centre) for one in doublings), SPREAD_MIN)
    return (math.log2(1 + value) - centre) / spread


def _gaps(days: Sequence[Day]) -> list[int]:
    """Days since the known day before each; 1 for the first."""
    return [1, *((day.date - before.date).days for before, day in pairwise(days))]


def _count(days: Sequence[Day]) -> str:
    return "1 day" if len(days) == 1 else f"{len(days)} days"
