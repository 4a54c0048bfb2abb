"""The windows of a large one-shot: one after another until `skip` is proven, never twice, and an end in any weather."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.model import Outcome
from leadsync.core.windows import (
    AskWindow,
    AwaitWindows,
    Window,
    WindowsDone,
    WindowState,
    WindowStep,
    next_step,
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
]


@pytest.mark.parametrize(("asked", "expected"), TABLE)
def test_what_comes_next(asked: list[Window], expected: WindowStep | Outcome) -> None:
    """3,200 records in four windows, two in flight: each state has one next step."""
    found = next_step(3_200, asked, in_flight=2)
    assert (found.outcome if isinstance(found, WindowsDone) else found) == expected


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
