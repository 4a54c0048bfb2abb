"""A storm of hours: one request at a time asks whether the vendor is back, and then every job goes on by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

import httpx  # noqa: TID251 - the test edge
import pytest

from leadsync.app import App
from leadsync.core.model import End, Outcome, Reason
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree, run_rows
from tests.stage import Stage, Wire

Build = Callable[..., Stage]

MINUTE_S = 60.0
HOUR_S = 60 * MINUTE_S
STORM_S = 3 * HOUR_S
MANY = [f"job-{number:02}" for number in range(20)]


class Watched(Wire):
    """Notes when each request left and came back; those of `deaf` never get an answer."""

    def __init__(self, stage: Stage, *deaf: str) -> None:
        super().__init__(stage.sim)
        self._clock = stage.clock
        self._deaf = tuple(session.encode() for session in deaf)
        self.trips: list[tuple[float, float]] = []
        stage.change(transport=self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request, or leave it hanging until the client has had enough."""
        left_s = self._clock.elapsed_s
        try:
            if any(session in request.content for session in self._deaf):
                await asyncio.sleep(request.extensions["timeout"]["read"])
                raise httpx.ReadTimeout("no answer in time", request=request)
            return await super().handle_async_request(request)
        finally:
            self.trips.append((left_s, self._clock.elapsed_s))

    def between(self, from_s: float, to_s: float) -> list[tuple[float, float]]:
        """The trips that began in this time, in turn."""
        return sorted(trip for trip in self.trips if from_s <= trip[0] <= to_s)


def storm(stage: Stage, fault: Fault = Fault.UNAVAILABLE_AFTER) -> None:
    """From now on no request is answered, be it for a page or for the list."""
    for plan in (stage.sim.faults, stage.sim.list_faults):
        plan.storm(1.0, [fault], seed=0)


def calm(stage: Stage) -> None:
    """The vendor is back."""
    stage.sim.faults.calm()
    stage.sim.list_faults.calm()


async def clear_up(stage: Stage, after_s: float) -> None:
    """Let the vendor come back later."""
    await asyncio.sleep(after_s)
    calm(stage)


def at_s(stage: Stage, event: str) -> float:
    """When an event was logged for the only time, in seconds since the stage was built."""
    (line,) = stage.logged(event)
    return (datetime.fromisoformat(line["time"]) - stage.clock.began).total_seconds()


def while_open(stage: Stage) -> list[str]:
    """The events of the time between the opening and the closing, or the end."""
    logged = [line["event"] for line in stage.lines]
    end = logged.index("breaker.closed") if "breaker.closed" in logged else None
    return logged[logged.index("breaker.opened") + 1 : end]


def meet_storm(
    stage: Stage, watched: Watched, fault: Fault = Fault.UNAVAILABLE_AFTER, *, jobs: int = 3, **keys: Any
) -> list[str]:
    """Write jobs whose second pages will meet a storm; return their names."""
    names = MANY[:jobs]
    for name in names:
        stage.job(name, page_size=10, buy_again=True, **keys)
    watched.before[jobs + 1] = lambda: storm(stage, fault)
    return names


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE_AFTER, pytest.param(Fault.HANG, marks=pytest.mark.long)])
def test_a_storm_of_hours(build: Build, fault: Fault) -> None:
    """Twenty jobs, three hours: some tens of requests and as many lines beside the runs' own; one probe at a time.

    Nothing new is journaled meanwhile, the keys that are open stay the same, and when the weather clears every job
    completes by itself, soon (L1).
    """
    stage = build(size=30)
    watched = Watched(stage)
    meet_storm(stage, watched, fault, jobs=len(MANY), schedule='cron = "0 7 * * *"')
    stage.serve(STORM_S + 2 * HOUR_S, lambda _: clear_up(stage, HOUR_S + STORM_S))
    opened_s, closed_s = at_s(stage, "breaker.opened"), at_s(stage, "breaker.closed")
    assert HOUR_S + 2 * MINUTE_S <= opened_s <= HOUR_S + 4 * MINUTE_S
    assert closed_s <= HOUR_S + STORM_S + 8 * MINUTE_S
    probes = watched.between(opened_s + 1e-3, closed_s - 1e-3)
    assert 20 < len(probes) <= 50
    assert all(later[0] - earlier[1] >= 15.0 for earlier, later in pairwise(probes))
    logged = while_open(stage)
    assert len([event for event in logged if not event.startswith("run.")]) <= 90
    assert len(logged) <= 90 + 20 * len(MANY)
    assert "page.asked" not in logged
    assert max(ended_s for _, ended_s in watched.trips) <= HOUR_S + STORM_S + 30 * MINUTE_S
    for name in MANY:
        outcomes = [outcome for job, outcome, _ in run_rows(stage) if job == name]
        assert outcomes == ["failed"] * (len(outcomes) - 1) + ["complete"]
    assert_books_agree(stage)


