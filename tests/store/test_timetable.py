"""The slots of a job: each is planned, taken and done once, whatever the clock, the file or a crash does in between."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from leadsync.core.schedule import At, Cron, Every
from leadsync.errors import Bug, StoreFailed
from leadsync.store.ledger import Missed, Planned, Timing
from leadsync.store.tables import Slot
from tests.store.hand import NOW, Hand

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

HOURLY = Timing("phoenix", Every(HOUR), timedelta(0), makes_up=True)
SKIPPING = replace(HOURLY, makes_up=False)


class Times:
    """The timetable of an open store, in the hand of a test; `now` is the wall clock."""

    def __init__(self, file: Path) -> None:
        self.hand = Hand(file)
        self.now = NOW

    def start(self, *timings: Timing) -> list[Missed]:
        """Start leadsync."""
        return self.hand.do(self.hand.ledger.start_slots(timings, self.now, lambda: 0.5))

    def next(self, timing: Timing = HOURLY, draw: float = 0.5) -> Planned:
        """The slot that comes next."""
        slot = self.hand.do(self.hand.ledger.next_slot(timing, self.now, draw))
        assert slot is not None
        return slot

    def take(self, timing: Timing = HOURLY) -> Planned:
        """Wait for the next slot and take it."""
        slot = self.next(timing)
        self.now = max(self.now, slot.fire_at)
        self.hand.do(self.hand.ledger.take_slot(timing, slot, self.now, 0.5))
        return slot

    def finish(self, slot: Planned, retry_at: datetime | None = None) -> None:
        """End its run."""
        self.hand.do(self.hand.ledger.finish_slot(HOURLY, slot, retry_at, unused=False))

    def slots(self) -> list[tuple[Any, ...]]:
        """Hour, cause and state of each slot."""
        rows = self.hand.rows("SELECT due_at, cause, state FROM slot ORDER BY due_at, id")
        return [((datetime.fromisoformat(due).replace(tzinfo=UTC) - NOW) / HOUR, *rest) for due, *rest in rows]


@pytest.fixture
def times(tmp_path: Path) -> Times:
    """A new store."""
    return Times(tmp_path / "leadsync.db")


def test_a_slot_goes_from_planned_over_taken_to_done(times: Times) -> None:
    """When one is taken the next is planned, and there is never more than one to come."""
    assert times.start(HOURLY) == []
    assert times.slots() == [(1, "schedule", "planned")]
    slot = times.take()
    assert times.slots() == [(1, "schedule", "taken"), (2, "schedule", "planned")]
    times.finish(slot)
    assert times.slots() == [(1, "schedule", "done"), (2, "schedule", "planned")]


def test_the_plan_stays_until_it_is_taken(times: Times) -> None:
    """Another look, another draw and another start change neither time nor jitter."""
    timing = replace(HOURLY, jitter=HOUR / 2)
    slot = times.next(timing, draw=0.25)
    assert slot.due_at == NOW + HOUR
    assert slot.fire_at == slot.due_at + HOUR / 8
    assert times.next(timing, draw=0.75) == slot
    times.hand = times.hand.reopened()
    times.start(timing)
    assert times.next(timing, draw=0.75) == slot


def test_another_schedule_is_another_plan(times: Times) -> None:
    """What is still to come follows the job's file; of a job that is gone nothing is to come."""
    times.start(HOURLY, replace(HOURLY, job="tampa"))
    times.start(replace(HOURLY, times=Every(6 * HOUR)))
    assert times.hand.rows("SELECT job, due_at FROM slot") == [("phoenix", "2026-11-02 12:00:00.000000")]


def test_a_slot_is_not_taken_twice(times: Times) -> None:
    """Whoever comes second has a bug, and nothing of what he did is kept."""
    slot = times.take()
    before = times.slots()
    with pytest.raises(Bug, match="is not planned"):
        times.hand.do(times.hand.ledger.take_slot(HOURLY, slot, times.now, 0.5))
    assert times.slots() == before


def test_a_slot_is_not_finished_twice(times: Times) -> None:
    """Nor one that nobody has taken."""
    slot = times.take()
    times.finish(slot)
    for not_taken in (slot, times.next()):
        with pytest.raises(Bug, match="is not taken"):
            times.finish(not_taken)
    assert times.slots() == [(1, "schedule", "done"), (2, "schedule", "planned")]


@pytest.mark.parametrize(
    ("job", "cause", "state", "allowed"),
    [
        ("phoenix", "schedule", "done", False),
        ("phoenix", "schedule", "planned", False),
        ("phoenix", "retry", "planned", True),
        ("tampa", "schedule", "planned", True),
    ],
)
def test_the_store_itself_refuses_a_second_slot_of_one_time(
    times: Times, job: str, cause: str, state: str, allowed: bool
) -> None:
    """Unique per job and due time; a retry stands beside its slot, and other jobs have times of their own."""
    times.take()
    assert inserted(times, job, cause, state, hour=1) is allowed


