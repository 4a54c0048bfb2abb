"""Figures for Prometheus, over HTTP as it asks for them: money from the store, the loop as it is, and no secret."""

import asyncio
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families  # noqa: TID251 - the test edge

from leadsync.app import App
from leadsync.config import Settings
from leadsync.errors import CannotListen
from leadsync.reports.metrics import METRICS, Live, StoreCollector, exposing
from leadsync.simulator import Fault
from tests.stage import TOKEN, Stage

Samples = dict[tuple[str, ...], float]
HOUR_S = 3_600.0


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A stage with a budget and a job."""
    stage = Stage(tmp_path / "stage", size=250, account="budget = { records_per_day = 1_000, dollars_per_month = 20 }")
    stage.job(schedule='every = "1h"')
    return stage


def scrape(stage: Stage, settings: Settings, live: Live = Live()) -> str:  # noqa: B008 - it is frozen
    """Ask as Prometheus does, over the loopback."""
    with exposing("127.0.0.1:0", StoreCollector(lambda: settings, lambda: live, stage.clock)) as port:
        return read(f"http://127.0.0.1:{port}/metrics")


def read(url: str) -> str:
    """The body of a reply."""
    with urllib.request.urlopen(url) as reply:  # noqa: S310 - our own server
        return str(reply.read().decode())


def samples(text: str) -> Samples:
    """Ours, by name and the values of their labels in the order of the labels' names."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("leadsync_")
    }


def test_what_is_money_is_that_of_the_store(stage: Stage) -> None:
    """After a run and after a restart the counters are the ledger's sums; the budget is what is left of it."""
    stage.serve(HOUR_S + 60)
    found = samples(scrape(stage, stage.settings()))
    assert found["leadsync_records_billed_total", "main", "phoenix"] == 250
    assert found["leadsync_records_new_total", "main", "phoenix"] == 250
    assert found["leadsync_spend_dollars_total", "main", "phoenix"] == 2.5
    assert found["leadsync_budget_left_records", "main", "records_per_day"] == 750
    assert found["leadsync_budget_used_percent", "main", "dollars_per_month"] == 12
    assert found["leadsync_slots_used", "main"] == 1
    assert found["leadsync_job_parked", "main", "phoenix"] == 0
    assert found["leadsync_job_last_success_timestamp_seconds", "main", "phoenix"] <= stage.clock().timestamp()
    assert found["leadsync_job_next_run_timestamp_seconds", "main", "phoenix"] > stage.clock().timestamp()
    stage.sim.world.grow(100)
    stage.serve(HOUR_S)
    assert samples(scrape(stage, stage.settings()))["leadsync_records_billed_total", "main", "phoenix"] == 350


def test_who_is_done_has_no_last_good_end_to_grow_old(stage: Stage) -> None:
    """A one-shot that is done, and a job that has had its only time, never end well again: no alarm waits for it."""
    stage.job(schedule='every = "1h"', buy_again=True)
    stage.job("bulk", kind="one_shot", records=50, schedule='every = "1h"', buy_again=True)
    stage.job("moment", schedule="at = 2026-11-02T06:30:00Z", buy_again=True)
    stage.serve(HOUR_S + 60)
    found = samples(scrape(stage, stage.settings()))
    complete = {job for (job,) in stage.rows("SELECT job FROM run WHERE outcome = 'complete'")}
    assert complete == {"phoenix", "bulk", "moment"}
    assert [of for of in found if of[0] == "leadsync_job_last_success_timestamp_seconds"] == [
        ("leadsync_job_last_success_timestamp_seconds", "main", "phoenix")
    ]


def test_what_open_keys_hold_is_not_left(stage: Stage) -> None:
    """A page without an answer is not billed, and nobody else may have its part of the budget: as `status` says."""
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    stage.end()
    found = samples(scrape(stage, stage.settings()))
    assert found["leadsync_budget_left_records", "main", "records_per_day"] == 900
    assert found["leadsync_budget_used_percent", "main", "records_per_day"] == 0


def test_every_metric_is_given_and_none_besides(stage: Stage) -> None:
    """The catalogue is what is exported; no token and no address is in it."""
    stage.serve(HOUR_S + 60, watched=True)
    stage.write(
        "INSERT INTO condition (name, subject, began_at, worst, said, detail, told)"
        " VALUES ('job_parked', 'phoenix', '2026-11-02 06:00:00', 0, 0, '', '{}')"
    )
    live = Live(dict.fromkeys((name for name, (_, labels) in METRICS.items() if not labels), 1.0))
    text = scrape(stage, stage.settings(), live)
    assert {name for name, *_ in samples(text)} == METRICS.keys()
    assert samples(text)["leadsync_condition", "job_parked", "urgent", "phoenix"] == 1
    assert TOKEN not in text
    assert "process_resident_memory_bytes" in text


def test_a_store_that_cannot_be_read_is_a_figure(stage: Stage) -> None:
    """The scrape is answered, and says so; what lives in memory is told all the same."""
    (stage.folder / "leadsync.db").write_bytes(b"no database at all")
    found = samples(scrape(stage, stage.settings(), Live({"leadsync_loop_lag_seconds": 0.5})))
    assert found["leadsync_store_readable",] == 0
    assert found["leadsync_loop_lag_seconds",] == 0.5


def test_a_port_that_is_taken_is_told(stage: Stage) -> None:
    """The operator reads which, and the daemon does not start half."""
    collector = StoreCollector(stage.settings, Live, stage.clock)
    with (
        exposing("127.0.0.1:0", collector) as port,
        pytest.raises(CannotListen, match=f"127.0.0.1:{port}"),
        exposing(f"127.0.0.1:{port}", collector),
    ):
        pass


def test_the_daemon_answers_while_it_works(stage: Stage) -> None:
    """[metrics] opens the port with the daemon, and closes it with it."""
    with (stage.folder / "config.toml").open("a") as file:
        file.write('[metrics]\nlisten = "127.0.0.1:29482"\n')
    found: list[Samples] = []

    async def ask(_app: App) -> None:
        await asyncio.sleep(150)
        found.append(samples(read("http://127.0.0.1:29482/metrics")))  # on the loop: who answers is not

    stage.serve(300, ask, watched=True)
    now = stage.clock().timestamp()
    for name in ("loop_seen", "scheduler_rang", "watch_looked"):
        assert now - 300 < found[0][f"leadsync_{name}_timestamp_seconds",] < now
    with pytest.raises(OSError, match="refused"):
        read("http://127.0.0.1:29482/metrics")
