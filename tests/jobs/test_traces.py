"""Owners found: each asked for once, whatever job brought it, and nothing lost on the way back."""

import asyncio
import json
from pathlib import Path
from unittest import mock

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import pytest

from leadsync.app import App
from leadsync.core.witness import StoreAnswer
from leadsync.simulator import Fault
from leadsync.store.trace_ledger import TraceLedger
from tests.jobs.tracing import DAY_S, TRACED, TracedStage
from tests.stage import Stage, Wire


class Unconnected(Wire):
    """The way to the vendors, on which the first batch of owners finds no connection."""

    tried = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request, unless it is that one."""
        if request.url.path.startswith("/v1/SkipTrace") and not self.tried:
            self.tried = True
            raise httpx.ConnectError("refused", request=request)
        return await super().handle_async_request(request)


@pytest.fixture
def stage(tmp_path: Path) -> TracedStage:
    """A vendor with sixty properties, and a job whose owners are to be found."""
    return traced(tmp_path)


def traced(folder: Path, terms: str = "", *, size: int = 60) -> TracedStage:
    """The same with further lines of [skip_trace]."""
    stage = TracedStage(folder, terms=terms, size=size)
    stage.job(search=TRACED)
    return stage


def test_owners_are_asked_for_once_and_found(stage: TracedStage) -> None:
    """What a run delivered goes in one batch when it has ended; each answer is taken, and what it cost is known."""
    stage.work()
    (batch,) = stage.batches()
    name, state, items, matched, missed, missing = batch
    assert (name, state, missing) == ("1-1", "settled", 0)
    assert items == matched + missed == len(stage.asked) == stage.one("SELECT count(*) FROM trace_subject")
    assert set(stage.asked) == {1}
    assert stage.wrote("trace.settled")[0]["cost"] == pytest.approx(stage.sim.traces.dollars)
    assert 0 < stage.one("SELECT count(DISTINCT subject_id) FROM contact") <= matched
    stage.assert_nobody_is_named()


def test_a_second_job_with_the_same_owners_costs_nothing(stage: TracedStage) -> None:
    """Its deliveries get the answers that are there, misses included, each as a change."""
    stage.work()
    before, changes = len(stage.asked), stage.one("SELECT max(id) FROM change")
    stage.job("tampa", search=TRACED, buy_again=True)
    stage.work("tampa")
    assert len(stage.asked) == before
    (found,) = [line for line in stage.wrote("owners.found") if line["job"] == "tampa"]
    assert (found["new"], found["again"], found["known"]) == (0, 0, before)
    linked = stage.one("SELECT count(DISTINCT delivery_id) FROM trace_delivery WHERE delivery_id > 60")
    assert found["touched"] == linked
    # one change for each delivery, and one more where its owner's answer was there
    assert stage.one("SELECT count(*) FROM change WHERE id > ?", changes) == 60 + linked


def test_who_is_on_the_way_is_not_asked_for_again(stage: TracedStage) -> None:
    """A second job that brings the same owners before their answers came waits for those."""
    stage.switch(first_after_s=3_600.0)
    stage.job("tampa", search=TRACED, buy_again=True)
    stage.work("phoenix", "tampa", for_s=2 * 3_600.0)
    assert set(stage.asked) == {1}
    deliveries = stage.one("SELECT count(DISTINCT delivery_id) FROM trace_delivery")
    touched = "SELECT count(DISTINCT delivery_id) FROM change WHERE id > 120"
    assert stage.one(touched) == deliveries


def test_stale_answers_are_bought_again(tmp_path: Path) -> None:
    """After `fresh_for` a new delivery asks once more, a miss included."""
    stage = traced(tmp_path, 'fresh_for = "1d"\n')
    stage.work()
    stage.clock.forward(2 * DAY_S)
    stage.job("tampa", search=TRACED, buy_again=True)
    stage.work("tampa")
    assert set(stage.asked) == {2}


def test_only_what_is_delivered_from_then_on_unless_somebody_asks(tmp_path: Path) -> None:
    """Enabled later, a job's older deliveries are left alone until `traces older`."""
    stage = TracedStage(tmp_path, size=60)
    stage.job()
    stage.work()
    stage.job(search=TRACED)
    stage.sim.world.grow(20)
    stage.work()
    assert 0 < len(stage.asked) <= 20 * 2
    some = len(stage.asked)
    stage.serve(600, lambda app: app.tracing.word.do("older", {"job": "phoenix"}))
    assert len(stage.asked) > some
    assert set(stage.asked) == {1}
    assert stage.one("SELECT sum(properties) FROM trace_job") == 80 + 20


