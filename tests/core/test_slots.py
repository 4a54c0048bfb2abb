"""The planner of the slots, in generated worlds: what is never deleted, what is, and that its answer is one answer."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadsync.core.model import SessionListing
from leadsync.core.slots import (
    SKEW_MAX,
    Action,
    Clocks,
    Jobs,
    Life,
    Owner,
    Policy,
    Room,
    Rules,
    SlotPlan,
    Tenant,
    last_seen,
    plan,
    turned_away,
)

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = [f"s{number}" for number in range(12)]
AGES = st.sampled_from([timedelta(0), timedelta(minutes=1), DAY, 29 * DAY, 30 * DAY, 31 * DAY, 90 * DAY, 200 * DAY])
MAYBE_SINCE = st.none() | AGES.map(lambda age: NOW - age)


@dataclass(frozen=True, slots=True)
class House:
    """A generated world: the vendor's list, the ledger, the jobs, the policy and the clocks."""

    rows: tuple[SessionListing, ...]
    tenants: tuple[Tenant, ...]
    jobs: Jobs
    rules: Rules
    clocks: Clocks

    def plan(self) -> SlotPlan:
        """What is done."""
        return plan(self.rows, self.tenants, self.jobs, self.rules, self.clocks)


def listings(name: str) -> st.SearchStrategy[SessionListing]:
    """A row of the list."""
    return st.builds(SessionListing, st.just(name), st.integers(0, 3), MAYBE_SINCE, MAYBE_SINCE)


LIVES = st.builds(
    Life,
    created_at=MAYBE_SINCE,
    adopted_at=st.sampled_from([None, None, NOW - DAY]),
    orphaned_since=MAYBE_SINCE,
    dormant_since=MAYBE_SINCE,
    reserved_at=st.sampled_from([None, None, None, NOW]),
    throwaway=st.sampled_from([False, False, True]),
    drained_at=st.sampled_from([None, NOW]),
)


def tenants(name: str) -> st.SearchStrategy[Tenant]:
    """The ledger's side of it; its total is often the vendor's."""
    rarely = (st.sampled_from([False, False, False, True]),) * 4
    job = st.sampled_from(["job-a", "job-b", "old"])
    return st.builds(Tenant, st.just(name), job, st.integers(0, 3), st.booleans(), LIVES, *rarely)


CLOCKS = st.builds(
    Clocks,
    st.just(NOW),
    st.sampled_from([NOW, NOW, NOW, None, NOW - SKEW_MAX, NOW - SKEW_MAX - timedelta(seconds=1), NOW + 2 * SKEW_MAX]),
)
RULES = st.builds(
    Rules,
    st.builds(Room, st.integers(1, 14), st.integers(0, 3)),
    st.sampled_from(Policy),
    st.sampled_from([timedelta(0), 30 * DAY]),
    st.just(90 * DAY),
)


@st.composite
def houses(draw: st.DrawFn) -> House:
    """Any world; the sessions of list and ledger overlap."""
    listed = draw(st.lists(st.sampled_from(NAMES), unique=True))
    known = draw(st.lists(st.sampled_from(NAMES), unique=True))
    named = draw(st.dictionaries(st.sampled_from(NAMES), st.booleans(), max_size=5))
    rows = tuple(draw(listings(name)) for name in listed)
    ours = tuple(draw(tenants(name)) for name in known)
    enabled = dict.fromkeys(draw(st.lists(st.sampled_from(["job-a", "job-b"]), unique=True)))
    return House(rows, ours, Jobs(named, enabled), draw(RULES), draw(CLOCKS))


def assert_right(house: House) -> None:
    """All that holds in every world."""
    planned = house.plan()
    assert_nobody_elses(house, planned)
    assert_old_enough(house, planned)
    assert_room(house, planned)
    assert_one_answer(house, planned)


def assert_nobody_elses(house: House, planned: SlotPlan) -> None:
    """P7: never what leadsync did not make, nor what is needed, nor what has moved."""
    known = {tenant.session: tenant for tenant in house.tenants}
    assert {fate.row for fate in planned.fates} == set(house.rows)
    for fate in planned.those(Action.DELETE):
        tenant = known[fate.session]
        assert tenant.owner is Owner.OURS
        assert tenant.life.created_at is not None
        assert fate.row.created_at is not None
        assert fate.row.created_at <= tenant.life.created_at + SKEW_MAX
        assert not any((tenant.open_key, tenant.running, tenant.refused, tenant.recovering))
        assert not house.jobs.sessions.get(fate.session)
        assert fate.row.total == tenant.total


