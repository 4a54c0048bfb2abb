"""A backup put back: what was billed after it comes again, unbilled, whatever has changed since; else the job parks."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from leadsync.core.model import Outcome, Reason
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from tests.jobs.books import assert_nothing_lost, assert_totals_agree, billed
from tests.jobs.deaths import Fate, dies
from tests.jobs.restores import back_up, restore
from tests.simulator.caller import page
from tests.stage import Stage

Build = Callable[..., Stage]

TUCSON = 'query = "Tucson, AZ"'

VENDORS: list[dict[str, Any]] = [
    {},
    {"totals_count_page": False},
    {"totals_count_page": False, "replay_total": "current", "replay_says_new": False},
    {"replay_total": "current", "other_body": "malformed"},
    {"other_body": "first_reply", "replay_says_new": False},
    {"end": "cursor_stays", "short_page_rate": 0.5},
]
"""Answers to what is open at the vendor."""

CHANGES: list[dict[str, Any]] = [{}, {"page_size": 70}, {"page_size": 500}, {"records_per_run": 1_000}]


def whole(stage: Stage, *names: str) -> None:
    """Each id is billed and stored once, and the totals are the vendor's."""
    for name in names or ("phoenix",):
        assert stage.end(name).outcome is Outcome.COMPLETE
        left = stage.rows("SELECT recovering, recover_until FROM search_session WHERE name = ?", name)
        assert left == [(0, None)]
    assert max(Counter(billed(stage)).values()) == 1
    assert_nothing_lost(stage)
    assert_totals_agree(stage)


def in_mid_session(stage: Stage, before: int, after: int, **keys: Any) -> None:
    """A backup after so many records; so many more are pulled; the backup is put back."""
    stage.job("other", search=TUCSON, records_per_run=1)
    stage.end("other")
    if before:
        stage.job(records_per_run=before, **keys)
        assert stage.end().outcome is Outcome.LIMITED
    back_up(stage)
    stage.job(records_per_run=after, **keys)
    assert stage.end().outcome is Outcome.LIMITED
    restore(stage)
    assert stage.end().reason is Reason.STORE_RESTORED


def combinations() -> Iterator[Any]:
    """Each vendor and each change once every day, all pairs with --long."""
    for (at, vendor), (number, changed), before in product(enumerate(VENDORS), enumerate(CHANGES), (0, 100)):
        daily = at % len(CHANGES) == number and before == at % 2 * 100
        name = "-".join(map(str, [before, *changed.values(), *vendor.values()]))
        yield pytest.param(vendor, changed, before, id=name, marks=() if daily else pytest.mark.long)


@pytest.mark.parametrize(("vendor", "changed", "before"), list(combinations()))
def test_a_session_goes_on_where_it_really_was(
    build: Build, vendor: dict[str, Any], changed: dict[str, Any], before: int
) -> None:
    """Its missing pages come, then the new ones as the file has them now; also of a session made after the backup."""
    stage = build(size=550, **vendor)
    in_mid_session(stage, before, 230)
    stage.job(**changed)
    had = stage.sim.bill.records
    stage.answer_store(StoreAnswer.RESTORED)
    assert stage.sim.bill.records == had
    whole(stage)
    assert stage.sim.bill.by_session["phoenix"] == 550
    stage.sim.grow(20)
    whole(stage)
    assert stage.sim.bill.by_session["phoenix"] == 570


def test_several_sessions_of_after_the_backup_come_back(build: Build) -> None:
    """The keys of a session are made of what the store has, so one that it does not know is asked for all the same."""
    stage = build(size=250)
    stage.job("first", records_per_run=100)
    stage.end("first")
    back_up(stage)
    names = ["first", "second", "third"]
    for name in names:
        stage.job(name, buy_again=True)
    stage.once(*names)
    restore(stage)
    stage.answer_store(StoreAnswer.RESTORED)
    whole(stage, *names)
    assert stage.sim.bill.records == 750


@pytest.mark.parametrize("other_body", ["conflict", "malformed", "first_reply"])
def test_pages_of_odd_sizes_are_found(build: Build, other_body: str) -> None:
    """A run's limit makes its last page smaller: a vendor that knows the key with another take bills nothing for it."""
    stage = build(size=550, other_body=other_body)
    in_mid_session(stage, 100, 237)
    stage.job()
    stage.answer_store(StoreAnswer.RESTORED)
    whole(stage)


@pytest.mark.parametrize("settled_by", ["the daemon", "another job"])
def test_who_only_settles_closes_no_key_of_before(build: Build, settled_by: str) -> None:
    """Stopped while it looks for a page's size, a recovery leaves its key open: the job's own run goes on there."""
    stage = build(size=550, other_body="conflict")
    in_mid_session(stage, 100, 237)
    stage.job(schedule='every = "7d"')
    stage.answer_store(StoreAnswer.RESTORED)

    async def stopped_at_the_third_size() -> None:
        async with stage.app("phoenix") as app:
            stage.wire.before[stage.wire.searches + 6] = app.around.stopping.set
            await app.once(["phoenix"])

    stage.play(stopped_at_the_third_size())
    assert [state for (state,) in stage.rows("SELECT state FROM page ORDER BY id")][-1] == "asked"
    stage.end("other") if settled_by == "another job" else stage.serve(600)
    assert stage.rows("SELECT state FROM page WHERE state = 'refused'") == []
    whole(stage)


