"""SIGHUP in the middle of everything: the new files take effect whole or not at all, and no page is lost over it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any

import httpx  # noqa: TID251 - the test edge
import pytest

from leadsync.app import App
from leadsync.config import Settings
from leadsync.errors import DaemonDiffers, EnvironmentUnusable, StoreFailed
from leadsync.simulator import Fault, Simulator, World
from leadsync.store.ledger import Missed
from tests.jobs.books import assert_books_agree, run_rows
from tests.stage import TOKEN, Stage, Wire
from tests.transport import SimulatorTransport

Build = Callable[..., Stage]
Act = Callable[[App], Coroutine[Any, Any, None]]

HOUR_S = 3600.0
OTHER_TOKEN = "canary-token-of-another-day"


class Tokens(Wire):
    """The vendor as a whole: a token speaks for the team that it belongs to."""

    def __init__(self, stage: Stage, teams: dict[str, Simulator]) -> None:
        super().__init__(stage.sim)
        self._teams = teams
        stage.wire = self
        stage.change(transport=self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request to the team of its token."""
        team = self._teams.get(request.headers["authorization"].removeprefix("Bearer "))
        if team is not None and team is not self.simulator:
            return await SimulatorTransport(team).handle_async_request(request)
        if team is not None:
            request.headers["authorization"] = f"Bearer {team.token}"
        return await super().handle_async_request(request)


async def pull(team: Simulator, session: str, count: int) -> None:
    """Another team pulls that many properties into a session of its own."""
    body = {
        "searchCriteria": {"query": "", "orQuickLists": []},
        "options": {"take": count, "searchSession": {"id": session, "idempotencyKey": "theirs-1"}},
    }
    headers = {"authorization": f"Bearer {team.token}"}
    async with httpx.AsyncClient(transport=SimulatorTransport(team), base_url="http://127.0.0.1:9") as client:
        (await client.post("/api/v1/property/search", json=body, headers=headers)).raise_for_status()


def after(stage: Stage, wait_s: float, edit: Callable[[], object]) -> Act:
    """Change the files after so long, and hang up."""

    async def act(_app: App) -> None:
        await asyncio.sleep(wait_s)
        edit()
        stage.hang_up()

    return act


def at_request(stage: Stage, number: int, edit: Callable[[], object]) -> Act:
    """Change the files and hang up while that search is on its way; the vendor is slow enough for it to be read."""

    def now() -> None:
        edit()
        stage.hang_up()

    stage.wire.before[number] = now

    async def act(_app: App) -> None:
        """Nothing more."""

    return act


def rotate(stage: Stage, token: str, *, team: bool = True) -> None:
    """Put another token into its file; the vendor takes it for the same team unless that has none of it."""
    (stage.folder / "token").write_text(token)
    if team:
        stage.sim.token = token


def test_a_good_reload_is_whole(build: Build) -> None:
    """Jobs that came are run, those that went or were disabled no more, and a changed one by its new file and time."""
    stage = build(size=250)
    for name in ("phoenix", "tampa", "boise", "reno"):
        stage.job(name, schedule='every = "1h"', search=f'query = "{name}"\norQuickLists = []')

    def edit() -> None:
        stage.remove("tampa")
        stage.job("boise", schedule='every = "1h"', enabled=False)
        stage.job("reno", schedule='every = "20m"', search='query = "reno"\norQuickLists = []')
        stage.job("yuma", schedule='every = "1h"', search='query = "yuma"\norQuickLists = []')

    stage.serve(4 * HOUR_S + 60, after(stage, 2 * HOUR_S + 60, edit))
    (line,) = stage.logged("config.reloaded")
    changes = {key: line[key] for key in ("added", "removed", "changed", "accounts", "tokens")}
    assert changes == {
        "added": ["yuma"],
        "removed": ["tampa"],
        "changed": ["boise", "reno"],
        "accounts": [],
        "tokens": [],
    }
    runs = dict(stage.rows("SELECT job, count(*) FROM run GROUP BY job"))
    assert runs == {"phoenix": 4, "tampa": 2, "boise": 2, "reno": 2 + 6, "yuma": 2}
    assert stage.rows("SELECT DISTINCT job FROM slot WHERE state = 'planned' ORDER BY job") == [
        ("phoenix",),
        ("reno",),
        ("yuma",),
    ]


def break_syntax(stage: Stage) -> None:
    """A job file that is no TOML."""
    (stage.folder / "jobs.d" / "tampa.toml").write_text("kind = ")


def break_key(stage: Stage) -> None:
    """A typo."""
    stage.job("tampa", pagesize=3)


