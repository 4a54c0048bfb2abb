"""The budgets in the core's terms: an account's, and the skip trace's."""

from datetime import UTC

from leadsync.config.tables import Account, SkipTrace
from leadsync.core.budget import Limits


def limits_of(account: Account) -> Limits:
    """Return what the account may spend, with the price and the time zone that it is counted in."""
    budget = account.budget
    return Limits(
        zone=account.budget_timezone,
        price=account.price_per_record,
        records_day=budget.records_per_day,
        records_month=budget.records_per_month,
        dollars_day=budget.dollars_per_day,
        dollars_month=budget.dollars_per_month,
    )


def trace_limits_of(section: SkipTrace) -> Limits:
    """Return what may be spent on owners; its days and months are UTC's, as the vendor's are."""
    budget = section.budget
    return Limits(
        zone=UTC,
        price=section.price_per_match,
        dollars_day=budget.dollars_per_day,
        dollars_month=budget.dollars_per_month,
    )
