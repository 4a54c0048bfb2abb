"""The protocol's table: each of its rows, and that there is no other; then its rules for waits, limits and ends."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core import paging, protocol
from leadsync.core.model import End, Outcome, PageReply, Reason, Tally
from leadsync.core.paging import BARREN_MAX, KEY_STAYS_OPEN, begin, step
from leadsync.core.protocol import (
    Ask,
    Asking,
    AtALoss,
    Attempt,
    BudgetReserved,
    BudgetSpent,
    Close,
    Closed,
    Closing,
    Ended,
    Event,
    Finish,
    Halted,
    Journaled,
    Pausing,
    Plan,
    Queue,
    Queued,
    Reworded,
    Rewording,
    Send,
    Sending,
    State,
    Step,
    Store,
    Stored,
    Storing,
    Wait,
    Waited,
)
from leadsync.core.replies import Denied, Lost, PlainTrouble, Refused, SlotsFull, Throttled
from leadsync.core.retry import GIVE_UP_S
from leadsync.errors import OffTheTable

PLAN = Plan(page_size=10)
NEW_SESSION = Plan(page_size=10, new_session=True)
TALLY = Tally(pages=2, records=15, new=15)
FIRST = Attempt(1, 0.0, maybe_seen=False)
AGAIN = Attempt(3, 0.0, maybe_seen=True)
PARTED = End(Outcome.PARKED, "as it was", Reason.REFUSED)
DENIED = Denied(Reason.WALLET_EMPTY, 403, "Insufficient balance")
FAILED = End(Outcome.FAILED, "HTTP 403: Insufficient balance", Reason.WALLET_EMPTY)
SPENT = End(Outcome.OVER_BUDGET, "records_per_day is spent")
STOPPED = End(Outcome.INTERRUPTED, "asked to stop")
PAGE = PageReply(leads=(), total=15, is_new=False, has_cursor=True)

STATES: dict[type[State], State] = {
    Asking: Asking(TALLY),
    Queued: Queued(TALLY),
    Sending: Sending(TALLY, FIRST),
    Pausing: Pausing(TALLY, AGAIN),
    Rewording: Rewording(TALLY, Refused(400, "malformed")),
    Storing: Storing(TALLY, has_cursor=True),
    Closing: Closing(TALLY, PARTED),
    Ended: Ended(TALLY, PARTED),
}
EVENTS: dict[type[Event], Event] = {
    PageReply: PAGE,
    Lost: Lost("timed out", 60.0),
    Throttled: Throttled(7.0),
    Denied: DENIED,
    Refused: Refused(400, "malformed"),
    SlotsFull: SlotsFull(403, "session limit", DENIED),
    Journaled: Journaled(),
    BudgetReserved: BudgetReserved("all of it is reserved"),
    BudgetSpent: BudgetSpent("records_per_day is spent"),
    Halted: Halted("asked to stop"),
    Waited: Waited(),
    Reworded: Reworded(),
    AtALoss: AtALoss(),
    Stored: Stored(10, 10),
    Closed: Closed(),
}


def _waiting(wait_s: float) -> Pausing:
    tally = replace(TALLY, replays=1, waited_s=wait_s)
    return Pausing(tally, Attempt(2, 0.0, maybe_seen=True))


REFUSAL = "the vendor refused the request with HTTP 400: malformed"
REFUSED_END = End(Outcome.PARKED, REFUSAL, Reason.REFUSED)

TABLE: dict[tuple[type[State], type[Event]], tuple[State, object]] = {
    (Asking, Journaled): (Sending(TALLY, FIRST), Send(replay=False)),
    (Asking, BudgetSpent): (Ended(TALLY, SPENT), Finish(SPENT)),
    (Asking, BudgetReserved): (Queued(TALLY), Queue("all of it is reserved")),
    (Queued, Waited): (Asking(TALLY), Ask(10)),
    (Queued, BudgetSpent): (Ended(TALLY, SPENT), Finish(SPENT)),
    (Queued, Halted): (Ended(TALLY, STOPPED), Finish(STOPPED)),
    (Queued, Denied): (Ended(TALLY, FAILED), Finish(FAILED)),
    (Asking, Halted): (Ended(TALLY, STOPPED), Finish(STOPPED)),
    (Asking, Denied): (Ended(TALLY, FAILED), Finish(FAILED)),
    (Sending, Halted): (Ended(TALLY, STOPPED), Finish(STOPPED)),
    (Sending, PageReply): (Storing(TALLY, has_cursor=True), Store(PAGE, fresh=True, replays=0)),
    (Sending, Lost): (_waiting(0.25), Wait(0.25, "timed out", 1)),
    (Sending, Throttled): (_waiting(7.0), Wait(7.0, "the vendor's rate limit", 1, account_wide=True)),
    (Sending, Denied): (Ended(TALLY, FAILED), Finish(FAILED)),
    (Sending, Refused): (Closing(TALLY, REFUSED_END), Close(400, REFUSAL, Reason.REFUSED)),
    (Sending, SlotsFull): (Ended(TALLY, FAILED), Finish(FAILED)),
    (Pausing, Waited): (Sending(TALLY, AGAIN), Send(replay=True)),
    (Pausing, Halted): (Ended(TALLY, STOPPED), Finish(STOPPED)),
    (Pausing, Denied): (Ended(TALLY, FAILED), Finish(FAILED)),
    (Rewording, Reworded): (Sending(TALLY, Attempt(1, 0.0, maybe_seen=True)), Send(replay=True)),
    (Rewording, AtALoss): (Closing(TALLY, REFUSED_END), Close(400, REFUSAL, Reason.REFUSED)),
    (Rewording, Halted): (Ended(TALLY, STOPPED), Finish(STOPPED)),
    (Rewording, Denied): (Ended(TALLY, FAILED), Finish(FAILED)),
    (Storing, Stored): (Asking(Tally(pages=3, records=25, new=25)), Ask(10)),
    (Closing, Closed): (Ended(TALLY, PARTED), Finish(PARTED)),
}


def _step(state: State, event: Event, plan: Plan = PLAN, now_s: float = 0.0) -> Step:
    return step(plan, state, event, now_s=now_s, draw=0.0)


def test_a_run_that_waits_in_vain_has_failed() -> None:
    """Time that is over while no answer comes is weather; between two pages it is the end of the run's own."""
    over = Halted("run_timeout of 1:00:00 is over", time_over=True)
    waiting, _ = _step(STATES[Pausing], over)
    asking, _ = _step(STATES[Asking], over)
    assert [ended.end.outcome for ended in (waiting, asking) if isinstance(ended, Ended)] == [
        Outcome.FAILED,
        Outcome.INTERRUPTED,
    ]