def lose_token(stage: Stage) -> None:
    """The file of the token is gone."""
    (stage.folder / "token").unlink()


def move_store(stage: Stage) -> None:
    """The ledger would be another."""
    config = stage.folder / "config.toml"
    config.write_text('[store]\nurl = "sqlite:///other.db"\n' + config.read_text())


def open_health_port(stage: Stage) -> None:
    """Who asks for health would be answered at another port."""
    stage.configure('\n[health]\nlisten = "127.0.0.1:8481"\n')


def lose_folder(stage: Stage) -> None:
    """Somebody puts other files in its place, and has only taken the old ones away so far."""
    (stage.folder / "jobs.d").rename(stage.folder / "jobs.old")


BAD: dict[Callable[[Stage], None], str] = {
    break_syntax: "tampa.toml:1",
    break_key: "pagesize",
    lose_token: "(accounts.main.token) the file that it names does not exist",
    move_store: "(store) cannot be changed while leadsync runs",
    lose_folder: "jobs.d is gone, and every job with it",
    open_health_port: "(health) cannot be changed while leadsync runs; nothing was: systemctl restart leadsync",
}


@pytest.mark.parametrize("spoil", BAD)
def test_a_bad_reload_changes_nothing(build: Build, spoil: Callable[[Stage], None]) -> None:
    """Also what is good in it has no effect: the old jobs run on, and it is said once, and kept for `status`."""
    stage = build(size=250)
    stage.job("phoenix", schedule='every = "1h"')

    def edit() -> None:
        stage.job("phoenix", schedule='every = "10m"')
        spoil(stage)

    stage.serve(4 * HOUR_S + 60, after(stage, 2 * HOUR_S + 60, edit))
    (line,) = stage.logged("reload.refused")
    assert BAD[spoil] in line["message"]
    assert stage.one("SELECT reload_refused FROM installation") == line["message"]
    assert len(run_rows(stage)) == 4
    assert not stage.logged("config.reloaded")


