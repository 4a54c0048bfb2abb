"""A large one-shot by windows: each asked once, results by webhook, done when all have ended, whatever the weather."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from leadsync.app import App
from leadsync.core.model import End, Outcome
from leadsync.core.resume import Choice
from leadsync.errors import UsageMistake
from leadsync.reports.export.rows import Wanted, chunks_of, span_of
from leadsync.simulator import Fate, Fault, Sending
from leadsync.store.ledger import Figures
from tests.jobs.windows import asked, assert_all_stored, begin, large
from tests.stage import Stage

Build = Callable[..., Stage]
WHOLE = [(0, 1_000), (1_000, 1_000), (2_000, 1_000), (3_000, 200)]
FEW: dict[str, Any] = {"records": 160, "async_above": 0, "records_per_run": 50}
"""As many windows, and small: each run asks for one, and the next goes on when it has come."""

FEW_WHOLE = [(0, 50), (50, 50), (100, 50), (150, 10)]
HOUR_S = 3_600.0


@pytest.fixture
def stage(build: Build) -> Stage:
    """A vendor with more than is wanted, whose results take a minute."""
    return build(size=5_000, record_bytes=300, result_after_s=60)


def outcomes(stage: Stage) -> list[str]:
    """How the runs ended."""
    return [outcome for (outcome,) in stage.rows("SELECT outcome FROM run ORDER BY id")]


def test_it_brings_what_is_wanted(build: Build) -> None:
    """3,200 records in 4 windows, one lost acknowledgement, each webhook twice: 3,200 stored once, and `once` waits."""
    stage = build(size=5_000, record_bytes=300, callbacks=Sending(copies=2), copies_differ=True, result_after_s=60)
    large(stage)
    stage.sim.async_faults.next(Fault.CUT_AFTER)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert asked(stage) == WHOLE
    assert stage.one("SELECT count(*) FROM delivery") == 3_200
    assert_all_stored(stage)
    assert len(stage.logged("window.unsure")) == 1
    seen = len(stage.sim.bill.requests)
    assert "done before" in stage.end("bulk").message
    assert len(stage.sim.bill.requests) == seen
    rows = [row for chunk in chunks_of(span_of(stage.settings(), Wanted("bulk"))) for row in chunk]
    assert {(row.route, row.session) for row in rows} == {("async", None)}


def test_it_goes_on_after_a_restart(stage: Stage) -> None:
    """Between asking and receiving: nothing is asked again, and the next process gets the result, and goes on."""
    stage.sim.fates.next(None, Fate.HELD)
    large(stage, **FEW)
    stage.serve(300, begin)
    assert asked(stage) == FEW_WHOLE[:2]

    async def send(_app: App) -> None:
        await stage.sim.send_results()

    stage.serve(HOUR_S, send)
    assert asked(stage) == FEW_WHOLE
    assert_all_stored(stage)
    assert outcomes(stage)[-1] == "complete"
    assert stage.one("SELECT outcome FROM one_shot") == "complete"
    triggers = [trigger for (trigger,) in stage.rows('SELECT "trigger" FROM run ORDER BY id')]
    assert triggers[0] == "once"
    assert set(triggers[1:]) == {"webhook"}


def test_a_vendor_that_ignores_skip_costs_one_window(build: Build) -> None:
    """The second window shows it, and no third is asked for."""
    stage = build(size=5_000, record_bytes=300, skip_honoured=False)
    large(stage)
    end = stage.end("bulk")
    assert (end.outcome, stage.sim.bill.records) == (Outcome.PARTIAL, 2_000)
    assert "ignores skip" in end.message
    assert stage.rows("SELECT count(*), sum(redelivered) FROM delivery") == [(2_000, 1_000)]
    assert stage.one("SELECT delivered FROM search_session") == 1_000


def test_several_are_out_at_once_once_skip_is_proven(build: Build) -> None:
    """The first two go one after another; then as many as the job says."""
    stage = build(size=8_000, record_bytes=300, result_after_s=600)
    large(stage, records=4_100, windows_in_flight=3)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.clock.elapsed_s < 3 * 700
    assert_all_stored(stage)


def test_nothing_came(stage: Stage) -> None:
    """It expires, counts as spent, is told with the command, and a person's word asks for that window alone."""
    stage.sim.fates.next(None, None, Fate.LOST)
    large(stage, **FEW, deadline="2h")
    end = stage.end("bulk")
    assert end.outcome is Outcome.PARTIAL
    assert "`leadsync resume bulk --ask-again`" in end.message
    (expired,) = stage.logged("window.expired")
    assert (expired["window"], expired["records"], expired["cost"], expired["again"]) == (3, 50, 0.5, False)
    assert stage.one("SELECT sum(billed) FROM page WHERE state = 'unknown'") == 50
    assert stage.one("SELECT sum(cost_micros) FROM run") == 160 * 10_000
    told = stage.resume("bulk", Choice.ASK_AGAIN)
    assert "at most 50 records, about $0.50" in told
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert asked(stage) == [*FEW_WHOLE, FEW_WHOLE[2]]
    assert stage.one("SELECT count(*) FROM delivery") == 160
    with pytest.raises(UsageMistake, match="nothing was changed"):
        stage.resume("bulk", Choice.ASK_AGAIN)