@pytest.mark.parametrize(
    ("shape", "miss", "under"),
    [("identity", "flag", "root"), ("data", "status", "data"), ("persons", "persons", "data")],
)
def test_every_shape_is_read(stage: TracedStage, shape: str, miss: str, under: str) -> None:
    """Answers, misses and acknowledgements in each of their forms, in any order, some twice, completion first."""
    stage.switch(item_shape=shape, miss_shape=miss, acknowledged_under=under)
    stage.switch(shuffled=True, copies_rate=0.2, completion="early", keys_as_text=True)
    stage.work()
    (batch,) = stage.batches()
    assert batch[1:3] + batch[5:] == ("settled", len(stage.asked), 0)
    assert stage.one("SELECT count(*) FROM inbox_message WHERE state != 'taken'") == 0
    assert stage.one("SELECT count(*) FROM (SELECT 1 FROM contact GROUP BY subject_id, value HAVING count(*) > 1)") == 0
    stage.assert_nobody_is_named()


def test_a_lost_acknowledgement_is_never_sent_again_and_its_answers_find_their_way(stage: TracedStage) -> None:
    """The batch is unknown until its first answer shows that the vendor has it."""
    stage.sim.traces.faults.next(Fault.CUT_AFTER)
    stage.work()
    assert set(stage.asked) == {1}
    assert [line["why"] for line in stage.wrote("trace.unknown")] == ["connection cut"]
    assert stage.batches()[0][1] == "settled"


def test_what_surely_was_not_sent_goes_again(stage: TracedStage) -> None:
    """A connection that was never made has cost nothing, and the same owners go in the next batch."""
    stage.change(transport=Unconnected(stage.sim))
    stage.work()
    assert set(stage.asked) == {1}
    assert [batch[1] for batch in stage.batches()] == ["void", "settled"]
    assert stage.wrote("trace.returned")[0]["why"] == "cannot connect"


def test_nothing_is_missing_before_its_time_and_late_answers_are_taken(stage: TracedStage) -> None:
    """What has not come a quarter of an hour after the completion is missing, and what comes then is taken."""
    stage.switch(late_items=5, late_after_s=4 * 3_600.0)

    async def look(_app: App) -> None:
        await asyncio.sleep(600)
        assert stage.subjects()["sent"] == 5
        await asyncio.sleep(3 * 3_600.0)
        assert stage.subjects()["missing"] == 5

    stage.work(for_s=6 * 3_600.0, then=look)
    assert stage.wrote("trace.settled")[0]["missing"] == 5
    assert "missing" not in stage.subjects()
    assert stage.batches()[0][5] == 0


def test_lost_answers_are_listed_and_asked_for_again_by_a_persons_word(stage: TracedStage) -> None:
    """After the deadline they are missing; nothing asks again until somebody says so."""
    stage.switch(lost_rate=0.2, completion="never")
    stage.work(for_s=2 * DAY_S)
    lost = stage.subjects()["missing"]
    assert lost > 0
    asked = len(stage.asked)
    stage.switch(lost_rate=0.0, completion="last")
    stage.work(for_s=2 * DAY_S)
    assert set(stage.asked) == {1}
    assert len(stage.asked) == asked
    if lost < 10:
        stage.trace_terms('allow_await = true\nhold_for = "1h"\n')
    stage.serve(2 * DAY_S, lambda app: app.tracing.word.do("again", {"batches": []}))
    assert stage.asked.count(2) == lost
    assert "missing" not in stage.subjects()