@pytest.mark.parametrize(
    ("job", "cause", "state", "allowed"),
    [
        ("phoenix", "schedule", "planned", False),
        ("phoenix", "schedule", "taken", True),
        ("phoenix", "retry", "planned", True),
        ("tampa", "schedule", "planned", True),
    ],
)
def test_the_store_itself_refuses_a_second_plan(times: Times, job: str, cause: str, state: str, allowed: bool) -> None:
    """A job has one planned slot of its schedule, and one planned retry."""
    times.start(HOURLY)
    assert inserted(times, job, cause, state, hour=7) is allowed
    if cause == "retry":
        assert inserted(times, job, cause, state, hour=8) is False


def inserted(times: Times, job: str, cause: str, state: str, hour: int) -> bool:
    """Whether the store takes such a row."""
    at = f"2026-11-02 {6 + hour:02}:00:00.000000"
    row = f"'{job}', '{at}', '{at}', '{cause}', '{state}'"
    insert = f"INSERT INTO slot (job, due_at, fire_at, cause, state) VALUES ({row}) RETURNING id"  # noqa: S608 - our own
    try:
        times.hand.rows(insert)
    except StoreFailed:
        return False
    return True


def test_a_retry_comes_before_the_next_time(times: Times) -> None:
    """It is taken and done like a slot, under its own cause, and the schedule stays as it is."""
    times.finish(times.take(), retry_at=times.now + HOUR / 4)
    retry = times.take()
    assert (retry.cause, retry.due_at) == ("retry", NOW + 1.25 * HOUR)
    times.finish(retry)
    assert times.slots() == [(1, "schedule", "done"), (1.25, "retry", "done"), (2, "schedule", "planned")]


def test_the_schedule_makes_a_retry_needless(times: Times) -> None:
    """None is planned where the next time comes first, and one that is late goes with the time that is taken."""
    slot = times.take()
    times.finish(slot, retry_at=NOW + 2.5 * HOUR)
    assert times.slots() == [(1, "schedule", "done"), (2, "schedule", "planned")]
    times.finish(times.take(), retry_at=NOW + 2.5 * HOUR)
    times.now = NOW + 4 * HOUR
    assert times.take().cause == "schedule"
    assert [state for _, cause, state in times.slots() if cause == "retry"] == []


def passed(times: Times) -> None:
    """A time passes while leadsync is down."""
    times.start(HOURLY)
    times.now += 5 * HOUR


def cut_short(times: Times) -> None:
    """A run is cut short, and leadsync is back before the next time."""
    times.take()
    times.now += HOUR / 2


def cut_and_passed(times: Times) -> None:
    """A run is cut short, and times pass while leadsync is down."""
    times.take()
    times.now += 5 * HOUR


@pytest.mark.parametrize(
    ("happens", "timing", "told", "slots"),
    [
        (passed, HOURLY, [(1, False)], [(1, "schedule", "planned")]),
        (passed, SKIPPING, [(1, False)], [(1, "schedule", "skipped"), (6, "schedule", "planned")]),
        (
            cut_short,
            HOURLY,
            [(1, True)],
            [(1, "schedule", "done"), (1.5, "retry", "planned"), (2, "schedule", "planned")],
        ),
        (cut_short, SKIPPING, [(1, True)], [(1, "schedule", "skipped"), (2, "schedule", "planned")]),
        (cut_and_passed, HOURLY, [(1, True), (2, False)], [(1, "schedule", "done"), (2, "schedule", "planned")]),
        (
            cut_and_passed,
            SKIPPING,
            [(1, True), (2, False)],
            [(1, "schedule", "skipped"), (2, "schedule", "skipped"), (7, "schedule", "planned")],
        ),
    ],
)
def test_a_start_settles_what_passed(
    times: Times,
    happens: Callable[[Times], None],
    timing: Timing,
    told: list[tuple[float, bool]],
    slots: list[tuple[Any, ...]],
) -> None:
    """Several times are one; it is made up for or skipped, as the job says, told once, and settled by one start."""
    happens(times)
    missed = times.start(timing)
    assert [((one.due_at - NOW) / HOUR, one.cut_short) for one in missed] == told
    assert {one.made_up for one in missed} == {timing.makes_up}
    assert times.slots() == slots
    if not timing.makes_up:
        assert times.start(timing) == []


def test_a_slot_that_waits_for_its_jitter_is_not_missed(times: Times) -> None:
    """Due, but not yet to be fired: a start in between leaves it alone."""
    timing = replace(SKIPPING, jitter=HOUR / 2)
    slot = times.next(timing)
    times.now = slot.due_at + HOUR / 8
    assert times.start(timing) == []
    assert times.next(timing) == slot


