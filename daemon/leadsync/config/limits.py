"""An account's budget in the core's terms."""

from leadsync.config.tables import Account
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