@pytest.mark.parametrize("failing", ["log", "times", "owners"])
def test_what_fails_at_the_last_moment_changes_nothing(
    build: Build, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """A log that cannot be had, or a store that fails at the last it is asked: the old jobs and their times run on."""
    stage = build(size=250)
    stage.job("phoenix", schedule='every = "1h"')
    relog = stage.relog

    def fail(settings: Settings, secrets: Iterable[str]) -> None:
        relog(settings, secrets)
        if "tampa" in settings.jobs:
            raise EnvironmentUnusable("no journal is here")

    async def full(*_: object) -> list[Missed]:
        raise StoreFailed("the disk is full")

    async def act(app: App) -> None:
        await asyncio.sleep(HOUR_S + 60)
        stage.job("phoenix", schedule='every = "10m"')
        stage.job("tampa", schedule='every = "1h"', search='query = "Tampa, FL"')
        if failing == "times":
            monkeypatch.setattr(app.ledger, "change_slots", full)
        if failing == "owners":
            monkeypatch.setattr(app.ledger.traces, "follow", full)
        stage.hang_up()

    if failing == "log":
        monkeypatch.setattr(stage, "relog", fail)
    stage.serve(3 * HOUR_S + 60, act)
    assert len(stage.logged("reload.refused")) == 1
    assert run_rows(stage) == [("phoenix", "complete", None)] * 3


def test_a_mended_file_is_taken_and_the_refusal_forgotten(build: Build) -> None:
    """The next good reload makes up for it."""
    stage = build(size=250)
    stage.job("phoenix", schedule='every = "1h"')

    async def act(_app: App) -> None:
        break_syntax(stage)
        await asyncio.sleep(10)
        stage.hang_up()
        await asyncio.sleep(10)
        stage.job("tampa")
        stage.hang_up()

    stage.serve(60, act)
    assert [line["added"] for line in stage.logged("config.reloaded")] == [["tampa"]]
    assert stage.one("SELECT reload_refused FROM installation") is None


@pytest.mark.parametrize("fault", [None, Fault.CUT_AFTER])
def test_a_page_under_way_is_finished_under_its_old_job(build: Build, fault: Fault | None) -> None:
    """A run whose job has changed ends at its page, however often that is asked again, and begins anew at once."""
    stage = build(size=600, slow_s=5.0)
    stage.sim.faults.next(None, Fault.SLOW if fault is None else fault)
    stage.job("phoenix", schedule='every = "1h"')
    act = at_request(stage, 2, lambda: stage.job("phoenix", schedule='every = "1h"', page_size=50, records_per_run=100))
    stage.serve(HOUR_S + 60, act)
    assert run_rows(stage) == [("phoenix", "interrupted", None), ("phoenix", "limited", None)]
    takes = [take for (take,) in stage.rows("SELECT take FROM page ORDER BY id")]
    assert takes == [100, 100, 50, 50]
    assert_books_agree(stage)


@pytest.mark.parametrize("how", ["remove", "disable"])
def test_a_job_that_is_taken_away_ends_at_its_page(build: Build, how: str) -> None:
    """It is not begun anew, and nothing of it is planned."""
    stage = build(size=600, slow_s=5.0)
    stage.sim.faults.next(None, Fault.SLOW)
    stage.job("phoenix", schedule='every = "1h"')

    def edit() -> None:
        stage.remove("phoenix") if how == "remove" else stage.job("phoenix", enabled=False)

    stage.serve(3 * HOUR_S, at_request(stage, 2, edit))
    assert run_rows(stage) == [("phoenix", "interrupted", None)]
    assert stage.one("SELECT count(*) FROM slot WHERE state IN ('planned', 'taken')") == 0
    assert_books_agree(stage)


@pytest.mark.parametrize("missed", ["run_once", "skip"])
def test_a_job_that_comes_back_has_its_only_time_still(build: Build, missed: str) -> None:
    """One that was disabled in the middle of its only run goes on when it is enabled again, unless it skips that."""
    stage = build(size=600, slow_s=5.0)
    stage.sim.faults.next(None, Fault.SLOW)
    times = {"schedule": "at = 2026-11-02T07:00:00Z", "missed": missed}
    stage.job("phoenix", **times)
    act = at_request(stage, 2, lambda: stage.job("phoenix", enabled=False, **times))

    async def and_back(app: App) -> None:
        await act(app)
        await asyncio.sleep(2 * HOUR_S)
        stage.job("phoenix", **times)
        stage.hang_up()

    stage.serve(4 * HOUR_S, and_back)
    runs = [("phoenix", "interrupted", None), ("phoenix", "complete", None)]
    assert run_rows(stage) == (runs if missed == "run_once" else runs[:1])
    assert [line["made_up"] for line in stage.logged("slot.missed")] == [missed == "run_once"]
    assert stage.one("SELECT count(*) FROM slot WHERE state IN ('planned', 'taken')") == 0
    assert_books_agree(stage)


def test_what_does_not_concern_a_run_does_not_end_it(build: Build) -> None:
    """Another time, another comment, another job: the run goes on to its end."""
    stage = build(size=600, slow_s=5.0)
    stage.sim.faults.next(None, Fault.SLOW)
    stage.job("phoenix", schedule='every = "1h"')

    def edit() -> None:
        stage.job("phoenix", schedule='every = "2h"', missed="skip")
        stage.job("tampa", search='query = "Tampa, FL"')

    stage.serve(HOUR_S + 60, at_request(stage, 2, edit))
    assert run_rows(stage) == [("phoenix", "complete", None)]


def test_a_removed_job_leaves_no_key_behind(build: Build) -> None:
    """What it had asked in vain is settled by the account, although no run of its own comes any more."""
    stage = build(size=600)
    stage.job("phoenix", schedule='every = "1h"')
    stage.sim.faults.next(*[Fault.CUT_AFTER] * 40)
    stage.serve(3 * HOUR_S, at_request(stage, 2, lambda: stage.remove("phoenix")))
    outcomes = [outcome for _, outcome, _ in run_rows(stage)]
    assert outcomes[0] == "failed"
    assert outcomes[-1] == "limited"
    assert_books_agree(stage)


def test_budgets_hold_from_the_next_page_on(build: Build) -> None:
    """A smaller limit of the account ends a run that is under way, to the record."""
    stage = build(size=1_000, slow_s=5.0)
    stage.sim.faults.next(None, Fault.SLOW)
    stage.job("phoenix", schedule='every = "1h"')
    edit = at_request(stage, 2, lambda: stage.configure("budget = { records_per_day = 250 }"))
    stage.serve(HOUR_S + 60, edit)
    assert run_rows(stage) == [("phoenix", "over_budget", None)]
    assert stage.sim.bill.records == 250
    assert [line["accounts"] for line in stage.logged("config.reloaded")] == [["main"]]


def test_a_rotated_token_is_read_again(build: Build) -> None:
    """The next page goes out with it, no run ends over it, and neither token is in the log."""
    stage = build(size=600, slow_s=5.0)
    stage.sim.faults.next(None, Fault.SLOW)
    stage.job("phoenix", schedule='every = "1h"')

    async def act(_app: App) -> None:
        await asyncio.sleep(HOUR_S + 60)
        stage.sim.world.grow(200)
        rotate(stage, OTHER_TOKEN)
        stage.hang_up()

    stage.serve(2 * HOUR_S + 60, act)
    assert [line["tokens"] for line in stage.logged("config.reloaded")] == [["main"]]
    assert run_rows(stage) == [("phoenix", "complete", None)] * 2
    assert TOKEN not in stage.log.getvalue()
    assert OTHER_TOKEN not in stage.log.getvalue()
    assert_books_agree(stage)


def test_a_token_is_rotated_between_two_pages(build: Build) -> None:
    """The exchange waits for the page that is on its way, and the run goes on with the new token."""
    stage = build(size=600, slow_s=5.0)
    stage.sim.faults.next(None, Fault.SLOW)
    stage.job("phoenix", schedule='every = "1h"')
    Tokens(stage, {OTHER_TOKEN: stage.sim})  # both are good for a while
    stage.serve(HOUR_S + 60, at_request(stage, 2, lambda: rotate(stage, OTHER_TOKEN, team=False)))
    assert [line["tokens"] for line in stage.logged("config.reloaded")] == [["main"]]
    assert run_rows(stage) == [("phoenix", "complete", None)]
    assert_books_agree(stage)


@pytest.mark.parametrize("same_names", [False, True])
def test_a_token_of_another_team_is_not_used(build: Build, same_names: bool) -> None:
    """Its list does not have our sessions, or has others of their names: refused, and not a page is asked with it."""
    stage = build(size=600)
    stage.job("phoenix", schedule='every = "1h"')
    others = Simulator(World(8, 50), now=stage.clock, token=OTHER_TOKEN)
    Tokens(stage, {OTHER_TOKEN: others})

    async def act(_app: App) -> None:
        if same_names:
            await pull(others, "phoenix", 10)
        await asyncio.sleep(2 * HOUR_S + 60)
        rotate(stage, OTHER_TOKEN, team=False)
        stage.hang_up()

    stage.serve(3 * HOUR_S + 60, act)
    (line,) = stage.logged("reload.refused")
    assert "config.toml:2 (accounts.main.token) the token that it names belongs to another team" in line["message"]
    assert others.bill.records == (10 if same_names else 0)
    assert run_rows(stage) == [("phoenix", "complete", None)] * 3
    assert_books_agree(stage)


@pytest.mark.parametrize("ability", [False, True], ids=["without sessions", "with sessions by now"])
def test_the_token_of_an_account_without_sessions_is_rotated(build: Build, *, ability: bool) -> None:
    """What a one-shot brought without a session is not in any team's list, so the list does not speak against it."""
    stage = build(size=600, session_ability=False)
    stage.job("bulk", kind="one_shot", records=300, schedule="at = 2026-11-02T07:00:00Z")

    async def act(_app: App) -> None:
        await asyncio.sleep(HOUR_S + 60)
        stage.sim.switches = replace(stage.sim.switches, session_ability=ability)
        rotate(stage, OTHER_TOKEN)
        stage.hang_up()

    stage.serve(2 * HOUR_S, act)
    assert run_rows(stage) == [("bulk", "complete", None)]
    assert not stage.logged("reload.refused")
    assert [line["tokens"] for line in stage.logged("config.reloaded")] == [["main"]]


@pytest.mark.parametrize("trouble", ["revoked", "silent"])
def test_a_token_that_cannot_be_seen_through_is_not_used(build: Build, trouble: str) -> None:
    """The vendor turns it down, or does not answer: the old one stays, and the next reload looks again."""
    stage = build(size=600)
    stage.job("phoenix", schedule='every = "1h"')
    old = stage.sim.token

    async def act(_app: App) -> None:
        await asyncio.sleep(HOUR_S + 60)
        rotate(stage, OTHER_TOKEN, team=False)
        if trouble == "silent":
            stage.sim.list_faults.next(Fault.HANG)
        stage.hang_up()
        await asyncio.sleep(60)
        assert stage.logged("reload.refused")
        stage.sim.token = OTHER_TOKEN
        stage.hang_up()

    stage.serve(2 * HOUR_S + 60, act)
    assert old == TOKEN
    assert [line["tokens"] for line in stage.logged("config.reloaded")] == [["main"]]
    assert run_rows(stage) == [("phoenix", "complete", None)] * 2


def test_accounts_come_and_go(build: Build) -> None:
    """A new account's jobs run under its own token; one that goes takes its times along, and comes back as it was."""
    stage = build(size=300)
    stage.job("phoenix", schedule='every = "1h"', account="main")
    others = Simulator(World(8, 120), now=stage.clock, token=OTHER_TOKEN)
    Tokens(stage, {OTHER_TOKEN: others})
    config = stage.folder / "config.toml"
    alone = config.read_text()
    (stage.folder / "second").touch(0o600)
    (stage.folder / "second").write_text(OTHER_TOKEN)
    second = '[accounts.second]\ntoken = { file = "second" }\nbase_url = "http://127.0.0.1:9"\nbudget = "unlimited"\n'

    async def act(_app: App) -> None:
        for number in range(3):
            config.write_text(alone + second if number != 1 else alone)
            if number != 1:
                stage.job("tampa", schedule='every = "1h"', account="second")
            else:
                stage.remove("tampa")
            await asyncio.sleep(60)
            stage.hang_up()
            await asyncio.sleep(HOUR_S - 60)

    stage.serve(3 * HOUR_S + 60, act)
    assert [line["accounts"] for line in stage.logged("config.reloaded")] == [["second"]] * 3
    assert run_rows(stage).count(("tampa", "complete", None)) == 2
    assert others.bill.records == 120


@pytest.mark.parametrize("after_s", [900, 300], ids=["after its run", "while it runs"])
def test_an_account_that_goes_with_an_open_key_is_told(build: Build, after_s: float) -> None:
    """Its page may be billed, and nobody can ask for it any more: said as soon as that is so, not at the next start."""
    stage = build(size=300)
    stage.job("phoenix", schedule='every = "1h"', account="main")
    Tokens(stage, {OTHER_TOKEN: stage.sim})
    config = stage.folder / "config.toml"
    alone = config.read_text()
    (stage.folder / "second").touch(0o600)
    (stage.folder / "second").write_text(OTHER_TOKEN)
    second = '[accounts.second]\ntoken = { file = "second" }\nbase_url = "http://127.0.0.1:9"\nbudget = "unlimited"\n'
    config.write_text(alone + second)
    stage.job("tampa", schedule='every = "1h"', account="second", buy_again=True)
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)

    async def act(_app: App) -> None:
        await asyncio.sleep(HOUR_S + after_s)
        stage.remove("tampa")
        config.write_text(alone)
        stage.hang_up()
        await asyncio.sleep(1)
        assert len(stage.logged("key.left_open")) == (after_s == 900)

    stage.serve(HOUR_S + 1_000, act)
    told = [(line["job"], line["account"], line["session"]) for line in stage.logged("key.left_open")]
    assert told == [("tampa", "second", "tampa")]


