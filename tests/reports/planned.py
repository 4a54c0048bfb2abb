"""A plan of a stage, and the histories that make one interesting."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from leadsync.accounts import terms_of
from leadsync.core.forecast import Totals
from leadsync.core.model import End, Listing, Outcome, Reason, SessionListing
from leadsync.core.pace import Births
from leadsync.core.slots import Clocks
from leadsync.core.slots import plan as decide
from leadsync.reports.plan import as_totals, plan, read_view
from leadsync.reports.sessions import Account
from leadsync.reports.traces import outlook
from leadsync.simulator import Fault
from leadsync.store.reading import reading
from leadsync.store.slots import all_tenants
from tests.stage import Stage

__all__ = ["DAILY", "Build", "billed_by", "job_of", "outage", "refused", "report"]

Build = Callable[..., Stage]

DAILY: Final = 'cron = "0 6 * * *", timezone = "America/Phoenix", jitter = "5m"'


def report(stage: Stage, totals: Totals | None = None) -> dict[str, Any]:
    """The plan as of now, with the vendor's list as it is, or with `totals`."""
    rows = {
        name: SessionListing(name, session.total, session.last_request_at, session.created_at)
        for name, session in stage.sim.sessions.items()
    }
    settings, listed = stage.settings(), as_totals(rows) if totals is None else totals
    view = read_view(settings, "main", listed, stage.clock())
    house = house_of(stage, rows, listed)
    return plan(settings, {"main": replace(view, house=house)}, outlook(settings, stage.clock()))


def house_of(stage: Stage, rows: Listing, totals: Totals) -> Account:
    """Who holds the stage's slots."""
    terms, now = terms_of(stage.settings(), "main"), stage.clock()
    with reading(stage.folder / "leadsync.db") as connection:
        tenants = all_tenants(connection, "main") if connection else []
    clocks = Clocks(now, now)
    planned = decide(rows.values(), tenants, terms.jobs, terms.rules, clocks)
    unknown = totals if isinstance(totals, str) else None
    return Account("main", planned, terms.rules, clocks, waiting=(), births=Births(), unknown=unknown)


def job_of(stage: Stage, name: str = "phoenix", totals: Totals | None = None) -> dict[str, Any]:
    """One job of the plan."""
    (job,) = (job for job in report(stage, totals)["jobs"] if job["name"] == name)
    return dict(job)


def billed_by(stage: Stage, *names: str) -> tuple[dict[str, End], int]:
    """Run jobs, and return how they ended and what that billed."""
    before = stage.sim.bill.records
    return stage.once(*names), stage.sim.bill.records - before


def outage(stage: Stage, fault: Fault = Fault.CUT_AFTER) -> None:
    """Run the job into an outage: a page is stored, the key of the next stays open."""
    stage.sim.faults.next(None)
    stage.sim.faults.storm(1.0, [fault], seed=0)
    assert stage.end().outcome is Outcome.FAILED
    stage.sim.faults.calm()


def refused(stage: Stage) -> None:
    """Have the vendor refuse the first key."""
    stage.sim.faults.next(Fault.MALFORMED)
    assert stage.end().reason is Reason.REFUSED
