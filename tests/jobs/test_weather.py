"""Bad weather in the middle of a pull: each fault alone, storms, and outages that outlast a run.

Nothing is billed twice, and when the weather clears the job ends `complete` by itself (L1).
"""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from leadsync.core.model import Outcome, Reason
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree, assert_keys_in_turn, assert_nothing_twice
from tests.stage import Stage

Build = Callable[..., Stage]

DENIED = {
    Fault.NO_TOKEN: Reason.TOKEN_REFUSED,
    Fault.NO_ABILITY: Reason.ABILITY_MISSING,
    Fault.EMPTY_WALLET: Reason.WALLET_EMPTY,
}
PASSING = [fault for fault in Fault if fault not in DENIED and fault is not Fault.MALFORMED]
ODDLY_TIMED = ["seconds", "date", "zero", "absurd", "none"]


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("place", [1, 3, 4])
@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_costs_nothing(build: Build, fault: Fault, place: int, counts: bool) -> None:
    """A fault on the first, the last or the empty page: the run is complete, and the books agree."""
    stage = build(totals_count_page=counts)
    stage.job()
    stage.sim.faults.next(*[None] * (place - 1), fault)
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 250
    assert_books_agree(stage)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("fault", DENIED)
def test_a_denial_pauses_the_account_and_heals(build: Build, fault: Fault, counts: bool) -> None:
    """401 and 403 end the run `failed` with the key open; the next run sends that key again and heals the account."""
    stage = build(totals_count_page=counts)
    stage.job()
    stage.sim.faults.next(None, fault)
    end = stage.end()
    assert (end.outcome, end.reason) == (Outcome.FAILED, DENIED[fault])
    assert stage.wire.searches == 2
    assert stage.one("SELECT paused_reason FROM account") == DENIED[fault]
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 1
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.one("SELECT paused_reason FROM account") is None
    assert [len(stage.logged(event)) for event in ("account.paused", "account.resumed")] == [1, 1]
    assert_books_agree(stage)


@pytest.mark.parametrize("fault", DENIED)
def test_a_denial_stops_the_other_jobs_of_the_account(build: Build, fault: Fault) -> None:
    """What one job is told holds for all: each ends with the account's reason, after one request at most."""
    stage = build()
    for place in ("Phoenix, AZ", "Tucson, AZ", "Mesa, AZ"):
        stage.job(place.split(",")[0].lower(), search=f'query = "{place}"', page_size=2)
    stage.sim.faults.next(None, None, fault)
    ends = stage.once("phoenix", "tucson", "mesa")
    assert {(end.outcome, end.reason) for end in ends.values()} == {(Outcome.FAILED, DENIED[fault])}
    assert stage.wire.searches <= 5


def test_one_denial_is_one_pause(build: Build) -> None:
    """A page that was on its way when another job was denied does not end the pause that has just begun."""
    stage = build()
    for name in ("one", "two", "three"):
        stage.job(name, page_size=20, buy_again=True)
    stage.sim.faults.next(None, None, Fault.NO_TOKEN)
    stage.once("one", "two", "three")
    assert [len(stage.logged(event)) for event in ("account.paused", "account.resumed")] == [1, 0]


def test_a_denied_list_is_not_asked_for_by_every_job(build: Build) -> None:
    """A token that the list call refused is not tried again by each of the other jobs: nothing is retried hot."""
    stage = build()
    names = [f"job-{number}" for number in range(8)]
    for name in names:
        stage.job(name, buy_again=True)
    stage.sim.list_faults.storm(1.0, [Fault.NO_TOKEN], seed=0)
    ends = stage.once(*names)
    assert {(end.outcome, end.reason) for end in ends.values()} == {(Outcome.FAILED, Reason.TOKEN_REFUSED)}
    assert stage.wire.searches == 0
    assert stage.wire.lists == 1


