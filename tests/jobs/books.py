"""The vendor's bill against the store: what a test of the whole pipeline asks at its end."""

from collections import Counter
from itertools import groupby

from leadsync.simulator import Charge
from tests.stage import Stage

INSTALLATION = "0123456789abcdef"
"""What every key of a stage begins with; other charges are somebody else's."""

DELIVERED = """
SELECT search_session.name, property.vendor_id FROM delivery
JOIN property ON property.id = delivery.property_id
JOIN page ON page.id = delivery.page_id
JOIN search_session ON search_session.id = page.session_id
"""


def our_charges(stage: Stage) -> list[Charge]:
    """The pages that the vendor billed us."""
    return [charge for charge in stage.sim.bill.charges if charge.key.startswith(INSTALLATION)]


def billed(stage: Stage) -> list[tuple[str, str]]:
    """Session and id of each property that we were billed for; one billed twice is there twice."""
    world = stage.sim.world
    return [(charge.session, world.id_of(index)) for charge in our_charges(stage) for index in charge.indexes]


def assert_nothing_lost(stage: Stage) -> None:
    """P1: what was billed is in the store, no more and no less, and each page's figure is the vendor's."""
    assert sorted(stage.rows(DELIVERED)) == sorted(billed(stage))
    records = sum(charge.records for charge in our_charges(stage))
    assert stage.one("SELECT coalesce(sum(billed), 0) FROM page WHERE state = 'stored'") == records


def assert_nothing_twice(stage: Stage) -> None:
    """P2: no property was billed twice to a session, and each key went out with one body, before the next."""
    twice = {pair: count for pair, count in Counter(billed(stage)).items() if count > 1}
    assert not twice
    assert_keys_in_turn(stage)


def assert_keys_in_turn(stage: Stage) -> None:
    """P2, P3: a key is sent with the same bytes until it is answered, and never again after the next one."""
    bodies = stage.sim.bill.bodies_by_key()
    assert all(len(hashes) == 1 for hashes in bodies.values())
    ours = [seen for seen in stage.sim.bill.requests if seen.key.startswith(INSTALLATION)]
    for session in {seen.session for seen in ours}:
        keys = [seen.key for seen in ours if seen.session == session]
        turns = [key for key, _ in groupby(keys)]
        assert len(turns) == len(set(turns)), f"a key of {session} was sent again after a later one"


def assert_totals_agree(stage: Stage) -> None:
    """P8: no key is open, and each session's total is the vendor's."""
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 0
    ledger = dict(stage.rows("SELECT name, base_line + delivered FROM search_session"))
    vendor = {name: session.total for name, session in stage.sim.sessions.items()}
    assert ledger == {name: vendor.get(name, 0) for name in ledger}


def assert_books_agree(stage: Stage) -> None:
    """All of it."""
    assert_nothing_lost(stage)
    assert_nothing_twice(stage)
    assert_totals_agree(stage)


def run_rows(stage: Stage) -> list[tuple[str, str | None, str | None]]:
    """Job, outcome and reason of each run, in order."""
    return [(job, outcome, reason) for job, outcome, reason in stage.rows("SELECT job, outcome, reason FROM run")]