def test_every_state_and_event_takes_part() -> None:
    """A state or an event that is added to the protocol must be entered above, and so takes a stand in the table."""
    assert set(STATES) == set(get_args(protocol.State))
    assert set(EVENTS) == set(_flat(protocol.Event))


def _flat(union: Any) -> set[Any]:
    return {each for part in get_args(union) for each in (_flat(part) if get_args(part) else {part})}


@pytest.mark.parametrize(("pair", "after"), TABLE.items(), ids=lambda value: getattr(value, "__name__", None))
def test_a_row_of_the_table(pair: tuple[type[State], type[Event]], after: Step) -> None:
    """Each row of the table in the module's docstring: the next state and the effect."""
    state, event = pair
    assert _step(STATES[state], EVENTS[event]) == after


@pytest.mark.parametrize(
    ("state", "event"), [(state, event) for state in STATES for event in EVENTS if (state, event) not in TABLE]
)
def test_a_pair_off_the_table_is_a_bug(state: type[State], event: type[Event]) -> None:
    """What is not in the table stops the run; the protocol never guesses."""
    with pytest.raises(OffTheTable, match=f"{state.__name__} met {event.__name__}"):
        _step(STATES[state], EVENTS[event])


def test_the_table_in_the_docstring_has_these_rows() -> None:
    """Rows in words and rows in this test are the same ones."""
    text = paging.__doc__ or ""
    lines = [line.split() for line in text[text.index("state    event") :].splitlines()[1:] if line.startswith("    ")]
    assert {(line[0], line[1]) for line in lines} == {(state.__name__, event.__name__) for state, event in TABLE}


# Beginnings -----------------------------------------------------------------------------------------------------------


def test_an_open_key_comes_first() -> None:
    """A run begins with the open key, as one that may have been answered before, whatever else the plan wants (P2)."""
    for plan in (PLAN, Plan(10, records_max=0), Plan(10, settle_only=STOPPED)):
        state, effect = begin(plan, key_open=True, now_s=5.0)
        assert state == Sending(Tally(), Attempt(1, 5.0, maybe_seen=True))
        assert effect == Send(replay=True)


def test_without_an_open_key_the_next_page_is_asked() -> None:
    """Nothing is sent before it is journaled (P3)."""
    assert begin(PLAN, key_open=False, now_s=0.0) == (Asking(Tally()), Ask(10))