@pytest.mark.parametrize("counts", [True, False])
def test_a_refused_request_parks_the_job(build: Build, counts: bool) -> None:
    """400: the key is closed, the job parks with the vendor's words, and spends nothing until somebody answers."""
    stage = build(totals_count_page=counts)
    stage.job()
    stage.sim.faults.next(None, Fault.MALFORMED)
    end = stage.end()
    assert (end.outcome, end.reason) == (Outcome.PARKED, Reason.REFUSED)
    assert "quickLists should be an array of strings" in end.message
    assert stage.rows("SELECT state, status, billed FROM page WHERE number = 2") == [("refused", 400, 0)]
    assert stage.end().reason is Reason.REFUSED
    assert stage.wire.searches == 2
    assert_books_agree(stage)


def test_the_vendors_words_are_redacted(build: Build) -> None:
    """The vendor's message is shown to the operator cut and without personal data or secrets."""
    stage = build(session_cap=0, cap_status=400, cap_message="no: jane@example.com, 602-555-0142, token=abcdef")
    stage.job()
    end = stage.end()
    assert end.reason is Reason.REFUSED
    kept = stage.one("SELECT message FROM run") + stage.one("SELECT message FROM page")
    for canary in ("jane@", "602-555", "abcdef"):
        assert canary not in end.message + kept


@pytest.mark.parametrize("form", ODDLY_TIMED)
def test_429_is_waited_out(build: Build, form: str) -> None:
    """Whatever `Retry-After` says, a storm of 429 is waited out, never hot and never for longer than it lasts."""
    stage = build(retry_after=form, retry_after_s=2)
    stage.job()
    # An absurd hold is believed for five minutes, and two of those outlast a run.
    times = 1 if form == "absurd" else 4
    stage.sim.faults.next(None, *[Fault.RATE_LIMITED] * times)
    assert stage.end().outcome is Outcome.COMPLETE
    # The least back-off of n attempts is 0.25 + 0.5 + 1 + ... s.
    assert 0.25 * (2**times - 1) < stage.clock.elapsed_s < 310
    assert_books_agree(stage)


def test_429_silences_the_whole_account(build: Build) -> None:
    """While one job waits out a 429, no other job of the account sends."""
    stage = build(retry_after_s=100)
    names = ["one", "two", "three"]
    for name in names:
        stage.job(name, buy_again=True, page_size=10)
    stage.sim.faults.next(*[None] * 6, Fault.RATE_LIMITED)
    sent_s: list[float] = []
    stage.wire.before.update({number: lambda: sent_s.append(stage.clock.elapsed_s) for number in range(1, 200)})
    assert {end.outcome for end in stage.once(*names).values()} == {Outcome.COMPLETE}
    gaps = [later - earlier for earlier, later in pairwise(sent_s)]
    # What was on its way when the answer came may still arrive; then there is one silence of 100 s.
    assert len([gap for gap in gaps if gap > 90]) == 1
    assert gaps.index(max(gaps)) <= 6 + len(names)
    assert_books_agree(stage)


def test_our_own_rate_keeps_below_the_vendors(build: Build) -> None:
    """Twenty jobs side by side never meet the vendor's rate limit when the daemon knows it."""
    stage = build(account="requests_per_minute = 60", requests_per_minute=60)
    names = [f"job-{number}" for number in range(20)]
    for name in names:
        stage.job(name, buy_again=True, page_size=100)
    assert {end.outcome for end in stage.once(*names).values()} == {Outcome.COMPLETE}
    assert not stage.logged("account.throttled")
    assert stage.clock.elapsed_s > 20 * 4


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.CUT_BEFORE, Fault.HANG, Fault.UNAVAILABLE_AFTER])
@pytest.mark.parametrize("clear", [0, 3])
def test_an_outage_leaves_the_key_open(build: Build, fault: Fault, clear: int) -> None:
    """After ten minutes the run fails with the key open; the next run settles it with the same key and bytes."""
    stage = build()
    stage.job()
    stage.sim.faults.next(*[None] * clear)
    stage.sim.faults.storm(1.0, [fault], seed=0)
    end = stage.end()
    assert (end.outcome, end.reason) == (Outcome.FAILED, None)
    assert "the key stays open" in end.message
    assert 500 < stage.clock.elapsed_s < 700
    ((key,),) = stage.rows("SELECT key FROM page WHERE state = 'asked'")
    assert_keys_in_turn(stage)
    stage.sim.faults.calm()
    before = len(stage.sim.bill.requests)
    assert stage.end().outcome is Outcome.COMPLETE
    sent = [seen.key for seen in stage.sim.bill.requests[before:] if seen.key]
    assert sent[0] == key
    assert_books_agree(stage)


