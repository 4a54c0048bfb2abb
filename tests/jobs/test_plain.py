"""The plain way has no key: what was lost is told and counted, and never asked for again by itself."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import pytest

from leadsync.core.model import End, Outcome, Reason, Route
from leadsync.core.one_shot import Life
from leadsync.reports.status import in_words, status
from leadsync.simulator import Fault, Switches
from tests.jobs.one_shots import assert_all_here, assert_each_once, one_shot
from tests.stage import Stage, Wire

Build = Callable[..., Stage]
LOST = [Fault.CUT_AFTER, Fault.HANG, Fault.HTML_200, Fault.TRUNCATED, Fault.GATEWAY_TIMEOUT]


@pytest.fixture
def plain(build: Build) -> Stage:
    """A stage whose token has no sessions, and a one-shot of 300 in a world of 1,000."""
    stage = build(size=1_000, session_ability=False)
    one_shot(stage)
    return stage


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_told_and_not_repeated(plain: Stage, fault: Fault) -> None:
    """The page may be billed: the run ends partial, its cost is in the books, and no run asks beyond it."""
    plain.sim.faults.next(None, fault)
    end = plain.end("bulk")
    assert (end.outcome, plain.sim.bill.records) == (Outcome.PARTIAL, 200)
    assert "100 records" in end.message
    assert "retry_unknown = true" in end.message
    searches = plain.wire.searches
    assert plain.end("bulk").outcome is Outcome.PARTIAL
    assert plain.wire.searches == searches == 2
    assert plain.rows("SELECT records, cost_micros FROM run ORDER BY id LIMIT 1") == [(100, 2_000_000)]
    (line,) = plain.logged("reply.unknown")
    assert line["records"] == 100


def test_a_lost_answer_is_seen_in_status(plain: Stage) -> None:
    """Whoever looks at the job sees what may have been paid for nothing, and what the budget has of it."""
    plain.sim.faults.next(None, Fault.CUT_AFTER)
    plain.end("bulk")
    report = status(plain.settings(), plain.clock())
    (job,) = report["jobs"]
    assert (job["state"], job["session"], job["one_shot"]["unknown"]) == ("idle", None, 100)
    assert report["accounts"][0]["budget"]["records_day"]["spent"] == 200
    assert "100 records may be billed" in in_words(report)


def test_a_stop_that_comes_while_it_waits_for_the_line_is_heard(plain: Stage) -> None:
    """Somebody looks at the list, and leadsync is to stop: what has no key is not sent after that."""

    async def act() -> End:
        async with plain.app("bulk") as app:
            asked = app.ledger.take_route

            async def and_looks(life: Life, run_id: int, route: Route) -> None:
                await asked(life, run_id, route)
                line = app.office.desks["main"].traffic.quiet()
                await line.__aenter__()
                asyncio.get_running_loop().call_later(30, app.around.stopping.set)
                tasks.append(asyncio.ensure_future(leave_later(line)))

            app.ledger.take_route = and_looks  # type: ignore[method-assign]
            return (await app.once(["bulk"]))["bulk"]

    async def leave_later(line: AbstractAsyncContextManager[None]) -> None:
        await asyncio.sleep(60)
        await line.__aexit__(None, None, None)

    tasks: list[asyncio.Future[None]] = []
    assert plain.play(act()).outcome is Outcome.INTERRUPTED
    assert (plain.wire.searches, plain.one("SELECT count(*) FROM page")) == (0, 0)


@pytest.mark.parametrize("fault", LOST)
def test_with_leave_it_is_asked_for_again(plain: Stage, fault: Fault) -> None:
    """`retry_unknown` asks again from the same cursor: what is wanted comes, and the double cost is told."""
    one_shot(plain, retry_unknown=True)
    plain.sim.faults.next(None, fault)
    assert plain.end("bulk").outcome is Outcome.COMPLETE
    assert plain.rows("SELECT records, new, cost_micros FROM run") == [(300, 300, 4_000_000)]
    assert plain.sim.bill.records == 400


def test_leave_that_is_given_later_goes_on_from_there(plain: Stage) -> None:
    """Nothing that was paid for is bought again but the page whose answer was lost."""
    plain.sim.faults.next(None, Fault.CUT_AFTER)
    plain.end("bulk")
    one_shot(plain, retry_unknown=True)
    assert plain.end("bulk").outcome is Outcome.COMPLETE
    assert plain.one("SELECT count(DISTINCT property_id) FROM delivery") == 300
    assert plain.sim.bill.records == 400


def test_also_with_leave_not_for_ever(plain: Stage) -> None:
    """Three lost answers in a row, each perhaps billed, end the run; the next one tries again."""
    one_shot(plain, retry_unknown=True)
    plain.sim.faults.next(*[Fault.CUT_AFTER] * 3)
    assert (plain.end("bulk").outcome, plain.wire.searches) == (Outcome.FAILED, 3)
    assert plain.end("bulk").outcome is Outcome.COMPLETE


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.RATE_LIMITED_BARE])
def test_a_rate_limit_is_waited_for(plain: Stage, fault: Fault) -> None:
    """A 429 was not billed: it is asked again, after a wait of the whole account, with or without leave."""
    plain.sim.faults.next(None, fault, fault)
    assert plain.end("bulk").outcome is Outcome.COMPLETE
    assert_all_here(plain)
    assert_each_once(plain)
    assert len(plain.logged("account.throttled")) == 2


class NoLine(Wire):
    """A line on which nobody can be reached for a while; the list can."""

    def __init__(self, wire: Wire, times: int) -> None:
        super().__init__(wire.simulator)
        self.times = times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse the connection, so many times from the second search on."""
        if request.method == "POST" and self.searches and self.times:
            self.times -= 1
            raise httpx.ConnectError("nobody there", request=request)
        return await super().handle_async_request(request)


