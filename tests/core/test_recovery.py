"""Old keys of a restored store: which takes are tried, how the audit judges, what the protocol does with a refusal."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.audit import GoOn, Leave, ParkJob, Standing, audit
from leadsync.core.model import Books, End, Outcome, PageReply, Reason, Tally
from leadsync.core.paging import OLD_BARREN_MAX, begin, step
from leadsync.core.protocol import (
    Ask,
    AtALoss,
    Attempt,
    Close,
    Finish,
    Halted,
    Journaled,
    Plan,
    Reword,
    Reworded,
    Send,
    Sending,
    Stored,
    Storing,
)
from leadsync.core.recovery import TAKE_MAX, takes_to_try
from leadsync.core.replies import Refused
from leadsync.vendors.wire import reworded, search_request

BACK = End(Outcome.LIMITED, "all is back")
PLAN = Plan(page_size=10, settle_only=BACK, old_keys_max=3)
OTHER_BODY = Refused(409, "idempotencyKey was already used with a different request body.", other_body=True)
NEW = Standing("phoenix", Books(), recovering=True)
USED = Standing("phoenix", Books(next_page=3, delivered=200), recovering=True)
ASKING = replace(USED, recover_until=500)


@pytest.mark.parametrize(
    ("ledger", "vendor_total", "verdict"),
    [
        (NEW, 300, GoOn(recover_until=300)),
        (USED, 500, GoOn(recover_until=500)),
        (ASKING, 500, GoOn(recover_until=500)),
        (replace(ASKING, open_take=100), 600, GoOn(recover_until=500)),
        (replace(ASKING, books=Books(next_page=6, delivered=500)), 500, GoOn()),
        (USED, 200, GoOn()),
        (NEW, None, GoOn(needs_slot=True)),
        (ASKING, 501, Reason.SESSION_DRIFTED),
        (replace(ASKING, open_take=100), 601, Reason.SESSION_DRIFTED),
        (ASKING, 499, Reason.SESSION_VANISHED),
        (USED, 199, Reason.SESSION_VANISHED),
        (USED, None, Reason.SESSION_VANISHED),
    ],
)
def test_the_audit_of_a_restored_store(ledger: Standing, vendor_total: int | None, verdict: GoOn | Reason) -> None:
    """What is missing is asked for up to the total of the first audit; a total that moves then is a question."""
    found = audit(ledger, vendor_total, Leave(price=Decimal("0.01")))
    assert (found.reason if isinstance(found, ParkJob) else found) == verdict


def test_who_accepts_lets_go_what_is_lost() -> None:
    """The base line moves to the vendor's total, and no old key is asked any more."""
    assert audit(ASKING, 600, Leave(drift=True)) == GoOn(base_line=400)


def test_a_key_that_is_known_with_other_bytes_goes_out_again() -> None:
    """The same key, the next bytes; at a loss for more the refusal stands."""
    sending = Sending(Tally(), Attempt(1, 0.0, maybe_seen=False))
    rewording, effect = step(PLAN, sending, OTHER_BODY, now_s=1.0, draw=0.5)
    assert effect == Reword()
    state, effect = step(PLAN, rewording, Reworded(), now_s=2.0, draw=0.5)
    assert (state, effect) == (Sending(Tally(), Attempt(1, 2.0, maybe_seen=True)), Send(replay=True))
    _, effect = step(PLAN, rewording, AtALoss(), now_s=2.0, draw=0.5)
    assert isinstance(effect, Close)
    assert effect.reason is Reason.REFUSED
    _, effect = step(PLAN, rewording, Halted("asked to stop"), now_s=2.0, draw=0.5)
    assert effect == Finish(End(Outcome.INTERRUPTED, "asked to stop"))


def test_without_a_restore_such_a_refusal_closes_the_key() -> None:
    """Our own bytes are known then, so the vendor is wrong, or somebody else has our keys."""
    sending = Sending(Tally(), Attempt(1, 0.0, maybe_seen=False))
    _, effect = step(Plan(page_size=10), sending, OTHER_BODY, now_s=1.0, draw=0.5)
    assert isinstance(effect, Close)


def test_old_keys_are_asked_until_all_is_back() -> None:
    """So many at most, past empty pages; then the run's own end."""
    state, effect = begin(PLAN, key_open=False, now_s=0.0)
    assert effect == Ask(10)
    for pages in range(1, 4):
        state, _ = step(PLAN, state, Journaled(), now_s=0.0, draw=0.5)
        state, _ = step(PLAN, state, PageReply((), 300, is_new=False, has_cursor=False), now_s=0.0, draw=0.5)
        state, effect = step(PLAN, state, Stored(0, 0), now_s=0.0, draw=0.5)
        assert effect == (Ask(10) if pages < PLAN.old_keys_max else Finish(BACK))


@pytest.mark.parametrize(
    ("tally", "stored"), [(Tally(), Stored(10, 10, recovered=True)), (Tally(barren=OLD_BARREN_MAX - 1), Stored(0, 0))]
)
def test_it_ends_where_nothing_more_can_come(tally: Tally, stored: Stored) -> None:
    """All is back, or the keys bring nothing for a very long time."""
    storing = Storing(tally, has_cursor=True)
    _, effect = step(replace(PLAN, old_keys_max=10_000), storing, stored, now_s=0.0, draw=0.5)
    assert effect == Finish(BACK)


@given(st.lists(st.integers(1, TAKE_MAX), max_size=5), st.integers(1, TAKE_MAX))
def test_every_take_is_tried_once(seen: list[int], page_size: int) -> None:
    """The likely ones first; nothing that the vendor allows is left out."""
    likely, guesses = takes_to_try(seen, page_size)
    assert likely[0] == [*seen, page_size][0]
    assert sorted([*likely, *guesses]) == list(range(1, TAKE_MAX + 1))


def test_a_request_is_worded_anew_to_the_byte() -> None:
    """With another key and take it is what the job would have sent: else the vendor would refuse it."""
    search, options = (
        {"query": "Zürich", "b": [1.5, 10**17], "a": None},
        {"sort": {"field": "x"}, "datasets": ["basic"]},
    )
    asked = search_request(search, options, "phoenix", "key-1", 100)
    assert reworded(asked, "key-1", 100) == asked
    assert reworded(asked, "key-2", 37) == search_request(search, options, "phoenix", "key-2", 37)
