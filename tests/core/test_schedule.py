"""When a job is due: single cases by eye, every line against a watched clock, and slots that are used once each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.schedule import At, Cron, Every, Slot, Times, next_due, plan

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AROUND = 3 * DAY

CHANGES = [
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Europe/Berlin", "2026-03-29T01:00"),
    ("Europe/Berlin", "2026-10-25T01:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),  # by half an hour
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Antarctica/Troll", "2026-03-29T01:00"),  # by two hours
    ("Antarctica/Troll", "2026-10-25T01:00"),
    ("Africa/Cairo", "2026-04-23T22:00"),  # midnight is missing
    ("Africa/Cairo", "2026-10-29T21:00"),  # the last hour of a day comes twice
    ("America/Havana", "2024-03-10T05:00"),  # midnight is missing
    ("America/Havana", "2024-11-03T05:00"),  # the first hour of a day comes twice
    ("America/St_Johns", "2006-04-02T03:31"),  # at a minute past midnight
    ("America/St_Johns", "2006-10-29T02:31"),  # back over midnight
    ("Asia/Pyongyang", "2015-08-14T15:00"),  # back over midnight by half an hour
    ("Asia/Kathmandu", "1985-12-31T18:30"),  # by a quarter of an hour
    ("Pacific/Apia", "2011-12-30T10:00"),  # a whole day is missing
    ("Pacific/Kwajalein", "1993-08-21T12:00"),  # a whole day is missing
    ("Pacific/Kwajalein", "1969-09-30T13:00"),  # 23 hours come twice
]


@dataclass(frozen=True, slots=True)
class Line:
    """A cron line, and what cron(5) says that it means; Sunday is 0."""

    text: str
    minutes: frozenset[int] = frozenset(range(60))
    hours: frozenset[int] = frozenset(range(24))
    days: frozenset[int] = frozenset(range(1, 32))
    months: frozenset[int] = frozenset(range(1, 13))
    weekdays: frozenset[int] = frozenset(range(7))

    def names(self, wall: datetime) -> bool:
        """Say whether this wall time is one of the line's."""
        return (
            wall.minute in self.minutes
            and wall.hour in self.hours
            and wall.day in self.days
            and wall.month in self.months
            and wall.isoweekday() % 7 in self.weekdays
        )


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a wall clock: what it shows, whether for the first time, and the missing time whose turn it is."""

    at: datetime
    wall: datetime
    new: bool
    missing: datetime | None


def utc(text: str) -> datetime:
    """Read a time of the tables."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@cache
