"""What is unusual about a job, and what is not: the rule as a table, and how often it cries wolf."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from leadsync.core.conditions import Condition
from leadsync.core.model import Outcome
from leadsync.core.unusual import HISTORY_DAYS, Day, Past, days_of, judge

MONDAY = date(2026, 6, 1)

WEEK = [300, 280, 310, 290, 305, 295, 300]
OFFICE = [300, 280, 310, 290, 305, 0, 0]
WEEKEND_LOW = [300, 280, 310, 290, 305, 20, 22]


def days(*amounts: int, outcome: Outcome = Outcome.COMPLETE) -> list[Day]:
    """Days from a Monday on, after the backlog of the Sunday before."""
    backlog = Day(MONDAY - timedelta(days=1), 40_000, Outcome.COMPLETE)
    return [
        backlog,
        *(Day(MONDAY + timedelta(days=at), amount, outcome) for at, amount in enumerate(amounts)),
    ]


def verdict(*amounts: int) -> Condition | None:
    """What is said of the last of these days, once it is over."""
    found = judge(days(*amounts), None)
    return found.condition if found else None


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        pytest.param([*WEEK, 290], None, id="as ever"),
        pytest.param([*WEEK[:6], 0], None, id="fewer than seven days tell nothing"),
        pytest.param([*WEEK, 0], Condition.JOB_EMPTY, id="never empty: the first empty day"),
        pytest.param([*WEEK, 0, 0, 0], Condition.JOB_EMPTY, id="and it stays so"),
        pytest.param([*WEEK, 0, 0, 0, 250], None, id="until something comes"),
        pytest.param([*OFFICE * 2, *OFFICE[:5], 0], None, id="a Saturday that rests"),
        pytest.param([*OFFICE * 3], None, id="a Sunday that rests"),
        pytest.param([*OFFICE * 3, 0], Condition.JOB_EMPTY, id="the Monday after it"),
        pytest.param([*OFFICE, *OFFICE[:5], 0], None, id="the second Saturday, as the first"),
        pytest.param([3, 0, 2, 1, 0, 0, 4, 2, 0, 1, 0], None, id="a small list has empty days"),
        pytest.param([3, 0, 2, 1, 0, 0, 4, 2, 0, 1, 3, 2, 1, *[0] * 5], None, id="and longer rows of them by chance"),
        pytest.param([3, 0, 2, 1, 0, 0, 4, 2, 0, 1, 3, 2, 1, *[0] * 6], Condition.JOB_EMPTY, id="but not for ever"),
        pytest.param([2, 1, 3, 2, 4, 1, 2] * 4 + [0], None, id="few, and never none: a day may be chance"),
        pytest.param([2, 1, 3, 2, 4, 1, 2] * 4 + [0, 0], Condition.JOB_EMPTY, id="two are not"),
        pytest.param([*WEEK, 100], None, id="a third of it"),
        pytest.param([*WEEK, 40], Condition.JOB_LITTLE, id="an eighth of it"),
        pytest.param([*WEEK, 900], None, id="three times as much"),
        pytest.param([*WEEK, 3_000], Condition.JOB_MUCH, id="ten times as much"),
        pytest.param([*WEEKEND_LOW * 4, *WEEKEND_LOW[:5], 17], None, id="a Saturday among Saturdays"),
        pytest.param([*WEEKEND_LOW * 4, 20], Condition.JOB_LITTLE, id="a Monday like a Saturday"),
        pytest.param([*WEEKEND_LOW * 4, *WEEKEND_LOW[:5], 300], Condition.JOB_MUCH, id="a Saturday like a Monday"),
        pytest.param([3, 1, 2, 4, 2, 3, 1, 2, 40], None, id="forty are no matter"),
        pytest.param([*WEEK * 2, *[3_000] * 14], None, id="a new level is learned"),
    ],
)
def test_the_rule(amounts: list[int], said: Condition | None) -> None:
    """A day is held against the job's own days, weekdays against weekdays."""
    assert verdict(*amounts) is said


def test_what_it_says() -> None:
    """A person reads how long, since when, and what was usual."""
    found = judge(days(*WEEK, 0, 0, 0), None)
    assert found is not None
    assert (found.factor, found.detail) == (3.0, "nothing on 3 days since 2026-06-08; usually 300 records a day")
    found = judge(days(*WEEK, 3_000), None)
    assert found is not None
    assert found.detail == "3,000 records on 2026-06-08; usually 300 a day"


def test_a_day_that_is_not_over_is_not_judged() -> None:
    """An hourly job has brought nothing at one o'clock; what it brings ends a row of empty days at once."""
    today = MONDAY + timedelta(days=8)
    assert judge(days(*WEEK, 290, 0), today) is None
    assert judge(days(*WEEK, 0, 0), today) is not None
    assert judge(days(*WEEK, 0, 5), today) is None
    assert judge(days(*WEEK, 290, 5_000), today) is None