def assert_old_enough(house: House, planned: SlotPlan) -> None:
    """By the vendor's own clock, and by no policy that was not given; the longest idle goes first."""
    doomed = planned.those(Action.DELETE)
    if not house.clocks.trusted:
        assert not doomed
    for fate in doomed:
        tenant, seen, vendors = fate.tenant, last_seen(fate.row), house.clocks.vendors
        assert tenant is not None
        assert seen is not None
        assert vendors is not None
        if tenant.life.throwaway:
            assert tenant.life.drained_at is not None or tenant.job not in house.jobs.enabled
            continue
        is_dormant = fate.session in house.jobs.sessions
        limit = house.rules.stale_after if is_dormant else house.rules.orphan_after
        assert vendors - seen >= limit - timedelta(seconds=1)
        assert house.rules.policy in ({Policy.STALE} if is_dormant else {Policy.ORPHANS, Policy.STALE})
        if not is_dormant:
            since = tenant.life.orphaned_since
            assert since is not None
            assert NOW - since >= limit
    order = [last_seen(fate.row) or NOW for fate in doomed]
    assert order == sorted(order)


def assert_room(house: House, planned: SlotPlan) -> None:
    """Our own creating never goes above cap less reserve: so many more are free, and not one fewer."""
    room = house.rules.room
    used = planned.occupancy.used
    coming = {one.session for one in house.tenants if one.life.reserved_at or (one.running and one.open_key)}
    assert used == len({row.session for row in house.rows} | coming)
    assert used + planned.occupancy.free == max(used, room.cap - room.reserve)


def assert_one_answer(house: House, planned: SlotPlan) -> None:
    """The order of the list and of the ledger changes nothing; and what was done is not done again."""
    assert replace(house, rows=house.rows[::-1], tenants=house.tenants[::-1]).plan() == planned
    by_name = sorted(house.rows, key=lambda row: row.session)
    assert replace(house, rows=tuple(by_name)).plan() == planned
    gone = {fate.session for fate in planned.those(Action.DELETE)}
    after = replace(house, rows=tuple(row for row in house.rows if row.session not in gone))
    assert not after.plan().those(Action.DELETE)
    assert after.plan().those(Action.WARN) == planned.those(Action.WARN)


@settings(max_examples=300)
@given(houses())
def test_any_house(house: House) -> None:
    """Nothing foreign, needed, moved or young goes; no slot too many is given; the answer is one."""
    assert_right(house)


@pytest.mark.long
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(houses())
def test_ten_thousand_houses(house: House) -> None:
    """The same, for longer."""
    assert_right(house)


OURS = Life(created_at=NOW - 200 * DAY, orphaned_since=NOW - 40 * DAY)
ROW = SessionListing("old", 10, NOW - 40 * DAY, NOW - 200 * DAY)
TENANT = Tenant("old", "old", 10, asked=True, life=OURS)
RULES_30 = Rules(Room(100, 5), Policy.ORPHANS, 30 * DAY, 90 * DAY)
NOBODY = Jobs({}, {})
RIGHT = Clocks(NOW, NOW)


def one_fate(
    row: SessionListing = ROW,
    tenant: Tenant = TENANT,
    jobs: Jobs = NOBODY,
    rules: Rules = RULES_30,
    clocks: Clocks = RIGHT,
) -> Action:
    """What is done about one session."""
    (fate,) = plan([row], [tenant], jobs, rules, clocks).fates
    return fate.action


def lives(**changes: object) -> Tenant:
    """The orphan, with another life."""
    return replace(TENANT, life=replace(OURS, **changes))  # type: ignore[arg-type]


STALE = replace(RULES_30, policy=Policy.STALE)
NEVER = replace(RULES_30, policy=Policy.NEVER)
DISABLED, ENABLED = Jobs({"old": False}, {}), Jobs({"old": True}, {"old": "old"})
RESTED = replace(ROW, last_request_at=NOW - 91 * DAY)


def test_what_goes() -> None:
    """An orphan that is old enough; a disabled job's where the policy is stale; a throw-away under every policy."""
    assert one_fate() is Action.DELETE
    assert one_fate(RESTED, jobs=DISABLED, rules=STALE) is Action.DELETE
    assert one_fate(replace(ROW, last_request_at=None, total=0), replace(TENANT, total=0)) is Action.DELETE
    assert one_fate(tenant=lives(throwaway=True, drained_at=NOW), rules=NEVER) is Action.DELETE
    assert one_fate(tenant=lives(throwaway=True), rules=NEVER) is Action.DELETE
    assert one_fate(clocks=Clocks(NOW, NOW - SKEW_MAX)) is Action.DELETE