def test_what_never_left_is_not_unknown(plain: Stage) -> None:
    """Where there was no connection nothing can be billed: it is asked for again, and costs once."""
    plain.change(transport=NoLine(plain.wire, 5))
    assert plain.end("bulk").outcome is Outcome.COMPLETE
    assert plain.rows("SELECT state, count(*) FROM page GROUP BY 1") == [("stored", 3), ("void", 5)]
    assert_all_here(plain)
    assert_each_once(plain)


def test_nobody_there_for_long_fails_and_goes_on(plain: Stage) -> None:
    """After ten minutes the run ends as weather does, and the next goes on from the cursor."""
    plain.change(transport=NoLine(plain.wire, 1_000))
    assert plain.end("bulk").outcome is Outcome.FAILED
    plain.change(transport=plain.wire)
    assert plain.end("bulk").outcome is Outcome.COMPLETE
    assert_each_once(plain)


def test_no_request_is_sent_into_an_outage(plain: Stage) -> None:
    """Each run asks for the list first, which is free; where that does not come, nothing without a key leaves."""
    one_shot(plain, records_per_run=100)
    plain.end("bulk")
    plain.sim.list_faults.next(*[Fault.CUT_BEFORE] * 100)
    assert plain.end("bulk").outcome is Outcome.FAILED
    assert plain.wire.searches == 1


@pytest.mark.parametrize(
    ("fault", "reason"), [(Fault.NO_TOKEN, Reason.TOKEN_REFUSED), (Fault.EMPTY_WALLET, Reason.WALLET_EMPTY)]
)
def test_a_denial_costs_nothing(plain: Stage, fault: Fault, reason: Reason) -> None:
    """Where the account is turned down nothing was billed, and the next due run goes on from the cursor."""
    plain.sim.faults.next(None, fault)
    assert (plain.end("bulk").outcome, plain.one("SELECT reason FROM run")) == (Outcome.FAILED, reason)
    assert plain.end("bulk").outcome is Outcome.COMPLETE
    assert_all_here(plain)
    assert_each_once(plain)


def test_what_overlaps_counts_once(build: Build) -> None:
    """The index moves while it is read: what comes twice is billed, is redelivered, and does not count as brought."""
    stage = build(size=1_000, session_ability=False, cursor_slips=20)
    stage.wire.before[3] = lambda: setattr(stage.sim, "switches", Switches(session_ability=False))
    one_shot(stage)
    assert stage.end("bulk").outcome is Outcome.COMPLETE
    assert stage.rows("SELECT records, new FROM run") == [(320, 300)]
    assert stage.rows("SELECT count(DISTINCT property_id), sum(redelivered) FROM delivery") == [(300, 20)]
    assert stage.one("SELECT delivered FROM search_session") == 300
    assert_all_here(stage)


def test_an_index_that_does_not_stand_still_is_not_paid_for_ever(build: Build) -> None:
    """Where the rest that is missing does not come, three small pages say so: partial, with what is here."""
    stage = build(size=1_000, session_ability=False, cursor_slips=20)
    one_shot(stage)
    end = stage.end("bulk")
    assert (end.outcome, stage.one("SELECT delivered FROM search_session")) == (Outcome.PARTIAL, 280)
    assert "280 of 300 records" in end.message


