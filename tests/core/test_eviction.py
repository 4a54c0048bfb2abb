"""A session that a person names: what no force takes, what it takes, and what is said beforehand."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from leadsync.core.eviction import consequence, refusal
from leadsync.core.model import SessionListing
from leadsync.core.slots import Action, Fate, Jobs, Life, Tenant

ROW = SessionListing("phoenix", 250)
TENANT = Tenant("phoenix", "phoenix", 240, asked=True, life=Life(created_at=datetime(2026, 11, 2, tzinfo=UTC)))
OURS = Fate(ROW, TENANT, Action.KEEP, "")
FOREIGN = Fate(ROW, None, Action.KEEP, "")
NOBODY, LIVE = Jobs({}, {}), Jobs({"phoenix": True}, {"phoenix": "phoenix"})


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("jobs", [NOBODY, LIVE])
@pytest.mark.parametrize(("change", "words"), [({"open_key": True}, "a key of"), ({"running": True}, "under way")])
def test_no_force_takes_what_is_in_use(jobs: Jobs, change: dict[str, bool], words: str, force: bool) -> None:
    """An open key's page may be paid; a run's next page would begin the list anew."""
    fate = replace(OURS, tenant=replace(TENANT, **change))  # type: ignore[arg-type]
    assert words in (refusal(fate, jobs, force=force) or "")


def test_an_open_key_that_no_job_reaches_says_what_to_put_back() -> None:
    """Its job's file names another session by now, or is gone: `once` and `resume` would speak of something else."""
    fate = replace(OURS, tenant=replace(TENANT, open_key=True))
    words = 'put `session = "phoenix"` back into a file first'
    assert words in (refusal(fate, NOBODY, force=False) or "")
    assert words not in (refusal(fate, LIVE, force=False) or "")


@pytest.mark.parametrize(("fate", "jobs"), [(OURS, LIVE), (FOREIGN, NOBODY)])
def test_force_takes_what_others_need(fate: Fate, jobs: Jobs) -> None:
    """A live job's session and a stranger's: refused with the word to type, and then not."""
    assert "--force" in (refusal(fate, jobs, force=False) or "")
    assert refusal(fate, jobs, force=True) is None


def test_what_a_one_shot_is_not_done_with_is_needed() -> None:
    """Its session stands in no file; an enabled one-shot parks without it, one that is done or disabled does not."""
    half = replace(TENANT, job="bulk", life=replace(TENANT.life, throwaway=True))
    mine = replace(OURS, tenant=half)
    jobs = Jobs({}, {"bulk": None})
    assert "--force" in (refusal(mine, jobs, force=False) or "")
    assert "parks session_vanished" in consequence(mine, jobs, Decimal(0))
    assert refusal(mine, NOBODY, force=False) is None
    done = replace(half, life=replace(half.life, drained_at=datetime(2026, 11, 3, tzinfo=UTC)))
    assert refusal(replace(OURS, tenant=done), jobs, force=False) is None


def test_what_nobody_needs_goes_by_name() -> None:
    """No policy is asked: a person has named it."""
    assert refusal(OURS, NOBODY, force=False) is None


def test_the_larger_total_is_what_it_may_cost() -> None:
    """Properties and dollars, and the job that will park."""
    said = consequence(OURS, LIVE, Decimal("0.64"))
    assert "250 properties by the vendor's count, 240 by the ledger's" in said
    assert "250 properties may then be delivered and billed again, about $160.00 at $0.64 a record" in said
    assert "Job phoenix parks session_vanished" in said
    assert "(foreign)" in consequence(FOREIGN, NOBODY, Decimal(0))
