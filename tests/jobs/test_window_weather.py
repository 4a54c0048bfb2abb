"""Pulls by windows in any weather, with what they may spend, and whatever becomes of their job meanwhile."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx  # noqa: TID251 - what the transport raises where nobody listens
import pytest

from leadsync.app import App
from leadsync.core.model import End, Outcome, Reason
from leadsync.core.resume import Choice
from leadsync.core.witness import StoreAnswer
from leadsync.errors import StoreFailed, UsageMistake
from leadsync.simulator import Fate, Fault
from tests.jobs.test_witness import elsewhere
from tests.jobs.windows import asked, assert_all_stored, assert_each_asked_once, begin, large
from tests.stage import Stage

Build = Callable[..., Stage]
DAY_S = 86_400.0
SMALL: dict[str, Any] = {"records": 60, "async_above": 0}
"""One window, and cheap."""


@pytest.fixture
def stage(build: Build) -> Stage:
    """A vendor whose results take a minute."""
    return build(size=500, record_bytes=300, result_after_s=60)


def states(stage: Stage) -> list[str]:
    """What became of each request, in their order."""
    return [state for (state,) in stage.rows("SELECT state FROM page ORDER BY id")]


def runs(stage: Stage) -> list[tuple[str, str | None]]:
    """How the runs ended, and why."""
    return [(outcome, reason) for outcome, reason in stage.rows("SELECT outcome, reason FROM run ORDER BY id")]


def test_the_budget_holds_and_the_next_day_goes_on(stage: Stage) -> None:
    """P10: what is left is asked for, the rest waits; the daemon goes on by itself, and nothing is overshot."""
    large(stage, account="budget = { records_per_day = 50 }", records=120, async_above=0)
    stage.clock.forward(17 * 3_600)
    stage.serve(1_800, begin)
    assert asked(stage) == [(0, 50)]
    assert runs(stage)[-1] == ("over_budget", None)
    stage.serve(3_600)
    assert asked(stage) == [(0, 50), (50, 50)]
    stage.clock.forward(DAY_S)
    stage.serve(600)
    assert asked(stage) == [(0, 50), (50, 50), (100, 20)]
    assert_all_stored(stage)
    assert stage.one("SELECT outcome FROM one_shot") == "complete"
    assert stage.one("SELECT max(spent) FROM (SELECT sum(billed) AS spent FROM page GROUP BY date(asked_at))") == 50
    assert len(runs(stage)) < 12


@pytest.mark.parametrize(("budget", "outcome"), [(110, Outcome.OVER_BUDGET), (500, Outcome.LIMITED)])
def test_once_waits_for_what_it_has_asked_for(stage: Stage, budget: int, outcome: Outcome) -> None:
    """However its last run ended: a door that is closed while a result is on its way may lose it."""
    account = f"budget = {{ records_per_day = {budget} }}"
    large(stage, account=account, records=200, async_above=0, records_per_run=40, windows_in_flight=2)
    assert stage.end("bulk").outcome is outcome
    assert states(stage) == ["stored"] * 3
    assert_all_stored(stage)


def test_windows_and_pages_share_a_budget(stage: Stage) -> None:
    """P10: whoever finds it reserved waits for what others give back, and nobody overshoots it."""
    large(stage, account="budget = { records_per_day = 130 }", records=120, async_above=0, buy_again=True)
    stage.job(page_size=50, buy_again=True)
    ends = stage.once("bulk", "phoenix")
    assert Outcome.OVER_BUDGET in {end.outcome for end in ends.values()}
    assert stage.sim.bill.records == stage.one("SELECT sum(billed) FROM page WHERE state = 'stored'") == 130


def test_a_run_buys_no_more_than_its_own_limit(stage: Stage) -> None:
    """records_per_run: what is asked before the next result; the run that goes on then has a limit of its own."""
    large(stage, records=300, async_above=0, records_per_run=80, windows_in_flight=2)
    assert stage.end("bulk").outcome is Outcome.LIMITED
    assert asked(stage) == [(0, 80), (80, 80), (160, 80)]
    stage.serve(600, begin)
    assert asked(stage) == [(0, 80), (80, 80), (160, 80), (240, 60)]
    assert_all_stored(stage)


@pytest.mark.parametrize("times", [1, 3])
def test_what_never_left_is_asked_again(stage: Stage, times: int) -> None:
    """Where nobody listens not a byte has left: the row is void, and the window goes out once somebody does."""

    def nobody() -> None:
        raise httpx.ConnectError("refused")

    stage.wire.before = dict.fromkeys(range(1, times + 1), nobody)
    large(stage, **SMALL)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert states(stage) == ["void"] * times + ["stored"]
    assert asked(stage) == [(0, 60)]
    assert_all_stored(stage)


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.RATE_LIMITED_BARE])
def test_a_429_is_no_window(stage: Stage, fault: Fault) -> None:
    """It was not taken: its reservation is free, the account rests, and it is asked for again."""
    stage.sim.async_faults.next(fault, fault)
    large(stage, account="budget = { records_per_day = 60 }", **SMALL)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert states(stage) == ["void", "void", "stored"]
    assert [line["status"] for line in stage.logged("window.untaken")] == [429, 429]
    assert stage.logged("account.throttled")


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.CUT_BEFORE, Fault.BAD_GATEWAY, Fault.SERVER_ERROR])
def test_who_may_have_taken_it_is_not_asked_twice(stage: Stage, fault: Fault) -> None:
    """A lost acknowledgement, a 5xx: it may run. Its result is known by its address; where none comes it expires."""
    stage.sim.async_faults.next(fault)
    large(stage, **SMALL, deadline="1h")
    end = stage.end("bulk")
    ran = bool(stage.sim.results)
    assert end.outcome is (Outcome.COMPLETE if ran else Outcome.PARTIAL)
    assert states(stage) == ["stored" if ran else "unknown"]
    assert len([one for one in stage.sim.bill.requests if one.path.endswith("/async")]) <= 1


def test_a_refusal_parks_and_nothing_is_counted(stage: Stage) -> None:
    """A 400: the vendor's message, no window, no cost; once the file is mended the same window is asked for."""
    stage.sim.async_faults.next(Fault.MALFORMED)
    large(stage, **SMALL)
    end = stage.end("bulk")
    assert (end.outcome, end.reason) == (Outcome.PARKED, Reason.REFUSED)
    assert "quickLists should be an array" in end.message
    assert stage.end("bulk").outcome is Outcome.PARKED
    stage.resume("bulk")
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert states(stage) == ["void", "stored"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.NO_TOKEN, Reason.TOKEN_REFUSED),
        (Fault.NO_ABILITY, Reason.ABILITY_MISSING),
        (Fault.EMPTY_WALLET, Reason.WALLET_EMPTY),
    ],
)
def test_a_denial_pauses_the_account(stage: Stage, fault: Fault, reason: Reason) -> None:
    """401, 403: nothing is reserved any more, nothing is asked hot; a later run tries once, and heals it."""
    stage.sim.async_faults.next(fault)
    large(stage, **SMALL)
    end = stage.end("bulk")
    assert (end.outcome, end.reason) == (Outcome.FAILED, reason)
    assert (states(stage), stage.one("SELECT paused_reason FROM account")) == (["void"], reason)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    # What shows that sessions are allowed is a page of one.
    heals = reason is not Reason.ABILITY_MISSING
    assert (stage.one("SELECT paused_reason FROM account") is None) == heals


