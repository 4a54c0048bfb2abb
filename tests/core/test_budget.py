"""Budgets: when their windows begin, and that a take never goes beyond what any of them leaves (P10)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.budget import (
    Exhausted,
    Granted,
    Limits,
    Reserved,
    Share,
    Spent,
    allowed_take,
    grant,
    shares,
    window_starts,
)

CENT = Decimal("0.01")
NO_LIMIT = Limits(zone=UTC, price=CENT)
ZONES = ("UTC", "America/Phoenix", "America/New_York", "Asia/Kolkata", "America/Havana", "Africa/Cairo", "Pacific/Apia")


@pytest.mark.parametrize(
    ("zone", "now", "day", "month"),
    [
        ("UTC", "2026-11-15T06:30:00Z", "2026-11-15T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("America/Phoenix", "2026-11-01T06:30:00Z", "2026-10-31T07:00:00Z", "2026-10-01T07:00:00Z"),
        # New York in autumn: the day has 25 hours, the month begins in summer time.
        ("America/New_York", "2026-11-02T04:59:59Z", "2026-11-01T04:00:00Z", "2026-11-01T04:00:00Z"),
        ("America/New_York", "2026-11-02T05:00:00Z", "2026-11-02T05:00:00Z", "2026-11-01T04:00:00Z"),
        # The hour that comes twice belongs to one day.
        ("America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z", "2026-11-01T04:00:00Z"),
        ("America/New_York", "2026-11-01T06:30:00Z", "2026-11-01T04:00:00Z", "2026-11-01T04:00:00Z"),
        # In spring: 23 hours, the month begins in winter time.
        ("America/New_York", "2026-03-09T03:59:59Z", "2026-03-08T05:00:00Z", "2026-03-01T05:00:00Z"),
        ("Asia/Kolkata", "2026-11-01T18:29:59Z", "2026-10-31T18:30:00Z", "2026-10-31T18:30:00Z"),
        # Cairo's summer begins at midnight: the day begins at 01:00, the instant that midnight would have been.
        ("Africa/Cairo", "2026-04-24T10:00:00Z", "2026-04-23T22:00:00Z", "2026-03-31T22:00:00Z"),
        # Havana's midnight comes twice in autumn: the day begins at the first.
        ("America/Havana", "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z", "2026-11-01T04:00:00Z"),
    ],
)
def test_windows_begin_at_the_zones_midnight(zone: str, now: str, day: str, month: str) -> None:
    """A day and a month begin at midnight where the operator is, also over a change of the clocks."""
    starts = window_starts(datetime.fromisoformat(now), ZoneInfo(zone))
    assert [start.astimezone(UTC) for start in starts] == [datetime.fromisoformat(day), datetime.fromisoformat(month)]


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zoned by `timezones`
    st.sampled_from(ZONES),
)
def test_a_window_holds_its_moment(now: datetime, zone: str) -> None:
    """A moment lies in its own day and month, the day in the month, and no day has more than 25 hours."""
    day, month = window_starts(now, ZoneInfo(zone))
    assert month <= day <= now
    assert now - day < timedelta(hours=25)
    assert now - month <= timedelta(days=31, hours=1)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001 - zoned below
def test_one_local_day_has_one_beginning(wall: datetime, zone: str) -> None:
    """Both passages of an hour that comes twice count into the same window: a day's budget is not given out twice."""
    first, second = (wall.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    local = [moment.astimezone(ZoneInfo(zone)).date() for moment in (first, second)]
    if local[0] == local[1]:
        assert window_starts(first, ZoneInfo(zone)) == window_starts(second, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("limits", "spent", "allowed"),
    [
        ({}, {}, (250, "")),
        ({"records_day": 250}, {}, (250, "")),
        ({"records_day": 1_000}, {"records_day": 900}, (100, "records_per_day")),
        ({"records_day": 1_000}, {"records_day": 1_000}, (0, "records_per_day")),
        ({"records_day": 1_000}, {"records_day": 1_200}, (0, "records_per_day")),
        ({"records_month": 60, "records_day": 50}, {}, (50, "records_per_day")),
        ({"records_month": 40, "records_day": 50}, {}, (40, "records_per_month")),
        ({"dollars_day": Decimal("0.50")}, {}, (50, "dollars_per_day")),
        ({"dollars_day": Decimal("0.50")}, {"dollars_day": Decimal("0.495")}, (0, "dollars_per_day")),
        ({"dollars_month": Decimal(10)}, {"dollars_month": Decimal("9.999")}, (0, "dollars_per_month")),
        ({"dollars_month": Decimal(10)}, {"dollars_month": Decimal("9.99")}, (1, "dollars_per_month")),
        ({"dollars_month": Decimal(10)}, {"dollars_month": Decimal(11)}, (0, "dollars_per_month")),
        ({"dollars_month": Decimal(1), "price": Decimal("0.64")}, {}, (1, "dollars_per_month")),
        ({"dollars_month": Decimal(1), "price": Decimal("0.003")}, {}, (250, "")),
        ({"dollars_month": Decimal("0.3"), "price": Decimal("0.1")}, {}, (3, "dollars_per_month")),
        ({"dollars_month": Decimal(0)}, {}, (0, "dollars_per_month")),
    ],
)
def test_what_a_budget_leaves(limits: dict[str, Any], spent: dict[str, Any], allowed: object) -> None:
    """The tightest limit decides and is named; a fraction of a record is none; overspent is nothing, not less."""
    assert allowed_take(250, _limits(**limits), _spent(**spent)) == allowed


def _limits(**given_limits: Any) -> Limits:
    return replace(NO_LIMIT, **given_limits)


def _spent(**given_sums: Any) -> Spent:
    return replace(Spent(), **given_sums)


RECORDS = st.integers(0, 10**7)
DOLLARS = st.decimals(0, 10**6, places=6)


@given(
    wanted=st.integers(1, 500),
    price=st.decimals(Decimal("0.000001"), 10, places=6),
    records=st.tuples(st.none() | RECORDS, st.none() | RECORDS),
    dollars=st.tuples(st.none() | DOLLARS, st.none() | DOLLARS),
    spent=st.builds(Spent, RECORDS, RECORDS, DOLLARS, DOLLARS),
)
def test_a_take_never_goes_beyond_any_limit(
    wanted: int,
    price: Decimal,
    records: tuple[int | None, int | None],
    dollars: tuple[Decimal | None, Decimal | None],
    spent: Spent,
) -> None:
    """0 <= take <= wanted; spent plus take stays within each limit; one record more would not, where one is named."""
    limits = Limits(UTC, price, *records, *dollars)
    take, name = allowed_take(wanted, limits, spent)
    assert 0 <= take <= wanted
    assert not take or _fits(take, limits, spent)
    assert (take < wanted) is bool(name)
    assert not name or not _fits(take + 1, limits, spent)


def _fits(take: int, limits: Limits, spent: Spent) -> bool:
    """Whether so many records more break no limit."""
    uses: list[tuple[Decimal | int | None, Decimal]] = [
        (limits.records_day, Decimal(spent.records_day + take)),
        (limits.records_month, Decimal(spent.records_month + take)),
        (limits.dollars_day, spent.dollars_day + take * limits.price),
        (limits.dollars_month, spent.dollars_month + take * limits.price),
    ]
    return all(limit is None or use <= limit for limit, use in uses)


@pytest.mark.parametrize(
    ("billed", "reserved", "answer"),
    [
        (0, 0, Granted(10)),
        (60, 0, Granted(10)),
        (60, 10, Granted(10, ("records_per_day",))),
        (95, 0, Granted(5)),
        (90, 10, Reserved("records_per_day")),
        (100, 0, Exhausted("records_per_day")),
        (100, 5, Exhausted("records_per_day")),
    ],
)
def test_what_is_reserved_may_come_back(billed: int, reserved: int, answer: object) -> None:
    """What open keys hold is waited for, what was billed is gone; whoever comes to the last fifth is told so, once."""
    limits = replace(NO_LIMIT, records_day=100)
    assert grant(10, limits, Spent(billed, billed), Spent(reserved, reserved)) == answer


@pytest.mark.parametrize(
    ("billed", "reserved", "answer"),
    [
        (Spent(100, 500), Spent(), Exhausted("records_per_month")),
        (Spent(90, 500), Spent(10, 10), Exhausted("records_per_month")),
        (Spent(100, 490), Spent(10, 10), Exhausted("records_per_day")),
        (Spent(90, 490), Spent(10, 10), Reserved("records_per_month")),
    ],
)
def test_the_limit_that_is_named_is_the_one_that_lasts(billed: Spent, reserved: Spent, answer: object) -> None:
    """Nobody is told that tomorrow something is asked for, where the month is spent, or to wait for an open key."""
    limits = replace(NO_LIMIT, records_day=100, records_month=500)
    assert grant(10, limits, billed, reserved) == answer


def test_a_budget_of_nothing_is_exhausted() -> None:
    """Not reserved: nobody's answer brings anything back."""
    limits = replace(NO_LIMIT, dollars_month=Decimal(0))
    assert grant(10, limits, Spent(), Spent()) == Exhausted("dollars_per_month")


@pytest.mark.parametrize("name", ["records_day", "records_month", "dollars_day", "dollars_month"])
def test_one_limit_is_a_limit(name: str) -> None:
    """Only where there is none at all nothing is added up."""
    assert NO_LIMIT.unlimited
    limit: dict[str, Any] = {name: 0}
    assert not replace(NO_LIMIT, **limit).unlimited


@pytest.mark.parametrize(
    ("limits", "spent", "said"),
    [
        ({}, {}, ()),
        ({"records_day": 250}, {"records_day": 199}, (Share("records_per_day", 79, 51),)),
        ({"records_day": 250}, {"records_day": 300}, (Share("records_per_day", 120, 0),)),
        ({"records_day": 0}, {}, (Share("records_per_day", 100, 0),)),
        ({"dollars_month": Decimal(1)}, {"dollars_month": Decimal("0.995")}, (Share("dollars_per_month", 99, 0),)),
        (
            {"records_month": 100, "dollars_day": Decimal(2)},
            {"records_month": 40, "dollars_day": Decimal("0.40")},
            (Share("records_per_month", 40, 60), Share("dollars_per_day", 20, 160)),
        ),
    ],
)
def test_how_much_of_each_limit_is_used(limits: Any, spent: Any, said: tuple[Share, ...]) -> None:
    """Rounded down, so that nothing is called spent that is not; what has no room for one record more is spent."""
    found = shares(replace(NO_LIMIT, **limits), Spent(**spent))
    assert found == said
    assert [share.is_spent for share in found] == [share.left == 0 for share in said]
