"""What the skip trace has spent, added up from its journal: items that count as paid for, and those that are open."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, case
from sqlmodel import col

from leadsync.core.budget import Limits, Spent, window_starts
from leadsync.core.trace import MISSES_MAY_BE_BILLED, BatchState
from leadsync.store.spending import as_spent, sums_of
from leadsync.store.trace_tables import TraceBatch

_NOT_TAKEN: Final = col(TraceBatch.state).in_((BatchState.REFUSED.value, BatchState.VOID.value))
_MISSED: Final = col(TraceBatch.missed)
_BILLED: Final = col(TraceBatch.matched) + col(TraceBatch.missing) + (_MISSED if MISSES_MAY_BE_BILLED else 0)
_OPEN: Final = col(TraceBatch.items) - col(TraceBatch.matched) - _MISSED - col(TraceBatch.missing)
_RESERVED: Final = case((_NOT_TAKEN, 0), else_=_OPEN)
_SPENT: Final = sums_of(_BILLED, _RESERVED, col(TraceBatch.price_micros), col(TraceBatch.asked_at))


def spent(connection: Connection, limits: Limits, now: datetime) -> tuple[Spent, Spent]:
    """Add up the windows: what counts as paid for, and what batches on their way may cost yet."""
    day, month = window_starts(now, limits.zone)
    return as_spent(connection.execute(_SPENT, {"day": day, "month": month}).one())
