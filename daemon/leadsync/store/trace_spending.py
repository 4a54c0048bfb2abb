"""What the skip trace has spent, added up from its journal: items that count as paid for, and those that are open."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, bindparam, case, func, select
from sqlmodel import col

from leadsync.core.budget import Limits, Spent, window_starts
from leadsync.core.trace import MISSES_MAY_BE_BILLED, BatchState
from leadsync.store.columns import MICROS, UtcDateTime
from leadsync.store.trace_tables import TraceBatch

_NOT_TAKEN: Final = col(TraceBatch.state).in_((BatchState.REFUSED.value, BatchState.VOID.value))
_MISSED: Final = col(TraceBatch.missed)
_BILLED: Final = col(TraceBatch.matched) + col(TraceBatch.missing) + (_MISSED if MISSES_MAY_BE_BILLED else 0)
_OPEN: Final = col(TraceBatch.items) - col(TraceBatch.matched) - _MISSED - col(TraceBatch.missing)
_RESERVED: Final = case((_NOT_TAKEN, 0), else_=_OPEN)
_TODAY: Final = col(TraceBatch.asked_at) >= bindparam("day", type_=UtcDateTime)
_SPENT: Final = select(
    *(
        func.coalesce(func.sum(amount), 0)
        for items in (_BILLED, _RESERVED)
        for figure in (items, items * col(TraceBatch.price_micros))
        for amount in (case((_TODAY, figure), else_=0), figure)
    )
).where(col(TraceBatch.asked_at) >= bindparam("month", type_=UtcDateTime))


def spent(connection: Connection, limits: Limits, now: datetime) -> tuple[Spent, Spent]:
    """Add up the windows: what counts as paid for, and what batches on their way may cost yet."""
    day, month = window_starts(now, limits.zone)
    sums = connection.execute(_SPENT, {"day": day, "month": month}).one()
    return _spent(*sums[:4]), _spent(*sums[4:])


def _spent(items_day: int, items_month: int, micros_day: int, micros_month: int) -> Spent:
    return Spent(items_day, items_month, Decimal(micros_day) / MICROS, Decimal(micros_month) / MICROS)