def test_criteria_that_changed_since_park_when_everything_is_back(build: Build) -> None:
    """The old pages were asked with the old list, and come first; what the new list would bring is a question."""
    stage = build(size=550)
    in_mid_session(stage, 100, 200)
    stage.job(search=TUCSON)
    stage.answer_store(StoreAnswer.RESTORED)
    assert stage.end().reason is Reason.CRITERIA_CHANGED
    assert_totals_agree(stage)
    assert_nothing_lost(stage)
    stage.resume(choice=Choice.ACCEPT)
    whole(stage)


def test_criteria_that_changed_before_the_loss_are_found(build: Build) -> None:
    """The backup knows the old list alone: its bytes are refused, and those of the job's file are tried."""
    stage = build(size=550)
    stage.job(records_per_run=100, search=TUCSON)
    stage.end()
    back_up(stage)
    stage.job(records_per_run=200, on_criteria_change="continue")
    assert stage.end().outcome is Outcome.LIMITED
    restore(stage)
    stage.job(on_criteria_change="continue")
    stage.answer_store(StoreAnswer.RESTORED)
    whole(stage)


def test_a_renamed_job_is_not_taken_for_one_that_buys_again(build: Build) -> None:
    """Its session was made after the backup with the list of another: it is whole, and no new one."""
    stage = build(size=250)
    stage.job("older")
    stage.end("older")
    back_up(stage)
    stage.job(buy_again=True)
    stage.end()
    restore(stage)
    stage.job()
    stage.answer_store(StoreAnswer.RESTORED)
    whole(stage)


@pytest.mark.parametrize("budget", ["records_per_day = 250", "dollars_per_month = 2.50"])
def test_pages_that_are_paid_already_wait_for_no_budget(build: Build, budget: str) -> None:
    """Room for the first page, whose key may be forgotten; the rest is known to be unbilled, and comes."""
    stage = build(size=650)
    in_mid_session(stage, 100, 400)
    stage.job()
    stage.configure(f"budget = {{ {budget} }}")
    stage.answer_store(StoreAnswer.RESTORED)
    assert stage.end().outcome is Outcome.OVER_BUDGET
    assert_totals_agree(stage)
    assert_nothing_lost(stage)
    assert stage.sim.bill.by_session["phoenix"] == 500
    stage.configure()
    whole(stage)


@pytest.mark.parametrize("left", [0, 99])
def test_without_room_for_a_forgotten_page_none_is_asked(build: Build, left: int) -> None:
    """A key that the vendor may have forgotten may bill its page: the budget must have room for all of it, or none."""
    stage = build(size=650)
    in_mid_session(stage, 100, 400)
    stage.sim.forget_keys()
    stage.job()
    stage.configure(f"budget = {{ records_per_day = {101 + left} }}")
    stage.answer_store(StoreAnswer.RESTORED)
    had = stage.wire.searches
    assert stage.end().outcome is Outcome.OVER_BUDGET
    assert stage.wire.searches == had
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 0


@pytest.mark.parametrize("before", [0, 100])
@pytest.mark.parametrize("counts", [True, False])
def test_forgotten_keys_cost_one_page_and_park(build: Build, before: int, *, counts: bool) -> None:
    """The page that shows it is stored; nothing more is asked until a person lets go what is lost; then books agree."""
    stage = build(size=850, totals_count_page=counts)
    in_mid_session(stage, before, 400)
    stage.sim.forget_keys()
    stage.job()
    stage.answer_store(StoreAnswer.RESTORED)
    had = stage.sim.bill.records
    for _ in range(2):
        end = stage.end()
        assert (end.outcome, end.reason) == (Outcome.PARKED, Reason.SESSION_DRIFTED)
        assert "are lost" in end.message
        assert stage.sim.bill.records == had + 100
    stage.resume(choice=Choice.ACCEPT)
    for _ in range(2):
        assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.by_session["phoenix"] == 850
    assert max(Counter(billed(stage)).values()) == 1
    assert_totals_agree(stage)


def test_forgotten_keys_of_a_drained_session_are_told(build: Build) -> None:
    """Where there is nothing more to deliver, forgotten keys bring empty pages: that does not go on for ever."""
    stage = build(size=300)
    in_mid_session(stage, 100, 200)
    stage.sim.forget_keys()
    stage.answer_store(StoreAnswer.RESTORED)
    had = stage.sim.bill.records
    end = stage.end()
    assert end.reason is Reason.SESSION_DRIFTED
    assert "bring nothing more; about 200 properties" in end.message
    assert stage.sim.bill.records == had
    stage.resume(choice=Choice.ACCEPT)
    assert stage.end().outcome is Outcome.COMPLETE
    assert_totals_agree(stage)


