"""The line of those who wait for a slot: nobody is forgotten, called for another session, or held up for nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from leadsync.app import App
from tests.jobs.house import HOUR_S, foreign, keep_house
from tests.stage import Stage

Build = Callable[..., Stage]


def test_a_page_of_a_new_session_ends_the_vendors_refusal(build: Build) -> None:
    """However its run ends: the others need not wait a quarter of an hour each for what is known by then."""
    stage = build(size=20, account="budget = { records_per_day = 10 }", session_cap=1)
    foreign(stage, 1)
    names = [f"new-{number}" for number in range(4)]
    for name in names:
        stage.job(name, buy_again=True)
    keep_house(stage, "never", every="1h")

    async def then_there_is_room(app: App) -> None:
        await app.run_all(names, again=False)
        await asyncio.sleep(2 * HOUR_S)
        stage.sim.switches = replace(stage.sim.switches, session_cap=100)

    stage.serve(4 * HOUR_S, then_there_is_room)
    began = stage.rows("SELECT started_at FROM run WHERE outcome = 'over_budget'")
    assert len(began) == 4
    assert len({started_at[:16] for (started_at,) in began}) == 1