def test_a_storm_over_a_start(build: Build) -> None:
    """A storm that a start meets keeps the list away: the list is the probe, and the jobs complete after it (L1)."""
    stage = build(size=30)
    watched = Watched(stage)
    for name in MANY[:10]:
        stage.job(name, schedule='every = "30m"', page_size=10, buy_again=True)
    storm(stage)
    stage.serve(3 * HOUR_S - 60, lambda _: clear_up(stage, 2 * HOUR_S))
    assert len(watched.between(0.0, 2 * HOUR_S)) <= 50
    assert {name: outcome for name, outcome, _ in run_rows(stage)} == dict.fromkeys(MANY[:10], "complete")
    assert_books_agree(stage)


def test_one_session_that_hangs_opens_nothing(build: Build) -> None:
    """Time-outs of one session alone are its own: the others keep their times, and no breaker opens."""
    stage = build()
    Watched(stage, "stuck")
    stage.job("phoenix", schedule='every = "30m"')
    stage.job("stuck", schedule='every = "30m"', search='query = "Phoenix, AZ"')
    stage.serve(8 * HOUR_S - 60)
    assert not stage.logged("breaker.opened")
    assert [outcome for job, outcome, _ in run_rows(stage) if job == "phoenix"] == ["complete"] * 15


def test_sessions_that_hang_keep_nobody_out(build: Build) -> None:
    """Where two sessions hang and nobody else asks, it opens; the next run of another job asks for the list, at once.

    That is answered, so the run goes on, though its own verdict was still good.
    """
    stage = build(account='audit_every = "6h"')
    watched = Watched(stage, "stuck")
    stage.job("phoenix", schedule='cron = "0,30 * * * *"')
    for name in ("stuck-1", "stuck-2"):
        stage.job(name, schedule='cron = "5 * * * *"', search='query = "Phoenix, AZ"', buy_again=True)
    stage.serve(6 * HOUR_S - 60)
    assert len(stage.logged("breaker.opened")) == len(stage.logged("breaker.closed")) > 2
    rows = stage.rows(
        "SELECT outcome, strftime('%s', ended_at) - strftime('%s', started_at) FROM run WHERE job = 'phoenix'"
    )
    assert {outcome for outcome, _ in rows} == {"complete"}
    assert max(took_s for _, took_s in rows) <= 8 * MINUTE_S
    assert watched.searches


@pytest.mark.parametrize(("run_timeout", "least_s", "most_s"), [("2h", 570, 620), ("5m", 300, 330)])
def test_waiting_at_it_ends_in_failure(build: Build, run_timeout: str, least_s: float, most_s: float) -> None:
    """After ten minutes, or the time of the run, it has `failed`, so it is made up for; the message says since when."""
    stage = build(size=30)
    names = meet_storm(stage, Watched(stage), run_timeout=run_timeout)
    ends = stage.once(*names)
    assert {(end.outcome, end.reason) for end in ends.values()} == {(Outcome.FAILED, None)}
    waited = [end.message for end in ends.values() if "has answered nobody since" in end.message]
    assert waited
    assert all("since 2026-11-02 06:00 UTC; the key stays open" in message for message in waited)
    assert least_s <= stage.clock.elapsed_s <= most_s
    calm(stage)
    assert {end.outcome for end in stage.once(*names).values()} == {Outcome.COMPLETE}
    assert_books_agree(stage)


