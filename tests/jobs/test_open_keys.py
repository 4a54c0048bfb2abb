"""Open keys at start: settled first, with their own bytes, whatever has become of the job that asked (P2)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from leadsync.app import App
from leadsync.config.fingerprint import fingerprint
from leadsync.core.model import Outcome
from leadsync.core.resume import Choice
from leadsync.errors import StoreFailed
from leadsync.service import Service
from leadsync.simulator import Fault
from leadsync.store.ledger import SessionState
from leadsync.waiting import sleep_unless
from tests.jobs.books import assert_books_agree, run_rows
from tests.stage import Stage

Build = Callable[..., Stage]
Change = Callable[[Stage], None]

SECOND = """budget = "unlimited"
[accounts.second]
token = { file = "token" }
budget = "unlimited"
base_url = "http://127.0.0.1:9"
"""


def with_open_key(stage: Stage, name: str = "phoenix", fault: Fault = Fault.CUT_AFTER) -> None:
    """Run a job into an outage: one page is stored, the key of the second stays open."""
    stage.sim.faults.next(None)
    stage.sim.faults.storm(1.0, [fault], seed=0)
    assert stage.end(name).outcome is Outcome.FAILED
    stage.sim.faults.calm()
    assert open_keys(stage) == 1


def open_keys(stage: Stage) -> int:
    """How many keys have no answer."""
    return len(stage.rows("SELECT key FROM page WHERE state = 'asked'"))


def beside_the_daemon(stage: Stage, deed: Callable[[App, Service], Coroutine[Any, Any, None]]) -> None:
    """Serve, and do something meanwhile, which asks the daemon to stop when it is through."""

    async def act() -> None:
        async with asyncio.TaskGroup() as group:

            def begun(app: App, service: Service) -> None:
                group.create_task(deed(app, service))

            await stage.daemon(begun)

    stage.play(act())


CHANGES: dict[str, Change] = {
    "removed": lambda stage: stage.remove("phoenix"),
    "disabled": lambda stage: stage.job(enabled=False),
    "other_session": lambda stage: stage.job(session="elsewhere", search='query = "Mesa, AZ"'),
    "other_search": lambda stage: stage.job(search='query = "Mesa, AZ"'),
    "other_page_size": lambda stage: stage.job(page_size=7),
    "unchanged": lambda stage: stage.job(),
}


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER])
@pytest.mark.parametrize("change", CHANGES)
def test_an_open_key_is_settled_whatever_became_of_its_job(build: Build, change: str, fault: Fault) -> None:
    """Another job's run settles it first: the same key and bytes, and nothing more of that session."""
    stage = build()
    stage.job()
    with_open_key(stage, fault=fault)
    CHANGES[change](stage)
    stage.job("other", search='query = "Tucson, AZ"')
    assert stage.end("other").outcome is Outcome.COMPLETE
    assert stage.sim.bill.by_session["phoenix"] == 200
    assert run_rows(stage)[1:] == [("phoenix", "limited", None), ("other", "complete", None)]
    assert stage.logged("run.started")[1]["trigger"] == "start"
    assert_books_agree(stage)


def test_a_job_settles_its_own_key_and_goes_on(build: Build) -> None:
    """The run of the key's own session settles it and pulls the rest, in one run."""
    stage = build()
    stage.job()
    with_open_key(stage)
    assert stage.end().outcome is Outcome.COMPLETE
    assert run_rows(stage) == [("phoenix", "failed", None), ("phoenix", "complete", None)]
    assert_books_agree(stage)


def test_an_open_key_is_settled_over_budget(build: Build) -> None:
    """A budget that was cut meanwhile does not keep an open key from being settled: its page may be billed already."""
    stage = build()
    stage.job()
    with_open_key(stage)
    stage.configure("budget = { records_per_day = 150 }")
    assert stage.end().outcome is Outcome.OVER_BUDGET
    assert stage.sim.bill.records == 200
    assert_books_agree(stage)


def test_the_old_session_of_a_job_is_settled_before_its_new_one(build: Build) -> None:
    """A job that moved to another session: the old session's key first, then the new session's pages."""
    stage = build()
    stage.job()
    with_open_key(stage)
    stage.job(session="elsewhere", search='query = "Mesa, AZ"')
    assert stage.end().outcome is Outcome.COMPLETE
    sessions = [seen.session for seen in stage.sim.bill.requests if seen.key]
    assert sessions[sessions.index("elsewhere") - 1] == "phoenix"
    assert "phoenix" not in sessions[sessions.index("elsewhere") :]
    assert_books_agree(stage)


def test_two_old_sessions_of_one_job_are_both_settled(build: Build) -> None:
    """A job that moved twice during an outage left two open keys: both are settled, and it goes on."""
    stage = build()
    for session in ("first", "second", "third"):
        stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
        stage.job(session=session, buy_again=True)
        if session != "third":
            stage.once("phoenix")
    stage.sim.faults.calm()
    assert open_keys(stage) == 2
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_the_key_of_a_parked_job_waits(build: Build) -> None:
    """What a person has to answer first is not sent at the start of another job's run."""
    stage = build()
    stage.job()
    with_open_key(stage)
    stage.sim.delete_session("phoenix")
    assert stage.end().outcome is Outcome.PARKED
    stage.job("other", search='query = "Tucson, AZ"')
    before = stage.sim.bill.by_session["phoenix"]
    assert stage.end("other").outcome is Outcome.COMPLETE
    assert stage.sim.bill.by_session["phoenix"] == before
    assert open_keys(stage) == 1


