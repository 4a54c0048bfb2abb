"""What the tests of pulls by windows share: the configuration, the job file, and what must hold of every one."""

from collections import Counter
from typing import Any

from leadsync.app import App
from leadsync.simulator import Result
from tests.stage import Stage

INBOX = '\n[webhooks]\npublic_url = "https://leads.example.com"\n'


def large(stage: Stage, *, account: str = "", **keys: Any) -> None:
    """Write the configuration with an inbox, and the job file of a one-shot for 3,200 records."""
    stage.configure(account + INBOX)
    stage.job("bulk", **{"kind": "one_shot", "records": 3_200, **keys})


def asked(stage: Stage) -> list[tuple[int, int]]:
    """Skip and take of each request that the vendor has taken."""
    return [(result.asked.skip, result.asked.ask.take) for result in stage.sim.results]


def billed(stage: Stage, results: list[Result]) -> set[str]:
    """The properties that these results were billed for."""
    world = stage.sim.world
    return {world.id_of(index) for result in results if result.page for index in result.page.indexes}


def assert_each_asked_once(stage: Stage) -> None:
    """P2, P6: no row's request was sent twice, and none had a session."""
    subjects = Counter(result.asked.url for result in stage.sim.results)
    assert set(subjects.values()) <= {1}
    assert all(request.session == "" for request in stage.sim.bill.requests if request.path.endswith("/async"))


def assert_all_stored(stage: Stage) -> None:
    """P1, P4: what was billed for results that came is in the store, once, and the books say so."""
    here = {name for (name,) in stage.rows("SELECT vendor_id FROM property")}
    assert here == set(stage.sim.bill.billed_ids)
    new = stage.one("SELECT coalesce(sum(new), 0) FROM page WHERE state = 'stored'")
    assert new == len(here) == stage.one("SELECT sum(delivered) FROM search_session WHERE job = 'bulk'")
    assert stage.one("SELECT coalesce(sum(billed), 0) FROM page WHERE state = 'stored'") == stage.sim.bill.records
    assert_each_asked_once(stage)


async def begin(app: App) -> None:
    """A person has the daemon run the job."""
    await app.dispatch.run("bulk", "once")