def test_retry_asks_once_by_itself(tmp_path: Path) -> None:
    """With `on_missing = "retry"`, and never more than once: an inbox that nobody reaches would cost every day."""
    stage = traced(tmp_path, 'on_missing = "retry"\n')
    stage.switch(lost_rate=1.0, completion="never")
    stage.work(for_s=8 * DAY_S)
    assert set(stage.asked) == {2}
    assert stage.subjects() == {"missing": len(stage.asked)}


def test_another_key_goes_to_quarantine_and_not_away(stage: TracedStage) -> None:
    """Nothing of such an answer is believed; `inbox list` has it."""
    stage.switch(wrong_key_rate=1.0)
    stage.work(for_s=2 * DAY_S)
    held = dict(stage.rows("SELECT reason, count(*) FROM inbox_message WHERE state = 'quarantined' GROUP BY reason"))
    assert held.keys() == {"wrong_key"}
    assert set(stage.statuses) == {200}
    assert stage.subjects() == {"missing": len(stage.asked)}
    assert stage.one("SELECT count(*) FROM contact") == 0


def test_few_owners_wait_for_company(tmp_path: Path) -> None:
    """Fewer than ten wait; with those of a further run they are enough."""
    stage = traced(tmp_path, size=6)
    stage.work(for_s=2 * DAY_S)
    assert stage.asked == []
    assert [line["until"] for line in stage.wrote("owners.held")] == [None]
    stage.sim.world.grow(20)
    stage.work()
    assert set(stage.asked) == {1}
    assert stage.subjects().keys() <= {"matched", "missed"}


def test_few_owners_take_the_endpoint_that_answers_at_once(tmp_path: Path) -> None:
    """After `hold_for`, where that is allowed; a time-out there is not repeated."""
    stage = traced(tmp_path, 'allow_await = true\nhold_for = "2h"\n', size=6)
    stage.work(for_s=3_600.0)
    assert stage.asked == []
    stage.serve(2 * 3_600.0)
    assert set(stage.asked) == {1}
    assert stage.subjects().keys() <= {"matched", "missed"}
    stage.sim.traces.faults.next(Fault.HANG)
    stage.sim.world.grow(5)
    stage.work(for_s=2 * DAY_S)
    assert set(stage.asked) == {1}
    assert stage.subjects()["missing"] > 0
    assert [line["why"] for line in stage.wrote("trace.unknown")] == ["timed out"]


def test_a_budget_is_never_overshot(tmp_path: Path) -> None:
    """A batch is as large as there is room for, ten at least; the next day's budget brings the next ones."""
    stage = traced(tmp_path, "budget = { dollars_per_day = 2.5 }\n")
    stage.switch(match_rate=1.0)
    stage.work(for_s=3_600.0)
    assert len(stage.asked) == 25
    assert stage.sim.traces.dollars <= 2.5
    assert stage.wrote("trace.over_budget")[0]["limit"] == "dollars_per_day"
    stage.serve(DAY_S)
    assert len(stage.asked) == 50
    assert set(stage.asked) == {1}


def test_the_vendors_day_parks_until_midnight(stage: TracedStage) -> None:
    """Its daily limit is no back-off: nothing is asked until the day ends, also over a restart."""
    stage.switch(credits_per_day=5)
    stage.work(for_s=3_600.0)
    stage.switch(credits_per_day=None)
    stage.serve(3_600.0)
    assert stage.asked == []
    assert len(stage.wrote("trace.parked")) == 1
    stage.serve(DAY_S)
    assert set(stage.asked) == {1}


def test_a_denied_key_pauses_and_another_ends_that(stage: TracedStage) -> None:
    """The reason is kept; nothing is asked until it is tried again, or a reload brings another key."""
    (stage.folder / "reapi-key").write_text("another-key")
    stage.work(for_s=3_600.0)
    assert stage.asked == []
    paused = stage.wrote("trace.paused")[0]
    assert paused["reason"] == "token_refused"
    (stage.folder / "reapi-key").write_text("simulator-key")
    stage.serve(600)
    assert set(stage.asked) == {1}
    assert [line["why"] for line in stage.wrote("trace.resumed")] == ["there is another API key"]


