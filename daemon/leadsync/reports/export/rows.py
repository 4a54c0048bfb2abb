"""What an export reads from the store: leads in the order of their change numbers, a thousand at a time.

Each thousand has a short transaction of its own, so that a slow reader never holds the write-ahead log. The connection
stays: SQLAlchemy would compile the query anew on the next one, a fifth of the whole work. The last change number is
fixed at the start: what arrives meanwhile is the next export's.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, SQLColumnExpression, case, func, null, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from leadsync.config import Settings
from leadsync.reports.export.contacts import CallableOnly, Lead, Reach, callable_only, contacts_of, is_traced
from leadsync.reports.known import refuse_unknown_job
from leadsync.store.engine import sqlite_file
from leadsync.store.lead_tables import Change, Delivery, Property
from leadsync.store.reading import reading
from leadsync.store.tables import Page, Run, SearchSession

CHUNK_ROWS: Final = 1_000

WINDOW_CHANGES: Final = 20_000
"""As many change numbers are looked at in one transaction (some 50 ms), however few of them belong to the job."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export: changes after number `since`, of one job or of all.

    `callable_only` leaves out contacts that must not be called.
    """

    job: str | None = None
    since: int = 0
    callable_only: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """What an export covers, fixed at its start: the changes of `wanted` in `file`, up to number `last`.

    `traced`: some leads may have contacts; `only` says which of them are handed out, None: all.
    """

    file: Path
    wanted: Wanted
    last: int
    traced: bool = False
    only: CallableOnly | None = None


class LeadRow(NamedTuple):
    """A delivery with its newest change number; `body` is what the vendor sent, byte for byte.

    `session` is None where a search without one brought it.
    `street` to `equity` are the index's: one row an account and vendor id, so an earlier and fuller delivery may have
    filled what this one left out.
    """

    change_id: int
    delivery_id: int
    delivered_at: datetime
    job: str
    account: str
    session: str | None
    route: str
    redelivered: bool
    property_id: str
    street: str | None
    city: str | None
    state: str | None
    zip: str | None
    county: str | None
    owner: str | None
    mailing_address: str | None
    value: float | None
    equity: float | None
    body: bytes
    contacts: tuple[Reach, ...] | None = None


Chunks = Iterable[list[LeadRow]]
"""What the formats are given: never empty lists, all in the order of the change numbers."""

COLUMNS: Final = (*LeadRow._fields[:-2], "property", "contacts")
"""The columns of the formats that have columns; `property` is the body as JSON text, `contacts` a list or null."""

_SELECTED: Final[tuple[SQLColumnExpression[Any], ...]] = (
    col(Change.id),
    col(Delivery.id),
    col(Page.settled_at),
    col(Run.job),
    col(Page.account),
    case((col(Page.keyless), null()), else_=col(SearchSession.name)),
    col(Run.route),
    col(Delivery.redelivered),
    col(Property.vendor_id),
    col(Property.street),
    col(Property.city),
    col(Property.state),
    col(Property.zip),
    col(Property.county),
    col(Property.owner),
    col(Property.mailing_address),
    col(Property.value),
    col(Property.equity),
    col(Delivery.body),
)


def span_of(settings: Settings, wanted: Wanted) -> Span:
    """Fix what is exported. Raises UsageMistake for an unknown job, ConfigInvalid for a list that cannot be read."""
    file = sqlite_file(settings.store.url)
    with reading(file) as connection:
        refuse_unknown_job(settings, connection, wanted.job)
        last = connection.execute(select(func.max(col(Change.id)))).scalar_one() if connection else None
        traced = connection is not None and is_traced(connection)
    only = callable_only(settings) if wanted.callable_only else None
    return Span(file, wanted, max(last or 0, wanted.since), traced, only)


def count_rows(span: Span) -> int:
    """How many rows the span has. It reads indexes alone: a tenth of a second to a second in a million leads."""
    query = _of_all(span) if span.wanted.job is None else _of_job(span, span.wanted.job)
    with reading(span.file) as connection:
        return connection.execute(query).scalar_one() if connection else 0


def chunks_of(span: Span) -> Generator[list[LeadRow], None, None]:
    """Yield the span's rows, at most a thousand at a time; no transaction is open while the caller has them."""
    with reading(span.file) as connection:
        after = span.wanted.since
        while connection and (first := connection.execute(_first_after(span, after)).scalar_one()) is not None:
            # A restore leaves a gap of a thousand million numbers: one step, not fifty thousand windows.
            after = first - 1
            upto = min(after + WINDOW_CHANGES, span.last)
            found = [LeadRow(*row) for row in connection.execute(rows_query(span, after, upto))]
            if span.traced:
                found = _with_contacts(connection, span, found)
            connection.rollback()
            after = found[-1].change_id if len(found) == CHUNK_ROWS else upto
            if found:
                yield found


def _with_contacts(connection: Connection, span: Span, rows: list[LeadRow]) -> list[LeadRow]:
    leads = [Lead(row.delivery_id, row.property_id, row.body) for row in rows]
    contacts = contacts_of(connection, leads, span.only)
    return [row._replace(contacts=contacts.get(row.delivery_id)) for row in rows]


def rows_query(span: Span, after: int, upto: int) -> Select[Any]:
    """Ask for the first rows of the changes from `after`, exclusive, to `upto`.

    It walks along the change numbers and looks everything else up by row id, so it costs the same at every offset.
    """
    newer = aliased(Change)
    superseded = select(col(newer.id)).where(
        col(newer.delivery_id) == col(Change.delivery_id), col(newer.id) > col(Change.id), col(newer.id) <= span.last
    )
    query = (
        select(*_SELECTED)
        .select_from(Change)
        .join(Delivery, col(Delivery.id) == col(Change.delivery_id))
        .join(Page, col(Page.id) == col(Delivery.page_id))
        .join(Run, col(Run.id) == col(Page.run_id))
        .join(SearchSession, col(SearchSession.id) == col(Page.session_id))
        .join(Property, col(Property.id) == col(Delivery.property_id))
        .where(col(Change.id) > after, col(Change.id) <= upto, ~superseded.exists())
        .order_by(col(Change.id))
        .limit(CHUNK_ROWS)
    )
    return query if span.wanted.job is None else query.where(col(Run.job) == span.wanted.job)


def _first_after(span: Span, after: int) -> Select[int | None]:
    return select(func.min(col(Change.id))).where(col(Change.id) > after, col(Change.id) <= span.last)


def _of_all(span: Span) -> Select[int]:
    return select(func.count(col(Change.delivery_id).distinct())).where(*_within(span))


def _of_job(span: Span, job: str) -> Select[int]:
    """Begin with the deliveries: one of their indexes has the page, so the bodies beside it are not read."""
    pages = select(col(Page.id)).join(Run, col(Run.id) == col(Page.run_id)).where(col(Run.job) == job)
    changed = select(col(Change.id)).where(col(Change.delivery_id) == col(Delivery.id), *_within(span))
    return select(func.count()).select_from(Delivery).where(col(Delivery.page_id).in_(pages), changed.exists())


def _within(span: Span) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(Change.id) > span.wanted.since, col(Change.id) <= span.last
