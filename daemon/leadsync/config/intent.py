"""A job's file in the core's terms: what it asks for and what it allows. Its runs and the plan read it alike."""

from decimal import Decimal

from leadsync.config.job import Job
from leadsync.core.audit import Leave
from leadsync.core.criteria import criteria_hash
from leadsync.core.routes import Wish


def criteria_of(job: Job) -> str:
    """Hash what the job asks for; the sort belongs to it."""
    return criteria_hash(job.search, job.options.get("sort"))


def leave_of(job: Job | None, price: Decimal) -> Leave:
    """Say what the job's file allows; nothing, where there is no file any more."""
    if job is None:
        return Leave(price=price)
    return Leave(
        adopt=job.adopt,
        drift=job.on_drift == "continue",
        criteria_change=job.on_criteria_change == "continue",
        buy_again=job.buy_again,
        price=price,
    )


def wish_of(job: Job) -> Wish:
    """Say what its route is chosen by."""
    return Wish(one_shot=job.kind == "one_shot", records=job.records or 0, async_above=job.async_above)