def test_a_settling_run_asks_nothing() -> None:
    """`settle_only` ends as it says, at once or when the open key is stored; parked where the books differ."""
    plan = Plan(0, settle_only=End(Outcome.LIMITED, "settled"))
    assert begin(plan, key_open=False, now_s=0.0)[1] == Finish(End(Outcome.LIMITED, "settled"))
    assert _step(Storing(Tally(), True), Stored(10, 10), plan)[1] == Finish(End(Outcome.LIMITED, "settled"))
    assert _step(Storing(Tally(), False), Stored(0, 0), plan)[1] == Finish(End(Outcome.LIMITED, "settled"))
    drifted = Stored(10, 10, Reason.SESSION_DRIFTED, "drift")
    assert _step(Storing(Tally(), True), drifted, plan)[1] == Finish(
        End(Outcome.PARKED, "drift", Reason.SESSION_DRIFTED)
    )


# Answers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("attempt", "fresh", "replays"), [(FIRST, True, 0), (AGAIN, False, 2)])
def test_only_the_first_sending_of_a_key_is_fresh(attempt: Attempt, fresh: bool, replays: int) -> None:
    """A page that may have been delivered before must not teach how totals are read."""
    assert _step(Sending(TALLY, attempt), PAGE)[1] == Store(PAGE, fresh=fresh, replays=replays)


def test_what_was_throttled_or_lost_is_not_fresh_any_more() -> None:
    """After any failure the vendor may have seen the key."""
    for event in (Lost("cut"), Throttled(None)):
        state, _ = _step(Sending(TALLY, FIRST), event)
        assert isinstance(state, Pausing)
        assert state.attempt.maybe_seen


@pytest.mark.parametrize("tally", [Tally(), Tally(replays=2)])
def test_a_slot_taken_by_another_is_waited_for(tally: Tally) -> None:
    """On the first page of a new session a refusal for want of a slot closes the key and parks nothing."""
    state, effect = _step(Sending(tally, FIRST), SlotsFull(403, "session limit", DENIED), NEW_SESSION)
    assert effect == Close(403, "session limit", None)
    assert isinstance(state, Closing)
    assert (state.end.outcome, state.end.reason) == (Outcome.WAITING, None)


def test_a_key_that_may_be_on_its_way_is_kept_where_no_slot_is_free() -> None:
    """Sent before and not answered, it may arrive once a slot is free, and be billed: the next run sends it again."""
    state, effect = _step(Sending(Tally(replays=1), AGAIN), SlotsFull(403, "session limit", DENIED), NEW_SESSION)
    assert isinstance(state, Ended)
    assert effect == Finish(state.end)
    assert (state.end.outcome, state.end.reason) == (Outcome.WAITING, None)
    assert KEY_STAYS_OPEN in state.end.message


@pytest.mark.parametrize("plan", [PLAN, NEW_SESSION])
def test_what_was_sent_before_is_not_closed_for_want_of_a_slot(plan: Plan) -> None:
    """Its session was deleted and its slot taken since: what was sent first may arrive, once a slot is free."""
    state, effect = _step(Sending(TALLY, AGAIN), SlotsFull(400, "session limit", Refused(400, "no")), plan)
    assert isinstance(state, Ended)
    assert effect == Finish(state.end)
    assert (state.end.outcome, state.end.reason) == (Outcome.FAILED, None)


def test_other_bytes_of_an_old_key_are_found_by_its_own_run() -> None:
    """While pages are missing since a restore, whoever only settles leaves the key open: its page is billed."""
    other = Refused(409, "used with a different body", other_body=True)
    state, effect = _step(Sending(TALLY, AGAIN), other, replace(PLAN, recovering=True))
    assert isinstance(state, Ended)
    assert effect == Finish(state.end)
    assert (state.end.outcome, state.end.reason) == (Outcome.FAILED, None)


@pytest.mark.parametrize("plan", [PLAN, NEW_SESSION])
@pytest.mark.parametrize("otherwise", [DENIED, Throttled(3.0), Refused(400, "no"), Lost("HTTP 409")])
def test_where_the_session_is_known_the_status_alone_speaks(plan: Plan, otherwise: PlainTrouble) -> None:
    """With a page of the session stored, the words of a slot are not believed."""
    sending = Sending(TALLY, FIRST)
    assert _step(sending, SlotsFull(403, "session limit", otherwise), plan) == _step(sending, otherwise, plan)


# Waits ----------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 100), st.floats(0, 59), st.floats(0, 1, exclude_max=True))
def test_an_unknown_outcome_is_followed_by_a_quiet_time(number: int, waited_s: float, draw: float) -> None:
    """Two seconds lie between a lost attempt's beginning and its replay, and only this job waits."""
    sending = Sending(TALLY, Attempt(number, 0.0, maybe_seen=True))
    _, effect = step(PLAN, sending, Lost("cut", waited_s), now_s=0.0, draw=draw)
    assert isinstance(effect, Wait)
    assert effect.wait_s + waited_s >= 2.0
    assert not effect.account_wide