def test_the_list_is_waited_for_once_for_all_jobs(build: Build) -> None:
    """A list that cannot be had fails every job after some ten minutes, not one job after another."""
    stage = build()
    names = [f"job-{number}" for number in range(6)]
    for name in names:
        stage.job(name, buy_again=True)
    stage.sim.list_faults.storm(1.0, [Fault.BAD_GATEWAY], seed=0)
    ends = stage.once(*names)
    assert {end.outcome for end in ends.values()} == {Outcome.FAILED}
    assert stage.wire.searches == 0
    assert stage.clock.elapsed_s < 2 * 600


def test_a_list_that_cannot_be_had_stops_the_spending(build: Build) -> None:
    """Nothing is sent without an audit; when the list comes back, the next run is complete."""
    stage = build()
    stage.job()
    stage.sim.list_faults.storm(1.0, [Fault.CUT_BEFORE, Fault.HTML_200, Fault.RATE_LIMITED], seed=0)
    assert stage.end().outcome is Outcome.FAILED
    assert stage.wire.searches == 0
    stage.sim.list_faults.calm()
    stage.sim.list_faults.next(Fault.SERVER_ERROR, Fault.TRUNCATED)
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


@st.composite
def _weathers(draw: DrawFn) -> tuple[dict[str, Any], float, int]:
    switches = {
        "totals_count_page": draw(st.booleans()),
        "replay_total": draw(st.sampled_from(["own", "current"])),
        "replay_says_new": draw(st.booleans()),
        "at_once": draw(st.sampled_from(["queue", "conflict"])),
        "short_page_rate": draw(st.sampled_from([0.0, 0.3])),
        "end": draw(st.sampled_from(["no_cursor", "cursor_stays"])),
        "lists_unused": draw(st.booleans()),
        "retry_after": draw(st.sampled_from(ODDLY_TIMED)),
    }
    return switches, draw(st.sampled_from([0.2, 0.5, 0.8])), draw(st.integers(0, 10_000))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(weather=_weathers())
def test_when_the_weather_clears_every_job_completes(
    tmp_path_factory: pytest.TempPathFactory, weather: tuple[dict[str, Any], float, int]
) -> None:
    """L1: after any storm over searches and lists, three jobs end `complete` by themselves, nothing lost or twice."""
    switches, rate, seed = weather
    stage = Stage(tmp_path_factory.mktemp("weather") / "stage", size=90, **switches)
    names = ["one", "two", "three"]
    for name in names:
        stage.job(name, buy_again=True, page_size=20)
    stage.sim.faults.storm(rate, [*PASSING, *DENIED], seed=seed)
    stage.sim.list_faults.storm(rate, [Fault.CUT_BEFORE, Fault.HTML_200, Fault.RATE_LIMITED, Fault.HANG], seed=seed)
    stage.once(*names)
    stage.clock.forward(timedelta(minutes=20).total_seconds())
    stage.once(*names)
    assert_nothing_twice(stage)
    stage.sim.faults.calm()
    stage.sim.list_faults.calm()
    assert {end.outcome for end in stage.once(*names).values()} == {Outcome.COMPLETE}
    assert stage.sim.bill.by_session == dict.fromkeys(names, 90)
    assert_books_agree(stage)