def test_no_request_is_sent_into_an_outage(stage: Stage) -> None:
    """The vendor is looked for before: its list costs nothing, and a request without a key cannot be repeated."""
    stage.sim.list_faults.storm(1.0, [Fault.BAD_GATEWAY], 7)
    large(stage, **SMALL)
    assert stage.end("bulk").outcome is Outcome.FAILED
    assert (stage.wire.searches, states(stage)) == (0, [])
    stage.sim.list_faults.calm()
    assert stage.end("bulk").outcome is Outcome.COMPLETE


def test_a_key_that_nobody_witnessed_is_not_waited_for(stage: Stage) -> None:
    """P3: where the witness cannot be written nothing is sent, so the row is void, and asked for by the next run."""
    large(stage, **SMALL)

    async def act() -> Outcome:
        async with stage.app() as app:

            async def fails(page_id: int) -> None:
                raise StoreFailed(f"the witness of {page_id} cannot be written")

            app.ledger.vouch = fails  # type: ignore[method-assign] # a disk that fails for one file alone
            return (await app.once(["bulk"]))["bulk"].outcome

    assert stage.play(act()) is Outcome.FAILED
    assert (states(stage), asked(stage)) == (["void"], [])
    assert stage.end("bulk").outcome is Outcome.COMPLETE


