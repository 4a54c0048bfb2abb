"""The audit's table through the real thing: what is at the vendor, what the ledger knows, what a run then does.

Where a person has to answer, the bill does not move, and asking again does not move it either.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from leadsync.app import App
from leadsync.core.model import Outcome, Reason
from leadsync.errors import DeletionRefused
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree, assert_nothing_lost, run_rows
from tests.simulator.caller import page
from tests.stage import Stage

Build = Callable[..., Stage]
Others = 'query = "Tucson, AZ"'


def somebody_pulls(stage: Stage, session: str, take: int = 10) -> None:
    """Another program of the team uses a session, which makes it where it is new."""
    page(stage.sim, f"somebody-{take}", session=session, take=take)


def assert_parked(stage: Stage, reason: Reason, *, records: int) -> None:
    """The job parks, twice, for that reason; what was billed stays; status has it."""
    for _ in range(2):
        end = stage.end()
        assert (end.outcome, end.reason) == (Outcome.PARKED, reason)
        assert stage.sim.bill.records == records
    assert [line["reason"] for line in stage.logged("job.parked")][-2:] == [reason, reason]
    assert stage.one("SELECT park_reason FROM search_session WHERE name = 'phoenix'") == reason


@pytest.mark.parametrize("lists_unused", [True, False])
def test_a_session_that_found_nothing_goes_on(build: Build, lists_unused: bool) -> None:
    """A session of ours that never delivered anything is no stranger, whether the vendor lists it or not."""
    stage = build(size=0, lists_unused=lists_unused)
    stage.job()
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.end().outcome is Outcome.COMPLETE
    stage.sim.grow(30)
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 30
    assert_books_agree(stage)


def test_a_vanished_session_parks(build: Build) -> None:
    """Deleted by somebody: the next page would bill everything again, so none is asked for, and the cost is named."""
    stage = build(size=250)
    stage.job()
    stage.once("phoenix")
    stage.sim.delete_session("phoenix")
    assert_parked(stage, Reason.SESSION_VANISHED, records=250)
    assert "250 properties again (about $2.50 at $0.01 a record)" in stage.end().message


def test_a_vanished_session_keeps_its_open_key(build: Build) -> None:
    """An open key waits for the person too: the vendor has forgotten it, and would bill its page anew."""
    stage = build(size=250)
    stage.job()
    stage.sim.faults.next(None)
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    stage.once("phoenix")
    stage.sim.faults.calm()
    stage.sim.delete_session("phoenix")
    assert_parked(stage, Reason.SESSION_VANISHED, records=200)
    assert stage.one("SELECT count(*) FROM page WHERE state = 'asked'") == 1


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("number", [2, 3])
def test_a_session_that_vanishes_in_mid_run_is_noticed(build: Build, counts: bool, number: int) -> None:
    """Between two pages: the page that comes from the new life is paid, so it is stored in an epoch of its own."""
    stage = build(size=500, totals_count_page=counts)
    stage.job()
    stage.wire.before[number] = lambda: stage.sim.delete_session("phoenix")
    assert_parked(stage, Reason.SESSION_VANISHED, records=number * 100)
    assert stage.rows("SELECT epoch, next_page, delivered FROM search_session") == [(2, 2, 100)]
    assert stage.rows("SELECT epoch, number, new FROM page")[-1] == (2, 1, 100)
    assert stage.one("SELECT count(*) FROM delivery WHERE redelivered") == 100
    assert_nothing_lost(stage)


def test_a_session_that_vanishes_after_the_audit_is_noticed(build: Build) -> None:
    """Between the audit and the first page of a later run: one page is paid, none more."""
    stage = build(size=250)
    stage.job()
    stage.once("phoenix")
    stage.wire.before[stage.wire.searches + 1] = lambda: stage.sim.delete_session("phoenix")
    assert_parked(stage, Reason.SESSION_VANISHED, records=350)
    assert_nothing_lost(stage)


def test_a_foreign_session_parks(build: Build) -> None:
    """A session of that name which leadsync did not make is left alone."""
    stage = build(size=250)
    stage.job()
    somebody_pulls(stage, "phoenix", 40)
    assert_parked(stage, Reason.SESSION_FOREIGN, records=40)


@pytest.mark.parametrize("parked_before", [True, False])
@pytest.mark.parametrize("counts", [True, False])
def test_adoption_goes_on_from_the_vendors_total(build: Build, counts: bool, parked_before: bool) -> None:
    """`adopt = true` takes what was delivered as the base line, and pulls what is left, also out of the park."""
    stage = build(size=250, totals_count_page=counts)
    somebody_pulls(stage, "phoenix", 40)
    if parked_before:
        stage.job()
        assert stage.end().reason is Reason.SESSION_FOREIGN
    stage.job(adopt=True)
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.rows("SELECT base_line, delivered, park_reason FROM search_session") == [(40, 210, None)]
    stage.job()
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 250
    assert_books_agree(stage)


def test_an_adopted_session_that_vanishes_parks(build: Build) -> None:
    """An adopted session that is gone would bill the base line as well."""
    stage = build(size=250)
    somebody_pulls(stage, "phoenix", 40)
    stage.job(adopt=True)
    stage.once("phoenix")
    stage.sim.delete_session("phoenix")
    assert_parked(stage, Reason.SESSION_VANISHED, records=250)


def test_a_drifted_session_parks_before_a_page(build: Build) -> None:
    """Somebody else pulled between two runs: nothing is asked for until a person answers."""
    stage = build(size=250)
    stage.job(records_per_run=100)
    stage.once("phoenix")
    stage.sim.foreign_pull("phoenix", 30)
    assert_parked(stage, Reason.SESSION_DRIFTED, records=130)
    assert stage.wire.searches == 1


@pytest.mark.parametrize("counts", [True, False])
def test_a_drift_in_mid_run_parks_after_its_page(build: Build, counts: bool) -> None:
    """Somebody else pulls between two pages: the page that shows it is the last that is paid (P8)."""
    stage = build(size=500, totals_count_page=counts)
    stage.job()
    stage.wire.before[3] = lambda: stage.sim.foreign_pull("phoenix", 30)
    assert_parked(stage, Reason.SESSION_DRIFTED, records=330)
    assert_nothing_lost(stage)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("in_mid_run", [True, False])
def test_a_job_may_go_on_from_a_drift(build: Build, counts: bool, in_mid_run: bool) -> None:
    """`on_drift = "continue"`: the base line moves, and the rest is pulled once."""
    stage = build(size=500, totals_count_page=counts)
    stage.job(on_drift="continue", records_per_run=200)
    stage.once("phoenix")
    if in_mid_run:
        stage.wire.before[4] = lambda: stage.sim.foreign_pull("phoenix", 30)
    else:
        stage.sim.foreign_pull("phoenix", 30)
    stage.job(on_drift="continue")
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 500
    assert stage.one("SELECT base_line FROM search_session") == 30
    assert_books_agree(stage)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("total", ["own", "current"])
def test_a_drift_beside_an_open_key_is_found(build: Build, counts: bool, total: str) -> None:
    """A foreign pull while a key is open: the key's page is settled or waits, and the job parks all the same."""
    stage = build(size=500, totals_count_page=counts, replay_total=total)
    stage.job()
    stage.sim.faults.next(None)
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    stage.once("phoenix")
    stage.sim.faults.calm()
    stage.sim.foreign_pull("phoenix", 30)
    assert_parked(stage, Reason.SESSION_DRIFTED, records=230)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("total", ["own", "current"])
