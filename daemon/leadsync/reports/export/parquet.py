"""Parquet: typed columns under the names of `COLUMNS`, for pandas, DuckDB and warehouses. Needs pyarrow.

A row group has some thousand leads, so memory stays the same however many follow. `property` is JSON text: the vendor's
keys come and go, a schema of them would not hold for a week. `contacts` is a list of structs, null where nothing is
known.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Any, BinaryIO, Final

from msgspec import structs

from leadsync.errors import UsageMistake
from leadsync.reports.export.body import json_of
from leadsync.reports.export.contacts import Reach
from leadsync.reports.export.rows import Chunks, LeadRow

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise UsageMistake("parquet needs pyarrow; install it with `pip install 'leadsync[parquet]'`") from error

GROUP_ROWS: Final = 5_000

CONTACT: Final = pa.struct(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("type", pa.string()),
        pa.field("do_not_call", pa.bool_()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("seen_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)

SCHEMA: Final = pa.schema(
    [
        pa.field("change_id", pa.int64(), nullable=False),
        pa.field("delivery_id", pa.int64(), nullable=False),
        pa.field("delivered_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("job", pa.string(), nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("session", pa.string()),
        pa.field("route", pa.string(), nullable=False),
        pa.field("redelivered", pa.bool_(), nullable=False),
        pa.field("property_id", pa.string(), nullable=False),
        pa.field("street", pa.string()),
        pa.field("city", pa.string()),
        pa.field("state", pa.string()),
        pa.field("zip", pa.string()),
        pa.field("county", pa.string()),
        pa.field("owner", pa.string()),
        pa.field("mailing_address", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("equity", pa.float64()),
        pa.field("property", pa.string(), nullable=False),
        pa.field("contacts", pa.list_(CONTACT)),
    ]
)

REPEATING: Final = ["job", "account", "session", "route", "city", "state", "zip", "county"]
"""Columns whose values come again and again, so that a dictionary of them pays."""


class _Gate:
    """What pyarrow writes into. It writes a footer even when it is torn down: half an export would look whole."""

    closed = False

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._shut = False

    def write(self, some: bytes) -> int:
        """Let the bytes through, unless the gate is shut."""
        return len(some) if self._shut else self._out.write(some)

    def flush(self) -> None:
        """Leave it to the owner of the stream."""

    def shut(self) -> None:
        """Drop whatever still comes."""
        self._shut = True


def write_parquet(chunks: Chunks, out: BinaryIO) -> None:
    """Write a whole file; an empty export has the schema and no rows. An error leaves a file that no reader takes."""
    gate = _Gate(out)
    try:
        writer = pq.ParquetWriter(gate, SCHEMA, compression="zstd", use_dictionary=REPEATING)
        for rows in _groups(chunks):
            writer.write_batch(_batch(rows))
        writer.close()
    except BaseException:
        gate.shut()
        raise


def _groups(chunks: Chunks) -> Iterator[list[LeadRow]]:
    rows = chain.from_iterable(chunks)
    while group := list(islice(rows, GROUP_ROWS)):
        yield group


def _batch(rows: list[LeadRow]) -> pa.RecordBatch:
    *plain, bodies, contacts = zip(*rows, strict=True)
    columns: list[Any] = [*plain, [json_of(body) for body in bodies], [_contacts(some) for some in contacts]]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.record_batch(arrays, schema=SCHEMA)


def _contacts(some: tuple[Reach, ...] | None) -> list[dict[str, Any]] | None:
    if some is None:
        return None
    return [structs.asdict(one) | {"seen_at": datetime.fromisoformat(one.seen_at)} for one in some]