def test_a_reload_brings_another_key_and_another_budget(tmp_path: Path) -> None:
    """A running daemon goes by them from then on, without a restart; answers to what the old key asked are believed."""
    stage = traced(tmp_path, "budget = { dollars_per_day = 0.5 }\n")
    stage.switch(first_after_s=3_600.0)

    async def look(_app: App) -> None:
        assert stage.asked == []
        stage.trace_terms("budget = { dollars_per_day = 2.5 }\n")
        stage.hang_up()
        await asyncio.sleep(60)
        assert len(stage.asked) == 25
        (tmp_path / "reapi-key").write_text("another-key")
        stage.trace_terms("budget = { dollars_per_day = 50 }\n")
        stage.hang_up()
        await asyncio.sleep(60)
        assert stage.wrote("trace.paused")[0]["reason"] == "token_refused"

    stage.work(for_s=3 * 3_600.0, then=look)
    assert (stage.subjects()["matched"] + stage.subjects()["missed"], len(stage.asked)) == (25, 25)
    assert stage.one("SELECT count(*) FROM inbox_message WHERE state = 'quarantined'") == 0


def test_a_restored_store_asks_for_nobody_until_a_further_word(stage: TracedStage) -> None:
    """What was asked for after the backup would be paid for again; the answers to that wait in quarantine."""
    stage.work()
    (batch,) = stage.batches()
    stage.write("UPDATE installation SET doubt = 'store_restored'")
    stage.answer_store(StoreAnswer.RESTORED)
    stage.sim.world.grow(30)
    stage.work()
    assert stage.batches() == [batch]
    assert stage.subjects()["wanted"] > 10
    stage.serve(600, lambda app: app.tracing.word.do("resume", {}))
    assert [one[0] for one in stage.batches()] == ["1-1", "2-2"]
    assert set(stage.asked) == {1}


def test_the_list_is_honoured_before_a_cent_is_spent(tmp_path: Path) -> None:
    """By a property's id, and by a phone that the record itself names; who comes again is looked up again."""
    (tmp_path / "never.txt").parent.mkdir(parents=True, exist_ok=True)
    stage = traced(tmp_path, size=60)
    bodies = [json.loads(stage.sim.world.record(at)) for at in range(60)]
    (tmp_path / "never.txt").write_text("\n".join(body["_id"] for body in bodies[:30]))
    stage.trace_terms('suppression = "never.txt"\n')
    stage.work()
    suppressed = stage.subjects()["suppressed"]
    assert suppressed > 0
    asked_for = stage.rows(
        "SELECT p.vendor_id FROM trace_item i JOIN trace_delivery d USING (subject_id)"
        " JOIN delivery b ON b.id = d.delivery_id JOIN property p ON p.id = b.property_id"
    )
    assert {vendor_id for (vendor_id,) in asked_for} == {body["_id"] for body in bodies[30:] if "owner" in body}
    assert sum(line["count"] for line in stage.wrote("owners.suppressed")) == suppressed


def test_where_nobody_is_to_be_found_runs_ask_the_store_nothing_more(tmp_path: Path) -> None:
    """One look at the start, since others may have left a batch; a run and a webhook then have nothing to tell."""
    stage = Stage(tmp_path)
    stage.job()
    looks: list[None] = []

    async def run_twice(app: App) -> None:
        for _ in range(2):
            await asyncio.sleep(60)
            await app.dispatch.run("phoenix", "once")

    reap = TraceLedger.reap

    async def counted(ledger: TraceLedger) -> list[tuple[str, int]]:
        looks.append(None)
        return await reap(ledger)

    with mock.patch.object(TraceLedger, "reap", counted):
        stage.serve(600, run_twice)
    assert len(stage.logged("run.ended")) > 1
    assert len(looks) == 1