def test_an_answer_is_for_the_job_that_it_was_given_for(build: Build) -> None:
    """Who answers while a run is under way waits for it; where a reload changes the job meanwhile, nothing is done."""
    stage = build(size=600)
    stage.job("phoenix")
    told: list[str] = []

    async def answer(app: App) -> None:
        try:
            await app.resume("phoenix", None)
        except DaemonDiffers as error:
            told.append(str(error))

    async def act(app: App) -> None:
        async with asyncio.TaskGroup() as group, app.dispatch.alone("phoenix", "main", "phoenix"):
            group.create_task(answer(app))
            await asyncio.sleep(1)
            stage.job("phoenix", session="elsewhere")
            stage.hang_up()
            await asyncio.sleep(1)

    stage.serve(60, act)
    assert told == ["a reload has changed job phoenix while this waited; nothing was done. Try again"]


def test_several_wishes_are_one(build: Build) -> None:
    """Who hangs up ten times gets what the files say at the end."""
    stage = build(size=100)

    async def act(_app: App) -> None:
        await asyncio.sleep(1)
        stage.job("phoenix")
        for _ in range(10):
            stage.hang_up()

    stage.serve(60, act)
    assert [line["added"] for line in stage.logged("config.reloaded")] == [["phoenix"]]


def test_who_is_told_is_not_exchanged_and_a_refused_reload_is_a_condition(build: Build) -> None:
    """Whoever adds a switch is told to restart, `status` shows it as held, and a good reload ends it."""
    stage = build()
    stage.job(schedule='every = "1h"')

    async def act(_app: App) -> None:
        for edit in ('\n[ping]\nurl = { env = "PING" }\n', ""):
            stage.configure(edit)
            stage.hang_up()
            await asyncio.sleep(180)

    stage.serve(400, act, watched=True)
    (refused,) = stage.logged("reload.refused")
    assert "cannot be changed while leadsync runs" in refused["message"]
    assert [line["condition"] for line in stage.logged("condition.began")] == ["reload_refused"]
    assert [line["condition"] for line in stage.logged("condition.ended")] == ["reload_refused"]