def test_days_that_ended_badly_tell_nothing() -> None:
    """An outage is no empty day, and what comes in one go after a week of it is no flood."""
    failed = [Day(MONDAY + timedelta(days=at), 0, Outcome.FAILED) for at in range(28, 35)]
    after = Day(MONDAY + timedelta(days=35), 2_100, Outcome.COMPLETE)
    known = days(*WEEK * 4)
    assert judge([*known, *failed], None) is None
    assert judge([*known, *failed, after], None) is None
    assert judge([*known, Day(after.date - timedelta(days=7), 2_100, Outcome.COMPLETE)], None) is not None


def test_a_run_that_its_limit_has_cut_is_not_empty_and_not_measured() -> None:
    """A backlog that comes in slices is no usual day; that it came at all is known."""
    cut = days(*[5_000] * 10, outcome=Outcome.LIMITED)
    later = [Day(MONDAY + timedelta(days=10 + at), 50, Outcome.COMPLETE) for at in range(10)]
    assert judge(cut, None) is None
    assert [judge([*cut, *later[: at + 1]], None) for at in range(10)] == [None] * 10
    assert judge([*cut, Day(MONDAY + timedelta(days=10), 0, Outcome.COMPLETE)], None) is not None


def test_a_weekly_job_has_weeks_for_days() -> None:
    """The unit is the day on which it ran, so seven weeks are its history."""
    weekly = [
        Day(MONDAY + timedelta(weeks=at), amount, Outcome.COMPLETE) for at, amount in enumerate([9_000, *WEEK, 0])
    ]
    found = judge(weekly, None)
    assert found is not None
    assert found.condition is Condition.JOB_EMPTY
    assert judge(weekly[:-2] + weekly[-1:], None) is None


def test_days_are_those_of_the_jobs_clock() -> None:
    """Runs are added up by local days; the last of a day says how it ended."""
    start = datetime(2026, 6, 2, 5, tzinfo=UTC)  # 22:00 of the first, in Phoenix
    runs = [
        Past(start, Outcome.COMPLETE, 5),
        Past(start + timedelta(hours=1), Outcome.FAILED, 2),
        Past(start + timedelta(hours=3), Outcome.COMPLETE, 7),
    ]
    first, second = days_of(runs, ZoneInfo("America/Phoenix"), runs[-1].started_at)
    assert (first, second) == (
        Day(date(2026, 6, 1), 7, Outcome.FAILED),
        Day(date(2026, 6, 2), 7, Outcome.COMPLETE),
    )


@pytest.mark.parametrize("ahead", [timedelta(days=30), timedelta(days=1)], ids=["ahead of now", "by a day, long ago"])
def test_a_clock_that_was_ahead_leaves_each_day_in_its_place(ahead: timedelta) -> None:
    """In the midst of a day it showed another and a run failed by it; the watch lives on, and judges the days."""
    start = datetime(2026, 6, 1, 6, tzinfo=UTC)
    usual = [Past(start + timedelta(days=at), Outcome.COMPLETE, 300) for at in range(16)]
    wrong = Past(usual[9].started_at + ahead, Outcome.FAILED, 0)
    right = Past(usual[9].started_at + timedelta(hours=1), Outcome.COMPLETE, 20)
    runs = [*usual[:10], wrong, right, *usual[10:], Past(start + timedelta(days=16), Outcome.COMPLETE, 3_000)]
    known = days_of(runs, UTC, runs[-1].started_at)
    assert [day.date for day in known] == [MONDAY + timedelta(days=at) for at in range(17)]
    assert (known[9].records, known[10].outcome) == (320, Outcome.COMPLETE)
    found = judge(known, None)
    assert found is not None
    assert found.condition is Condition.JOB_MUCH


def rhythms(dice: random.Random) -> Iterator[tuple[str, list[int]]]:
    """Two years of jobs of different kinds in which nothing ever goes wrong."""

    def busy(mean: float) -> int:
        return max(0, round(dice.gauss(mean, mean**0.5 + mean / 5)))

    def poisson(mean: float) -> int:
        return sum(dice.random() < mean / 1000 for _ in range(1000))

    for _ in range(4):
        yield "hundreds a day", [busy(300) for _ in range(730)]
        yield "office days", [busy(300) if at % 7 < 5 else 0 for at in range(730)]
        yield "less at weekends", [busy(300 if at % 7 < 5 else 20) for at in range(730)]
        yield "some a day", [poisson(6) for _ in range(730)]
        yield "one every other day", [poisson(0.5) for _ in range(730)]
        yield "by the season", [busy(200 + 150 * ((at // 90) % 3)) for at in range(730)]


def test_how_often_it_cries_wolf(record_property: Callable[[str, object], None]) -> None:
    """Of jobs of six kinds with which nothing is wrong, none is called unusual more than twice a year, most never."""
    false_alarms: dict[str, list[int]] = {}
    for kind, amounts in rhythms(random.Random(11)):  # noqa: S311 - the same jobs in every run
        known = days(*amounts)
        said = [judge(known[max(0, at - HISTORY_DAYS * 2) : at], None) for at in range(8, len(known) + 1)]
        begins = sum(now is not None and before is None for before, now in zip([None, *said], said, strict=False))
        false_alarms.setdefault(kind, []).append(begins)
    years = {kind: sum(counts) / len(counts) / 2 for kind, counts in false_alarms.items()}
    record_property("false alarms a job and year", years)
    assert max(years.values()) <= 2
