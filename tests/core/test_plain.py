"""The protocol of a search without a key: its table, and that under all weather nothing is asked twice unasked."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core import plain
from leadsync.core.model import End, Outcome, PageReply, Reason, Tally
from leadsync.core.plain import (
    Asking,
    Closing,
    Pausing,
    PlainPlan,
    Queued,
    Sending,
    State,
    Storing,
    Tries,
    begin,
    step,
)
from leadsync.core.protocol import (
    Ask,
    BudgetReserved,
    BudgetSpent,
    Close,
    Closed,
    Ended,
    Event,
    Fate,
    Finish,
    Halted,
    Journaled,
    Queue,
    Send,
    Store,
    Stored,
    Wait,
    Waited,
)
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.core.retry import GIVE_UP_S
from leadsync.errors import OffTheTable

PLAN = PlainPlan(page_size=100, missing=300)
LEAVE = PlainPlan(page_size=100, missing=300, retry_unknown=True)
NONE, TRIES = Tally(), Tries(0.0)
PAGE = PageReply((), None, is_new=False, has_cursor=True, cursor="next")
DENIED = Denied(Reason.WALLET_EMPTY, 403, "Insufficient balance")
WAIT = Wait(2.0, "timed out", 1)
END = End(Outcome.FAILED, "why")

STATES: list[State] = [
    Asking(NONE, TRIES, 100),
    Queued(NONE, TRIES),
    Sending(NONE, TRIES, 100),
    Closing(NONE, TRIES, WAIT),
    Pausing(NONE, TRIES),
    Storing(NONE, has_cursor=True),
    Ended(NONE, END),
]
EVENTS: list[Event] = [
    Journaled(),
    BudgetSpent("records_per_day"),
    BudgetReserved("records_per_day"),
    Halted("stop"),
    Waited(),
    Stored(100, 100),
    Closed(),
    PAGE,
    Lost("timed out"),
    Throttled(None),
    DENIED,
    Refused(400, "no"),
    SlotsFull(400, "session limit", Refused(400, "session limit")),
]
TABLE = {
    "Asking": {"Journaled", "BudgetSpent", "BudgetReserved", "Halted", "Denied"},
    "Queued": {"Waited", "BudgetSpent", "Halted", "Denied"},
    "Sending": {"PageReply", "Lost", "Throttled", "Denied", "Refused", "SlotsFull"},
    "Closing": {"Closed"},
    "Pausing": {"Waited", "Halted", "Denied"},
    "Storing": {"Stored"},
    "Ended": set(),
}


def go(state: State, event: Event, plan: PlainPlan = PLAN, now_s: float = 0.0) -> plain.Step:
    """One step with a die that shows the middle."""
    return step(plan, state, event, now_s=now_s, draw=0.5)


@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_pair_is_on_the_table_or_a_bug(state: State, event: Event) -> None:
    """What the table has is answered, and nothing else is."""
    if type(event).__name__ in TABLE[type(state).__name__]:
        go(state, event)
    else:
        with pytest.raises(OffTheTable):
            go(state, event)


@pytest.mark.parametrize(
    ("plan", "tally", "take"),
    [
        (PLAN, NONE, 100),
        (PLAN, Tally(records=250, new=250), 50),
        (PLAN, Tally(records=299, new=250), 50),
        (PlainPlan(100, 300, records_max=130), Tally(records=100, new=100), 30),
        (PlainPlan(100, 20), NONE, 20),
    ],
)
def test_never_more_than_is_missing(plan: PlainPlan, tally: Tally, take: int) -> None:
    """A page is as large as the least of page size, what is missing, and what the run may still buy."""
    assert go(Pausing(tally, TRIES), Waited(), plan) == (Asking(tally, TRIES, take), Ask(take))


@pytest.mark.parametrize(
    ("event", "fate", "then"),
    [
        (Lost("timed out"), Fate.UNKNOWN, Outcome.PARTIAL),
        (Lost("cannot connect", sent=False), Fate.VOID, Wait),
        (Throttled(None), Fate.REFUSED, Wait),
        (DENIED, Fate.REFUSED, Outcome.FAILED),
        (Refused(400, "no"), Fate.REFUSED, Outcome.PARKED),
        (SlotsFull(429, "session limit", Throttled(None)), Fate.REFUSED, Wait),
    ],
)
def test_what_is_no_page_closes_its_row(event: Event, fate: Fate, then: object) -> None:
    """Only what may be billed is unknown; only what was certainly not billed is asked for again by itself."""
    state, effect = go(Sending(NONE, TRIES, 100), event)
    assert isinstance(state, Closing)
    assert isinstance(effect, Close)
    assert effect.fate is fate
    assert then in (type(state.then), getattr(state.then, "outcome", None))


@pytest.mark.parametrize("event", [Lost("cannot connect", sent=False), Throttled(None), Lost("timed out")])
def test_ten_minutes_without_a_page_are_enough(event: Event) -> None:
    """Then the run ends as weather does."""
    state, _ = go(Sending(NONE, TRIES, 100), event, LEAVE, now_s=GIVE_UP_S)
    assert isinstance(state, Closing)
    assert isinstance(state.then, End)
    assert state.then.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("stored", "tally", "has_cursor", "outcome"),
    [
        (Stored(100, 100), NONE, False, Outcome.COMPLETE),
        (Stored(100, 100), Tally(records=200, new=200), False, Outcome.COMPLETE),
        (Stored(100, 0), NONE, True, Outcome.COMPLETE),
        (Stored(0, 0), Tally(barren=2), True, Outcome.COMPLETE),
        (Stored(20, 0), Tally(barren=2), True, Outcome.COMPLETE),
        (Stored(0, 0), NONE, True, None),
        (Stored(20, 0), NONE, True, None),
        (Stored(100, 100), NONE, True, None),
    ],
)
def test_how_a_list_ends(stored: Stored, tally: Tally, has_cursor: bool, outcome: Outcome | None) -> None:
    """Without a cursor, with three barren pages, or with a full page of what came before; short pages end nothing."""
    state, _ = go(Storing(tally, has_cursor), stored)
    assert (state.end.outcome if isinstance(state, Ended) else None) is outcome


FATES = st.sampled_from(["page", "lost", "unsent", "throttled", "denied", "refused"])


def play(plan: PlainPlan, fates: Iterator[str]) -> tuple[Ended, int, int, list[Fate]]:
    """Run against a vendor of such fates; return the end, requests, records billed, and how rows were closed."""
    state, effect = begin(plan, now_s=0.0)
    requests, billed, now_s, take = 0, 0, 0.0, 0
    closed: list[Fate] = []
    while not isinstance(state, Ended):
        event: Event
        match effect:
            case Ask(take):
                event = Journaled()
            case Send():
                requests += 1
                event, cost = _answer(next(fates, "page"), take)
                billed += cost
            case Store():
                event = Stored(take, take)
            case Close(fate=fate):
                closed.append(fate)
                event = Closed()
            case Wait(wait_s):
                now_s += wait_s
                event = Waited()
            case Queue() | Finish():
                raise AssertionError
        state, effect = step(plan, state, event, now_s=now_s, draw=0.5)
    return state, requests, billed, closed


def _answer(fate: str, take: int) -> tuple[Event, int]:
    match fate:
        case "lost":
            return Lost("timed out"), take
        case "unsent":
            return Lost("cannot connect", sent=False), 0
        case "throttled":
            return Throttled(None), 0
        case "denied":
            return DENIED, 0
        case "refused":
            return Refused(400, "no"), 0
        case _:
            return PAGE, take


@given(st.lists(FATES, max_size=30), st.integers(1, 900), st.integers(1, 500), st.booleans())
def test_money_in_any_weather(fates: list[str], missing: int, page_size: int, retry: bool) -> None:
    """Without leave at most one request is unknown, and it is the last; never is more asked than is missing."""
    ended, requests, billed, closed = play(PlainPlan(page_size, missing, retry_unknown=retry), iter(fates))
    unknown = closed.count(Fate.UNKNOWN)
    assert billed <= missing + unknown * page_size
    if not retry:
        assert unknown <= 1
        assert (ended.end.outcome is Outcome.PARTIAL) == bool(unknown)
        assert not unknown or closed[-1] is Fate.UNKNOWN
    if ended.end.outcome is Outcome.COMPLETE:
        assert ended.tally.new == missing
    assert requests == ended.tally.pages + len(closed)


def test_what_may_be_billed_is_asked_for_three_times_at_most() -> None:
    """With leave, too: three answers lost in a row end the run, and it is said that each may be billed."""
    waited, _ = go(Sending(NONE, Tries(0.0, failed=1, lost=1), 100), Lost("timed out"), LEAVE)
    assert isinstance(waited, Closing)
    assert isinstance(waited.then, Wait)
    ended, _ = go(Sending(NONE, Tries(0.0, failed=2, lost=2), 100), Lost("timed out"), LEAVE)
    assert isinstance(ended, Closing)
    assert isinstance(ended.then, End)
    assert (ended.then.outcome, "3 requests in a row were lost" in ended.then.message) == (Outcome.FAILED, True)


@pytest.mark.parametrize(("bought", "outcome"), [(99, None), (100, Outcome.LIMITED), (130, Outcome.LIMITED)])
def test_a_run_buys_no_more_than_its_own_limit(bought: int, outcome: Outcome | None) -> None:
    """What came before and was billed again counts, too; the job goes on with the next run."""
    plan = PlainPlan(100, 300, records_max=100)
    state, _ = go(Pausing(Tally(records=bought, new=50), TRIES), Waited(), plan)
    assert (state.end.outcome if isinstance(state, Ended) else None) is outcome


@pytest.mark.parametrize(("time_over", "outcome"), [(True, Outcome.FAILED), (False, Outcome.INTERRUPTED)])
def test_a_wait_that_is_cut_short_leaves_nothing_open(time_over: bool, outcome: Outcome) -> None:
    """Where the time of the run is over the vendor did not answer, which is weather; a stop is nobody's fault."""
    state, _ = go(Pausing(NONE, TRIES), Halted("stop", time_over=time_over))
    assert isinstance(state, Ended)
    assert state.end.outcome is outcome
