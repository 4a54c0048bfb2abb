"""When the slots run out: an even pace gives its day, and no pace gives none."""

from datetime import UTC, date, datetime, timedelta

import pytest

from leadsync.core.pace import Births, cap_reached_on

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)


def every_day(count: int) -> list[datetime]:
    """So many sessions, one a day until now."""
    return [NOW - number * DAY for number in range(count)]


@pytest.mark.parametrize(
    ("births", "used", "day"),
    [
        (Births(every_day(11)), 50, date(2026, 12, 17)),  # 11 in 10 days: 50 more take 45.5
        (Births([NOW - 400 * DAY, *every_day(30)]), 70, date(2026, 12, 2)),  # one a day lately, and an old one
        (Births([NOW - 400 * DAY, *every_day(30)], deleted=15), 70, date(2027, 1, 1)),
        (Births(every_day(11)), 100, date(2026, 11, 2)),
        (Births([]), 120, date(2026, 11, 2)),
    ],
)
def test_the_day(births: Births, used: int, day: date) -> None:
    """So many more at the pace of the last thirty days, what we deleted taken off."""
    assert cap_reached_on(births, used, 100, NOW) == day


@pytest.mark.parametrize(
    "births",
    [
        Births([]),
        Births([NOW - timedelta(hours=3)] * 40),  # a burst of this morning is no pace
        Births([NOW - 400 * DAY] * 40),
        Births(every_day(5), deleted=5),
        Births([NOW + DAY]),  # their clock and ours differ
    ],
)
def test_no_pace(births: Births) -> None:
    """Nothing lately, too little of a past, or no more than what went: nobody knows."""
    assert cap_reached_on(births, 50, 100, NOW) is None


def test_a_slow_pace_names_no_far_century() -> None:
    """Beyond ten years it is no day to plan by."""
    assert cap_reached_on(Births([NOW - 400 * DAY, NOW - DAY]), 2, 1_000, NOW) is None