def test_what_is_warned_of() -> None:
    """What would go under another policy, or but for a doubt."""
    assert one_fate(rules=NEVER) is Action.WARN
    assert one_fate(RESTED, jobs=DISABLED) is Action.WARN
    assert one_fate(tenant=lives(created_at=None, adopted_at=NOW)) is Action.WARN
    assert one_fate(replace(ROW, created_at=NOW - 100 * DAY)) is Action.WARN
    assert one_fate(replace(ROW, created_at=None)) is Action.WARN
    assert one_fate(tenant=replace(TENANT, refused=True)) is Action.WARN
    assert one_fate(tenant=replace(TENANT, recovering=True)) is Action.WARN
    assert one_fate(clocks=Clocks(NOW, NOW - SKEW_MAX - timedelta(seconds=1))) is Action.WARN


def test_the_warning_says_what_stands_in_the_way() -> None:
    """A clock that said nothing is not called a wrong one: a throw-away session needs no age, and gets that far."""
    (fate,) = plan([ROW], [lives(throwaway=True)], NOBODY, RULES_30, Clocks(NOW, None)).fates
    assert fate.why == (
        "throw-away session of old; it is kept, since the vendor's last reply did not say what time it is there"
    )


def test_what_is_kept() -> None:
    """What is needed, what has moved, what is young, and what has no age."""
    assert one_fate(jobs=ENABLED) is Action.KEEP
    assert one_fate(RESTED, jobs=DISABLED, tenant=replace(TENANT, running=True), rules=STALE) is Action.KEEP
    assert one_fate(tenant=replace(TENANT, open_key=True)) is Action.KEEP
    assert one_fate(replace(ROW, total=11)) is Action.KEEP
    assert one_fate(replace(ROW, last_request_at=NOW - 29 * DAY)) is Action.KEEP
    assert one_fate(tenant=lives(orphaned_since=NOW - 29 * DAY)) is Action.KEEP
    assert one_fate(tenant=lives(orphaned_since=None)) is Action.KEEP
    assert one_fate(replace(ROW, last_request_at=None, created_at=None)) is Action.KEEP
    assert one_fate(clocks=Clocks(NOW, None)) is Action.KEEP
    assert one_fate(jobs=DISABLED, rules=STALE) is Action.KEEP
    busy = Jobs({}, {"old": None})
    assert one_fate(tenant=lives(throwaway=True), jobs=busy) is Action.KEEP
    asleep = Jobs({}, {}, frozenset({"old"}))
    assert one_fate(tenant=lives(throwaway=True), jobs=asleep) is Action.KEEP
    assert one_fate(tenant=lives(throwaway=True, drained_at=NOW), rules=NEVER, jobs=asleep) is Action.DELETE


def test_who_holds_the_slots_is_said_in_one_line() -> None:
    """Ours by job, the most first and not more than five, then the foreign."""
    ours = [Tenant(f"s{n}", f"job-{n % 7}", 1, asked=True, life=OURS) for n in range(9)]
    rows = [SessionListing(name, 1) for name in ("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "x", "y")]
    planned = plan(rows, ours, NOBODY, RULES_30, RIGHT)
    assert str(planned.occupancy) == (
        "11 of 100 are used, 5 kept free: 9 ours (job-0 2, job-1 2, job-2, job-3, job-4, 2 of other jobs), 2 foreign"
    )


@pytest.mark.parametrize(("running", "open_key", "used"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_a_request_that_is_on_its_way_holds_a_slot(running: bool, open_key: bool, used: int) -> None:
    """Its session was deleted, and it makes it anew; a key that no run sends makes nothing."""
    gone = Tenant("s0", "phoenix", 1, asked=True, life=OURS, running=running, open_key=open_key)
    assert plan([], [gone], NOBODY, RULES_30, RIGHT).occupancy.used == used


def test_who_waits_hears_who_holds_the_slots_and_what_to_do() -> None:
    """Why, by whom, that it runs by itself, and the command that shows more."""
    holders = plan([SessionListing("x", 1)], [], NOBODY, replace(RULES_30, room=Room(1, 0)), RIGHT).occupancy
    assert turned_away("no slot is free", holders) == (
        "no slot is free: 1 of 1 are used: 0 ours, 1 foreign; a running daemon runs it once one is free;"
        " `leadsync sessions list` shows who holds them"
    )
