"""A day and a night in which much goes wrong: one notice a condition and one for its end, and who else notices what.

The tables that these tests assert are the promise; `-rP` shows them as they came about.
"""

import asyncio
import random
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx  # noqa: TID251 - the test edge
import pytest

from leadsync.app import App
from leadsync.core.resume import Choice
from leadsync.simulator import Fault
from tests.jobs.test_watch import Losing, minute_of, news
from tests.stage import Stage, Wire

Build = Callable[..., Stage]
Record = Callable[[str, object], None]

MINUTE_S: Final = 60.0
HOUR_S: Final = 60 * MINUTE_S
DAY_S: Final = 24 * HOUR_S

TELLING: Final = """
[notify.to.team]
url = { file = "team" }
[notify.to.chief]
url = { file = "chief" }
least = "urgent"
[ping]
url = { file = "switch" }
"""


class Outbox:
    """What notifiers have taken, and the clock's hour of each; `flaky` ones fail half the time."""

    def __init__(self, stage: Stage, *flaky: str) -> None:
        self._stage = stage
        self._dice = random.Random(3)  # noqa: S311 - the same failures in every play
        self._flaky = flaky
        self.taken: list[tuple[float, str, str]] = []
        self.failed = 0
        stage.change(notifier=self.notifier)

    def notifier(self, url: str) -> Callable[[str, str], Awaitable[str]]:
        """The seam of Apprise: the name of the notifier is its URL."""

        async def send(title: str, _body: str) -> str:
            await asyncio.sleep(1)
            if url in self._flaky and self._dice.random() < 0.5:
                self.failed += 1
                return "HTTP 503"
            self.taken.append((round(self._stage.clock.elapsed_s / HOUR_S, 1), url, title.removeprefix("leadsync: ")))
            return ""

        return send

    def to(self, notifier: str) -> list[tuple[float, str]]:
        """Hour and title of what one has taken."""
        return [(hour, title) for hour, url, title in self.taken if url == notifier]


class Switchboard(Wire):
    """The way to the vendor, and to dead-man's switches: notes when each was called, and with which word."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.sim)
        self._stage = stage
        self.calls: list[tuple[float, str]] = []
        self.down = False
        stage.change(transport=self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request to the vendor, or answer as a switch does."""
        if request.url.host != "switch.example.com":
            return await super().handle_async_request(request)
        if self.down:
            raise httpx.ConnectError("nobody there", request=request)
        self.calls.append((round(self._stage.clock.elapsed_s / MINUTE_S, 1), request.url.path))
        return httpx.Response(200)


def set_stage(build: Build, *, size: int = 120, account: str = "") -> tuple[Stage, Switchboard]:
    """A stage on which people are told."""
    stage = build(size=size, account=account + TELLING)
    for name in ("team", "chief"):
        secret(stage.folder / name, name)
    secret(stage.folder / "switch", "https://switch.example.com/daemon")
    return stage, Switchboard(stage)


def secret(path: Path, text: str) -> None:
    """Lay a secret down as it must lie."""
    path.touch(0o600)
    path.write_text(text)


def storm(stage: Stage) -> None:
    """From now on the vendor answers nobody."""
    for plan in (stage.sim.faults, stage.sim.list_faults):
        plan.storm(1.0, [Fault.UNAVAILABLE_AFTER], seed=0)


def calm(stage: Stage) -> None:
    """It is back."""
    stage.sim.faults.calm()
    stage.sim.list_faults.calm()


SEEN: Final = "leadsync_loop_seen_timestamp_seconds "
JOBS: Final = {"all": "", "phoenix": "Phoenix, AZ", "mesa": "Mesa, AZ"}


@dataclass(frozen=True, slots=True)
class BadDay:
    """What goes wrong, by the hour: an outage, a session that is deleted and answered for, a list that grows too large.

    `midnight` is when the budget's next day begins.
    """

    outage: float
    calm: float
    gone: float
    answered: float
    grown: float
    midnight: float
    end: float

    async def come(self, stage: Stage, app: App) -> None:
        """Let it come."""
        for hour, event in (
            (self.outage, lambda: storm(stage)),
            (self.calm, lambda: calm(stage)),
            (self.gone, lambda: stage.sim.sessions.pop("mesa")),
        ):
            await asyncio.sleep(hour * HOUR_S - stage.clock.elapsed_s)
            event()
        await asyncio.sleep(self.answered * HOUR_S - stage.clock.elapsed_s)
        await app.resume("mesa", Choice.NEW_EPOCH)
        await asyncio.sleep(self.grown * HOUR_S - stage.clock.elapsed_s)
        stage.sim.world.grow(400)

    @property
    def story(self) -> list[tuple[float, str]]:
        """The hour of each cause, and what the team is told of it."""
        return [
            (self.outage, "new vendor_silent main"),
            (self.calm, "over vendor_silent main"),
            (self.gone, "new job_parked mesa"),
            (self.answered, "over job_parked mesa"),
            (self.grown, "new budget_spent main"),
            (self.midnight, "over budget_spent main"),
        ]