def looks(zone: str, change: str) -> tuple[Look, ...]:
    """Watch a zone's clock minute by minute, from three days before a change to three days after."""
    shown: dict[datetime, datetime] = {}
    missing: dict[datetime, datetime] = {}
    found: list[Look] = []
    for minute in range(2 * AROUND // MINUTE):
        at = utc(change) - AROUND + minute * MINUTE
        wall = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        expected = found[-1].wall + MINUTE if found else wall
        missing |= {at + late * MINUTE: expected + late * MINUTE for late in range((wall - expected) // MINUTE)}
        found.append(Look(at, wall, shown.setdefault(wall, at) == at, missing.get(at)))
    return tuple(found)


def watched(line: Line, zone: str, change: str, after: datetime) -> Iterator[datetime]:
    """Yield what is due after a time, as the rules have it in words, by watching the clock."""
    fixed = not line.text.split()[1].startswith("*")
    for look in looks(zone, change):
        named = line.names(look.wall) and (look.new or not fixed)
        made_up = fixed and look.missing is not None and line.names(look.missing)
        if look.at > after and (named or made_up):
            yield look.at


def walked(times: Times, after: datetime, until: datetime) -> list[datetime]:
    """Go from due time to due time."""
    found: list[datetime] = []
    while (due_at := next_due(times, after)) is not None and due_at < until:
        assert due_at > after
        found.append(due_at)
        after = due_at
    return found


@st.composite
def fields(draw: st.DrawFn, low: int, high: int, names: str = "", near: int = 0) -> tuple[str, frozenset[int]]:
    """Draw a field as configuration accepts it, with its numbers; `near` makes numbers around 0 as likely as others."""
    words = {low + place: name for place, name in enumerate(names.split())}
    number = st.integers(low, high) | st.integers(low, near or high)
    texts, numbers = [], set[int]()
    for _ in range(draw(st.integers(1, 3))):
        first, last = sorted((draw(number), draw(number)))
        text = [draw(st.sampled_from((str(end), words.get(end, str(end))))) for end in (first, last)]
        step = draw(st.integers(1, last - first)) if last > first else 1
        texts.append(text[0] if first == last else "-".join(text) + (f"/{step}" if step > 1 else ""))
        numbers |= set(range(first, last + 1, step))
    return ",".join(texts), frozenset(numbers)


def stars(low: int, high: int) -> st.SearchStrategy[tuple[str, frozenset[int]]]:
    """Draw `*`, or a step of it."""
    steps = st.integers(2, high - low).map(lambda step: (f"*/{step}", frozenset(range(low, high + 1, step))))
    return st.just(("*", frozenset(range(low, high + 1)))) | steps


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Draw a line that configuration would accept; most have times on most days."""
    minutes = draw(fields(0, 59) | stars(0, 59))
    hours = draw(fields(0, 23, near=3) | stars(0, 23))
    days = weekdays = months = ("*", frozenset(range(32)))
    match draw(st.sampled_from(("daily", "daily", "days", "weekdays", "months"))):
        case "days":
            days = draw(fields(1, 31) | stars(1, 31))
        case "weekdays":
            text, numbers = draw(fields(0, 7, "sun mon tue WED thu Fri sat") | stars(0, 7))
            weekdays = (text, frozenset(number % 7 for number in numbers))
        case "months":
            months = draw(fields(1, 12, "jan feb mar APR may jun jul aug sep Oct nov dec") | stars(1, 12))
    five = (minutes, hours, days, months, weekdays)
    return Line(" ".join(text for text, _ in five), *(numbers for _, numbers in five))


NEAR_S = st.integers(-36 * 3600, 36 * 3600) | st.integers(-2 * 3600, 2 * 3600)


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_the_clock_changes_where_it_is_watched(zone: str, change: str) -> None:
    """The instants of this file are changes of the clock, so what is compared around them is no ordinary day."""
    before, after = ((utc(change) - late).astimezone(ZoneInfo(zone)).utcoffset() for late in (MINUTE, timedelta(0)))
    assert before != after


@given(lines(), st.sampled_from(CHANGES), NEAR_S)
def test_a_line_is_due_when_a_watched_clock_says_so(line: Line, change: tuple[str, str], near_s: int) -> None:
    """Whatever the line, the zone and the change, the next due time is the one that watching the clock finds."""
    zone, instant = change
    after = utc(instant) + timedelta(seconds=near_s)
    due_at = next_due(Cron(line.text, ZoneInfo(zone)), after)
    seen = next(watched(line, zone, instant, after), None)
    assert due_at is not None
    assert due_at == seen if seen is not None else due_at >= utc(instant) + AROUND


@pytest.mark.parametrize(
    ("line", "zone", "change"),
    [
        (Line("*/15 2 * * *", frozenset({0, 15, 30, 45}), frozenset({2})), *CHANGES[0]),
        (Line("*/15 */2 * * *", frozenset({0, 15, 30, 45}), frozenset(range(0, 24, 2))), *CHANGES[4]),
        (Line("0 */2 * * sun", frozenset({0}), frozenset(range(0, 24, 2)), weekdays=frozenset({0})), *CHANGES[10]),
    ],
)
def test_a_reading_of_another_kind_would_be_noticed(line: Line, zone: str, change: str) -> None:
    """The watched clock agrees with our due times and not with cronsim's own, which differ over these changes."""
    start, end = utc(change) - AROUND, utc(change) + AROUND
    seen = list(watched(line, zone, change, start))
    own = takewhile(lambda due_at: due_at < end, CronSim(line.text, start.astimezone(ZoneInfo(zone))))
    assert walked(Cron(line.text, ZoneInfo(zone)), start, end) == seen
    assert [due_at.astimezone(UTC) for due_at in own] != seen


IN_2026 = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - st.just(UTC)
MOMENTS = IN_2026 | st.builds(
    lambda change, near_s: utc(change[1]) + timedelta(seconds=near_s), st.sampled_from(CHANGES), NEAR_S
)
ANY_TIMES = (
    st.builds(lambda line, change: Cron(line.text, ZoneInfo(change[0])), lines(), st.sampled_from(CHANGES))
    | st.builds(Every, st.timedeltas(timedelta(seconds=1), timedelta(days=3650)))
    | st.builds(At, IN_2026)
)


@given(ANY_TIMES, MOMENTS, st.floats(0, 1, exclude_max=True))
def test_no_due_time_is_skipped(times: Times, after: datetime, part: float) -> None:
    """The next due time lies strictly ahead, and asking again on the way there gives the same."""
    due_at = next_due(times, after)
    if due_at is None:
        assert isinstance(times, At)
        assert times.moment <= after
        return
    assert after < due_at
    assert due_at.tzinfo is UTC
    assert next_due(times, min(after + (due_at - after) * part, due_at - timedelta.resolution)) == due_at


@given(st.integers(1, 10**8), MOMENTS)
def test_an_interval_is_counted_from_the_epoch(interval_s: int, after: datetime) -> None:
    """`every` gives the multiples of the interval since 1970, so a restart does not shift them."""
    due_at = next_due(Every(timedelta(seconds=interval_s)), after)
    assert due_at is not None
    assert due_at.timestamp() % interval_s == 0
    assert timedelta(0) < due_at - after <= timedelta(seconds=interval_s)


@pytest.mark.parametrize(
    ("line", "zone", "after", "due"),
    [
        ("0 6 * * *", "UTC", "2026-11-22T05:59:59", "2026-11-22T06:00"),
        ("0 6 * * *", "UTC", "2026-11-22T05:59:59.999999", "2026-11-22T06:00"),
        ("0 6 * * *", "UTC", "2026-11-22T06:00", "2026-11-23T06:00"),
        ("0 6 * * *", "America/Phoenix", "2026-11-22T06:00", "2026-11-22T13:00"),
        ("*/20 * * * *", "Asia/Kathmandu", "2026-11-22T06:00", "2026-11-22T06:15"),
        ("10,50 8-10/2 * * *", "UTC", "2026-11-22T08:50", "2026-11-22T10:10"),
        ("0 0 29 2 *", "UTC", "2026-11-22T06:00", "2028-02-29T00:00"),
        ("0 0 31 * *", "UTC", "2027-02-01T00:00", "2027-03-31T00:00"),
        ("0 0 * jan-mar/2 *", "UTC", "2026-11-22T06:00", "2027-01-01T00:00"),
        ("0 6 * * 0", "UTC", "2026-11-22T06:00", "2026-11-29T06:00"),
        ("0 6 * * 7", "UTC", "2026-11-22T06:00", "2026-11-29T06:00"),
        ("0 6 * * sun", "UTC", "2026-11-22T06:00", "2026-11-29T06:00"),
        ("0 6 * * 1", "UTC", "2026-11-22T06:00", "2026-11-23T06:00"),
        ("0 6 * * 1-5", "UTC", "2026-11-27T06:00", "2026-11-30T06:00"),
        ("0 6 * * 6", "UTC", "2026-11-22T06:00", "2026-11-28T06:00"),
    ],
)
def test_a_line_is_due(line: str, zone: str, after: str, due: str) -> None:
    """On ordinary days, of which 2026-11-22 is a Sunday: a line, its zone, a time in UTC, and the due time after it."""
    assert next_due(Cron(line, ZoneInfo(zone)), utc(after)) == utc(due)


def test_intervals_and_moments_are_due() -> None:
    """An interval goes by the UTC clock where it divides the day; a moment is due once, whatever its offset."""
    moment = At(datetime.fromisoformat("2026-12-01T06:00:00-07:00"))
    assert next_due(Every(15 * MINUTE), utc("2026-11-22T06:15")) == utc("2026-11-22T06:30")
    assert next_due(Every(6 * HOUR), utc("2026-11-22T06:15")) == utc("2026-11-22T12:00")
    assert next_due(moment, utc("2026-12-01T12:59")) == utc("2026-12-01T13:00")
    assert next_due(moment, utc("2026-12-01T13:00")) is None


DAILY = Cron("0 6 * * *", ZoneInfo("UTC"))
NOON = At(datetime.fromisoformat("2026-11-22T14:00:00+02:00"))


@pytest.mark.parametrize(
    ("what", "planned", "used", "now", "fire"),
    [
        ("none there", "", "", "2026-11-22T05:00", "2026-11-22T06:05"),
        ("none there for now", "", "", "2026-11-22T06:00", "2026-11-23T06:05"),
        ("not due yet", "2026-11-22T06:00", "", "2026-11-22T05:00", "2026-11-22T06:09"),
        ("due, its jitter runs", "2026-11-22T06:00", "", "2026-11-22T06:01", "2026-11-22T06:09"),
        ("a week late", "2026-11-15T06:00", "", "2026-11-22T07:00", "2026-11-15T06:09"),
        ("a week late is one run", "", "2026-11-15T06:00", "2026-11-22T07:00", "2026-11-23T06:05"),
        ("2 h forward", "2026-11-22T06:00", "", "2026-11-22T07:30", "2026-11-22T06:09"),
        ("2 h back", "2026-11-23T06:00", "2026-11-22T06:00", "2026-11-22T05:30", "2026-11-23T06:09"),
        ("2 h back, none there", "", "2026-11-22T06:00", "2026-11-22T05:30", "2026-11-23T06:05"),
        ("2 h back in its jitter", "2026-11-22T06:00", "", "2026-11-22T04:01", "2026-11-22T06:09"),
        ("a year ahead", "2026-11-22T06:00", "", "2027-11-22T08:00", "2026-11-22T06:09"),
        ("put right", "2027-11-23T06:00", "2027-11-22T06:00", "2026-11-22T05:00", "2026-11-22T06:05"),
        ("put right, has run", "2027-11-23T06:00", "2026-11-22T06:00", "2026-11-22T05:00", "2026-11-23T06:05"),
        ("edited", "2026-11-22T09:00", "", "2026-11-22T05:00", "2026-11-22T06:05"),
        ("edited, later", "2026-11-22T05:30", "", "2026-11-22T05:00", "2026-11-22T06:05"),
        ("edited, but due", "2026-11-22T04:00", "", "2026-11-22T05:00", "2026-11-22T04:09"),
        ("used already", "2026-11-22T06:00", "2026-11-22T06:00", "2026-11-22T07:00", "2026-11-23T06:05"),
    ],
)
def test_a_slot_is_planned(what: str, planned: str, used: str, now: str, fire: str) -> None:
    """What is due or wanted stays, nine minutes late as it was drawn; all else is planned anew, with five."""
    present = Slot(utc(planned), utc(planned) + 9 * MINUTE) if planned else None
    had = {utc(used)} if used else set[datetime]()
    slot = plan(DAILY, 10 * MINUTE, present, had, utc(now), 0.5)
    assert slot == Slot(utc(fire).replace(minute=0), utc(fire)), what


@pytest.mark.parametrize(("jitter_m", "late_m"), [(20, 9), (9, 9), (8, 4), (0, 0)])
def test_a_jitter_that_was_made_smaller_holds_at_once(jitter_m: int, late_m: int) -> None:
    """A planned slot that lies further off than its job's jitter now allows is drawn anew; others are left alone."""
    due_at = utc("2026-11-22T06:00")
    present = Slot(due_at, due_at + 9 * MINUTE)
    wanted = Slot(due_at, due_at + late_m * MINUTE)
    assert plan(DAILY, jitter_m * MINUTE, present, (), utc("2026-11-22T05:00"), 0.5) == wanted


@pytest.mark.parametrize("now", ["2026-11-22T11:00", "2026-11-22T12:00", "2027-11-22T12:00"])
def test_a_moment_is_one_slot(now: str) -> None:
    """`at` is planned also where it has passed, and once it was used there is nothing more."""
    slot = Slot(utc("2026-11-22T12:00"), utc("2026-11-22T12:01"))
    assert plan(NOON, 2 * MINUTE, None, (), utc(now), 0.5) == slot
    assert plan(NOON, 2 * MINUTE, slot, (), utc(now), 0.9) == slot
    assert plan(NOON, 2 * MINUTE, None, [slot.due_at], utc(now), 0.5) is None


def test_a_moment_that_was_moved_is_planned_where_it_is_now() -> None:
    """A slot still ahead follows the edited moment; one that has come is run where it was."""
    elsewhere = Slot(utc("2026-11-22T15:00"), utc("2026-11-22T15:00"))
    assert plan(NOON, timedelta(0), elsewhere, (), utc("2026-11-22T14:00"), 0.5) != elsewhere
    assert plan(NOON, timedelta(0), elsewhere, (), utc("2026-11-22T15:00"), 0.5) == elsewhere


JUMPS = st.lists(
    st.timedeltas(timedelta(0), 8 * HOUR)
    | st.timedeltas(-2 * HOUR, 2 * HOUR)
    | st.sampled_from((-365 * DAY, 365 * DAY)),
    max_size=40,
)


@given(ANY_TIMES, st.timedeltas(timedelta(0), HOUR), MOMENTS, JUMPS, st.floats(0, 1, exclude_max=True))
def test_a_slot_is_used_once_however_the_clock_is_put(
    times: Times, jitter: timedelta, now: datetime, jumps: list[timedelta], draw: float
) -> None:
    """No due time runs twice, none before its time, and a plan that nothing has overtaken is not changed."""
    used: list[datetime] = []
    slot = None
    for jump in jumps:
        now += jump
        slot = plan(times, jitter, slot, used, now, draw)
        assert plan(times, jitter, slot, used, now, 1 - draw) == slot
        if slot is None:
            continue
        assert slot.due_at not in used
        assert timedelta(0) <= slot.fire_at - slot.due_at <= jitter
        if slot.fire_at <= now:
            used.append(slot.due_at)
            slot = None
