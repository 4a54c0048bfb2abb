"""Death between any two steps, and again in the recovery: nothing lost or twice, and it ends well (P1, P2, L1)."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsync.core.model import Outcome
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree, assert_keys_in_turn
from tests.jobs.deaths import Death, Fate, Moment, dies
from tests.stage import Stage

MOMENTS: tuple[Moment, Moment] = ("before", "after")
# Where every step is tried, one moment will do: after a step is before the next one.
STEPS_MIN = 25
"""Fewer steps than this and the search for a place to die has missed the pages."""


def stages(folder: Path, **switches: Any) -> Iterator[tuple[int, Stage]]:
    """A new stage with a small job for each step to die at."""
    for step in count(1):
        stage = Stage(folder / str(step), size=25, **switches)
        stage.job(page_size=10)
        yield step, stage


@pytest.mark.parametrize("counts", [True, pytest.param(False, marks=pytest.mark.long)])
def test_death_at_any_step_of_a_first_run(tmp_path: Path, counts: bool) -> None:
    """A new store and a new session: whatever step is the last, the next run has everything once."""
    for step, stage in stages(tmp_path, totals_count_page=counts):
        died = dies(stage, Fate(step, "before"), "phoenix")
        assert stage.end().outcome is Outcome.COMPLETE
        assert stage.sim.bill.records == 25
        assert_books_agree(stage)
        if not died:
            break
    assert step > STEPS_MIN


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.NO_TOKEN])
def test_death_at_any_step_of_a_recovery(tmp_path: Path, fault: Fault) -> None:
    """A run that finds an open key of a job that is gone may die at any step, too."""
    for step, stage in stages(tmp_path):
        stage.job("old", page_size=10, buy_again=True)
        stage.sim.faults.next(None, *[fault] * 60)
        assert stage.end("old").outcome is Outcome.FAILED
        stage.sim.faults.calm()
        stage.remove("old")
        died = dies(stage, Fate(step, "before"), "phoenix")
        # The old job's list is known, so the new one parks; what it had open is settled all the same.
        assert stage.end().outcome is Outcome.PARKED
        assert stage.sim.bill.by_session == {"old": 20}
        assert_books_agree(stage)
        if not died:
            break
    assert step > STEPS_MIN // 2


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 45), st.sampled_from(MOMENTS)), min_size=1, max_size=4),
    st.integers(0, 999),
    st.booleans(),
)
def test_death_after_death_in_bad_weather(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[tuple[int, Moment]], seed: int, counts: bool
) -> None:
    """Several deaths in a row with faults between them, two jobs side by side: L1 holds, and so do the books."""
    stage = Stage(tmp_path_factory.mktemp("deaths") / "stage", size=25, totals_count_page=counts)
    stage.job("one", page_size=10, buy_again=True)
    stage.job("two", page_size=7, buy_again=True)
    stage.sim.faults.storm(0.3, [Fault.CUT_AFTER, Fault.CUT_BEFORE, Fault.HTML_200, Fault.NO_TOKEN], seed=seed)
    for step, moment in deaths:
        dies(stage, Fate(step, moment), "one", "two")
        assert_keys_in_turn(stage)
    stage.sim.faults.calm()
    assert {end.outcome for end in stage.once("one", "two").values()} == {Outcome.COMPLETE}
    assert stage.sim.bill.by_session == {"one": 25, "two": 25}
    assert_books_agree(stage)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    "step", [pytest.param(70, marks=pytest.mark.long), 110, pytest.param(150, marks=pytest.mark.long)]
)
def test_a_shared_budget_holds_through_a_death(tmp_path: Path, step: int, moment: Moment) -> None:
    """Twenty jobs side by side on 1,000 records, killed at a step: in the end 1,000 are billed, not 1,001 (P10)."""
    stage = Stage(tmp_path / "stage", size=90, account="budget = { records_per_day = 1_000 }", short_page_rate=0.5)
    names = [f"job-{number:02}" for number in range(20)]
    for name in names:
        stage.job(name, page_size=40, buy_again=True)
    assert dies(stage, Fate(step, moment), *names)
    assert stage.sim.bill.records <= 1_000
    stage.once(*names)
    assert stage.sim.bill.records == 1_000
    assert_books_agree(stage)


def _die() -> None:
    raise Death


def test_what_a_dead_run_did_is_told_and_counted(tmp_path: Path) -> None:
    """The next start closes the run of a dead process with the figures of its pages, and says so."""
    stage = Stage(tmp_path / "stage", size=250)
    stage.job()
    stage.wire.before[3] = _die
    with pytest.raises(BaseExceptionGroup):
        stage.once("phoenix")
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.rows("SELECT outcome, pages, records, cost_micros FROM run") == [
        ("interrupted", 2, 200, 2_000_000),
        ("complete", 2, 50, 500_000),
    ]
    (line,) = stage.logged("run.interrupted")
    assert (line["run"], line["job"], line["pages"], line["records"]) == (1, "phoenix", 2, 200)
    assert [line["clean"] for line in stage.logged("store.opened")] == [True, False]
