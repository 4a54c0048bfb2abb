"""What the tests of one-shots share: the job file, its name at the vendor, and the way that it went."""

from collections import Counter
from typing import Any

from tests.stage import Stage

SEAT = "bulk-0123456789abcdef-1"
"""The session of job `bulk` in its first life."""


def one_shot(stage: Stage, **keys: Any) -> None:
    """Write the job file of a one-shot for 300 records."""
    stage.job("bulk", **{"kind": "one_shot", "records": 300, **keys})


def route_of(stage: Stage) -> str:
    """Which way its last life went."""
    return str(stage.rows("SELECT route FROM one_shot ORDER BY life")[-1][0])


def assert_all_here(stage: Stage) -> None:
    """P1, P2: what was billed, by whichever way, is in the store, as often as it was billed."""
    delivered = "SELECT vendor_id FROM delivery JOIN property ON property.id = delivery.property_id"
    assert Counter(name for (name,) in stage.rows(delivered)) == Counter(stage.sim.bill.billed_ids)
    assert stage.one("SELECT coalesce(sum(billed), 0) FROM page WHERE state = 'stored'") == stage.sim.bill.records
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 0


def assert_each_once(stage: Stage) -> None:
    """Nothing was billed twice."""
    assert len(set(stage.sim.bill.billed_ids)) == len(stage.sim.bill.billed_ids)
