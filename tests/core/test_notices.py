"""Who is told what, and when: once, in a reminder a day, once at the end, and never at night but for what is urgent."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from leadsync.core.conditions import Condition, Severity
from leadsync.core.notices import Kind, Line, Quiet, Terms, due, message, told_by, try_again_s
from leadsync.core.watch import Held, Key

NOON = datetime(2026, 11, 2, 19, tzinfo=UTC)  # in Phoenix
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PHOENIX = ZoneInfo("America/Phoenix")
TERMS = Terms(Severity.NOTE, DAY, None)
NIGHT = replace(TERMS, quiet=Quiet(time(22), time(7), PHOENIX))

PARKED = Held(Key(Condition.JOB_PARKED, "phoenix"), NOON, 0.0, "refused", 0.0)
SILENT = Held(Key(Condition.VENDOR_SILENT, "main"), NOON, 60.0, "no answer for 1 min", 60.0)
NEARLY = Held(Key(Condition.BUDGET_NEARLY_SPENT, "main"), NOON, 80.0, "80 % of records_per_day", 80.0)


def kinds(held: Held, terms: Terms, now: datetime) -> list[Kind]:
    """What the team is told of one condition now."""
    return [line.kind for line in due([held], "team", terms, now)]


def after(held: Held, kind: Kind, now: datetime, notifier: str = "team") -> Held:
    """The condition once a notifier has told it."""
    told = told_by([Line(kind, held)], notifier, now)
    return replace(held, told={**held.told, notifier: told[held.key, held.began_at]})


def test_a_condition_is_told_once_reminded_daily_and_told_to_be_over() -> None:
    """From its begin to its end: new, still, still, over, and nothing in between or afterwards."""
    story, one = [], PARKED
    for hour in range(60):
        now = NOON + hour * HOUR
        if hour == 55:
            one = replace(one, ended_at=now)
        for kind in kinds(one, TERMS, now):
            story.append((hour, kind))
            one = after(one, kind, now)
    assert story == [(0, Kind.NEW), (24, Kind.STILL), (48, Kind.STILL), (55, Kind.OVER)]


def test_a_passing_cloud_wakes_nobody() -> None:
    """What must last for a while before it matters is not told before that, nor if it ends before."""
    assert kinds(SILENT, TERMS, NOON + 14 * MINUTE) == []
    assert kinds(SILENT, TERMS, NOON + 15 * MINUTE) == [Kind.NEW]
    assert kinds(replace(SILENT, gone_at=NOON + 14 * MINUTE), TERMS, NOON + 16 * MINUTE) == []
    assert kinds(replace(SILENT, ended_at=NOON + 14 * MINUTE), TERMS, NOON + HOUR) == []


def test_what_came_and_went_unheard_is_told_once() -> None:
    """A notifier that could not be reached learns of both in one line."""
    over = replace(SILENT, ended_at=NOON + HOUR)
    assert kinds(over, TERMS, NOON + 2 * HOUR) == [Kind.PASSED]
    assert kinds(after(over, Kind.PASSED, NOON + 2 * HOUR), TERMS, NOON + 3 * HOUR) == []


def test_a_clock_that_is_put_back_leaves_nothing_untold() -> None:
    """What began, was told or ended by a clock a year ahead is told, told again and told to be over all the same."""
    ahead = NOON + 365 * DAY
    silent = replace(SILENT, began_at=ahead)
    assert kinds(silent, TERMS, NOON) == [Kind.NEW]
    known = after(silent, Kind.NEW, ahead)
    assert kinds(known, TERMS, NOON) == [Kind.STILL]
    reminded = after(known, Kind.STILL, NOON)
    assert [kinds(reminded, TERMS, NOON + hours * HOUR) for hours in (23, 24)] == [[], [Kind.STILL]]
    over = replace(silent, ended_at=NOON)
    assert kinds(over, TERMS, NOON) == [Kind.PASSED]
    assert "over after 0 min" in message([Line(Kind.PASSED, over)], NOON)[1]


def test_each_notifier_is_told_for_itself() -> None:
    """What one has told is due at the other as before."""
    assert kinds(after(PARKED, Kind.NEW, NOON, "chief"), TERMS, NOON) == [Kind.NEW]


@pytest.mark.parametrize(
    ("least", "told"),
    [
        (Severity.NOTE, [Condition.JOB_PARKED, Condition.VENDOR_SILENT, Condition.BUDGET_NEARLY_SPENT]),
        (Severity.WARNING, [Condition.JOB_PARKED, Condition.VENDOR_SILENT]),
        (Severity.URGENT, [Condition.JOB_PARKED]),
    ],
)
def test_a_notifier_is_told_what_it_is_for(least: Severity, told: list[Condition]) -> None:
    """What is less severe is not told to it; what is more urgent stands first."""
    lines = due([NEARLY, SILENT, PARKED], "team", replace(TERMS, least=least), NOON + HOUR)
    assert [line.held.key.condition for line in lines] == told


def test_at_night_only_what_is_new_and_urgent() -> None:
    """Reminders, recoveries and warnings wait for the morning, and are one message then."""
    night, morning = NOON + 12 * HOUR, NOON + 19 * HOUR
    known = after(PARKED, Kind.NEW, NOON - DAY)
    assert kinds(PARKED, NIGHT, night) == [Kind.NEW]
    assert kinds(known, NIGHT, night) == []
    assert kinds(replace(known, ended_at=night), NIGHT, night) == []
    assert kinds(SILENT, NIGHT, night) == []
    lines = due([replace(known, ended_at=night), SILENT, NEARLY], "team", NIGHT, morning)
    assert [line.kind for line in lines] == [Kind.NEW, Kind.NEW, Kind.OVER]


@pytest.mark.parametrize(
    ("begin", "end", "quiet"), [(22, 7, [22, 23, 0, 6]), (0, 6, [0, 5]), (13, 15, [13, 14])], ids=str
)
def test_quiet_hours_may_go_over_midnight(begin: int, end: int, quiet: list[int]) -> None:
    """They begin with their first minute, end before their last, and are those of the named clock."""
    hours = Quiet(time(begin), time(end), PHOENIX)
    found = {hour for hour in range(24) if hours.covers(datetime(2026, 11, 2, hour, tzinfo=PHOENIX).astimezone(UTC))}
    assert set(quiet) <= found
    assert len(found) == (end - begin) % 24


def test_what_a_message_says() -> None:
    """One condition is named in the title; several are counted; each line says what to do."""
    title, body = message([Line(Kind.NEW, PARKED)], NOON)
    assert title == "leadsync: new job_parked phoenix"
    assert body == (
        "new job_parked phoenix [urgent], since 2026-11-02 19:00 UTC: the job waits for an answer that only a person"
        " can give, and spends nothing until then (refused). What to do: leadsync status names the reason and the"
        " command that answers it."
    )
    over = replace(SILENT, ended_at=NOON + 3 * HOUR)
    title, body = message([Line(Kind.NEW, PARKED), Line(Kind.OVER, over)], NOON + 4 * HOUR)
    assert title == "leadsync: 1 new, 1 over"
    assert "over vendor_silent main [warning], since 2026-11-02 19:00 UTC, over after 3 h: the vendor answers" in body


def test_a_message_has_an_end_and_nothing_personal() -> None:
    """A hundred conditions are told in twenty lines; what looks like a secret or a person is masked, as in the log."""
    many = [Line(Kind.NEW, replace(PARKED, key=Key(Condition.JOB_OVERDUE, f"job-{number}"))) for number in range(100)]
    _, body = message(many, NOON)
    assert body.count("job_overdue") == 20
    assert "And 80 more" in body
    told = replace(PARKED, detail="see https://x.example.com/hooks/abc, call 602-555-0123, token=abcdef")
    _, body = message([Line(Kind.NEW, told)], NOON)
    assert "abc" not in body
    assert "0123" not in body


def test_a_notifier_that_fails_is_tried_less_and_less_often() -> None:
    """From a minute to an hour."""
    waits = [try_again_s(failures, 0.5) for failures in range(1, 9)]
    assert waits == [60.0, 120.0, 240.0, 480.0, 960.0, 1_920.0, 3_600.0, 3_600.0]
