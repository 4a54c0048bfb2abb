"""CSV as RFC 4180 has it: commas, quotes doubled, UTF-8 without a mark, a header line always; lines end in LF alone.

One record is one line, so that `wc`, `cut` and every reader count as many as there are leads.
"""

import csv
import re
from decimal import Decimal
from typing import Any, BinaryIO, Final, TypeAlias

import msgspec

from leadsync.reports.export.body import json_of
from leadsync.reports.export.contacts import NAMES, cells_of
from leadsync.reports.export.rows import COLUMNS, Chunks, LeadRow

HEADER: Final = (*COLUMNS, *NAMES)
"""The columns of a table."""

Writer: TypeAlias = Any
"""What `csv.writer` returns has no name of its own."""

_encoder: Final = msgspec.json.Encoder()
_unprintable: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def write_csv(chunks: Chunks, out: BinaryIO) -> None:
    """Write the header and a line a row.

    Null is the empty cell, a boolean is true or false, a time is ISO 8601 with its offset. Dollars are written out as
    a spreadsheet's cell shows them: 350000 rather than 350000.0, never 1e+06, no separators, a point before the cents.
    `phone_1` to `phone_5`, each with its `_dnc`, and `email_1` to `email_3` are the first of `contacts`, callable ones
    first; the columns are there whatever the leads have. Control characters in the vendor's strings (line breaks, NUL)
    become one space; `property` has them escaped.

    Excel guesses when it opens a file by a double click: it drops a zip code's leading zero and takes UTF-8 for another
    code page. Data > From Text/CSV asks. A cell of Excel holds 32,767 characters; Python's reader needs
    `csv.field_size_limit` for a record of more than 131,072. Cells are data, never escaped against formulas.
    """
    writer = csv.writer(_Echo(), lineterminator="")
    out.write(f"{writer.writerow(HEADER)}\n".encode())
    for chunk in chunks:
        out.writelines(
            f"{writer.writerow(_cells(row))},{_json_cell(row.body)},{_contacts(writer, row)}\n".encode()
            for row in chunk
        )


class _Echo:
    """A file that hands back what is written to it: `writerow` returns the line."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def _json_cell(body: bytes) -> str:
    """Quote a large cell by hand: the csv module looks at each character twice, and took four fifths of the time."""
    doubled = json_of(body).decode().replace('"', '""')
    return f'"{doubled}"'


def _contacts(writer: Writer, row: LeadRow) -> str:
    """All contacts as JSON text, then the first of each kind in cells of their own."""
    if not row.contacts:
        return "," * len(NAMES) if row.contacts is None else "[]" + "," * len(NAMES)
    cells = map(_on_one_line, cells_of(row.contacts))
    line: str = writer.writerow((_encoder.encode(row.contacts).decode(), *cells))
    return line


def _cells(row: LeadRow) -> tuple[int | str | None, ...]:
    """All but `property` and the contacts."""
    return (
        row.change_id,
        row.delivery_id,
        row.delivered_at.isoformat(),
        row.job,
        row.account,
        row.session,
        row.route,
        "true" if row.redelivered else "false",
        _on_one_line(row.property_id),
        _on_one_line(row.street),
        _on_one_line(row.city),
        _on_one_line(row.state),
        _on_one_line(row.zip),
        _on_one_line(row.county),
        _on_one_line(row.owner),
        _on_one_line(row.mailing_address),
        _written_out(row.value),
        _written_out(row.equity),
    )


def _on_one_line(text: str | None) -> str | None:
    return text if text is None or text.isprintable() else _unprintable.sub(" ", text)


def _written_out(dollars: float | None) -> str | None:
    return None if dollars is None else format(Decimal(repr(dollars)), "f").removesuffix(".0")
