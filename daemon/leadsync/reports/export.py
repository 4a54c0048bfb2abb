"""`leadsync export`: one line a delivery, streamed, in the order of the change numbers.

The store is read a thousand lines at a time, each in a short transaction, so that a slow reader never holds the
write-ahead log. The last change number is fixed at the start: what arrives meanwhile is the next export's.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from leadsync.config import Settings
from leadsync.core.scan import NotJson, one_line
from leadsync.errors import CannotWrite
from leadsync.reports.known import refuse_unknown_job
from leadsync.store.engine import sqlite_file
from leadsync.store.reading import reading
from leadsync.store.tables import Change, Delivery, Page, Property, Run, SearchSession

CHUNK_ROWS: Final = 1_000

_any_json: Final = msgspec.json.Decoder(msgspec.Raw)
_encoder: Final = msgspec.json.Encoder()

# The fast decoder skips strings unread: a lone surrogate or a bare control character may hide there, and a line break
# is also what makes one line two.
_doubtful: Final = re.compile(rb"[\x00-\x1f]|\\u[dD][89a-fA-F]")


_COLUMNS: Final[tuple[ColumnElement[Any], ...]] = (
    col(Change.id).label("change_id"),
    col(Delivery.id).label("delivery_id"),
    col(Page.settled_at).label("delivered_at"),
    col(Run.job).label("job"),
    col(Page.account).label("account"),
    col(SearchSession.name).label("session"),
    col(Run.route).label("route"),
    col(Delivery.redelivered).label("redelivered"),
    col(Property.vendor_id).label("property_id"),
    col(Delivery.body).label("body"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export: changes after number `since`, of one job or of all."""

    job: str | None = None
    since: int = 0


def export_jsonl(settings: Settings, wanted: Wanted, out: BinaryIO) -> int:
    """Write the lines and return the last change number, which `--since` takes next time. Raises CannotWrite."""
    with _writing("the export cannot be written", "what came of it so far is not whole"):
        return _stream(settings, wanted, out)


def export_to_file(settings: Settings, wanted: Wanted, target: Path) -> int:
    """Write beside the target and rename, so that nobody ever reads half an export; the file is its owner's alone."""
    part = target.with_name(f"{target.name}.part")
    try:
        with (
            _writing(f"{target} cannot be written", "what was there before is untouched"),
            os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as out,
        ):
            last = _stream(settings, wanted, out)
            os.fsync(out.fileno())
            part.replace(target)
    except CannotWrite:
        with suppress(OSError):
            part.unlink()
        raise
    return last


def _stream(settings: Settings, wanted: Wanted, out: BinaryIO) -> int:
    file = sqlite_file(settings.store.url)
    with reading(file) as connection:
        refuse_unknown_job(settings, connection, wanted.job)
        last = connection.execute(select(func.max(col(Change.id)))).scalar_one() if connection else None
    out.writelines(b"".join(map(_line, rows)) for rows in _chunks(file, wanted, last or 0))
    out.flush()
    return max(last or 0, wanted.since)


@contextmanager
def _writing(what: str, state: str) -> Iterator[None]:
    """Tell a full disk or a wrong folder from a bug; a closed pipe is neither."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CannotWrite(f"{what} ({error.strerror}); {state}") from error


def json_of(body: bytes) -> bytes:
    """Return the vendor's bytes as valid JSON and UTF-8 on one line, whatever the vendor sent.

    What is no JSON even with patience becomes a JSON string of its text: it was paid for, so it is shown.
    """
    try:
        _any_json.decode(body)
        body.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _patiently(body)
    return _patiently(body) if _doubtful.search(body) else body


def _patiently(body: bytes) -> bytes:
    try:
        return one_line(body)
    except NotJson:
        return _encoder.encode(body.decode("utf-8", "replace"))


def _chunks(file: Path, wanted: Wanted, last: int) -> Iterator[list[RowMapping]]:
    after = wanted.since
    while after < last:
        with reading(file) as connection:
            rows = _rows(connection, wanted.job, after, last) if connection else []
        if not rows:
            return
        yield rows
        after = rows[-1]["change_id"]


def _rows(connection: Connection, job: str | None, after: int, last: int) -> list[RowMapping]:
    newer = aliased(Change)
    superseded = select(col(newer.id)).where(
        col(newer.delivery_id) == col(Change.delivery_id), col(newer.id) > col(Change.id), col(newer.id) <= last
    )
    query = (
        select(*_COLUMNS)
        .join(Delivery, col(Delivery.id) == col(Change.delivery_id))
        .join(Page, col(Page.id) == col(Delivery.page_id))
        .join(Run, col(Run.id) == col(Page.run_id))
        .join(SearchSession, col(SearchSession.id) == col(Page.session_id))
        .join(Property, col(Property.id) == col(Delivery.property_id))
        .where(col(Change.id) > after, col(Change.id) <= last, ~superseded.exists())
        .order_by(col(Change.id))
        .limit(CHUNK_ROWS)
    )
    if job is not None:
        query = query.where(col(Run.job) == job)
    return list(connection.execute(query).mappings())


def _line(row: RowMapping) -> bytes:
    line: dict[str, Any] = dict(row)
    line["delivered_at"] = row["delivered_at"].isoformat()
    line["property"] = msgspec.Raw(json_of(line.pop("body")))
    line["contacts"] = None
    return _encoder.encode(line) + b"\n"