def test_a_key_that_the_vendor_forgot_is_found(build: Build, counts: bool, total: str) -> None:
    """A forgotten key bills its page anew; the next audit at the latest parks, and nothing is lost of what came."""
    stage = build(size=500, totals_count_page=counts, replay_total=total)
    stage.job(records_per_run=200)
    stage.sim.faults.next(None, Fault.CUT_AFTER)
    stage.wire.before[3] = stage.sim.forget_keys
    ends = [stage.end(), stage.end()]
    assert ends[-1].reason is Reason.SESSION_DRIFTED
    assert stage.sim.bill.records == 300
    assert stage.one("SELECT count(*) FROM delivery") == 200


def test_changed_criteria_park(build: Build) -> None:
    """Another list under the same session is a question, before anything is asked for."""
    stage = build(size=250)
    stage.job()
    stage.once("phoenix")
    stage.job(search=Others)
    assert_parked(stage, Reason.CRITERIA_CHANGED, records=250)
    assert stage.wire.searches == 4


def test_criteria_that_were_put_back_go_on(build: Build) -> None:
    """Undoing the change, as the message offers, answers the park: no person has to accept what is no change."""
    stage = build(size=250)
    stage.job()
    stage.once("phoenix")
    stage.job(search=Others)
    assert stage.end().reason is Reason.CRITERIA_CHANGED
    stage.job()
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 250
    assert_books_agree(stage)


