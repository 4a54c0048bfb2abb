"""The forecast: it says what the runs will decide, and no run or set of runs ever buys more than it says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.audit import GoOn, Leave, ParkJob, Standing
from leadsync.core.budget import Limits, Spent, allowed_take, window_starts
from leadsync.core.forecast import (
    AtMost,
    Case,
    NoSessions,
    NoSlot,
    Outlook,
    Purchase,
    Unknown,
    at_most,
    foresee,
    next_slots,
    together,
)
from leadsync.core.model import Books, Reason
from leadsync.core.schedule import At, Cron, Every, Slot, Times

CENT = Decimal("0.01")
NO_LIMIT = Limits(zone=UTC, price=CENT)
NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)

FRESH = Standing("phoenix", Books())
USED = Standing("phoenix", Books(next_page=3, delivered=200))
OPEN = replace(USED, open_take=100)
REFUSED = ParkJob(Reason.REFUSED, "the vendor's words")
FOREIGN = ParkJob(Reason.SESSION_FOREIGN, "somebody else's")


def case(standing: Standing, **more: Any) -> Case:
    """A job that asks for what its session began with."""
    return Case(**{"standing": standing, "criteria": "c", "leave": Leave(), "kept": "c", **more})


def verdict_of(outlook: Outlook) -> object:
    """The reason of a park, else the verdict's kind."""
    verdict = outlook.verdict
    return verdict.reason if isinstance(verdict, ParkJob) else type(verdict)


@pytest.mark.parametrize(
    ("given_case", "totals", "verdict", "rest"),
    [
        # the way of every day
        (case(USED), {"phoenix": 200}, GoOn, (0, True, 0)),
        (case(FRESH, kept=None), {}, GoOn, (0, True, 1)),
        # an open key goes first, and stays closed where a person has to answer
        (case(OPEN), {"phoenix": 300}, GoOn, (100, True, 0)),
        (case(OPEN), {"phoenix": 301}, Reason.SESSION_DRIFTED, (0, False, 0)),
        (case(OPEN), {}, Reason.SESSION_VANISHED, (0, False, 0)),
        # what is parked is not looked at, unless the file has answered
        (case(USED, parked=REFUSED), {"phoenix": 200}, Reason.REFUSED, (0, False, 0)),
        (case(OPEN, parked=REFUSED), "no list", Reason.REFUSED, (0, False, 0)),
        (case(FRESH, parked=FOREIGN), {"phoenix": 9}, Reason.SESSION_FOREIGN, (0, False, 0)),
        (case(FRESH, parked=FOREIGN, leave=Leave(adopt=True)), {"phoenix": 9}, GoOn, (0, True, 0)),
        # without the list nothing is known, and all may be
        (case(OPEN), "no list", Unknown, (100, True, None)),
        # criteria: an open key is settled, and nothing more is asked
        (case(USED, kept="before"), {"phoenix": 200}, Reason.CRITERIA_CHANGED, (0, False, 0)),
        (case(OPEN, kept="before"), {"phoenix": 200}, Reason.CRITERIA_CHANGED, (100, False, 0)),
        (case(FRESH, kept=None, known_from="tampa"), {}, Reason.CRITERIA_KNOWN, (0, False, 0)),
        (case(FRESH, kept=None, known_from="tampa", leave=Leave(buy_again=True)), {}, GoOn, (0, True, 1)),
        # a disabled job settles what is open, whatever its criteria are by now, and needs nothing else
        (case(OPEN, kept="before", asks=False), {"phoenix": 200}, GoOn, (100, False, 0)),
        (case(FRESH, asks=False), {}, GoOn, (0, False, 0)),
        (case(replace(FRESH, open_take=100), asks=False), {}, GoOn, (100, False, 1)),
    ],
)
def test_what_a_run_would_do(given_case: Case, totals: Any, verdict: object, rest: object) -> None:
    """The order is the runner's: parked, the audit, the criteria; `rest` is what it settles, asks, and needs."""
    (outlook,) = foresee([given_case], totals, 5)
    assert verdict_of(outlook) == verdict
    assert (outlook.settles, outlook.asks, outlook.slots) == rest


