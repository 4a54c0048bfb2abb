"""Lines over changes of the clock, in tables to check by eye; the changes are past, so no law will move them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from leadsync.core.schedule import Cron, next_due

# Zone, day of the change, what the clock does; the fixed line, and its instant on that day in UTC; how often the
# fixed line, `0 * * * *` and `*/15 * * * *` are due in the week (168 hours, 672 quarters, if nothing changes).
WEEKS = [
    ("America/Phoenix", "2026-03-08", "nothing", "30 2 * * *", "2026-03-08T09:30", (7, 168, 672)),
    ("America/Phoenix", "2026-11-01", "nothing", "30 1 * * *", "2026-11-01T08:30", (7, 168, 672)),
    ("America/New_York", "2026-03-08", "02:00 to 03:00", "30 2 * * *", "2026-03-08T07:30", (7, 167, 668)),
    ("America/New_York", "2026-11-01", "02:00 to 01:00", "30 1 * * *", "2026-11-01T05:30", (7, 169, 676)),
    ("Europe/London", "2026-03-29", "01:00 to 02:00", "30 1 * * *", "2026-03-29T01:30", (7, 167, 668)),
    ("Europe/London", "2026-10-25", "02:00 to 01:00", "30 1 * * *", "2026-10-25T00:30", (7, 169, 676)),
    ("Europe/Berlin", "2026-03-29", "02:00 to 03:00", "30 2 * * *", "2026-03-29T01:30", (7, 167, 668)),
    ("Europe/Berlin", "2026-10-25", "03:00 to 02:00", "30 2 * * *", "2026-10-25T00:30", (7, 169, 676)),
    # Half an hour: no 02:00 in spring, so an hour less; no full hour comes twice in autumn, but two quarters do.
    ("Australia/Lord_Howe", "2026-10-04", "02:00 to 02:30", "15 2 * * *", "2026-10-03T15:45", (7, 167, 670)),
    ("Australia/Lord_Howe", "2026-04-05", "02:00 to 01:30", "45 1 * * *", "2026-04-04T14:45", (7, 168, 674)),
    # At midnight; Cuba changed its mind about autumn 2026.
    ("America/Havana", "2024-03-10", "00:00 to 01:00", "30 0 * * *", "2024-03-10T05:30", (7, 167, 668)),
    ("America/Havana", "2024-11-03", "01:00 to 00:00", "30 0 * * *", "2024-11-03T04:30", (7, 169, 676)),
]


def due(line: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """Return all due times from `start` until before `end`."""
    found = [start - timedelta.resolution]
    while (due_at := next_due(Cron(line, ZoneInfo(zone)), found[-1]) or end) < end:
        assert due_at > found[-1]
        found.append(due_at)
    return found[1:]


def midnight(zone: str, day: datetime) -> datetime:
    """Return when a day begins."""
    return day.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(("zone", "day", "clock", "fixed", "instant", "counts"), WEEKS)
def test_a_week_with_a_change(
    zone: str, day: str, clock: str, *, fixed: str, instant: str, counts: tuple[int, int, int]
) -> None:
    """A fixed hour is due once on each of the seven days, whatever the clock does; `*` follows real time."""
    start, end = (midnight(zone, datetime.fromisoformat(day) + timedelta(days=days)) for days in (-3, 4))
    lines = (fixed, "0 * * * *", "*/15 * * * *")
    assert tuple(len(due(line, zone, start, end)) for line in lines) == counts, clock
    on_the_day = [midnight(zone, datetime.fromisoformat(day) + timedelta(days=days)) for days in (0, 1)]
    assert due(fixed, zone, *on_the_day) == [datetime.fromisoformat(instant).replace(tzinfo=UTC)]


@pytest.mark.parametrize(
    ("line", "zone", "after", "then"),
    [
        # 02:00 and 02:30 are missing: an hour later, and one slot with 03:00 and 03:30 where the line names those too.
        ("30 2 * * *", "America/New_York", "2026-03-08T06:00", "2026-03-08T07:30"),
        ("0,30 2,3 * * *", "America/New_York", "2026-03-08T06:00", "2026-03-08T07:00"),
        ("0,30 2,3 * * *", "America/New_York", "2026-03-08T07:00", "2026-03-08T07:30"),
        ("0,30 2,3 * * *", "America/New_York", "2026-03-08T07:30", "2026-03-09T06:00"),
        ("45 2-3 * * *", "America/New_York", "2026-03-08T06:00", "2026-03-08T07:45"),
        # 02:50 comes at 03:50, also where it is asked for at 03:10.
        ("50 2 * * *", "America/New_York", "2026-03-08T07:10", "2026-03-08T07:50"),
        ("30 * * * *", "America/New_York", "2026-03-08T06:30", "2026-03-08T07:30"),
        ("30 */2 * * *", "America/New_York", "2026-03-08T05:30", "2026-03-08T08:30"),
        # 01:30 comes twice: at the first of the two alone, unless the line runs on real time.
        ("30 1 * * *", "America/New_York", "2026-11-01T05:00", "2026-11-01T05:30"),
        ("30 1 * * *", "America/New_York", "2026-11-01T05:30", "2026-11-02T06:30"),
        ("30 0-23 * * *", "America/New_York", "2026-11-01T05:30", "2026-11-01T07:30"),
        ("30 * * * *", "America/New_York", "2026-11-01T05:30", "2026-11-01T06:30"),
        # No 30 December: its 06:00 comes at 06:00 of the 31st, together with that day's own.
        ("0 6 * * *", "Pacific/Apia", "2011-12-29T16:00", "2011-12-30T16:00"),
        ("0 6 * * *", "Pacific/Apia", "2011-12-30T16:00", "2011-12-31T16:00"),
        ("0 6 30 12 *", "Pacific/Apia", "2011-12-29T16:00", "2011-12-30T16:00"),
        ("0 20 30 12 *", "Pacific/Apia", "2011-12-31T05:00", "2011-12-31T06:00"),
        ("0 */6 30 * *", "Pacific/Apia", "2011-12-29T16:00", "2012-01-29T10:00"),
    ],
)
def test_a_line_over_a_change(line: str, zone: str, after: str, then: str) -> None:
    """A line, its zone, a time in UTC, and the due time after it in UTC: each missing or doubled time in its place."""
    at, expected = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (after, then))
    assert next_due(Cron(line, ZoneInfo(zone)), at) == expected