def test_a_changed_order_of_keys_is_no_change(build: Build) -> None:
    """The criteria are the same whatever order their keys stand in."""
    stage = build(size=250)
    stage.job(search='query = ""\norQuickLists = []')
    stage.once("phoenix")
    stage.job(search='orQuickLists = []\nquery = ""')
    assert stage.end().outcome is Outcome.COMPLETE


def test_changed_criteria_go_on_where_the_job_says_so(build: Build) -> None:
    """`on_criteria_change = "continue"` answers the park, and the new criteria are those of the session."""
    stage = build(size=250)
    stage.job(search=Others)
    stage.once("phoenix")
    stage.job()
    assert stage.end().reason is Reason.CRITERIA_CHANGED
    stage.job(on_criteria_change="continue")
    assert stage.end().outcome is Outcome.COMPLETE
    stage.job()
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 250
    assert_books_agree(stage)


def test_an_open_key_is_settled_before_changed_criteria_park(build: Build) -> None:
    """The open key's page may be paid, so its old bytes go out first; then the job parks."""
    stage = build(size=250)
    stage.job()
    stage.sim.faults.next(None)
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    stage.once("phoenix")
    stage.sim.faults.calm()
    stage.job(search=Others)
    assert_parked(stage, Reason.CRITERIA_CHANGED, records=200)
    assert_books_agree(stage)


def test_a_renamed_job_does_not_buy_its_list_again(build: Build) -> None:
    """A new session for criteria that another session has delivered parks; `buy_again` answers it."""
    stage = build(size=250)
    stage.job("old")
    stage.once("old")
    stage.remove("old")
    stage.job()
    assert_parked(stage, Reason.CRITERIA_KNOWN, records=250)
    assert "phoenix" not in stage.sim.sessions
    stage.job(buy_again=True)
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.by_session == {"old": 250, "phoenix": 250}
    assert stage.one("SELECT count(*) FROM delivery WHERE redelivered") == 250
    assert_books_agree(stage)


@pytest.mark.parametrize(("used", "outcome"), [(94, Outcome.COMPLETE), (95, Outcome.WAITING), (100, Outcome.WAITING)])
def test_the_reserve_of_slots_is_kept_free(build: Build, used: int, outcome: Outcome) -> None:
    """With 100 slots and 5 in reserve the 96th session is not made: the job waits, and nothing is sent."""
    stage = build(size=50)
    for number in range(used):
        somebody_pulls(stage, f"other-{number}", 1)
    stage.job()
    assert stage.end().outcome is outcome
    assert stage.wire.searches == (0 if outcome is Outcome.WAITING else 2)
    assert stage.rows("SELECT slots_used, slots_ours FROM account") == [(used, 0)]