@pytest.mark.parametrize("event", [Lost("cut"), Throttled(None), Throttled(1e12)])
def test_after_ten_minutes_a_run_fails_with_its_key_open(event: Lost | Throttled) -> None:
    """Where the next attempt would lie beyond ten minutes, the run ends; no effect closes the key."""
    late = Sending(TALLY, Attempt(40, 1_000.0, maybe_seen=True))
    state, effect = _step(late, event, now_s=1_000.0 + GIVE_UP_S)
    assert isinstance(effect, Finish)
    assert (effect.end.outcome, effect.end.reason) == (Outcome.FAILED, None)
    assert "10 minutes" in effect.end.message
    assert state == Ended(TALLY, effect.end)
    assert isinstance(_step(late, event, now_s=1_000.0)[1], Wait)


@given(
    st.lists(
        st.sampled_from([Lost("cut"), Lost("timed out", 60.0), Throttled(None), Throttled(0.0), Throttled(250.0)])
    ),
    st.floats(0, 1, exclude_max=True),
)
def test_no_weather_keeps_a_run_longer_than_ten_minutes(storm: list[Lost | Throttled], draw: float) -> None:
    """Whatever comes, in whatever order, the last attempt begins within ten minutes of the first."""
    state, now_s = begin(PLAN, key_open=True, now_s=0.0)[0], 0.0
    for event in [*storm, *[Lost("cut")] * 400]:
        now_s += event.waited_s if isinstance(event, Lost) else 0.0
        state, effect = step(PLAN, state, event, now_s=now_s, draw=draw)
        if not isinstance(effect, Wait):
            break
        now_s += effect.wait_s
        assert now_s <= GIVE_UP_S
        state, _ = step(PLAN, state, Waited(), now_s=now_s, draw=draw)
    assert isinstance(state, Ended)


# Limits and ends ------------------------------------------------------------------------------------------------------


@given(st.integers(1, 500), st.none() | st.integers(0, 2_000), st.lists(st.integers(1, 500), max_size=12))
def test_a_take_is_never_nought_nor_beyond_the_limit(page_size: int, records_max: int | None, pages: list[int]) -> None:
    """1 <= take <= page size; all takes together stay within `records_per_run`, and `limited` is said exactly then."""
    plan = Plan(page_size, records_max)
    state, effect = begin(plan, key_open=False, now_s=0.0)
    asked = 0
    for size in pages:
        if not isinstance(effect, Ask):
            break
        assert 1 <= effect.take <= page_size
        came = min(size, effect.take)
        asked += came
        assert records_max is None or asked <= records_max
        state, effect = _step(Storing(state.tally, True), Stored(came, came), plan)
    if isinstance(effect, Finish):
        assert asked == records_max
        assert effect.end.outcome is Outcome.LIMITED


def test_a_short_page_goes_on() -> None:
    """Fewer records than asked for are no proof of the end, with a cursor or without."""
    for has_cursor in (True, False):
        assert _step(Storing(Tally(), has_cursor), Stored(1, 1))[1] == Ask(10)


def test_an_empty_page_without_a_cursor_is_the_end() -> None:
    """The first of the two proofs of the end."""
    _, effect = _step(Storing(TALLY, has_cursor=False), Stored(0, 0))
    assert effect == Finish(End(Outcome.COMPLETE, "the session has nothing more to deliver"))


@pytest.mark.parametrize("records", [0, 4])
def test_three_barren_pages_are_the_end(records: int) -> None:
    """The second proof: three pages in a row without anything new, empty or not; two are none."""
    state: State = Asking(TALLY)
    effects = []
    for _ in range(BARREN_MAX):
        state, effect = _step(Storing(state.tally, has_cursor=True), Stored(records, 0))
        effects.append(type(effect))
    assert effects == [Ask, Ask, Finish]
    assert isinstance(state, Ended)
    assert state.end.outcome is Outcome.COMPLETE


def test_a_page_with_something_new_begins_the_count_anew() -> None:
    """Three barren pages must come in a row."""
    tally = Tally(barren=BARREN_MAX - 1)
    state, effect = _step(Storing(tally, has_cursor=True), Stored(5, 1))
    assert (state.tally.barren, effect) == (0, Ask(10))


@pytest.mark.parametrize(
    "stored", [Stored(0, 0, Reason.SESSION_DRIFTED, "m"), Stored(9, 9, Reason.SESSION_VANISHED, "m")]
)
def test_books_that_disagree_end_the_run_parked(stored: Stored) -> None:
    """Before another cent is spent, and also where the page would have been the end (P8)."""
    for has_cursor in (True, False):
        _, effect = _step(Storing(TALLY, has_cursor), stored)
        assert effect == Finish(End(Outcome.PARKED, "m", stored.reason))
