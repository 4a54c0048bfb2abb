"""What an account has spent, added up from the journal: what was billed, and what open requests have reserved (P10).

A request counts in the day and month in which it was asked. An open key may be sent again until it is answered, and is
billed when it first arrives: so it is reserved in every window until then, and its page counts in that of the answer,
or of the person who gives it up as perhaps billed.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, case, func, literal_column, select
from sqlmodel import col

from leadsync.core.budget import Limits, Spent, window_starts
from leadsync.store.columns import MICROS, UtcDateTime
from leadsync.store.tables import Page, SearchSession

_OPEN: Final = col(Page.state).in_(("asked", "awaited"))
_BILLED: Final = case((_OPEN, 0), else_=col(Page.billed))
_RESERVED: Final = case((_OPEN, col(Page.take)), else_=0)


def sums_of(billed: Any, reserved: Any, price_micros: Any, asked_at: Any) -> Select[Any]:
    """Add up a journal's columns over the windows that begin at `day` and at `month`: what `as_spent` reads."""
    today = asked_at >= bindparam("day", type_=UtcDateTime)
    sums = (
        func.coalesce(func.sum(amount), 0)
        for count in (billed, reserved)
        for figure in (count, count * price_micros)
        for amount in (case((today, figure), else_=0), figure)
    )
    return select(*sums).where(asked_at >= bindparam("month", type_=UtcDateTime))


_SPENT: Final = sums_of(_BILLED, _RESERVED, col(Page.price_micros), col(Page.asked_at)).where(
    col(Page.account) == bindparam("account")
)

_BEFORE_MONTH: Final = col(Page.asked_at) < bindparam("month", type_=UtcDateTime)
OLDER_KEYS: Final = (
    select(
        *(
            func.coalesce(func.sum(amount), 0)
            for figure in (col(Page.take), col(Page.take) * col(Page.price_micros))
            for amount in (figure, case((_BEFORE_MONTH, figure), else_=0))
        )
    )
    .join(SearchSession, col(SearchSession.id) == col(Page.session_id))
    .where(
        # The index of open keys is partial, and SQLite does not look into it for a bound parameter. By the page's own
        # account it would rather walk through all pages of earlier days.
        col(Page.state) == literal_column("'asked'"),
        col(SearchSession.account) == bindparam("account"),
        col(Page.asked_at) < bindparam("day", type_=UtcDateTime),
        col(SearchSession.park_reason).is_(None),
    )
)
"""Keys that were asked in an earlier window and may be asked again in this one; those of a parked job may not."""


def spent(connection: Connection, account: str, limits: Limits, now: datetime) -> tuple[Spent, Spent]:
    """Add up the account's windows: what was billed, and what open requests have reserved: it may be billed yet."""
    day, month = window_starts(now, limits.zone)
    window = {"account": account, "day": day, "month": month}
    billed, reserved = as_spent(connection.execute(_SPENT, window).one())
    return billed, reserved.plus(_spent(*connection.execute(OLDER_KEYS, window).one()))


def used(connection: Connection, account: str, limits: Limits, now: datetime) -> Spent:
    """Add up both: what counts against the budget."""
    billed, reserved = spent(connection, account, limits, now)
    return billed.plus(reserved)


def as_spent(sums: Sequence[Any]) -> tuple[Spent, Spent]:
    """Return what was billed, and what is reserved."""
    return _spent(*sums[:4]), _spent(*sums[4:])


def _spent(records_day: int, records_month: int, micros_day: int, micros_month: int) -> Spent:
    return Spent(records_day, records_month, Decimal(micros_day) / MICROS, Decimal(micros_month) / MICROS)