def test_jobs_side_by_side_share_the_free_slots(build: Build) -> None:
    """Three new jobs and two free slots: two run, one waits, and runs as soon as a slot is free."""
    stage = build(size=50, account="session_cap = 3\nsession_reserve = 0", session_cap=3)
    somebody_pulls(stage, "other", 1)
    names = ["one", "two", "three"]
    for name in names:
        stage.job(name, buy_again=True)
    outcomes = sorted(end.outcome for end in stage.once(*names).values())
    assert outcomes == [Outcome.COMPLETE, Outcome.COMPLETE, Outcome.WAITING]
    stage.sim.delete_session("other")
    assert {end.outcome for end in stage.once(*names).values()} == {Outcome.COMPLETE}
    assert_books_agree(stage)


@pytest.mark.parametrize("status", [400, 403, 409, 422, 429])
@pytest.mark.parametrize("fault", [None, Fault.CUT_BEFORE])
def test_the_vendors_own_refusal_of_a_session_waits(build: Build, status: int, fault: Fault | None) -> None:
    """Another client was faster to the last slot: nothing is hot, and a later run is complete.

    The key is closed, or stays open where it was sent before and had no answer.
    """
    stage = build(size=50, lists_unused=False, cap_status=status, session_cap=1)
    page(stage.sim, session="other", criteria={"query": "Nowhere, ZZ"})
    stage.job()
    stage.sim.faults.next(fault)
    assert stage.end().outcome is Outcome.WAITING
    assert stage.wire.searches == (2 if fault else 1)
    assert stage.rows("SELECT state, status FROM page") == [("asked", None) if fault else ("refused", status)]
    assert stage.one("SELECT paused_reason FROM account") is None
    stage.sim.switches = replace(stage.sim.switches, session_cap=2)
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)


def test_one_list_call_serves_all_jobs_of_an_account(build: Build) -> None:
    """Ten jobs that have run before are audited by one list call."""
    stage = build(size=50)
    names = [f"job-{number}" for number in range(10)]
    for name in names:
        stage.job(name, buy_again=True)
    stage.once(*names)
    before = stage.wire.lists
    stage.once(*names)
    assert stage.wire.lists == before + 1
    assert [row[1] for row in run_rows(stage)] == ["complete"] * 20


def test_a_session_that_we_have_deleted_since_the_list_is_not_bought_again(build: Build) -> None:
    """What the list said is kept for a quarter of an hour; a deletion by name makes it untrue: the job parks."""
    stage = build(size=250)
    stage.job(schedule='every = "5m"')

    async def then_it_is_deleted(app: App) -> None:
        await asyncio.sleep(700)
        seen = await app.household.look_at("phoenix", None, force=True)
        await app.household.delete("main", seen["seen"], force=True)

    stage.serve(1_300, then_it_is_deleted)
    assert stage.sim.bill.records == 250
    assert stage.one("SELECT park_reason FROM search_session") == Reason.SESSION_VANISHED


def test_a_session_that_we_have_deleted_and_somebody_made_anew_is_not_bought_again(build: Build) -> None:
    """`on_drift = "continue"` is for who shares a session: the vendor has forgotten what ours delivered."""
    stage = build(size=250)
    stage.job(on_drift="continue", records_per_run=20)
    stage.once("phoenix")

    async def delete() -> None:
        async with stage.app() as app:
            seen = await app.household.look_at("phoenix", None, force=True)
            await app.household.delete("main", seen["seen"], force=True)

    stage.play(delete())
    page(stage.sim, "somebody", session="phoenix", take=120, criteria={"query": "Tucson, AZ"})
    theirs = stage.sim.sessions["phoenix"].total
    assert theirs > 20
    assert_parked(stage, Reason.SESSION_VANISHED, records=20 + theirs)


def test_a_list_that_comes_again_is_no_drift(build: Build) -> None:
    """`on_drift = "continue"`: somebody made the session anew, past our total; the first page of ours ends it (P2)."""
    stage = build(size=500)
    stage.job(on_drift="continue", records_per_run=20, page_size=10)
    stage.once("phoenix")
    stage.sim.delete_session("phoenix")
    page(stage.sim, "somebody", session="phoenix", take=60, criteria={"query": "Tucson, AZ"})
    theirs = stage.sim.sessions["phoenix"].total
    assert theirs > 20
    assert_parked(stage, Reason.SESSION_VANISHED, records=20 + theirs + 10)
    assert "had delivered before" in stage.end().message


