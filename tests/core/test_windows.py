"""The windows of a large one-shot: one after another until `skip` is proven, never twice, and an end in any weather."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.model import Outcome
from leadsync.core.windows import (
    LONG_AGO,
    REST,
    REST_DENIED,
    RUSH,
    AskWindow,
    AwaitWindows,
    Rest,
    StillMissing,
    Window,
    WindowsDone,
    WindowState,
    WindowStep,
    as_one,
    goes_on_at,
    next_step,
    still_missing,
    yet_to_ask,
)

ASKED, ARRIVED, EXPIRED, REFUSED = WindowState


def windows(*fates: tuple[WindowState, int, int]) -> list[Window]:
    """Full windows of such fates: state, records, new."""
    return [Window(number, 1_000, *fate) for number, fate in enumerate(fates, 1)]


CAME, WAITS = (ARRIVED, 1_000, 1_000), (ASKED, 0, 0)
TABLE: list[tuple[list[Window], WindowStep | Outcome]] = [
    ([], AskWindow(1, 0, 1_000)),
    (windows(WAITS), AwaitWindows(1)),
    (windows(CAME), AskWindow(2, 1_000, 1_000)),
    (windows(CAME, WAITS), AwaitWindows(1)),
    (windows(CAME, CAME), AskWindow(3, 2_000, 1_000)),
    (windows(CAME, CAME, WAITS), AskWindow(4, 3_000, 200)),
    (windows(CAME, CAME, WAITS, WAITS), AwaitWindows(2)),
    (windows(CAME, (ARRIVED, 1_000, 0)), Outcome.PARTIAL),
    (windows(CAME, (ARRIVED, 1_000, 500)), Outcome.PARTIAL),
    (windows(CAME, (ARRIVED, 1_000, 501)), AskWindow(3, 2_000, 1_000)),
    (windows(CAME, (ARRIVED, 400, 400)), Outcome.PARTIAL),
    (windows((EXPIRED, 0, 0)), Outcome.PARTIAL),
    (windows(CAME, (REFUSED, 0, 0)), Outcome.PARTIAL),
    (windows(CAME, CAME, (EXPIRED, 0, 0)), AskWindow(4, 3_000, 200)),
    ([*windows(CAME, CAME, CAME), Window(4, 200, ARRIVED, 200, 200)], Outcome.COMPLETE),
    ([*windows(CAME, CAME, CAME), Window(4, 200, ARRIVED, 200, 199)], Outcome.PARTIAL),
    ([*windows(CAME, CAME, (EXPIRED, 0, 0)), Window(4, 200, ARRIVED, 200, 200)], Outcome.PARTIAL),
    ([Window(1, 300, ARRIVED, 300, 300)], AskWindow(2, 300, 1_000)),
    ([Window(1, 1_000, EXPIRED, again=True)], AskWindow(1, 0, 1_000, whole=True)),
    ([*windows(CAME, CAME), Window(3, 700, REFUSED, again=True), *[Window(4, 500)]], AskWindow(3, 2_000, 700, True)),
    ([*windows(CAME), Window(2, 1_000, EXPIRED, again=True)], AskWindow(2, 1_000, 1_000, whole=True)),
    ([*windows(CAME, (ARRIVED, 1_000, 0)), Window(3, 1_000, EXPIRED, again=True)], Outcome.PARTIAL),
]


@pytest.mark.parametrize(("asked", "expected"), TABLE)
def test_what_comes_next(asked: list[Window], expected: WindowStep | Outcome) -> None:
    """3,200 records in four windows, two in flight: each state has one next step."""
    found = next_step(3_200, asked, in_flight=2)
    assert (found.outcome if isinstance(found, WindowsDone) else found) == expected


@pytest.mark.parametrize(
    ("wanted", "expected", "records"),
    [
        (4_000, AskWindow(3, 2_000, 1_000, whole=True), 2_000),
        (2_100, AskWindow(3, 2_000, 1_000, whole=True), 1_000),
        (2_000, Outcome.COMPLETE, 0),
        (1_000, Outcome.COMPLETE, 0),
    ],
)
def test_what_is_wanted_no_more_is_not_asked_again(wanted: int, expected: WindowStep | Outcome, records: int) -> None:
    """The file may want less than when the window was asked for, or more: then that is asked for, too."""
    asked = [*windows(CAME, CAME), Window(3, 1_000, EXPIRED, again=True), Window(4, 500, EXPIRED, again=True)]
    found = next_step(wanted, asked, in_flight=2)
    assert (found.outcome if isinstance(found, WindowsDone) else found) == expected
    assert yet_to_ask(wanted, asked) == records


FATES = st.sampled_from([ARRIVED, ARRIVED, ARRIVED, EXPIRED, REFUSED])


@given(
    wanted=st.integers(1, 20_000),
    size=st.integers(0, 20_000),
    in_flight=st.integers(1, 5),
    honours=st.booleans(),
    data=st.data(),
)
def test_any_weather_ends_and_asks_nothing_twice(
    wanted: int, size: int, in_flight: int, honours: bool, data: st.DataObject
) -> None:
    """Each window once, never more unanswered than allowed nor asked than wanted; a deaf vendor costs one too many."""
    asked: list[Window] = []
    skips: list[int] = []
    seen: set[int] = set()
    while not isinstance(step := next_step(wanted, asked, in_flight), WindowsDone):
        unanswered = [place for place, window in enumerate(asked) if window.state is ASKED]
        if isinstance(step, AskWindow):
            assert len(unanswered) < (in_flight if len(asked) > 2 else 1)
            asked.append(Window(step.number, step.take))
            skips.append(step.skip)
            continue
        place = data.draw(st.sampled_from(unanswered))
        first = skips[place] if honours else 0
        brings = set(range(first, min(first + asked[place].take, size)))
        state = data.draw(FATES)
        came = brings if state is ARRIVED else set()
        window = asked[place]
        asked[place] = Window(window.number, window.take, state, len(came), len(came - seen))
        seen |= came
    assert skips == [1_000 * place for place in range(len(skips))]
    assert sum(window.take for window in asked) <= wanted
    assert (step.outcome is Outcome.COMPLETE) == (len(seen) >= wanted)
    if not honours:
        assert len(asked) <= 2


@pytest.mark.parametrize(
    ("requests", "one"),
    [
        ([Window(3, 900, EXPIRED, again=True)], Window(3, 900, EXPIRED, again=True)),
        ([Window(3, 900, EXPIRED, again=True), Window(3, 900)], Window(3, 900)),
        ([Window(3, 900, ARRIVED, 900, 900, again=True), Window(3, 900)], Window(3, 900, ASKED, 900, 900)),
        ([Window(3, 900, ARRIVED, 900, 900), Window(3, 900, EXPIRED, again=True)], Window(3, 900, ARRIVED, 900, 900)),
        ([Window(3, 900, ARRIVED, 900, 900), Window(3, 900, ARRIVED, 880, 20)], Window(3, 900, ARRIVED, 900, 920)),
        ([Window(3, 900, EXPIRED, again=True), Window(3, 900, REFUSED)], Window(3, 900, REFUSED)),
    ],
)
def test_all_requests_for_a_window_are_one(requests: list[Window], one: Window) -> None:
    """It has come with the first that brought it, and waits for as long as one is out."""
    assert as_one(requests) == one


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (windows(CAME, CAME), StillMissing((), (), 1_200)),
        (windows(CAME, CAME, (EXPIRED, 0, 0)), StillMissing((3,), (1_000,), 200)),
        (windows(CAME, (REFUSED, 0, 0)), StillMissing((2,), (1_000,), 1_200)),
        (windows(CAME, WAITS), "none of its windows has expired or failed"),
        (windows(CAME, CAME, (ARRIVED, 700, 700)), "none of its windows has expired or failed"),
        (windows(CAME, (ARRIVED, 1_000, 9), (EXPIRED, 0, 0)), "half or more of window 2 had come before"),
    ],
)
def test_what_a_person_may_have_asked_for(asked: list[Window], expected: StillMissing | str) -> None:
    """What never came, else what never was asked for; a pull that overlap has stopped stays stopped."""
    found = still_missing(3_200, asked)
    assert found == expected or str(found).startswith(str(expected))


ENDED = datetime(2026, 11, 2, 6, tzinfo=UTC)
TOMORROW = datetime(2026, 11, 3, tzinfo=UTC)
LATER = ENDED + timedelta(minutes=5)
AHEAD = LATER + timedelta(days=30)
ASK, DONE = AskWindow(3, 2_000, 1_000), WindowsDone(Outcome.COMPLETE, "")


@pytest.mark.parametrize(
    ("step", "rest", "at"),
    [
        (AwaitWindows(1), Rest(Outcome.WAITING, ENDED, LATER), None),
        (ASK, Rest(Outcome.PARKED, ENDED, LATER), None),
        (DONE, Rest(Outcome.PARKED, ENDED), None),
        (ASK, Rest(Outcome.PARKED, ENDED, answered=True), ENDED),
        (DONE, Rest(Outcome.PARKED, ENDED, answered=True), ENDED),
        (DONE, Rest(Outcome.LIMITED, ENDED), ENDED),
        (DONE, Rest(Outcome.PARTIAL, ENDED), None),
        (DONE, Rest(Outcome.PARTIAL, ENDED, LATER), LATER),
        (DONE, Rest(Outcome.OVER_BUDGET, ENDED), ENDED),
        (ASK, Rest(Outcome.PARTIAL, ENDED, word_at=LATER), LATER),
        (ASK, Rest(Outcome.PARKED, ENDED, word_at=LATER), LATER),
        (ASK, Rest(Outcome.PARTIAL, LATER, word_at=ENDED), None),
        (AwaitWindows(1), Rest(Outcome.WAITING, ENDED, word_at=LATER), None),
        (ASK, Rest(Outcome.LIMITED, ENDED, LATER), None),
        (ASK, Rest(Outcome.PARTIAL, ENDED), None),
        (ASK, Rest(Outcome.WAITING, ENDED), ENDED),
        (ASK, Rest(Outcome.WAITING, ENDED, ENDED - timedelta(1)), ENDED),
        (ASK, Rest(Outcome.INTERRUPTED, ENDED), ENDED + RUSH),
        (ASK, Rest(Outcome.INTERRUPTED, ENDED, LATER), LATER),
        (ASK, Rest(Outcome.FAILED, ENDED), ENDED + REST),
        (ASK, Rest(Outcome.FAILED, ENDED, denied=True), ENDED + REST_DENIED),
        (ASK, Rest(Outcome.FAILED, ENDED, LATER, denied=True), LATER),
        (ASK, Rest(Outcome.OVER_BUDGET, ENDED), TOMORROW),
        (ASK, Rest(Outcome.OVER_BUDGET, ENDED, LATER), LATER),
        (ASK, Rest(Outcome.OVER_BUDGET, AHEAD), LONG_AGO),
        (ASK, Rest(Outcome.WAITING, AHEAD), LONG_AGO),
        (DONE, Rest(Outcome.WAITING, AHEAD), LONG_AGO),
        (ASK, Rest(Outcome.FAILED, AHEAD), LONG_AGO + REST),
        (ASK, Rest(Outcome.FAILED, AHEAD, LATER), LATER),
        (ASK, Rest(Outcome.PARTIAL, AHEAD, word_at=LATER), LATER),
        (ASK, Rest(Outcome.PARTIAL, AHEAD), None),
        (ASK, Rest(Outcome.FAILED, ENDED, AHEAD), ENDED + REST),
    ],
)
def test_when_a_pull_goes_on(step: WindowStep, rest: Rest, at: datetime | None) -> None:
    """At once where something has come, after a rest in bad weather, tomorrow without money, never past a person."""
    assert goes_on_at(step, rest, TOMORROW, LATER) == at
