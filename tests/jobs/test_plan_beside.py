"""`plan` beside a daemon under load: it disturbs nobody, and compares what belongs together."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import pytest

from leadsync.app import App
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree
from tests.stage import InlineExecutor, Stage

Build = Callable[..., Stage]
P = ParamSpec("P")
T = TypeVar("T")


class AtOnce(ThreadPoolExecutor):
    """Reads the store on the caller's thread: virtual time cannot wait for another."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call `fn` now."""
        return InlineExecutor().submit(fn, *args, **kwargs)


NAMES = [f"job-{number}" for number in range(4)]


def test_the_books_agree_in_every_plan(build: Build) -> None:
    """Between two pages of many sessions the vendor's totals and the ledger's are the same: no plan sees a drift."""
    stage = build(size=120, account="requests_per_minute = 60", slow_s=0.7)
    for name in NAMES:
        stage.job(name, page_size=10, buy_again=True, schedule='every = "1m"')
    stage.sim.faults.storm(0.5, [Fault.SLOW, Fault.CUT_AFTER, Fault.UNAVAILABLE_AFTER], seed=3)
    plans: list[dict[str, Any]] = []

    async def look(app: App) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(AtOnce())
        until_s = loop.time() + 180  # a command that is under way at a stop is the service's to end, and has none here
        while loop.time() < until_s:
            await asyncio.sleep(5)
            plans.append(await app.plan())

    stage.serve(200, look)
    verdicts = {job["audit"]["verdict"] for plan in plans for job in plan["jobs"]}
    assert len(plans) > 10
    assert verdicts <= {"go_on", "unknown"}
    assert any(job["open_key"] for plan in plans for job in plan["jobs"])
    stage.sim.faults.calm()
    stage.once(*NAMES)
    assert_books_agree(stage)


ASKED: dict[str, Callable[[App], Awaitable[dict[str, Any]]]] = {
    "plan": lambda app: app.plan(),
    "sessions": lambda app: app.household.sessions(),
    "deletion": lambda app: app.household.look_at("tampa", "second", force=True),
}


@pytest.mark.parametrize(
    ("asked", "goes", "seen"),
    [
        ("plan", True, ["main", "second"]),
        ("plan", False, ["main"]),
        ("sessions", True, ["main", "second"]),
        ("deletion", True, ["second"]),
    ],
)
def test_who_looks_while_an_account_comes_or_goes_sees_what_there_was(
    build: Build, asked: str, *, goes: bool, seen: list[str]
) -> None:
    """A reload under a person's hands is no bug that ends the daemon: the answer is about the files of before."""
    stage = build(size=40)
    config = stage.folder / "config.toml"
    alone = config.read_text()
    second = '[accounts.second]\ntoken = { file = "token" }\nbase_url = "http://127.0.0.1:9"\nbudget = "unlimited"\n'

    def edit(*, both: bool) -> None:
        config.write_text(alone + second if both else alone)
        stage.job("tampa", account="second" if both else "main", buy_again=True)

    stage.job("phoenix", account="main")
    edit(both=True)
    stage.once("phoenix", "tampa")
    edit(both=goes)
    answers: list[dict[str, Any]] = []

    async def ask(app: App) -> None:
        answers.append(await ASKED[asked](app))

    async def act(app: App) -> None:
        asyncio.get_running_loop().set_default_executor(AtOnce())
        last = [*app.office.desks.values()][-1]
        async with asyncio.TaskGroup() as group, last.traffic.quiet():
            group.create_task(ask(app))
            await asyncio.sleep(1)  # its list cannot be asked for yet
            edit(both=not goes)
            stage.hang_up()
            await asyncio.sleep(1)

    stage.serve(60, act)
    assert [line["accounts"] for line in stage.logged("config.reloaded")] == [["second"]]
    (answer,) = answers
    assert [one["name"] for one in answer.get("accounts", [{"name": answer.get("account")}])] == seen
