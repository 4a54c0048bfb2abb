"""JSON lines: one object a row, under the names that others read."""

from typing import BinaryIO, Final

import msgspec

from leadsync.reports.export.body import json_of
from leadsync.reports.export.contacts import Reach
from leadsync.reports.export.rows import Chunks, LeadRow

_encoder: Final = msgspec.json.Encoder()


class _Line(msgspec.Struct, gc=False):
    change_id: int
    delivery_id: int
    delivered_at: str
    job: str
    account: str
    session: str | None
    route: str
    redelivered: bool
    property_id: str
    property: msgspec.Raw
    contacts: tuple[Reach, ...] | None = None


def write_jsonl(chunks: Chunks, out: BinaryIO) -> None:
    """Write a line a row; an empty export has none."""
    out.writelines(_encoder.encode_lines(map(_line, chunk)) for chunk in chunks)


def _line(row: LeadRow) -> _Line:
    return _Line(
        row.change_id,
        row.delivery_id,
        row.delivered_at.isoformat(),
        row.job,
        row.account,
        row.session,
        row.route,
        row.redelivered,
        row.property_id,
        msgspec.Raw(json_of(row.body)),
        row.contacts,
    )
