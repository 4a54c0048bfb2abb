"""No due time of a schedule is ever taken twice: whatever the clock does, however often leadsync dies, in any order."""

from collections.abc import Iterator
from datetime import UTC, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.schedule import At, Cron, Every, Times
from leadsync.store.ledger import Planned, Timing
from tests.store.hand import NOW, Hand

SCHEDULES: tuple[Times, ...] = (
    Every(timedelta(minutes=40)),
    Every(timedelta(hours=6)),
    Cron("30 1 * * *", ZoneInfo("America/New_York")),
    Cron("*/15 * * * *", ZoneInfo("America/New_York")),
    Cron("0 0 1 * *", UTC),
    At(NOW + timedelta(hours=1)),
)
PUT_BACK_MAX = timedelta(days=2)
"""In all: the store remembers so long what was taken."""

STEPS = st.one_of(
    st.integers(1, 8).map(lambda times: ("sleep", times)),
    st.floats(0, 2).map(lambda hours: ("retry", hours)),
    st.just(("kill", 0)),
    st.integers(0, len(SCHEDULES) - 1).map(lambda number: ("edit", number)),
    st.integers(1, 200).map(lambda hours: ("put on", hours)),
    st.floats(0.25, 48).map(lambda hours: ("put back", hours)),
)


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """One store for all examples; each is a job of its own in it."""
    hand = Hand(Path(tmp_path_factory.mktemp("slots") / "leadsync.db"))
    yield hand
    hand.close()


class Keeper:
    """Keeps the times of one job, as the daemon does, one step after another."""

    def __init__(self, hand: Hand, job: str, jitter: timedelta, *, makes_up: bool) -> None:
        self._hand, self._job, self._jitter, self._makes_up = hand, job, jitter, makes_up
        self._number = 0
        self._running: Planned | None = None
        self.now = self.latest = NOW
        self.taken: list[Planned] = []
        self._start()

    def step(self, what: str, how: float) -> None:
        """Do one thing."""
        match what:
            case "sleep":
                for _ in range(int(how)):
                    self._sleep()
            case "retry":
                self._end(timedelta(hours=how))
            case "kill":
                self._start()
            case "edit":
                self._number = int(how)
                self._start()
            case "put on":
                self.now += timedelta(hours=how)
            case "put back":
                self.now = max(self.now - timedelta(hours=how), self.latest - PUT_BACK_MAX)
        self.latest = max(self.latest, self.now)

    @property
    def _timing(self) -> Timing:
        return Timing(self._job, SCHEDULES[self._number], self._jitter, makes_up=self._makes_up)

    def _start(self) -> None:
        self._running = None
        self._hand.do(self._hand.ledger.start_slots([self._timing], self.now, lambda: 0.5))

    def _next(self) -> Planned | None:
        return self._hand.do(self._hand.ledger.next_slot(self._timing, self.now, 0.5))

    def _sleep(self) -> None:
        """End the run, wait for the next slot, and take it."""
        self._end(None)
        slot = self._next()
        if slot is not None:
            self.now = max(self.now, slot.fire_at)
            self._hand.do(self._hand.ledger.take_slot(self._timing, slot, self.now, 0.5))
            self._running = slot
            self.taken.append(slot)

    def _end(self, retry_in: timedelta | None) -> None:
        if self._running is not None:
            retry_at = self.now + retry_in if retry_in is not None else None
            self._hand.do(self._hand.ledger.finish_slot(self._timing, self._running, retry_at, unused=False))
            self._running = None


NAMES = count()


@given(
    steps=st.lists(STEPS, max_size=15),
    jitter=st.sampled_from([timedelta(0), timedelta(minutes=20)]),
    makes_up=st.booleans(),
)
def test_no_time_of_a_schedule_is_taken_twice(
    hand: Hand, steps: list[tuple[str, float]], jitter: timedelta, makes_up: bool
) -> None:
    """Neither by a clock that is put back, nor a file that is edited, nor a process that dies."""
    keeper = Keeper(hand, f"job-{next(NAMES)}", jitter, makes_up=makes_up)
    for what, how in [*steps, ("sleep", 3)]:
        keeper.step(what, how)
    due = [slot.due_at for slot in keeper.taken if slot.cause == "schedule"]
    assert len(set(due)) == len(due)
