"""How the skip trace stands, for a person and for a program: what was asked, what it cost, what needs somebody."""

from pathlib import Path

import pytest

from leadsync.errors import UsageMistake
from leadsync.reports.plan import in_words as plan_in_words
from leadsync.reports.status import in_words as status_in_words
from leadsync.reports.status import status
from leadsync.reports.traces import outlook, traces, traces_in_words
from tests.jobs.tracing import DAY_S, TRACED, TracedStage
from tests.reports.planned import report


@pytest.fixture
def stage(tmp_path: Path) -> TracedStage:
    """A job whose owners are to be found, within fifty dollars a month."""
    stage = TracedStage(tmp_path, terms="budget = { dollars_per_month = 50 }\n", size=60)
    stage.job(search=TRACED)
    return stage


def told(stage: TracedStage) -> str:
    """What `status` and `traces list` say to a person."""
    settings, now = stage.settings(), stage.clock()
    return f"{status_in_words(status(settings, now))}\n{traces_in_words(traces(settings, now))}"


def test_before_anything_was_asked(stage: TracedStage) -> None:
    """There is no store yet: nothing is out, and the plan knows the budget."""
    settings, now = stage.settings(), stage.clock()
    shown = traces(settings, now)
    assert (shown["batches"], shown["skip_trace"]["state"]) == ([], "ok")
    assert "no batch was ever sent" in traces_in_words(shown)
    assert outlook(settings, now) == {"state": "ok", "wanted": 0, "price_per_match": 0.1, "budget_left": 50.0}


def test_what_was_found_and_what_it_cost(stage: TracedStage) -> None:
    """The books of a batch that is settled; its misses count against the budget, and cost nothing that is known."""
    stage.work()
    shown = traces(stage.settings(), stage.clock())
    (batch,) = shown["batches"]
    tracing = shown["skip_trace"]
    assert batch["state"] == "settled"
    assert tracing["cost"] == pytest.approx(stage.sim.traces.dollars) == batch["cost"]
    assert tracing["budget"]["dollars_month"]["spent"] == pytest.approx(len(stage.asked) / 10)
    (job,) = tracing["jobs"]
    assert (job["job"], job["properties"]) == ("phoenix", 60)
    assert job["no_owner"] + job["no_address"] > 0
    text = told(stage)
    assert f"{batch['matched']} matched, {batch['missed']} missed, 0 wanted, 0 sent" in text
    assert f"of which {job['no_owner'] + job['no_address']} have no owner's name" in text


def test_a_doubted_store_waits_for_no_time(stage: TracedStage) -> None:
    """It was paused and would have been tried again; now a person must say first what became of the store."""
    stage.work()
    stage.write(
        "INSERT OR REPLACE INTO trace_desk (id, paused_reason, paused_message, again_at)"
        " VALUES (1, 'token_refused', 'HTTP 401', '2026-11-02 12:00:00')"
    )
    assert "HTTP 401, tried again at 2026-11-02 12:00" in told(stage)
    stage.write("UPDATE installation SET doubt = 'store_moved'")
    assert "store_moved" in told(stage)
    assert "tried again at" not in told(stage)


def test_what_needs_somebody(stage: TracedStage) -> None:
    """Answers that are awaited, those that did not come, a batch of which nobody knows; then who is asked again."""
    stage.switch(lost_rate=1.0, completion="never")
    stage.work()
    count = len(stage.asked)
    assert f"{count} answers of 1 batches are awaited" in told(stage)
    stage.serve(DAY_S + 3_600.0)
    assert f"{count} owners had no answer in time" in told(stage)
    with pytest.raises(ExceptionGroup) as nobody:
        stage.serve(60, lambda app: app.tracing.word.do("again", {"batches": ["1-9"]}))
    assert nobody.group_contains(UsageMistake, match="nobody is missing there")
    stage.serve(60, lambda app: app.tracing.word.do("again", {"batches": ["1-1"]}))
    assert stage.asked == [2] * count


def test_why_nobody_is_asked(stage: TracedStage) -> None:
    """A pause with its reason and the way out; a parked day; owners who are too few."""
    (stage.folder / "reapi-key").write_text("another-key")
    stage.work()
    assert "token_refused: Unauthorized, tried again at 2026-11-02 12:0" in told(stage)
    assert "`leadsync traces resume` ends the pause" in told(stage)
    (stage.folder / "reapi-key").write_text("simulator-key")
    stage.switch(credits_per_day=1)
    stage.serve(60)
    assert "the vendor's daily limit is reached; it goes on at 2026-11-03 00:00" in told(stage)
    stage.switch(credits_per_day=None)
    stage.serve(600, lambda app: app.tracing.word.do("resume", {}))
    stage.sim.world.grow(4)
    stage.work()
    assert "owners wait for company since 2026-11-02" in told(stage)
    with pytest.raises(ExceptionGroup) as fine:
        stage.serve(60, lambda app: app.tracing.word.do("resume", {}))
    assert fine.group_contains(UsageMistake, match="is not paused")
    with pytest.raises(ExceptionGroup) as unknown:
        stage.serve(60, lambda app: app.tracing.word.do("older", {"job": "tampa"}))
    assert unknown.group_contains(UsageMistake, match="owners of tampa are not found")


def test_the_plan_says_what_would_be_asked(stage: TracedStage) -> None:
    """The owners who wait, the properties that the jobs may bring, and what is left of the budget."""
    stage.once()
    text = plan_in_words(report(stage))
    assert "skip trace: 0 owners are asked for, and those of what the jobs bring (no limit)" in text
    assert "$0.10 a match, $50.00 at most" in text


def test_without_a_skip_trace_nothing_is_said(tmp_path: Path) -> None:
    """Whoever has none reads nothing of it."""
    stage = TracedStage(tmp_path)
    stage.configure()
    stage.job()
    shown = traces(stage.settings(), stage.clock())
    assert shown["skip_trace"] is None
    assert "there is no [skip_trace]" in traces_in_words(shown)
    assert "skip trace" not in status_in_words(status(stage.settings(), stage.clock()))
    assert outlook(stage.settings(), stage.clock()) is None


def test_the_stores_doubt_has_its_own_way_out(stage: TracedStage) -> None:
    """Nobody is asked for in a store that may be a copy, and what ends that is not said to the skip trace."""
    stage.work()
    stage.write("UPDATE installation SET doubt = 'store_copied'")
    assert "`leadsync resume --store copied`" in told(stage)
    assert "traces resume" not in told(stage)