@pytest.mark.parametrize("fate", ["disabled", "removed", "changed"])
def test_results_are_taken_whatever_becomes_of_the_job(stage: Stage, fate: str) -> None:
    """It was paid for: without its job it is stored, too; a changed job goes on by its new file."""
    stage.sim.fates.next(Fate.HELD)
    large(stage, **SMALL)
    stage.serve(600, begin)
    match fate:
        case "removed":
            stage.remove("bulk")
        case "disabled":
            large(stage, **SMALL, enabled=False)
        case _:
            large(stage, **{**SMALL, "records": 90})
    stage.serve(600, lambda _app: stage.sim.send_results())
    assert_all_stored(stage)
    assert asked(stage) == ([(0, 60), (60, 30)] if fate == "changed" else [(0, 60)])
    assert stage.one("SELECT outcome FROM one_shot") == ("complete" if fate == "changed" else None)


def test_another_list_is_another_life(stage: Stage) -> None:
    """Changed criteria: a window of the new list would begin where the old one stood, so it is not asked for."""
    account = "budget = { records_per_day = 60 }"
    large(stage, account=account, records=100, async_above=0, on_criteria_change="continue")
    assert stage.end("bulk").outcome is Outcome.OVER_BUDGET
    stage.clock.forward(DAY_S)
    changed = 'query = ""\nquickLists = ["vacant"]'
    large(stage, account=account, records=30, async_above=0, on_criteria_change="continue", search=changed)
    end = stage.end("bulk")
    assert (end.outcome, asked(stage)) == (Outcome.PARTIAL, [(0, 60)])
    assert "`leadsync once bulk --again`" in end.message
    assert stage.once("bulk", again=True)["bulk"].outcome is not Outcome.PARKED
    assert asked(stage) == [(0, 60), (0, 30)]


def test_a_reload_while_windows_are_out(stage: Stage) -> None:
    """The next window is asked for as the new file says, and what is out comes in as ever."""
    large(stage, records=60, async_above=0)

    async def change(app: App) -> None:
        await begin(app)
        large(stage, records=90, async_above=0)
        stage.hang_up()

    stage.serve(600, change)
    assert asked(stage) == [(0, 60), (60, 30)]
    assert_all_stored(stage)


def test_a_job_that_wants_less_by_now_keeps_its_way(stage: Stage) -> None:
    """What has begun by windows ends so: `once` takes its results in, though the file alone would not ask for that."""
    large(stage, account="budget = { records_per_day = 60 }", records=100, async_above=0)
    assert stage.end("bulk").outcome is Outcome.OVER_BUDGET
    large(stage, records=100)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert asked(stage) == [(0, 60), (60, 40)]


def test_without_an_inbox_nothing_is_asked(stage: Stage) -> None:
    """[webhooks] is gone from the file: what was asked for stays, and the run says what is missing."""
    large(stage, account="budget = { records_per_day = 60 }", records=100, async_above=0)
    assert stage.end("bulk").outcome is Outcome.OVER_BUDGET
    stage.configure()
    end = stage.end("bulk")
    assert (end.outcome, asked(stage)) == (Outcome.FAILED, [(0, 60)])
    assert "no [webhooks] any more" in end.message