def test_a_slot_is_given_once() -> None:
    """The first that needs the last slot has it; who needs none goes on; who comes too late waits with its key."""
    new = [Standing(f"new-{number}", Books()) for number in range(3)]
    cases = [case(new[0]), case(USED), case(replace(new[1], open_take=7)), case(new[2], asks=False)]
    outlooks = foresee(cases, {"phoenix": 200}, 1)
    assert [type(outlook.verdict) for outlook in outlooks] == [GoOn, GoOn, NoSlot, GoOn]
    assert [outlook.slots for outlook in outlooks] == [1, 0, 1, 0]
    assert (outlooks[2].settles, outlooks[2].asks) == (0, False)


PLAIN, EITHER = case(FRESH, plain=True, kept=None), case(FRESH, undecided=True, kept=None)
NO_ABILITY = NoSessions("the token has no sessions")


@pytest.mark.parametrize(
    ("given_case", "totals", "slots_left", "verdict", "rest"),
    [
        # who goes without a session takes no slot, and looks at no total
        (PLAIN, {"phoenix": 9}, 0, GoOn, (True, True, 0)),
        (PLAIN, NO_ABILITY, 0, GoOn, (True, True, 0)),
        (replace(PLAIN, known_from="tampa"), {}, 5, Reason.CRITERIA_KNOWN, (True, False, 0)),
        # who may go either way goes by the session where there is one to be had
        (EITHER, {}, 1, GoOn, (False, True, 1)),
        (EITHER, {}, 0, GoOn, (True, True, 0)),
        (EITHER, NO_ABILITY, 5, GoOn, (True, True, 0)),
        # an outage chooses no way, and who needs a session has none without the ability
        (EITHER, "no list", 5, Unknown, (False, True, None)),
        (PLAIN, "no list", 5, Unknown, (True, True, None)),
        (case(USED), NO_ABILITY, 5, Unknown, (False, True, None)),
    ],
)
def test_which_way_a_run_would_go(
    given_case: Case, totals: Any, slots_left: int, verdict: object, rest: object
) -> None:
    """`rest` is whether it goes without a session, whether it asks, and how many slots it needs."""
    (outlook,) = foresee([given_case], totals, slots_left)
    assert verdict_of(outlook) == verdict
    assert (outlook.plain, outlook.asks, outlook.slots) == rest


def test_more_sessions_than_slots_is_no_slot() -> None:
    """People who use the vendor's other tools may have taken the reserve, too."""
    (outlook,) = foresee([case(FRESH)], {}, -3)
    assert outlook.verdict == NoSlot()


def purchase(**more: Any) -> Purchase:
    """A run that wants all there is, in pages of 100."""
    blank: dict[str, Any] = {
        "at": NOW,
        "page_size": 100,
        "records_max": None,
        "settles": 0,
        "asks": True,
        "spent": Spent(),
    }
    return Purchase(**blank | more)