def test_a_session_that_was_never_ours_costs_one_page(build: Build) -> None:
    """A new job with the name of somebody's session: it cannot be told from a lost one without asking once."""
    stage = build(size=550)
    in_mid_session(stage, 100, 200)
    page(stage.sim, "somebody", session="new", take=40)
    stage.job("new", buy_again=True)
    stage.answer_store(StoreAnswer.RESTORED)
    for _ in range(2):
        assert stage.end("new").reason is Reason.SESSION_DRIFTED
    assert stage.sim.bill.by_session["new"] == 140
    stage.job("later", buy_again=True)
    page(stage.sim, "somebody", session="later", take=40)
    assert stage.end("later").reason is Reason.SESSION_FOREIGN
    assert stage.sim.bill.by_session["later"] == 40


@pytest.mark.parametrize("change", [{}, {"page_size": 70}])
def test_keys_of_runs_that_found_nothing_are_not_used_again(build: Build, change: dict[str, Any]) -> None:
    """Their replay would be an empty page of old: what is new since would look like nothing new, or be refused."""
    stage = build(size=150)
    stage.job()
    stage.end()
    back_up(stage)
    for _ in range(4):
        stage.end()
    restore(stage)
    stage.sim.grow(30)
    stage.job(**change)
    stage.answer_store(StoreAnswer.RESTORED)
    whole(stage)
    assert stage.sim.bill.records == 180


def test_empty_pages_between_full_ones_are_passed(build: Build) -> None:
    """Days on which nothing was new lie between those that are missing."""
    stage = build(size=100)
    stage.job()
    stage.end()
    back_up(stage)
    for _ in range(5):
        stage.end()
        stage.end()
        stage.sim.grow(10)
    stage.end()
    restore(stage)
    stage.answer_store(StoreAnswer.RESTORED)
    whole(stage)
    assert stage.sim.bill.records == 150


def test_a_session_that_was_begun_anew_since_is_whole(build: Build) -> None:
    """After the backup it was deleted and begun anew: the person says so again, and the second life's pages come."""
    stage = build(size=550)
    stage.job()
    stage.end()
    back_up(stage)
    stage.sim.delete_session("phoenix")
    assert stage.end().reason is Reason.SESSION_VANISHED
    stage.resume(choice=Choice.NEW_EPOCH)
    stage.job(records_per_run=200)
    assert stage.end().outcome is Outcome.LIMITED
    restore(stage)
    stage.answer_store(StoreAnswer.RESTORED)
    assert stage.end().reason is Reason.SESSION_VANISHED
    assert stage.sim.bill.records == 750
    stage.resume(choice=Choice.NEW_EPOCH)
    stage.job()
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 1_100
    assert_totals_agree(stage)
    assert_nothing_lost(stage)


def test_the_daemon_goes_on_after_it(build: Build) -> None:
    """The next runs of the same process ask for what is new, and not again for what is old."""
    stage = build(size=550)
    in_mid_session(stage, 100, 200)
    stage.job(schedule='every = "5m"')
    stage.answer_store(StoreAnswer.RESTORED)
    stage.serve(700, None)
    stage.sim.grow(20)
    stage.serve(700, None)
    assert {outcome for (outcome,) in stage.rows("SELECT outcome FROM run WHERE trigger = 'schedule'")} == {"complete"}
    whole(stage)


def test_a_person_may_know_it_without_the_witness(build: Build) -> None:
    """A snapshot of the whole folder brings the witness back, too: the totals park the job; the answer is the same."""
    stage = build(size=550)
    stage.job(records_per_run=100)
    stage.end()
    back_up(stage)
    witness = (stage.folder / "leadsync.db.witness").read_bytes()
    stage.job()
    stage.end()
    restore(stage)
    (stage.folder / "leadsync.db.witness").write_bytes(witness)
    end = stage.end()
    assert end.reason is Reason.SESSION_DRIFTED
    assert "resume --store restored" in end.message
    stage.answer_store(StoreAnswer.RESTORED)
    stage.resume(choice=Choice.ACCEPT)
    whole(stage)
    assert stage.sim.bill.records == 550


def deaths_in_recovery(build_in: Callable[[int], Stage], steps: range) -> int:
    """Die at each of these steps of a recovery, then look that it ends whole; return how many deaths there were."""
    died = 0
    for step in steps:
        stage = build_in(step)
        in_mid_session(stage, 100, 230)
        stage.job(page_size=70)
        stage.answer_store(StoreAnswer.RESTORED)
        died += dies(stage, Fate(step, "after"), "phoenix")
        whole(stage)
        assert stage.sim.bill.by_session["phoenix"] == 550
    return died


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.long), 11], ids=["at each step", "at some steps"])
def test_death_in_a_recovery(tmp_path: Any, every: int) -> None:
    """Whatever was reached, the next run goes on from there, and nothing is billed for it."""
    steps = range(1, 60, every)

    def build_in(step: int) -> Stage:
        return Stage(tmp_path / str(step), size=550, totals_count_page=step % 2 == 0)

    assert deaths_in_recovery(build_in, steps) == len(steps)
