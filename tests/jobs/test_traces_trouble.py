"""A store, a disk or a list that stands in the way of the skip trace: nothing is asked twice, and it goes on."""

import asyncio
from pathlib import Path

import pytest

from leadsync.app import App
from leadsync.core.model import End, Reason
from leadsync.simulator import Fault
from tests.jobs.test_store_trouble import to_store
from tests.jobs.tracing import DAY_S, TRACED, TracedStage

ACKNOWLEDGING = (
    "CREATE TRIGGER trouble BEFORE UPDATE OF acknowledged_at ON trace_batch BEGIN SELECT RAISE(ABORT, 'I/O'); END"
)


@pytest.fixture
def stage(tmp_path: Path) -> TracedStage:
    """A job whose owners are to be found, with a store that is there already."""
    stage = TracedStage(tmp_path, size=40)
    stage.job(search=TRACED)
    stage.serve(1)
    return stage


@pytest.mark.parametrize("for_s", [60.0, 1_800.0])
def test_an_acknowledgement_that_cannot_be_written_down(stage: TracedStage, for_s: float) -> None:
    """It is tried for a while; after that the batch is unknown, and its answers find their way. It goes out once."""
    to_store(stage, ACKNOWLEDGING)

    async def mend(_app: App) -> None:
        await asyncio.sleep(for_s)
        to_store(stage, "DROP TRIGGER trouble")

    stage.work(for_s=7_200, then=mend)
    assert set(stage.asked) == {1}
    assert "I/O" in stage.wrote("trace.delayed")[0]["message"]
    assert [batch[1] for batch in stage.batches()] == ["settled"]
    assert len(stage.wrote("trace.unknown")) == (for_s > 600)


def test_a_full_disk_asks_for_nobody(stage: TracedStage) -> None:
    """What is paid for must find room; once there is some it goes on by itself."""
    free = [2**20]
    stage.change(free_bytes=lambda _folder: free[0] if stage.logged("run.ended") else 2**34)

    async def look(_app: App) -> None:
        await asyncio.sleep(120)
        assert stage.asked == []
        free[0] = 2**34

    stage.work(then=look)
    assert set(stage.asked) == {1}
    assert "less than 128 MiB are free" in stage.wrote("trace.delayed")[0]["message"]


def test_a_list_that_nobody_understands_any_more_asks_for_nobody(stage: TracedStage) -> None:
    """Edited while the daemon runs: the line is named, never what stands in it, and nothing is spent for now."""
    never = stage.folder / "never.txt"
    never.touch()
    stage.trace_terms('suppression = "never.txt"\n')

    async def look(app: App) -> None:
        never.write_text("the Petrakis family\n")
        await app.dispatch.run("phoenix", "once")
        await asyncio.sleep(120)
        assert stage.asked == []
        never.unlink()
        await asyncio.sleep(120)
        assert stage.asked == []
        never.touch()

    stage.serve(900, look)
    assert set(stage.asked) == {1}
    messages = [line["message"] for line in stage.wrote("trace.delayed")]
    assert messages[0].startswith(f"{never}:1 is no phone")
    assert "cannot be read" in messages[-1]
    assert "Petrakis" not in stage.log.getvalue()


def test_bad_weather_backs_off_and_then_goes_on(stage: TracedStage) -> None:
    """A rate limit costs nothing and is tried again; a server's error may be billed, so it is not."""
    stage.sim.traces.faults.next(Fault.RATE_LIMITED_BARE, Fault.RATE_LIMITED, Fault.RATE_LIMITED_BARE)
    stage.work()
    assert set(stage.asked) == {1}
    assert [batch[1] for batch in stage.batches()] == ["refused", "refused", "refused", "settled"]
    waits = [line["wait_s"] for line in stage.wrote("trace.returned")]
    assert waits[0] < waits[-1]
    assert stage.one("SELECT count(*) FROM trace_item WHERE batch_id < 4") == 0
    stage.sim.world.grow(30)
    stage.sim.traces.faults.next(Fault.SERVER_ERROR)
    stage.work(for_s=2 * 86_400)
    assert stage.batches()[-1][1] == "settled"
    assert stage.subjects()["missing"] == stage.batches()[-1][5] > 10


def test_a_refusal_is_told_and_waits_for_a_person(stage: TracedStage) -> None:
    """It would be refused again: its reason is kept, nothing of it names anybody, and `resume` goes on."""
    stage.sim.traces.faults.next(Fault.MALFORMED)
    stage.work(for_s=86_400.0)
    assert stage.asked == []
    assert [line["reason"] for line in stage.wrote("trace.paused")] == ["refused"]
    stage.serve(600, lambda app: app.tracing.word.do("resume", {}))
    assert set(stage.asked) == {1}
    stage.assert_nobody_is_named()


def test_once_does_not_wait_for_answers_to_a_store_in_doubt(stage: TracedStage) -> None:
    """Nothing that comes is read before a person has spoken, and nobody can while it holds the store: so it ends."""
    stage.switch(lost_rate=1.0, completion="never")
    stage.work(for_s=60.0)
    assert stage.batches()[0][1] == "out"
    stage.write("UPDATE installation SET doubt = 'store_restored'")

    async def once() -> End:
        async with stage.app("phoenix") as app, asyncio.timeout(DAY_S):
            return (await app.once(["phoenix"]))["phoenix"]

    assert stage.play(once()).reason is Reason.STORE_RESTORED
