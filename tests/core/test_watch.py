"""From facts to conditions, each by a row; and a condition from its begin to its end, once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from leadsync.core.budget import Share
from leadsync.core.conditions import CATALOGUE, Condition
from leadsync.core.model import End, Outcome, Reason
from leadsync.core.unusual import Unusual
from leadsync.core.watch import (
    DISK_FULL_BYTES,
    AccountFacts,
    Began,
    Ended,
    Facts,
    Held,
    JobFacts,
    Key,
    Sight,
    StoreFacts,
    TraceFacts,
    Worsened,
    sights,
    step,
)

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FAILED = End(Outcome.FAILED, "connection cut")
DONE = End(Outcome.COMPLETE, "nothing more")
JOB = JobFacts("phoenix", "main", run_timeout=timedelta(hours=2), due_at=NOW + 10 * MINUTE, last=(DONE, FAILED))
ACCOUNT = AccountFacts("main", budget=(Share("records_per_day", 20, 800),), slots_left=60)
WELL = Facts(StoreFacts((ACCOUNT,), (JOB,)), silence_s={"main": 0.0}, free_bytes=50 * 1024**3)


def seen(facts: Facts, *held: Held) -> dict[Condition, Sight]:
    """What is seen, by condition: there is one account and one job."""
    return {key.condition: sight for key, sight in sights(facts, held, NOW).items() if sight is not None}


def job(**changes: object) -> Facts:
    """Facts in which the job alone is not as it should be."""
    return replace(WELL, store=StoreFacts((ACCOUNT,), (replace(JOB, **changes),)))  # type: ignore[arg-type]


def account(**changes: object) -> Facts:
    """Facts in which the account alone is not as it should be."""
    return replace(WELL, store=StoreFacts((replace(ACCOUNT, **changes),), (JOB,)))  # type: ignore[arg-type]


def held(condition: Condition, subject: str = "main", **changes: object) -> Held:
    """A condition that began an hour ago."""
    one = Held(Key(condition, subject), NOW - 60 * MINUTE, 1.0, "", 1.0)
    return replace(one, **changes)  # type: ignore[arg-type]


SPENT = (Share("records_per_day", 100, 0), Share("dollars_per_month", 84, 160))
FLOOD = Unusual(Condition.JOB_MUCH, 10.0, "3,000 records")


@pytest.mark.parametrize(
    ("facts", "conditions"),
    [
        pytest.param(WELL, set(), id="all is well"),
        pytest.param(job(due_at=NOW - 14 * MINUTE), set(), id="fourteen minutes late: open keys are settled first"),
        pytest.param(job(due_at=NOW - 16 * MINUTE), {Condition.JOB_OVERDUE}, id="late"),
        pytest.param(job(due_at=None), set(), id="no time"),
        pytest.param(job(due_at=NOW - 99 * MINUTE, running_since=NOW - 90 * MINUTE), set(), id="late, and at it"),
        pytest.param(job(running_since=NOW - 149 * MINUTE), set(), id="a run that ends late by its time-out"),
        pytest.param(job(running_since=NOW - 151 * MINUTE), {Condition.JOB_STUCK}, id="a run that hangs"),
        pytest.param(job(last=(FAILED, DONE, FAILED)), set(), id="one failure is weather"),
        pytest.param(job(last=(FAILED, FAILED, DONE)), {Condition.JOB_FAILING}, id="two are not"),
        pytest.param(job(parked=Reason.REFUSED), {Condition.JOB_PARKED}, id="parked"),
        pytest.param(job(waits=True), {Condition.JOB_WAITING}, id="waits for a slot"),
        pytest.param(job(unusual=FLOOD), {Condition.JOB_MUCH}, id="unusual"),
        pytest.param(account(paused=Reason.WALLET_EMPTY), {Condition.ACCOUNT_PAUSED}, id="paused"),
        pytest.param(account(budget=SPENT[1:]), {Condition.BUDGET_NEARLY_SPENT}, id="four fifths of a budget"),
        pytest.param(account(budget=SPENT), {Condition.BUDGET_SPENT}, id="the end of a budget"),
        pytest.param(account(slots_left=5), {Condition.SLOTS_LOW}, id="five slots"),
        pytest.param(account(slots_left=6), set(), id="six slots"),
        pytest.param(account(slots_left=None), set(), id="no list was had yet"),
        pytest.param(account(slots_left=2, slots_cap=10), set(), id="a small team, two slots"),
        pytest.param(account(slots_left=1, slots_cap=10), {Condition.SLOTS_LOW}, id="a small team, one slot"),
        pytest.param(
            replace(WELL, store=StoreFacts((), (), Reason.STORE_MOVED)), {Condition.STORE_DOUBTED}, id="a moved store"
        ),
        pytest.param(
            replace(WELL, store=StoreFacts((), (), reload_refused="a.toml:3")), {Condition.RELOAD_REFUSED}, id="reload"
        ),
        pytest.param(
            replace(WELL, store=StoreFacts((), (), quarantined=3)), {Condition.INBOX_QUARANTINED}, id="unread webhooks"
        ),
        pytest.param(
            replace(WELL, store=StoreFacts((), (), traces=TraceFacts("token_refused", 7))),
            {Condition.TRACE_PAUSED, Condition.TRACES_MISSING},
            id="owners",
        ),
        pytest.param(replace(WELL, free_bytes=2**29), {Condition.DISK_LOW}, id="half a gibibyte"),
        pytest.param(replace(WELL, free_bytes=2**26), {Condition.DISK_LOW, Condition.DISK_FULL}, id="hardly any"),
        pytest.param(replace(WELL, wal_bytes=2**29), {Condition.WAL_LARGE}, id="a reader that stays"),
        pytest.param(replace(WELL, lag_s=1.5), {Condition.LOOP_LAGS}, id="a late loop"),
        pytest.param(replace(WELL, scheduler_silent_s=200), {Condition.SCHEDULER_SILENT}, id="no alarm rings"),
        pytest.param(replace(WELL, silence_s={"main": 400.0}), {Condition.VENDOR_SILENT}, id="an outage"),
        pytest.param(replace(WELL, store=None, store_failed_s=60), {Condition.STORE_FAILING}, id="no store"),
    ],
)
def test_what_is_seen(facts: Facts, conditions: set[Condition]) -> None:
    """Each fact by itself is one condition, or none."""
    assert set(seen(facts)) == conditions


def test_a_cause_is_told_once() -> None:
    """Where the scheduler or the vendor is silent, what follows from that is not told beside it."""
    late = replace(job(due_at=NOW - 99 * MINUTE), scheduler_silent_s=200.0)
    assert set(seen(late)) == {Condition.SCHEDULER_SILENT}
    failing = job(last=(FAILED, FAILED))
    assert set(seen(replace(failing, silence_s={"main": 400.0}))) == {Condition.VENDOR_SILENT}
    over = held(Condition.VENDOR_SILENT, ended_at=NOW - 59 * MINUTE)
    assert seen(failing, over) == {}
    assert set(seen(failing, replace(over, ended_at=NOW - 60 * MINUTE))) == {Condition.JOB_FAILING}
    assert set(seen(failing, held(Condition.VENDOR_SILENT, "other"))) == {Condition.JOB_FAILING}


def test_what_goes_on_behind_its_cause_is_not_over() -> None:
    """A job that was told to fail, or to be late, is not told to be well because the vendor or the scheduler fails."""
    told = [held(Condition.JOB_FAILING, "phoenix"), held(Condition.JOB_OVERDUE, "phoenix")]
    both = job(last=(FAILED, FAILED), due_at=NOW - 99 * MINUTE)
    behind = replace(both, silence_s={"main": 400.0}, scheduler_silent_s=200.0)
    after, news = step(told, sights(behind, told, NOW), NOW)
    assert after[:2] == told
    causes = {Condition.VENDOR_SILENT, Condition.SCHEDULER_SILENT}
    assert {(type(one), one.held.key.condition) for one in news} == {(Began, cause) for cause in causes}
    over = [type(one) for one in step(told, sights(WELL, told, NOW), NOW)[1]]
    assert over == [Ended, Ended]


def test_an_outage_that_a_clock_far_ahead_has_ended_covers_no_failing_job() -> None:
    """The clock is put back by a year: whose jobs fail is told at once, and not in a year and an hour."""
    over = held(Condition.VENDOR_SILENT, ended_at=NOW + timedelta(days=365))
    assert set(seen(job(last=(FAILED, FAILED)), over)) == {Condition.JOB_FAILING}


def test_what_is_not_known_stays() -> None:
    """A store that cannot be read ends nothing that it has told, and a vendor that was not asked yet nothing either."""
    parked, silent = held(Condition.JOB_PARKED, "phoenix"), held(Condition.VENDOR_SILENT)
    facts = replace(WELL, store=None, store_failed_s=60.0, silence_s={"main": None})
    after, news = step([parked, silent], sights(facts, [parked, silent], NOW), NOW)
    assert [(type(one), one.held.key.condition) for one in news] == [(Began, Condition.STORE_FAILING)]
    assert after[:2] == [parked, silent]
    assert seen(replace(WELL, silence_s={"main": None})) == {}


def test_a_budget_that_is_spent_is_nearly_spent_no_more() -> None:
    """Who was told of four fifths is not told that they are over at five; who was not is told of the end alone."""
    nearly = held(Condition.BUDGET_NEARLY_SPENT)
    after, news = step([nearly], sights(account(budget=SPENT), [nearly], NOW), NOW)
    assert after[0] == nearly
    assert [one.held.key.condition for one in news] == [Condition.BUDGET_SPENT]
    _, news = step(after, sights(WELL, after, NOW), NOW)
    assert [type(one) for one in news] == [Ended, Ended]


def test_from_begin_to_end() -> None:
    """It begins once, becomes worse by half or more, and ends when it was gone for as long as it must be."""
    key = Key(Condition.DISK_LOW)
    held_now: list[Held] = []
    told: list[str] = []
    looks = [10.0, 11.0, 16.0, 12.0, None, *[20.0] * 2, *[None] * 12]
    for minute, measure in enumerate(looks):
        seen_now = {} if measure is None else {key: Sight(measure, f"{measure:.0f} missing")}
        held_now, news = step(held_now, seen_now, NOW + minute * MINUTE)
        told += [f"{minute} {type(one).__name__} {one.held.worst:.0f} {one.held.detail}" for one in news]
    assert told == ["0 Began 10 10 missing", "2 Worsened 16 16 missing", "17 Ended 20 20 missing"]
    (over,) = held_now
    assert (over.began_at, over.ended_at) == (NOW, NOW + 7 * MINUTE)


@pytest.mark.parametrize("between", [timedelta(days=-365), timedelta(days=3)], ids=["put back", "slept"])
def test_a_clock_that_jumps_while_it_settles_holds_up_no_end(between: timedelta) -> None:
    """It ends minutes after it was first not seen, be the clock put back or the machine asleep; that is news."""
    (now_held,), _ = step([held(Condition.VENDOR_SILENT)], {}, NOW)
    assert now_held.gone_at == NOW
    ends: list[timedelta] = []
    for minute in range(6):
        now = NOW + between + minute * MINUTE
        (now_held,), news = step([now_held], {}, now)
        ends += [now - one.held.ended_at for one in news if isinstance(one, Ended) and one.held.ended_at is not None]
    assert len(ends) == 1
    assert timedelta(0) <= ends[0] <= 5 * MINUTE


def test_again_is_another() -> None:
    """What begins again after its end is a condition of its own; the old one is left as it was."""
    key = Key(Condition.JOB_PARKED, "phoenix")
    over = Held(key, NOW - 9 * MINUTE, 0.0, "", 0.0, ended_at=NOW - MINUTE)
    after, news = step([over], {key: Sight(0.0, "refused")}, NOW)
    assert [type(one) for one in news] == [Began]
    assert after[0] == over
    assert after[1].began_at == NOW
    assert step(after, {}, NOW + MINUTE)[1] == [Ended(replace(after[1], gone_at=NOW + MINUTE, ended_at=NOW + MINUTE))]


def test_worse_by_less_than_half_is_kept_but_not_said() -> None:
    """The worst is remembered; the log is not told each minute that a minute has passed."""
    key = Key(Condition.JOB_OVERDUE, "phoenix")
    (one,), _ = step([], {key: Sight(900.0, "15 min")}, NOW)
    (one,), news = step([one], {key: Sight(960.0, "16 min")}, NOW)
    assert (one.worst, one.said, news) == (960.0, 900.0, [])
    (one,), news = step([one], {key: Sight(1_800.0, "30 min")}, NOW)
    assert news == [Worsened(one)]


def test_every_condition_is_in_the_catalogue() -> None:
    """Each says what it means and what to do, as one sentence that can stand in a line."""
    assert set(CATALOGUE) == set(Condition)
    for about in CATALOGUE.values():
        assert not about.meaning.endswith(".")
        assert not about.do.endswith(".")


def test_a_full_disk_is_what_the_page_path_takes_for_one() -> None:
    """The condition that says 'nothing is asked for' begins where that is so."""
    assert set(seen(replace(WELL, free_bytes=DISK_FULL_BYTES))) == {Condition.DISK_LOW}
    assert Condition.DISK_FULL in seen(replace(WELL, free_bytes=DISK_FULL_BYTES - 1))
