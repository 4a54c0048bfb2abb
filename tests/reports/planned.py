"""A plan of a stage, and the histories that make one interesting."""

from collections.abc import Callable
from typing import Any, Final

from leadsync.core.forecast import Totals
from leadsync.core.model import End, Outcome, Reason
from leadsync.reports.plan import plan, read_view
from leadsync.simulator import Fault
from tests.stage import Stage

__all__ = ["DAILY", "Build", "billed_by", "job_of", "outage", "refused", "report"]

Build = Callable[..., Stage]

DAILY: Final = 'cron = "0 6 * * *", timezone = "America/Phoenix", jitter = "5m"'


def report(stage: Stage, totals: Totals | None = None) -> dict[str, Any]:
    """The plan as of now, with the vendor's list as it is, or with `totals`."""
    listed = {name: session.total for name, session in stage.sim.sessions.items()}
    settings = stage.settings()
    return plan(settings, {"main": read_view(settings, "main", listed if totals is None else totals, stage.clock())})


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