def test_a_deletion_without_an_answer_makes_the_list_untrue(build: Build) -> None:
    """Its answer was lost, and nobody could look again: a later run does not go by what an earlier list has said."""
    stage = build(size=250, account='audit_every = "1h"')
    stage.job(schedule='every = "5m"')

    async def then_it_is_deleted(app: App) -> None:
        await asyncio.sleep(700)
        seen = await app.household.look_at("phoenix", None, force=True)
        stage.sim.delete_faults.next(Fault.CUT_AFTER)
        stage.sim.list_faults.next(None, Fault.NO_TOKEN)
        with pytest.raises(DeletionRefused, match="looked at again"):
            await app.household.delete("main", seen["seen"], force=True)

    stage.serve(1_300, then_it_is_deleted)
    assert stage.sim.bill.records == 250
    assert stage.one("SELECT park_reason FROM search_session") == Reason.SESSION_VANISHED


@pytest.mark.parametrize("counts", [True, False])
def test_two_new_jobs_that_begin_together_buy_their_list_once(build: Build, counts: bool) -> None:
    """Neither has delivered anything when they begin: the second waits for what the first brings, and parks."""
    stage = build(size=250, totals_count_page=counts)
    stage.job("one")
    stage.job("two")
    ends = stage.once("one", "two")
    assert sorted((end.outcome, end.reason) for end in ends.values()) == [
        (Outcome.COMPLETE, None),
        (Outcome.PARKED, Reason.CRITERIA_KNOWN),
    ]
    assert len(stage.logged("run.queued")) == 1
    assert stage.sim.bill.records == 250
    assert_books_agree(stage)


def test_a_list_that_an_open_key_has_asked_for_is_known(build: Build) -> None:
    """A first page that never came may be billed: while its job is parked no other buys the same list beside it."""
    stage = build(size=250)
    stage.job("one")
    stage.sim.faults.storm(1.0, [Fault.CUT_AFTER], seed=0)
    assert stage.end("one").outcome is Outcome.FAILED
    stage.sim.faults.calm()
    stage.sim.foreign_pull("one", 5)
    assert stage.end("one").reason is Reason.SESSION_FOREIGN
    stage.job("two")
    assert stage.end("two").reason is Reason.CRITERIA_KNOWN
    assert stage.sim.bill.records == 105


def test_a_first_run_that_brings_nothing_lets_the_next_go_on(build: Build) -> None:
    """Who has waited for the other's list is asked nothing where that has delivered none."""
    stage = build(size=250)
    stage.job("one")
    stage.job("two")
    stage.sim.faults.next(Fault.MALFORMED)
    ends = stage.once("one", "two")
    assert sorted(end.outcome for end in ends.values()) == [Outcome.COMPLETE, Outcome.PARKED]
    assert {end.reason for end in ends.values()} == {None, Reason.REFUSED}
    assert stage.sim.bill.records == 250


def test_what_somebody_else_made_meanwhile_is_not_ours(build: Build) -> None:
    """Made under our name between the list and our page, and gone on with: no policy may ever delete it (P7)."""
    stage = build(size=250)
    stage.job(on_drift="continue", records_per_run=50)
    page(stage.sim, session="ghost", take=30)
    stage.wire.before[1] = lambda: rename(stage, "ghost", "phoenix")
    assert stage.end().outcome is Outcome.LIMITED
    assert stage.rows("SELECT base_line, created_at FROM search_session") == [(30, None)]


def rename(stage: Stage, session: str, name: str) -> None:
    """Let a session that somebody else has made have another name."""
    stage.sim.sessions[name] = replace(stage.sim.sessions.pop(session), id=name)
