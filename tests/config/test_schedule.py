"""When a job runs: what cron(5) means by five fields, and what never fires or means two things is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.config import Schedule, refuse_bad_cron
from leadsync.core.schedule import At, Cron, Every, Times, next_due
from tests.config.files import job, loaded, refused, told, write

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "0 6 * * *",
        "*/20 0-4/2 1,15 jan-MAR *",
        "59 23 * 12 1-5",
        "0 0 * * mon,Fri",
        "0 0 * * 0,7",
        "0 0 29 2 *",
        "0 0 29-31 2,3 *",
        "0 6 1-31 * 0-6",
        "0 6 */1 * mon",
        "0 6 1 * */1",
        "00 06 * * *",
    ],
)
def test_what_cron_understands(text: str) -> None:
    """Lists, ranges, steps and names pass, and have a next time."""
    refuse_bad_cron(text)
    assert next_due(Cron(text, ZoneInfo("UTC")), NOW) is not None


ITEMS = st.sampled_from(["*", "*/1", "*/2", "*/7", "1", "5", "007", "0000000007", "1-5", "1-7/3", "2-2"])
DAYS = ITEMS | st.sampled_from(["0", "0-6", "1-31", "mon", "Fri-sat", "L", "1#2", "15W", "?"])
LISTS = [st.lists(item, min_size=1, max_size=2).map(",".join) for item in (ITEMS, ITEMS, DAYS, ITEMS, DAYS)]


@given(st.tuples(*LISTS).map(" ".join))
def test_a_line_that_passes_can_be_reckoned_with(text: str) -> None:
    """Whatever is not refused here has a next time in core's calculator, and on both kinds of day that are named."""
    try:
        refuse_bad_cron(text)
    except ValueError:
        return
    due_at = next_due(Cron(text, ZoneInfo("UTC")), NOW)
    assert due_at is not None
    for place in (2, 4):  # a day that the line's other fields find is one that this field alone finds as well
        alone = " ".join(field if at in (0, 1, 3, place) else "*" for at, field in enumerate(text.split()))
        assert next_due(Cron(alone, ZoneInfo("UTC")), due_at - timedelta(minutes=1)) == due_at


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
        ("0 6 1-31 * mon", "both"),
        ("0 6 1 * 0-6", "both"),
        ("0 6 31 2,4 *", "never fires"),
        ("0 6 30 feb *", "never fires"),
        ("٣ 6 * * *", "not understood"),
        ("9999999999999999999999 6 * * *", "minute"),
        ("0000000099 6 * * *", "minute"),
    ],
)
def test_what_cannot_be_meant(text: str, reason: str) -> None:
    """Six fields, numbers out of range, days that do not exist and two kinds of day at once name their reason."""
    with pytest.raises(ValueError, match=reason):
        refuse_bad_cron(text)


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
    ("schedule", "times"),
    [
        ('{ cron = "0 6 * * 7", timezone = "America/Phoenix" }', Cron("0 6 * * 7", ZoneInfo("America/Phoenix"))),
        ('{ cron = "0 6 * * 7" }', Cron("0 6 * * 7", ZoneInfo("UTC"))),
        ('{ every = "15m", jitter = "1m" }', Every(timedelta(minutes=15))),
        ("{ at = 2026-12-01T06:00:00-07:00 }", At(datetime(2026, 12, 1, 13, tzinfo=UTC))),
    ],
)
def test_a_schedule_is_handed_on_as_it_was_written(tmp_path: Path, schedule: str, times: Times) -> None:
    """The calculator gets the operator's own numbers and zone, the interval, or the moment."""
    found = loaded(tmp_path, a=job(f"schedule = {schedule}", "buy_again = true")).jobs["a"].schedule
    assert isinstance(found, Schedule)
    assert found.times == times


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
        ("{ at = 0001-01-01T00:00:00+07:00 }", "schedule.at"),
        ("{ at = 9999-12-31T23:59:59-07:00 }", "schedule.at"),
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
