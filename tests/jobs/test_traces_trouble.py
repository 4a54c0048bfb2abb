"""A store, a disk or a list that stands in the way of the skip trace: nothing is asked twice, and it goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from unittest import mock

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import pytest

from leadsync.app import App
from leadsync.core.hooks import Address
from leadsync.core.letters import Letter
from leadsync.core.model import End, Reason
from leadsync.core.witness import StoreAnswer
from leadsync.errors import StoreFailed, UsageMistake
from leadsync.simulator import Fault
from leadsync.store.trace_ledger import TraceLedger
from tests.jobs.test_store_trouble import to_store
from tests.jobs.tracing import DAY_S, TRACED, TracedStage
from tests.stage import EVERYTHING, Wire

ACKNOWLEDGING = (
    "CREATE TRIGGER trouble BEFORE UPDATE OF acknowledged_at ON trace_batch BEGIN SELECT RAISE(ABORT, 'I/O'); END"
)


class Spoken(Wire):
    """The way to the vendors, on which somebody `speaks` while a batch of owners is on its way."""

    speaks: Callable[[], Awaitable[object]]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request, and let it be answered after that."""
        response = await super().handle_async_request(request)
        if request.url.path.startswith("/v1/SkipTrace"):
            await self.speaks()
        return response


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


@pytest.mark.parametrize("fault", [None, Fault.NO_TOKEN, Fault.RATE_LIMITED])
def test_what_comes_back_of_a_batch_is_no_word_about_the_store(stage: TracedStage, fault: Fault | None) -> None:
    """A person has said that it was restored while one was on its way: nobody is asked for before the next word."""
    stage.sim.traces.faults.next(fault)

    async def work(app: App) -> None:
        wire.speaks = lambda: app.answer_store(StoreAnswer.RESTORED)
        await app.dispatch.run("phoenix", "once")
        await asyncio.sleep(60)
        stage.sim.world.grow(30)
        await app.dispatch.run("phoenix", "once")

    wire = Spoken(stage.sim)
    stage.change(transport=wire)
    stage.serve(DAY_S, work)
    assert stage.one("SELECT paused_reason FROM trace_desk") == "store_restored"
    assert len(stage.batches()) == 1


@pytest.mark.parametrize("answer", StoreAnswer)
def test_who_answers_for_the_store_is_told_that_owners_wait(stage: TracedStage, answer: StoreAnswer) -> None:
    """Where one word is not enough the operator reads the next one at once."""
    stage.write("UPDATE installation SET doubt = 'store_restored'")

    async def say() -> str:
        async with stage.app() as app:
            return await app.answer_store(answer)

    assert ("`leadsync traces resume`" in stage.play(say())) is (answer is not StoreAnswer.MOVED)


def test_a_budget_that_is_cut_holds_for_the_next_batch(tmp_path: Path) -> None:
    """Whoever sees the money go and reloads is heeded before the next batch, however many are wanted still."""
    stage = TracedStage(tmp_path, size=1_500, record_bytes=300)
    stage.job(search=TRACED, page_size=500)
    stage.serve(1)

    async def cut() -> None:
        stage.trace_terms("budget = { dollars_per_day = 5 }\n")
        stage.hang_up()
        await asyncio.sleep(1)

    wire = Spoken(stage.sim)
    wire.speaks = cut
    stage.change(transport=wire)
    stage.work()
    assert stage.wrote("config.reloaded")
    assert len(stage.batches()) == 1
    assert stage.subjects()["wanted"] > 100


def test_owners_of_a_job_that_traces_no_more_are_not_asked_for(stage: TracedStage) -> None:
    """Those who waited for the budget wait on, and so says a word about them; enabled again they are asked for."""
    stage.trace_terms("budget = { dollars_per_day = 2 }\n")
    stage.switch(lost_rate=1.0, completion="never")
    stage.work()
    assert len(stage.asked) == 20
    stage.job()
    stage.trace_terms()

    async def ask_again(app: App) -> None:
        await asyncio.sleep(2 * DAY_S)
        with pytest.raises(UsageMistake, match="set enabled = true"):
            await app.tracing.word.do("again", {"batches": []})

    stage.serve(3 * DAY_S, ask_again)
    assert len(stage.asked) == 20
    assert stage.subjects()["missing"] == 20
    stage.job(search=TRACED)
    stage.serve(600)
    assert set(stage.asked) == {1}
    assert len(stage.asked) > 30


def test_who_may_have_been_answered_about_is_told_who_reads_the_answers(stage: TracedStage) -> None:
    """A command that has the store to itself reads none of them, however often it is tried."""
    stage.switch(lost_rate=1.0, completion="never")
    stage.work(for_s=2 * DAY_S)
    assert set(stage.subjects()) == {"missing"}

    async def ask_again() -> None:
        async with stage.app() as app:
            await app.ledger.inbox.receive([Letter(Address("trace-item", "1-1-2"), {}, b"{}", "d")], app.around.now())
            with pytest.raises(UsageMistake, match="The daemon reads them, or the next one"):
                await app.tracing.word.do("again", {"batches": []})

    stage.play(ask_again())
    assert set(stage.subjects()) == {"missing"}


def test_a_reload_while_the_store_is_asked_leaves_no_job_out(stage: TracedStage) -> None:
    """What a job has brought from the reload on is looked at, also where a look of before it had just begun."""
    stage.job("tampa", buy_again=True)
    reap = TraceLedger.reap

    async def slowly(ledger: TraceLedger) -> list[tuple[str, int]]:
        found = await reap(ledger)
        if not stage.logged("config.reloaded"):
            stage.job("tampa", search=TRACED, buy_again=True)
            stage.hang_up()
            await asyncio.sleep(5)
        return found

    async def run_the_other(app: App) -> None:
        await asyncio.sleep(20)
        await app.dispatch.run("tampa", "once")

    wire = Spoken(stage.sim)
    wire.speaks = partial(asyncio.sleep, 60)
    stage.change(transport=wire)
    with mock.patch.object(TraceLedger, "reap", slowly):
        stage.work(then=run_the_other)
    assert stage.rows("SELECT job, properties FROM trace_job ORDER BY job") == [("phoenix", 40), ("tampa", 40)]


@pytest.mark.parametrize(("search", "other"), [(TRACED, EVERYTHING), (EVERYTHING, TRACED)], ids=["traced", "not"])
def test_a_reload_that_the_store_refuses_forgets_no_owner(
    stage: TracedStage, monkeypatch: pytest.MonkeyPatch, search: str, other: str
) -> None:
    """Whose owners are found is what the files in force say: those of the next run, or nobody's, as before it."""
    stage.job(search=search)

    async def full(*_: object) -> None:
        raise StoreFailed("the disk is full")

    async def reload_in_vain(app: App) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(app.ledger, "change_slots", full)
            stage.job(search=other)
            stage.hang_up()
            await asyncio.sleep(60)
        assert stage.wrote("reload.refused")
        await app.dispatch.run("phoenix", "once")

    stage.serve(600, reload_in_vain)
    assert stage.rows("SELECT job, properties FROM trace_job") == ([("phoenix", 40)] if search == TRACED else [])


def test_a_rate_limits_rest_is_as_long_where_the_clock_is_put_back(stage: TracedStage) -> None:
    """It is time that passes, whatever the clock says then."""
    stage.sim.traces.faults.next(Fault.RATE_LIMITED)

    async def put_back(_app: App) -> None:
        await asyncio.sleep(0.1)
        assert stage.wrote("trace.returned")
        stage.clock.forward(-30 * DAY_S)

    stage.work(then=put_back)
    assert set(stage.asked) == {1}


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