@pytest.mark.parametrize(
    ("limits", "run", "most"),
    [
        ({}, {}, AtMost(None, None, None)),
        ({}, {"records_max": 250}, AtMost(250, 3, Decimal("2.50"), "records_per_run")),
        ({"records_day": 1_000}, {}, AtMost(1_000, 10, Decimal(10), "records_per_day")),
        ({"records_day": 1_000}, {"records_max": 250}, AtMost(250, 3, Decimal("2.50"), "records_per_run")),
        (
            {"dollars_month": Decimal("1.999")},
            {"records_max": 250},
            AtMost(199, 2, Decimal("1.99"), "dollars_per_month"),
        ),
        ({"records_day": 0}, {}, AtMost(0, 0, Decimal(0), "records_per_day")),
        # an open key: its take is in the budget already, and a page of its own
        ({"records_day": 100}, {"settles": 40, "spent": Spent(40, 40)}, AtMost(100, 2, Decimal(1), "records_per_day")),
        (
            {"records_day": 30},
            {"settles": 40, "spent": Spent(40, 40)},
            AtMost(40, 1, Decimal("0.40"), "records_per_day"),
        ),
        ({}, {"settles": 40, "records_max": 10}, AtMost(40, 1, Decimal("0.40"), "records_per_run")),
        ({}, {"settles": 40, "asks": False}, AtMost(40, 1, Decimal("0.40"))),
        ({"records_day": 9}, {"asks": False}, AtMost(0, 0, Decimal(0))),
    ],
)
def test_the_most_that_one_run_buys(limits: dict[str, Any], run: dict[str, Any], most: AtMost) -> None:
    """The tightest of its own limit and the budget's, with its name; without any, there is none."""
    assert at_most(purchase(**run), replace(NO_LIMIT, **limits)) == most


def test_a_reservation_counts_once() -> None:
    """What an open key brings was taken off the budget when it was asked; the next run has all but what is new."""
    limits, reserved = replace(NO_LIMIT, records_day=200), Spent(40, 40)
    runs = [purchase(settles=40, records_max=60, spent=reserved), purchase(at=NOW + HOUR, spent=reserved)]
    assert together(runs, limits) == AtMost(200, 4, Decimal(2))


COUNTS = st.integers(0, 300)
LIMITS = st.builds(
    lambda zone, price, records, dollars: Limits(ZoneInfo(zone), price, *records, *dollars),
    st.sampled_from(("UTC", "America/Phoenix")),
    st.sampled_from((CENT, Decimal("0.64"))),
    st.tuples(st.none() | COUNTS, st.none() | COUNTS),
    st.tuples(st.none() | COUNTS.map(Decimal), st.none() | COUNTS.map(Decimal)),
)
RUNS = st.lists(
    st.builds(
        lambda hours, size, records, settles, asks: purchase(
            at=NOW + hours * HOUR, page_size=size, records_max=records, settles=settles, asks=asks
        ),
        st.integers(0, 24 * 40),
        st.integers(1, 100),
        st.none() | COUNTS.map(lambda count: count + 1),
        st.just(0) | st.integers(1, 100),
        st.booleans(),
    ),
    max_size=5,
)


def with_spent(runs: Sequence[Purchase], limits: Limits, records: int) -> list[Purchase]:
    """What was bought and reserved just now counts in the windows that this moment lies in."""
    records += sum(run.settles for run in runs)
    return [replace(run, spent=_count({NOW: records}, limits, run.at)) for run in runs]


def _count(bought: Mapping[datetime, int], limits: Limits, at: datetime) -> Spent:
    day, month = window_starts(at, limits.zone)
    today = sum(records for when, records in bought.items() if when >= day)
    this_month = sum(records for when, records in bought.items() if when >= month)
    return Spent(today, this_month, today * limits.price, this_month * limits.price)


def buy(runs: Sequence[Purchase], limits: Limits, spent: int, short: int) -> int:
    """Buy as the journal lets it, page by page: each run settles its key with `short` records less, then asks on."""
    bought = Counter({NOW: spent + sum(run.settles for run in runs)})  # a moment each, or many small pages take minutes
    total = 0
    for run in sorted(runs, key=lambda run: run.at):
        settled = max(run.settles - short, 0)
        bought[NOW] += settled - run.settles
        own = settled
        while run.asks and (run.records_max is None or own < run.records_max):
            wanted = run.page_size if run.records_max is None else min(run.page_size, run.records_max - own)
            take, _ = allowed_take(wanted, limits, _count(bought, limits, run.at))
            if not take:
                break
            bought[run.at] += take
            own += take
        total += own
    return total


