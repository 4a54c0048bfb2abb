"""`once` as the daemon carries it out: only while it is at work, and only what it has read itself."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from leadsync.config import load
from leadsync.config.fingerprint import fingerprint, trace_fingerprint
from leadsync.control.board import Board
from leadsync.errors import DaemonRefused
from leadsync.scheduler import Scheduler
from leadsync.service import Service
from leadsync.store.engine import sqlite_file
from tests.control.wire import Heard, serving
from tests.stage import Stage


@asynccontextmanager
async def open_service(stage: Stage) -> AsyncIterator[tuple[Service, Path, asyncio.Event]]:
    """A daemon that is not yet at work, its store, and the wish to stop."""
    async with stage.app() as app:
        service = Service(app.office, app.ledger, app.around, app.dispatch, hands=app.hands)
        store = sqlite_file(app.settings.store.url)
        async with serving(store, service.commands, Board()):
            yield service, store, app.around.stopping


@asynccontextmanager
async def at_work(stage: Stage, service: Service) -> AsyncIterator[None]:
    """The daemon, from the end of its start until somebody stops it."""
    with closing(Scheduler()) as alarms:
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run(alarms))
            while not stage.logged("daemon.started"):  # noqa: ASYNC110 - only the log tells
                await asyncio.sleep(0)
            yield


async def once(stage: Stage, store: Path, *names: str, again: bool = False) -> dict[str, Any]:
    """Ask as the command line does, with the fingerprints of the files as they are now."""
    settings = stage.settings()
    reply = await Heard().ask(store, "once", jobs={name: fingerprint(settings, name) for name in names}, again=again)
    assert reply is not None
    return {name: end["outcome"] for name, end in reply["ends"].items()}


async def refusal(stage: Stage, store: Path, *names: str) -> tuple[int, str]:
    """The exit code and the words with which it is refused."""
    with pytest.raises(DaemonRefused) as refused:
        await once(stage, store, *names)
    return refused.value.exit_code, str(refused.value)


def test_a_command_is_carried_out_from_start_to_stop_and_not_outside(tmp_path: Path) -> None:
    """Before the start is done and after the stop has begun: 75, try again; nothing is run. In between it is done."""
    stage = Stage(tmp_path / "stage")
    stage.job("phoenix")
    stage.job("tampa", search='query = "Tampa, FL"')

    async def act() -> tuple[tuple[int, str], dict[str, Any], tuple[int, str]]:
        async with open_service(stage) as (service, store, stopping):
            early = await refusal(stage, store, "phoenix")
            async with at_work(stage, service):
                ends = await once(stage, store, "phoenix", "tampa")
                stopping.set()
                return early, ends, await refusal(stage, store, "phoenix")

    early, ends, late = asyncio.run(act())
    assert ends == {"phoenix": "complete", "tampa": "complete"}
    assert early == late
    assert early[0] == 75
    assert "nothing was done. Try again" in early[1]
    assert stage.rows("SELECT job, trigger FROM run ORDER BY job") == [("phoenix", "once"), ("tampa", "once")]


def test_a_one_shot_is_begun_anew_by_the_daemon(tmp_path: Path) -> None:
    """`once --again` goes over the socket as `once` does; without it what is done asks nothing."""
    stage = Stage(tmp_path / "stage")
    stage.job("bulk", kind="one_shot", records=50)

    async def act() -> list[dict[str, Any]]:
        async with open_service(stage) as (service, store, stopping), at_work(stage, service):
            ends = [await once(stage, store, "bulk", again=again) for again in (False, False, True)]
            stopping.set()
            return ends

    assert asyncio.run(act()) == [{"bulk": "complete"}] * 3
    assert stage.sim.bill.records == 100


def other_job(stage: Stage) -> None:
    """The job is another one."""
    stage.job("phoenix", records_per_run=7)


def other_account(stage: Stage) -> None:
    """Its account has another budget."""
    stage.configure("budget = { records_per_day = 7 }")


def new_job(stage: Stage) -> None:
    """There was no such job."""
    stage.job("tampa", search='query = "Tampa, FL"')


@pytest.mark.parametrize(("edit", "name"), [(other_job, "phoenix"), (other_account, "phoenix"), (new_job, "tampa")])
def test_other_files_than_the_daemons_are_refused(tmp_path: Path, edit: Callable[[Stage], None], name: str) -> None:
    """What decides is what both have read of the job and its account: 78, and the way out."""
    stage = Stage(tmp_path / "stage")
    stage.job("phoenix")

    async def act() -> tuple[int, str]:
        async with open_service(stage) as (service, store, stopping), at_work(stage, service):
            edit(stage)
            try:
                return await refusal(stage, store, name)
            finally:
                stopping.set()

    code, words = asyncio.run(act())
    assert code == 78
    assert f"job {name} " in words
    assert "nothing was done. Reload it" in words
    assert stage.rows("SELECT * FROM run") == []


def test_what_does_not_change_the_run_does_not_matter(tmp_path: Path) -> None:
    """Comments, empty lines, the order of keys and another token: the job is still the same."""
    stage = Stage(tmp_path / "stage")
    stage.job("phoenix", records_per_run=7)
    before = fingerprint(stage.settings(), "phoenix")
    file = stage.folder / "jobs.d" / "phoenix.toml"
    head, search = file.read_text().split("[search]")
    lines = [line for line in head.splitlines() if line]
    file.write_text("\n".join(["# who wrote this?", "", *reversed(lines), "[search]", search]))
    (stage.folder / "token").write_text("another-token-of-the-same-team")
    assert fingerprint(stage.settings(), "phoenix") == before


def test_owners_are_asked_for_by_no_other_reading(tmp_path: Path) -> None:
    """A budget that was lowered in the file and not yet read by the daemon is no budget: 78, and the way out."""
    stage = Stage(tmp_path / "stage")
    section = '\n[skip_trace]\nsuppression = "never.txt"\napi_key = {{ file = "token" }}\nbudget = {}'
    (stage.folder / "never.txt").touch()
    relative = Path(os.path.relpath(stage.folder / "config.toml"))
    stage.configure(section.format('"unlimited"'))
    stage.job("phoenix")

    async def say(store: Path) -> tuple[int, str]:
        read = load(relative, {})
        with pytest.raises(DaemonRefused) as refused:
            await Heard().ask(store, "traces_resume", jobs={}, traced=trace_fingerprint(read))
        return refused.value.exit_code, str(refused.value)

    async def act() -> list[tuple[int, str]]:
        async with open_service(stage) as (service, store, stopping), at_work(stage, service):
            same = await say(store)
            stage.configure(section.format("{ dollars_per_month = 5 }"))
            other = await say(store)
            stopping.set()
            return [same, other]

    (code, words), (refused, why) = asyncio.run(act())
    assert (code, words) == (2, "the skip trace is not paused; nothing was changed")
    assert (refused, "Reload it (systemctl reload leadsync)" in why) == (78, True)