WHOLE_DAY: Final = BadDay(2, 4, 8, 10, 14, 18, 24)
SHORT_DAY: Final = BadDay(0.4, 1.4, 2.2, 2.7, 3.1, 5, 5.3)
ZONES: Final = {WHOLE_DAY: "UTC", SHORT_DAY: "Pacific/Pago_Pago"}


@pytest.mark.parametrize("day", [SHORT_DAY, pytest.param(WHOLE_DAY, marks=pytest.mark.long)], ids=["short", "whole"])
def test_a_bad_day_is_three_causes_and_six_messages(build: Build, day: BadDay, record_property: Record) -> None:
    """An outage, a parked job, a budget's end, and a notifier that fails half the time.

    Each condition is told once and its end once, within 40 minutes; to the flaky notifier too, only later. The chief
    hears of what is urgent alone, and nobody is told twice.
    """
    budget = f'budget = {{ records_per_day = 400 }}\nbudget_timezone = "{ZONES[day]}"'
    stage, _ = set_stage(build, account=budget)
    outbox = Outbox(stage, "chief")
    for job, query in JOBS.items():
        stage.job(job, schedule='every = "15m"', search=f'query = "{query}"', buy_again=True)
    stage.serve(day.end * HOUR_S, lambda app: day.come(stage, app), watched=True)
    told = outbox.to("team")
    record_property("what the team was told, by the hour", told)
    record_property("what began and ended, by the minute", news(stage))
    assert [title for _, title in told] == [title for _, title in day.story]
    assert all(-0.06 < hour - cause < 0.67 for (hour, _), (cause, _) in zip(told, day.story, strict=True))
    assert [title for _, title in outbox.to("chief")] == ["new job_parked mesa", "over job_parked mesa"]
    assert outbox.failed == len(stage.logged("notice.failed")) > 0


def test_who_notices_what_and_how_soon(build: Build, record_property: Record) -> None:
    """A scheduler that lost its timers: the watch within minutes, the people at once, the dead-man's switch with it."""
    stage, switch = set_stage(build)
    outbox = Outbox(stage)
    stage.job(schedule='every = "1h"')
    stage.change(alarms=lambda: Losing(stage.clock))
    stage.serve(3 * HOUR_S, watched=True)
    ((minute, _, condition),) = news(stage)
    assert condition == "scheduler_silent"
    assert [title for _, title in outbox.to("chief")] == ["new scheduler_silent"]
    words = dict(switch.calls)
    first_fail = min(minute for minute, path in words.items() if path.endswith("/fail"))
    record_property("minutes from the last ring to watch and switch", (minute - 120, first_fail - 120))
    assert list(words.values())[:2] == ["/daemon/start", "/daemon"]
    assert minute <= 125
    assert first_fail <= 130
    assert all(path.endswith("/fail") for minute, path in words.items() if minute >= first_fail)


def test_what_was_answered_while_leadsync_was_down_is_not_told_to_go_on(build: Build) -> None:
    """A start looks before it reminds anybody: what has ended since is told to be over, and nothing else."""
    stage, _ = set_stage(build)
    outbox = Outbox(stage)
    stage.job(schedule='every = "1h"')
    stage.serve(HOUR_S + MINUTE_S)
    stage.job(schedule='every = "1h"', search='query = "Mesa, AZ"')
    stage.serve(70 * MINUTE_S, watched=True)
    assert outbox.to("chief")[0][1] == "new job_parked phoenix"
    stage.resume(choice=Choice.ACCEPT)
    stage.clock.forward(DAY_S)
    stage.serve(10 * MINUTE_S, watched=True)
    assert [title for _, title in outbox.to("chief")] == ["new job_parked phoenix", "over job_parked phoenix"]


def loop_seen_s() -> float:
    """When the loop last came round, as the figures say; a thread of the daemon's answers."""
    with urllib.request.urlopen("http://127.0.0.1:29483/metrics") as reply:
        (line,) = [line for line in reply.read().decode().splitlines() if line.startswith(SEEN)]
    return float(line.split()[1])


def test_a_loop_that_hangs_calls_nobody(build: Build, record_property: Record) -> None:
    """For as long as it hangs no switch is called, and the figures, which are served beside it, show their age."""
    stage, switch = set_stage(build, account='budget = "unlimited"')
    Outbox(stage)
    with (stage.folder / "config.toml").open("a") as file:
        file.write('[metrics]\nlisten = "127.0.0.1:29483"\n')
    stage.job(schedule='every = "1h"')
    ages: list[float] = []

    async def hang(_app: App) -> None:
        await asyncio.sleep(12 * MINUTE_S)
        asyncio.get_running_loop()._jumping.now_s += 20 * MINUTE_S  # type: ignore[attr-defined]  # noqa: SLF001
        ages.append(stage.clock().timestamp() - loop_seen_s())

    stage.serve(50 * MINUTE_S, hang, watched=True)
    record_property("seconds since the loop came round, as the figures say", round(ages[0]))
    assert ages[0] >= 20 * MINUTE_S
    assert [minute for minute, _ in switch.calls if 12 < minute < 32] == []
    (line,) = [line for line in stage.logged("condition.began") if line["condition"] == "loop_lags"]
    assert minute_of(stage, line) < 34