def test_a_copied_store_spends_nothing(stage: Stage, tmp_path: Path) -> None:
    """In doubt nothing is read, asked or expired; as a copy it leaves the windows to the original."""
    stage.sim.fates.next(Fate.HELD)
    large(stage, **SMALL, deadline="10m", on_expiry="ask_again")
    stage.serve(120, begin)
    copy = elsewhere(stage, tmp_path / "copy", "leadsync.db", "leadsync.db.witness")
    large(copy, **SMALL, deadline="10m", on_expiry="ask_again")
    copy.serve(3_600)
    assert (len(asked(stage)), states(copy)) == (1, ["awaited"])
    copy.answer_store(StoreAnswer.COPIED)
    copy.serve(3_600)
    assert (len(asked(stage)), states(copy)) == (1, ["void"])


def test_a_restored_store_keeps_what_it_does_not_know(stage: Stage) -> None:
    """A result for a window of after the backup waits in quarantine with its reason; nothing is bought by itself."""
    large(stage, account="budget = { records_per_day = 50 }", records=100, async_above=0)
    assert stage.end("bulk").outcome is Outcome.OVER_BUDGET
    backup = (stage.folder / "leadsync.db").read_bytes()
    stage.sim.fates.next(Fate.HELD)
    stage.clock.forward(DAY_S)
    stage.serve(120, begin)
    (stage.folder / "leadsync.db").write_bytes(backup)
    stage.answer_store(StoreAnswer.RESTORED)
    stage.serve(600, lambda _app: stage.sim.send_results())
    held = stage.rows("SELECT state, reason FROM inbox_message WHERE state != 'taken'")
    assert held == [("quarantined", "not_asked")]
    assert "restored" in stage.end("bulk").message
    assert len(asked(stage)) == 2
    large(stage, records=100, async_above=0, retry_unknown=True)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert_each_asked_once(stage)


def test_again_leaves_what_is_out(stage: Stage) -> None:
    """`--again` begins a life of its own; what the last one had asked for is stored when it comes, and is not it."""
    stage.sim.fates.next(Fate.HELD)
    large(stage, **SMALL)
    stage.serve(120, begin)
    assert stage.once("bulk", again=True)["bulk"].outcome is Outcome.COMPLETE
    stage.serve(600, lambda _app: stage.sim.send_results())
    assert stage.rows("SELECT life, outcome FROM one_shot") == [(1, "interrupted"), (2, "complete")]
    assert states(stage) == ["stored", "stored"]
    assert stage.rows("SELECT count(*), sum(redelivered) FROM delivery") == [(120, 60)]


@pytest.mark.parametrize("leave", [False, True])
def test_a_restored_store_asks_no_window_again_by_half_a_word(stage: Stage, leave: bool) -> None:
    """What its runs would not do is not promised, nor is its cost: the way out is said. With leave they do it."""
    stage.sim.fates.next(Fate.LOST)
    large(stage, **SMALL, deadline="1h")
    assert stage.end("bulk").outcome is Outcome.PARTIAL
    stage.write("UPDATE installation SET doubt = 'store_restored'")
    stage.answer_store(StoreAnswer.RESTORED)
    large(stage, **SMALL, deadline="1h", retry_unknown=leave)
    if leave:
        stage.resume("bulk", Choice.ASK_AGAIN)
        assert stage.end("bulk").outcome is Outcome.COMPLETE
        return
    with pytest.raises(UsageMistake, match="retry_unknown = true"):
        stage.resume("bulk", Choice.ASK_AGAIN)
    assert stage.one("SELECT outcome FROM one_shot") == "partial"


def test_once_does_not_wait_for_results_to_a_store_in_doubt(stage: Stage) -> None:
    """None is read before a person has spoken, and nobody can while it holds the store: so it ends."""
    large(stage, **SMALL)
    stage.serve(10, begin)
    assert states(stage) == ["awaited"]
    stage.write("UPDATE installation SET doubt = 'store_restored'")

    async def once() -> End:
        async with stage.app("bulk") as app, asyncio.timeout(DAY_S):
            return (await app.once(["bulk"]))["bulk"]

    end = stage.play(once())
    assert (end.reason, end.awaits) == (Reason.STORE_RESTORED, False)