def test_the_list_is_not_waited_for_for_ever(build: Build) -> None:
    """A run that waits for its audit ends after the same ten minutes, and says since when; nothing was sent."""
    stage = build(size=30)
    names = meet_storm(stage, Watched(stage))
    storm(stage)
    ends = stage.once(*names)
    why = "(the vendor has answered nobody since 2026-11-02 06:00 UTC); nothing was sent or billed"
    assert {(end.outcome, end.message) for end in ends.values()} == {
        (Outcome.FAILED, f"the session list could not be had {why}")
    }
    assert 590 <= stage.clock.elapsed_s <= 610
    assert stage.rows("SELECT id FROM page") == []


def test_a_stop_ends_the_waiting(build: Build) -> None:
    """Asked to stop, nobody waits on for a probe, and nothing is lost."""
    stage = build(size=30)
    watched = Watched(stage)
    names = meet_storm(stage, watched, schedule='cron = "0 7 * * *"')
    stage.serve(HOUR_S + 5 * MINUTE_S)
    assert stage.logged("breaker.opened")
    assert sorted(run_rows(stage)) == [(name, "interrupted", None) for name in names]
    assert stage.clock.elapsed_s <= HOUR_S + 5 * MINUTE_S + 1
    calm(stage)
    stage.serve(HOUR_S)
    assert_books_agree(stage)


def test_a_denial_is_an_answer(build: Build) -> None:
    """A probe that is answered 401 closes it: all end with that reason, and none of those who waited tries too."""
    stage = build(size=30)
    watched = Watched(stage)
    names = meet_storm(stage, watched, jobs=6)

    async def revoke(app: App) -> dict[str, End]:
        asyncio.get_running_loop().call_later(4 * MINUTE_S, storm, stage, Fault.NO_TOKEN)
        return await app.once(names)

    ends = stage.play(in_app(stage, revoke))
    assert {(end.outcome, end.reason) for end in ends.values()} == {(Outcome.FAILED, Reason.TOKEN_REFUSED)}
    assert len(watched.between(at_s(stage, "breaker.closed"), stage.clock.elapsed_s)) <= 1
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 6


def test_they_go_on_at_the_accounts_pace(build: Build) -> None:
    """When it closes, those who waited leave one by one: a burst would earn a 429."""
    stage = build(size=30, account="requests_per_minute = 60", requests_per_minute=60)
    watched = Watched(stage)
    names = meet_storm(stage, watched, jobs=12)

    async def go_on(app: App) -> dict[str, End]:
        asyncio.get_running_loop().call_later(5 * MINUTE_S, calm, stage)
        return await app.once(names)

    ends = stage.play(in_app(stage, go_on))
    assert {end.outcome for end in ends.values()} == {Outcome.COMPLETE}
    after = watched.between(at_s(stage, "breaker.closed"), stage.clock.elapsed_s)
    assert len(after) > 24
    assert min(later[0] - earlier[0] for earlier, later in pairwise(after)) >= 1.0
    assert not stage.logged("account.throttled")
    assert_books_agree(stage)


def test_nothing_new_is_journaled_while_it_is_open(build: Build) -> None:
    """A run that waited for the budget, and has some after midnight, waits at the breaker before it writes a key."""
    stage = build(size=30, account="budget = { records_per_day = 50 }")
    stage.clock.forward(17 * HOUR_S + 55 * MINUTE_S)
    names = meet_storm(stage, Watched(stage))
    ends = stage.once(*names)
    assert "page.asked" not in while_open(stage)
    assert stage.one("SELECT count(*) FROM page") == 5
    (end,) = [end for end in ends.values() if "nothing new was asked for" in end.message]
    assert end.outcome is Outcome.FAILED
    assert "has answered nobody since 2026-11-02 23:55 UTC" in end.message


async def in_app(stage: Stage, act: Callable[[App], Awaitable[dict[str, End]]]) -> dict[str, End]:
    """Do something in leadsync as `leadsync once` opens it."""
    async with stage.app() as app:
        return await act(app)