@given(LIMITS, RUNS, COUNTS, st.integers(0, 100))
def test_no_set_of_runs_buys_more_than_foretold(limits: Limits, runs: list[Purchase], spent: int, short: int) -> None:
    """Page by page, as the journal reserves it, also where the pages of open keys turn out shorter than their take."""
    runs = with_spent(runs, limits, spent)
    foretold = together(runs, limits)
    if foretold.records is None:
        return
    bought = buy(runs, limits, spent, short)
    assert bought <= foretold.records
    assert short or bought == foretold.records
    assert foretold.dollars == foretold.records * limits.price


@given(LIMITS, RUNS, COUNTS)
def test_sums_agree(limits: Limits, runs: list[Purchase], spent: int) -> None:
    """All runs together buy no more than each by itself would; exactly that, where the budget does not bind them."""
    each = [at_most(run, limits) for run in with_spent(runs, limits, spent)]
    all_of_them = together(with_spent(runs, limits, spent), limits)
    if any(one.records is None for one in each):
        assert limits.unlimited
        assert all_of_them == AtMost(None, None, None)
    else:
        assert (all_of_them.records or 0) <= sum(one.records or 0 for one in each)
    free = replace(NO_LIMIT, price=limits.price)
    bounded = [replace(run, records_max=run.records_max or 1) for run in runs]
    records = [at_most(run, free).records or 0 for run in bounded]
    assert together(bounded, free).records == sum(records)


@given(LIMITS, RUNS, COUNTS)
def test_what_is_new_never_goes_beyond_the_budget(limits: Limits, runs: list[Purchase], spent: int) -> None:
    """For one run, and for all that fall into one day: what they buy beside open keys fits into what is left."""
    for run in with_spent(runs, limits, spent):
        alone = at_most(run, limits)
        left, bound = allowed_take(10**9, limits, run.spent)
        assert alone.records is None or not bound or alone.records - run.settles <= left
        same_day = [replace(other, at=run.at, spent=run.spent) for other in runs]
        crowd = together(same_day, limits).records
        assert crowd is None or not bound or crowd - sum(other.settles for other in same_day) <= left


DAILY = Cron("0 6 * * *", ZoneInfo("America/Phoenix"))


@pytest.mark.parametrize(
    ("times", "planned", "used", "hours"),
    [
        (DAILY, None, (), (7, 31, 55)),
        (Every(6 * HOUR), None, (), (6, 12, 18)),
        # what was run already, before the clock was put back, is not run again
        (Every(6 * HOUR), None, (6, 18), (12, 24, 30)),
        # the planned slot stays, and what follows it comes after it
        (DAILY, 7, (), (7, 31, 55)),
        # one that has passed is overdue; those that were missed with it are one
        (Every(6 * HOUR), -18, (), (-18, 6, 12)),
        (At(NOW + HOUR), None, (), (1,)),
        (At(NOW - HOUR), None, (), (-1,)),
        (At(NOW - HOUR), None, (-1,), ()),
    ],
)
def test_the_next_times(times: Times, planned: int | None, used: tuple[int, ...], hours: tuple[int, ...]) -> None:
    """Hours from now: the planned one first, then those of the schedule, at most three."""
    late = timedelta(minutes=4)
    slot = None if planned is None else Slot(NOW + planned * HOUR, NOW + planned * HOUR + late)
    done = {NOW + hour * HOUR for hour in used}
    slots = next_slots(times, timedelta(minutes=5), slot, done, NOW, count=3)
    assert [(one.due_at - NOW) / HOUR for one in slots] == list(hours)
    assert [one.fire_at - one.due_at for one in slots[:1]] == [late if slot else timedelta(0)] * len(slots[:1])


def test_without_a_limit_the_sum_has_none() -> None:
    """One run without a limit is enough, whatever the others are held to."""
    assert together([purchase(records_max=10), purchase(at=NOW + HOUR)], NO_LIMIT) == AtMost(None, None, None)
