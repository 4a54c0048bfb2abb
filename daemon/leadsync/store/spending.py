"""What an account has spent, added up from the journal: what was billed, and what open requests have reserved (P10)."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, bindparam, case, func, select
from sqlmodel import col

from leadsync.core.budget import Limits, Spent, window_starts
from leadsync.store.columns import MICROS, UtcDateTime
from leadsync.store.tables import Page

_OPEN: Final = col(Page.state).in_(("asked", "awaited"))
_BILLED: Final = case((_OPEN, 0), else_=col(Page.billed))
_RESERVED: Final = case((_OPEN, col(Page.take)), else_=0)
_TODAY: Final = col(Page.asked_at) >= bindparam("day", type_=UtcDateTime)
_SPENT: Final = select(
    *(
        func.coalesce(func.sum(amount), 0)
        for records in (_BILLED, _RESERVED)
        for figure in (records, records * col(Page.price_micros))
        for amount in (case((_TODAY, figure), else_=0), figure)
    )
).where(col(Page.account) == bindparam("account"), col(Page.asked_at) >= bindparam("month", type_=UtcDateTime))


def spent(connection: Connection, account: str, limits: Limits, now: datetime) -> tuple[Spent, Spent]:
    """Add up the account's windows: what was billed, and what open requests have reserved: it may be billed yet."""
    day, month = window_starts(now, limits.zone)
    sums = connection.execute(_SPENT, {"account": account, "day": day, "month": month}).one()
    return _spent(*sums[:4]), _spent(*sums[4:])


def used(connection: Connection, account: str, limits: Limits, now: datetime) -> Spent:
    """Add up both: what counts against the budget."""
    billed, reserved = spent(connection, account, limits, now)
    return billed.plus(reserved)


def _spent(records_day: int, records_month: int, micros_day: int, micros_month: int) -> Spent:
    return Spent(records_day, records_month, Decimal(micros_day) / MICROS, Decimal(micros_month) / MICROS)
