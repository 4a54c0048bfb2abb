"""When a job runs: what cron(5) means by five fields, and what never fires or means two things is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from leadsync.config import parse_cron
from tests.config.files import job, loaded, refused, told, write

ALL_DAYS = set(range(1, 32))
ALL_MONTHS = set(range(1, 13))
ALL_WEEKDAYS = set(range(7))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 6 * * *", ({0}, {6}, ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS)),
        ("*/20 0-4/2 1,15 jan-MAR *", ({0, 20, 40}, {0, 2, 4}, {1, 15}, {1, 2, 3}, ALL_WEEKDAYS)),
        ("59 23 * 12 1-5", ({59}, {23}, ALL_DAYS, {12}, {1, 2, 3, 4, 5})),
        ("0 0 * * mon,Fri", ({0}, {0}, ALL_DAYS, ALL_MONTHS, {1, 5})),
        ("0 0 29 2 *", ({0}, {0}, {29}, {2}, ALL_WEEKDAYS)),
        ("0 0 29-31 2,3 *", ({0}, {0}, {29, 30, 31}, {2, 3}, ALL_WEEKDAYS)),
    ],
)
def test_cron_is_spelled_out(text: str, expected: tuple[set[int], ...]) -> None:
    """Lists, ranges, steps and names mean what they mean in cron(5)."""
    cron = parse_cron(text)
    spelled = (cron.minutes, cron.hours, cron.days, cron.months, cron.weekdays)
    assert tuple(map(set, spelled)) == expected


@pytest.mark.parametrize("text", ["0 0 * * 0", "0 0 * * 7", "0 0 * * sun"])
def test_sunday_is_0_7_and_sun(text: str) -> None:
    """Sunday has the numbers that cron gives it, not those of another library."""
    assert parse_cron(text).weekdays == {0}


@pytest.mark.parametrize(
    ("hours", "fixed"), [("6", True), ("6,18", True), ("0-23", True), ("*", False), ("*/4", False)]
)
def test_fixed_hours_are_told_from_running_ones(hours: str, *, fixed: bool) -> None:
    """Only a line with fixed hours is bound to local day-slots."""
    assert parse_cron(f"0 {hours} * * *").hours_fixed is fixed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 6 * *", "five fields"),
        ("0 0 6 * * *", "five fields"),
        ("@daily", "five fields"),
        ("", "five fields"),
        ("60 6 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 6 0 * *", "day of month"),
        ("0 6 32 * *", "day of month"),
        ("0 6 * 13 *", "month"),
        ("0 6 * foo *", "month"),
        ("0 6 * * 8", "day of week"),
        ("0 6 * * L", "day of week"),
        ("0 6 L * *", "day of month"),
        ("0 6 ? * *", "not understood"),
        ("-1 6 * * *", "not understood"),
        ("5/15 6 * * *", "not understood"),
        ("1,,2 6 * * *", "not understood"),
        ("*/0 6 * * *", "step"),
        ("*/60 6 * * *", "step"),
        ("0 18-6 * * *", "backwards"),
        ("0 6 * * fri-mon", "backwards"),
        ("0 6 1 * mon", "both"),
        ("0 6 */2 * 1-5", "both"),
        ("0 6 31 2,4 *", "never fires"),
        ("0 6 30 feb *", "never fires"),
        ("٣ 6 * * *", "not understood"),
        ("9999999999999999999999 6 * * *", "minute"),
    ],
)
def test_what_cannot_be_meant(text: str, reason: str) -> None:
    """Six fields, numbers out of range, days that do not exist and two kinds of day at once name their reason."""
    with pytest.raises(ValueError, match=reason):
        parse_cron(text)


def test_schedules_load(tmp_path: Path) -> None:
    """All three forms load, and UTC and no jitter are what is not said."""
    jobs = loaded(
        tmp_path,
        a=job('schedule = { cron = "0 6 * * *", timezone = "America/Phoenix", jitter = "5m" }'),
        b=job('schedule = { every = "15m" }', 'session = "x"', "buy_again = true"),
        c=job("schedule = { at = 2026-12-01T06:00:00-07:00 }", "buy_again = true"),
        d=job("buy_again = true"),
    ).jobs
    a, b, c = jobs["a"].schedule, jobs["b"].schedule, jobs["c"].schedule
    assert a is not None
    assert (a.cron, a.timezone.key, a.jitter) == ("0 6 * * *", "America/Phoenix", timedelta(minutes=5))
    assert b is not None
    assert (b.every, b.timezone.key, b.jitter) == (timedelta(minutes=15), "UTC", timedelta(0))
    assert c is not None
    assert c.at is not None
    assert c.at.isoformat() == "2026-12-01T06:00:00-07:00"
    assert jobs["d"].schedule is None


@pytest.mark.parametrize(
    ("schedule", "key"),
    [
        ("{}", "schedule"),
        ('"0 6 * * *"', "schedule"),
        ('{ cron = "0 6 * * *", every = "15m" }', "schedule"),
        ('{ every = "0s" }', "schedule.every"),
        ("{ every = 15 }", "schedule.every"),
        ('{ every = "5m", jitter = "6m" }', "schedule"),
        ("{ at = 2026-12-01T06:00:00 }", "schedule.at"),
        ("{ at = 2026-12-01 }", "schedule.at"),
        ('{ at = "2026-12-01T06:00:00-07:00" }', "schedule.at"),
        ('{ cron = "0 6 * * *", timezone = "Mars/Olympus" }', "schedule.timezone"),
        ('{ cron = "0 0 6 * * *" }', "schedule.cron"),
        ('{ cron = ["0 6 * * *"] }', "schedule.cron"),
        ('{ crom = "0 6 * * *" }', "schedule.crom"),
    ],
)
def test_wrong_schedules_are_refused_at_their_key(tmp_path: Path, schedule: str, key: str) -> None:
    """A schedule that is not exactly one usable time is a problem on its line."""
    problems = refused(write(tmp_path, a=job(f"schedule = {schedule}")))
    assert ("a.toml", 2, key) in told(problems)