def test_a_cursor_that_is_ignored_costs_one_page(build: Build) -> None:
    """A vendor that sends the first page for ever is paid for two, not for as many as were wanted."""
    stage = build(size=1_000, session_ability=False, cursor_slips=1_000)
    one_shot(stage)
    end = stage.end("bulk")
    assert (end.outcome, stage.sim.bill.records) == (Outcome.PARTIAL, 200)
    assert "what came before" in end.message
    assert stage.rows("SELECT records, new FROM run") == [(200, 100)]


def test_a_stop_ends_it_between_two_pages(plain: Stage) -> None:
    """A stop waits for the page that is on its way; the next run goes on, and nothing is unknown."""

    async def act() -> None:
        async with plain.app("bulk") as app:
            plain.wire.before[2] = app.around.stopping.set
            assert (await app.once(["bulk"]))["bulk"].outcome is Outcome.INTERRUPTED

    plain.play(act())
    assert plain.sim.bill.records == 200
    assert plain.end("bulk").outcome is Outcome.COMPLETE
    assert_all_here(plain)
    assert_each_once(plain)


def test_a_hurried_stop_says_what_it_left(plain: Stage) -> None:
    """A stop that cannot wait leaves an unknown page, and the next run says so instead of asking again."""
    plain.sim.faults.next(None, Fault.HANG)

    async def act() -> None:
        async with plain.app("bulk") as app:
            plain.wire.before[2] = app.around.hurry.set
            end = (await app.once(["bulk"]))["bulk"]
            assert (end.outcome, "counts as spent" in end.message) == (Outcome.INTERRUPTED, True)

    plain.play(act())
    assert plain.one("SELECT state FROM page ORDER BY id DESC LIMIT 1") == "unknown"
    assert plain.end("bulk").outcome is Outcome.PARTIAL
    assert plain.wire.searches == 2


def test_a_paid_page_is_held_until_the_store_takes_it(plain: Stage) -> None:
    """No key can bring it again, so a store that fails for a minute does not lose it (P1)."""
    trigger = "CREATE TRIGGER trouble BEFORE INSERT ON delivery BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
    plain.wire.before[2] = lambda: plain.write(trigger)

    async def act() -> None:
        asyncio.get_running_loop().call_later(60, plain.write, "DROP TRIGGER trouble")
        async with plain.app("bulk") as app:
            assert (await app.once(["bulk"]))["bulk"].outcome is Outcome.COMPLETE

    plain.play(act())
    assert_all_here(plain)
    assert_each_once(plain)
    assert "disk I/O error" in plain.logged("page.held")[0]["message"]


def test_a_restored_store_asks_a_person_first(plain: Stage) -> None:
    """What was asked for after the backup may be billed: it is not asked for again without leave."""
    one_shot(plain, records_per_run=100)
    plain.end("bulk")
    plain.write("UPDATE search_session SET recovering = 1")
    end = plain.end("bulk")
    assert (end.outcome, plain.wire.searches) == (Outcome.PARTIAL, 1)
    assert "restored" in end.message
    one_shot(plain, retry_unknown=True)
    assert plain.end("bulk").outcome is Outcome.COMPLETE
    assert plain.one("SELECT max(recovering) FROM search_session") == 0


def test_two_jobs_wait_for_each_others_reservation(build: Build) -> None:
    """What one has reserved and does not use comes back to the other: the budget is spent to the record (P10)."""
    account = "budget = { records_per_day = 150 }"
    stage = build(size=1_000, session_ability=False, account=account)
    for name in ("one", "two"):
        stage.job(name, kind="one_shot", records=100, buy_again=True)
    stage.sim.faults.next(Fault.RATE_LIMITED, Fault.RATE_LIMITED)
    ends = stage.once("one", "two")
    assert sorted(end.outcome for end in ends.values()) == [Outcome.COMPLETE, Outcome.OVER_BUDGET]
    assert stage.sim.bill.records == 150


def test_a_list_that_is_denied_to_others_does_not_end_it(plain: Stage) -> None:
    """Who looks after the slots asks for the list all the time, and is told that the token has no sessions."""
    one_shot(plain, schedule="at = 2026-11-02T07:00:00Z")
    plain.serve(2 * 3_600)
    assert plain.rows("SELECT outcome FROM run") == [("complete",)]
    assert len(plain.logged("housekeeping.delayed")) > 1
    assert_all_here(plain)