def test_the_key_of_a_disabled_job_is_settled_once_a_person_has_answered(build: Build) -> None:
    """No time of the job's own will send it: the daemon that carries the answer out does."""
    stage = build()
    stage.job()
    with_open_key(stage)
    stage.sim.foreign_pull("phoenix", 50)
    assert stage.end().outcome is Outcome.PARKED
    stage.job(enabled=False)
    billed = stage.sim.bill.by_session["phoenix"]

    async def answer(app: App, service: Service) -> None:
        await sleep_unless(app.around.stopping, 60.0)
        asked = {"jobs": {"phoenix": fingerprint(app.settings, "phoenix")}, "choice": Choice.ACCEPT}
        await service.commands["resume"](asked).work
        await sleep_unless(app.around.stopping, 60.0)
        app.around.stopping.set()

    beside_the_daemon(stage, answer)
    assert open_keys(stage) == 0
    assert stage.sim.bill.by_session["phoenix"] == billed


@pytest.mark.parametrize("schedule", [{}, {"schedule": 'every = "7d"'}])
def test_the_key_that_once_leaves_open_is_settled_by_the_daemon(build: Build, schedule: dict[str, str]) -> None:
    """Its page may be billed, and no time of the job's own sends it soon: the daemon that carried `once` out does."""
    stage = build()
    stage.job(**schedule)

    async def once(app: App, service: Service) -> None:
        await sleep_unless(app.around.stopping, 60.0)
        stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
        asked = {"jobs": {"phoenix": fingerprint(app.settings, "phoenix")}, "again": False}
        await service.commands["once"](asked).work
        stage.sim.faults.calm()
        assert open_keys(stage) == 1
        await sleep_unless(app.around.stopping, 1_800.0)
        app.around.stopping.set()

    beside_the_daemon(stage, once)
    assert stage.rows("SELECT trigger, outcome FROM run") == [("once", "failed"), ("start", "limited")]
    assert_books_agree(stage)


def test_settling_is_audited_too(build: Build) -> None:
    """A key whose session vanished is not sent at start either: it would bill its page anew."""
    stage = build()
    stage.job()
    with_open_key(stage)
    stage.sim.delete_session("phoenix")
    stage.remove("phoenix")
    stage.job("other", search='query = "Tucson, AZ"')
    before = stage.sim.bill.by_session["phoenix"]
    assert stage.end("other").outcome is Outcome.COMPLETE
    assert stage.sim.bill.by_session["phoenix"] == before
    assert run_rows(stage)[1] == ("phoenix", "parked", "session_vanished")


def test_a_key_that_cannot_be_settled_stays_open(build: Build) -> None:
    """An outage that goes on: each run tries the old key again, and the first after it settles everything."""
    stage = build()
    stage.job()
    with_open_key(stage)
    stage.job("other", search='query = "Tucson, AZ"')
    stage.sim.faults.storm(1.0, [Fault.BAD_GATEWAY], seed=0)
    assert stage.end("other").outcome is Outcome.FAILED
    assert open_keys(stage) == 2
    stage.sim.faults.calm()
    assert stage.end("other").outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_a_key_of_an_account_that_is_gone_is_told(build: Build) -> None:
    """Without its account a key cannot be settled: that is a warning, and the other accounts go on."""
    stage = build(account=SECOND)
    stage.job("old", account="second")
    with_open_key(stage, "old")
    stage.remove("old")
    stage.configure()
    stage.job(search='query = "Tucson, AZ"')
    assert stage.end().outcome is Outcome.COMPLETE
    (line,) = stage.logged("key.left_open")
    assert (line["level"], line["job"], line["account"], line["session"]) == ("warning", "old", "second", "old")
    assert open_keys(stage) == 1


def settled_while(stage: Stage, monkeypatch: pytest.MonkeyPatch, trouble: str) -> int:
    """Settle what is open, where that befalls the look whether it still is; return how many keys stay open."""

    async def act() -> int:
        async with stage.app() as app:
            look = app.ledger.session

            async def troubled(account: str, name: str, job: str) -> SessionState:
                if trouble == "store":
                    monkeypatch.undo()
                    raise StoreFailed("the disk is full")
                app.office.desks = {}
                return await look(account, name, job)

            monkeypatch.setattr(app.ledger, "session", troubled)
            return await app.dispatch.settle("main")

    return stage.play(act())


def test_a_store_that_fails_at_the_look_ends_no_daemon(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a key is still open could not be read: it is sent, and nothing else happens for that."""
    stage = build()
    stage.job()
    with_open_key(stage)
    assert settled_while(stage, monkeypatch, "store") == 0
    assert_books_agree(stage)


def test_an_account_that_goes_at_the_look_is_left_alone(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload takes the account away in that very moment: its key stays open, and nothing is sent."""
    stage = build()
    stage.job()
    with_open_key(stage)
    searches = stage.wire.searches
    assert settled_while(stage, monkeypatch, "reload") == 1
    assert stage.wire.searches == searches