def test_what_comes_late_is_taken(stage: Stage) -> None:
    """After its deadline, too: it counts as what it is, and what had ended partial is complete."""
    stage.sim.fates.next(None, None, Fate.HELD)
    large(stage, **FEW, deadline="30m")
    assert stage.end("bulk").outcome is Outcome.PARTIAL

    async def send(_app: App) -> None:
        await stage.sim.send_results()

    stage.serve(60, send)
    assert [line["late"] for line in stage.logged("window.arrived")] == [False, False, False, True]
    assert len(stage.logged("one_shot.amended")) == 1
    assert stage.one("SELECT outcome FROM one_shot") == "complete"
    assert_all_stored(stage)
    assert stage.one("SELECT sum(records) FROM run") == 160


def test_late_proof_goes_on_at_a_persons_word(stage: Stage) -> None:
    """The second window came after the pull had ended: what was never asked for is asked for, and nothing else."""
    stage.sim.fates.next(None, Fate.HELD)
    large(stage, **FEW, deadline="30m")
    assert "nothing shows that a further one" in stage.end("bulk").message

    async def go_on(app: App) -> None:
        await stage.sim.send_results()
        await asyncio.sleep(10)
        assert "60 records that it never asked for" in await app.resume("bulk", Choice.ASK_AGAIN)

    stage.serve(HOUR_S, go_on)
    assert asked(stage) == FEW_WHOLE
    assert stage.one("SELECT outcome FROM one_shot") == "complete"
    assert_all_stored(stage)


@pytest.mark.parametrize("tries", [2, 3])
def test_asking_again_by_itself_has_an_end(stage: Stage, tries: int) -> None:
    """`on_expiry = "ask_again"`: a window that never comes is paid for three times at most."""
    stage.sim.fates.next(*[Fate.LOST] * tries)
    large(stage, records=50, async_above=0, deadline="20m", on_expiry="ask_again")
    end = stage.end("bulk")
    assert len(asked(stage)) == 3
    assert end.outcome is (Outcome.COMPLETE if tries < 3 else Outcome.PARTIAL)
    assert [line["again"] for line in stage.logged("window.expired")] == [True, True, False][:tries]


@pytest.mark.parametrize(("shape", "to"), [("envelope", "error_url"), ("bare", "result_url")])
def test_an_error_frees_what_was_reserved(build: Build, shape: str, to: str) -> None:
    """Wherever it comes: nothing is counted, the reason is told, and the window may be asked for again."""
    stage = build(size=5_000, record_bytes=300, error_shape=shape, errors_to=to)
    stage.sim.fates.next(Fate.FAILED)
    large(stage, deadline="1h", records=50, async_above=0)
    end = stage.end("bulk")
    assert end.outcome is Outcome.PARTIAL
    (failed,) = stage.logged("window.failed")
    assert (failed["window"], failed["message"]) == (1, "The request could not be completed.")
    assert stage.one("SELECT sum(billed) FROM page") == 0
    stage.resume("bulk", Choice.ASK_AGAIN)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert_all_stored(stage)


def test_once_goes_on_with_what_came_while_its_run_ended(stage: Stage) -> None:
    """The store was slow to write that end down, and the result was read first: nobody has to say it again."""
    large(stage, **{**FEW, "records": 100})

    async def act() -> Outcome:
        async with stage.app() as app:
            end_run = app.ledger.end_run

            async def slowly(
                run_id: int, ended: End, waited_s: float, now: datetime, *, accepted: int | None = None
            ) -> Figures:
                await asyncio.sleep(90)
                return await end_run(run_id, ended, waited_s, now, accepted=accepted)

            app.ledger.end_run = slowly  # type: ignore[method-assign] # a disk that is slow for a while
            return (await app.once(["bulk"]))["bulk"].outcome

    assert stage.play(act()) is Outcome.COMPLETE
    assert asked(stage) == FEW_WHOLE[:2]