EMPTY_FROM: Final = 10
"""The day, counted from 0, on which the vendor says 'nothing' for the first time."""


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.long)], ids=["by-the-day", "whole"])
def test_a_job_that_brings_nothing_after_hundreds_a_day(build: Build, record_property: Record, *, whole: bool) -> None:
    """Ten days of hundreds, then the vendor says 'nothing': told on the first day, minutes after its run."""
    stage, _ = set_stage(build, size=300)
    outbox = Outbox(stage)
    stage.job(schedule='cron = "0 8 * * *"')
    for day in range(EMPTY_FROM + 3):
        if 0 < day < EMPTY_FROM:
            stage.sim.world.grow(300)
        watched_s = DAY_S if whole else 3 * HOUR_S
        stage.serve(watched_s, watched=whole or day >= EMPTY_FROM - 1)
        stage.clock.forward((day + 1) * DAY_S - stage.clock.elapsed_s)
    told = outbox.to("team")
    record_property("hours after the first empty run", [round(hour - EMPTY_FROM * 24 - 2, 1) for hour, _ in told])
    assert [title for _, title in told] == [
        "new job_empty phoenix",
        "still job_empty phoenix",
        "still job_empty phoenix",
    ]
    assert told[0][0] - (EMPTY_FROM * 24 + 2) < 0.2


def test_a_switch_of_a_job_hears_of_its_runs(build: Build) -> None:
    """Start and end of each run; a run that weather ended is made up for, and says nothing; a parked one has failed."""
    stage, switch = set_stage(build)
    Outbox(stage)
    secret(stage.folder / "job-switch", "https://switch.example.com/phoenix")
    stage.job(schedule='every = "1h"')
    with (stage.folder / "jobs.d" / "phoenix.toml").open() as file:
        text = file.read()
    (stage.folder / "jobs.d" / "phoenix.toml").write_text('ping = { file = "job-switch" }\n' + text)

    async def weather(_app: App) -> None:
        await asyncio.sleep(90 * MINUTE_S)
        storm(stage)
        await asyncio.sleep(45 * MINUTE_S)
        calm(stage)
        await asyncio.sleep(HOUR_S)
        del stage.sim.sessions["phoenix"]

    stage.serve(4.9 * HOUR_S, weather, watched=True)
    words = [path.removeprefix("/phoenix") for _, path in switch.calls if path.startswith("/phoenix")]
    assert words[:2] == ["/start", ""]
    assert words[2:5] == ["/start", "/start", ""]
    assert words[-2:] == ["/start", "/fail"]


def test_a_switch_that_is_down_is_a_warning(build: Build) -> None:
    """It is tried again, the runs go on, and when it is back it hears that all is well."""
    stage, switch = set_stage(build)
    Outbox(stage)
    stage.job(schedule='every = "30m"')
    switch.down = True

    async def mend(_app: App) -> None:
        await asyncio.sleep(HOUR_S)
        switch.down = False

    stage.serve(1.9 * HOUR_S, mend, watched=True)
    failed = stage.logged("ping.failed")
    assert {line["level"] for line in failed} == {"warning"}
    assert {line["message"] for line in failed} == {"cannot connect"}
    assert min(minute for minute, _ in switch.calls) < 66
    assert len(stage.logged("run.ended")) == 3
    assert minute_of(stage, failed[0]) < 1


def test_another_address_in_the_same_place_wants_a_restart(build: Build) -> None:
    """A reload that did not take it over would leave everybody believing that notices go there."""
    stage, _ = set_stage(build)
    Outbox(stage)
    stage.job(schedule='every = "1h"')

    async def rotate(_app: App) -> None:
        for _ in range(2):
            await asyncio.sleep(MINUTE_S)
            stage.hang_up()
            await asyncio.sleep(MINUTE_S)
            secret(stage.folder / "team", "canary-team-url")

    stage.serve(5 * MINUTE_S, rotate)
    assert len(stage.logged("config.reloaded")) == 1
    (refused,) = stage.logged("reload.refused")
    assert "(notify, ping or metrics) cannot be changed while leadsync runs" in refused["message"]
    assert "canary-team-url" not in stage.log.getvalue()


@pytest.mark.parametrize("text", ["canary-team-url", "canary-switch"])
def test_addresses_are_secrets(build: Build, text: str) -> None:
    """Neither is in the log, whatever fails."""
    stage, switch = set_stage(build)
    secret(stage.folder / "switch", "https://switch.example.com/canary-switch")
    secret(stage.folder / "team", "canary-team-url")
    Outbox(stage, "canary-team-url")
    switch.down = True
    stage.change(free_bytes=lambda _: 2**20)
    stage.job(schedule='every = "30m"')
    stage.serve(HOUR_S, watched=True)
    assert stage.logged("notice.failed")
    assert text not in stage.log.getvalue()