def test_old_slots_are_forgotten_but_never_the_last(times: Times) -> None:
    """After days of hours there are as many rows as the clock may be put back, and the last one stays for years."""
    for _ in range(60):
        times.finish(times.take())
    assert times.slots()[0][0] == 60 - 48
    times.now += 1_000 * DAY
    times.finish(times.take())
    assert [state for _, _, state in times.slots()] == ["done", "planned"]


def test_a_moment_stays_used_for_ever(times: Times) -> None:
    """The one slot of an `at` is never planned anew, after years and under another clock."""
    timing = replace(HOURLY, times=At(NOW + HOUR))
    slot = times.take(timing)
    times.hand.do(times.hand.ledger.finish_slot(timing, slot, None, unused=False))
    for now in (NOW + 1_000 * DAY, NOW, NOW - 30 * DAY):
        times.now = now
        times.hand = times.hand.reopened()
        assert times.start(timing) == []
        assert times.hand.do(times.hand.ledger.next_slot(timing, now, 0.5)) is None


def test_a_moment_that_was_not_used_is_planned_once_more(times: Times) -> None:
    """Its job went in the middle of the run, which had not come to its end, and is back."""
    moment = replace(HOURLY, times=At(NOW + HOUR))
    times.hand.do(times.hand.ledger.finish_slot(moment, times.take(moment), None, unused=True))
    assert times.slots() == []
    assert times.next(moment).due_at == NOW + HOUR


def test_a_moment_of_before_stays_used_where_another_was_not(times: Times) -> None:
    """A job had its only time, got a later one, and went in the middle of that: the first is not run again."""
    first, second = (replace(HOURLY, times=At(NOW + hours * HOUR)) for hours in (1, 2))
    times.finish(times.take(first))
    times.hand.do(times.hand.ledger.finish_slot(second, times.take(second), None, unused=True))
    assert times.hand.do(times.hand.ledger.next_slot(first, times.now, 0.5)) is None
    assert times.next(second).due_at == NOW + 2 * HOUR


def assert_remembered_after_a_month_of_hours(times: Times, moment: Timing) -> None:
    """What is two days old is forgotten then, but not that moment, where the file names it again."""
    times.now += 30 * DAY
    for _ in range(2):
        times.finish(times.take())
    times.start(moment)
    assert times.hand.do(times.hand.ledger.next_slot(moment, times.now, 0.5)) is None


def test_a_moment_is_remembered_through_other_times(times: Times) -> None:
    """A job had its only time, runs every hour for a month, and its file then names that moment again."""
    moment = replace(HOURLY, times=At(NOW + HOUR))
    times.take(moment)
    times.start(HOURLY)  # in the middle of its run
    times.finish(times.take())  # the run that makes up for it
    assert_remembered_after_a_month_of_hours(times, moment)


def test_a_moment_that_an_older_leadsync_has_used_is_remembered(times: Times) -> None:
    """Its store did not say that it was the only time; the first start after the upgrade sees to that."""
    moment = replace(HOURLY, times=At(NOW + HOUR))
    times.finish(times.take(moment))
    times.hand.do(times.hand.writer.write(lambda connection: connection.execute(update(Slot).values(is_only=False))))
    times.start(moment)
    times.start(HOURLY)
    assert_remembered_after_a_month_of_hours(times, moment)


def test_a_cron_that_becomes_another_runs_no_time_twice(times: Times) -> None:
    """The file changes between the run and the next time, to a schedule that names the same time again."""
    first = replace(HOURLY, times=Cron("0 7 * * *", UTC))
    times.hand.do(times.hand.ledger.finish_slot(first, times.take(first), None, unused=False))
    times.now = NOW
    assert times.next(replace(first, times=Cron("0 * * * *", UTC))).due_at == NOW + 2 * HOUR


def test_a_schedule_without_a_next_time_leaves_no_plan(times: Times) -> None:
    """A moment that has had its run, in the place of an interval: what the interval had planned is taken back."""
    at = replace(HOURLY, times=At(NOW))
    times.finish(times.take(at))
    times.next(HOURLY)
    assert times.hand.do(times.hand.ledger.next_slot(at, times.now, 0.5)) is None
    assert [state for *_, state in times.slots()] == ["done"]


def test_a_retry_of_a_clock_that_was_put_back_does_not_wait(times: Times) -> None:
    """It was planned by a clock a month ahead, for a quarter of an hour later: it is due at once."""
    times.now = NOW + 30 * DAY
    times.finish(times.take(), times.now + HOUR / 4)
    times.now = NOW
    retry = times.next()
    assert (retry.cause, retry.fire_at) == ("retry", NOW)


def test_what_a_job_waited_for_runs_it_beside_its_times(times: Times) -> None:
    """Called in between it runs now, and its schedule stays as it is."""
    times.start(HOURLY)
    times.hand.do(times.hand.ledger.call_slot(HOURLY.job, NOW))
    called = times.take()
    assert (called.cause, called.due_at) == ("retry", NOW)
    assert times.slots() == [(0, "retry", "taken"), (1, "schedule", "planned")]
