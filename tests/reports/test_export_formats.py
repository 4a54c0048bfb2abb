"""The formats of an export, given rows in memory: whatever is in them, each reads back as it was written."""

import csv
import gc
import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from leadsync.reports.export.body import json_of
from leadsync.reports.export.contacts import NAMES, Reach
from leadsync.reports.export.csv import HEADER, write_csv
from leadsync.reports.export.jsonl import write_jsonl
from leadsync.reports.export.parquet import GROUP_ROWS, SCHEMA, write_parquet
from leadsync.reports.export.rows import COLUMNS, LeadRow

INDEX = COLUMNS[9:18]
TEXT_CELLS = ("property_id", *INDEX[:-2])
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

TEXTS = st.text(max_size=12) | st.sampled_from(["", ",", '"', "a\nb", "a\r\nb", "a\0b", "=1+1", "Peña", "\u2028", " "])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 10**15).map(float)
JSONS = st.dictionaries(TEXTS, TEXTS | NUMBERS | st.none() | st.booleans(), max_size=4)
BODIES = JSONS.map(lambda value: json.dumps(value, indent=1).encode()) | st.binary(max_size=20)
REACHES = st.builds(
    Reach,
    kind=st.sampled_from(["phone", "email"]),
    value=TEXTS,
    type=st.none() | TEXTS,
    do_not_call=st.none() | st.booleans(),
    source=st.just("realestateapi"),
    seen_at=st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)).map(datetime.isoformat),  # noqa: DTZ001 - the same
)
LEADS = st.builds(
    LeadRow,
    change_id=st.integers(1, 2**62),
    delivery_id=st.integers(1, 2**62),
    delivered_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants bounds without a zone
    job=st.just("phoenix"),
    account=st.just("main"),
    session=st.just("phoenix"),
    route=st.just("session"),
    redelivered=st.booleans(),
    property_id=TEXTS,
    **dict.fromkeys(INDEX[:-2], st.none() | TEXTS),
    **dict.fromkeys(INDEX[-2:], st.none() | NUMBERS),
    body=BODIES,
    contacts=st.none() | st.lists(REACHES, max_size=4).map(tuple),
)


def lead(number: int, **fields: Any) -> LeadRow:
    """An orderly row."""
    at = datetime(2026, 11, 2, 6, tzinfo=UTC)
    head = (number, number, at, "phoenix", "main", "phoenix", "session", False, f"{number:032x}")
    return LeadRow._make((*head, *[None] * len(INDEX), b"{}", None))._replace(**fields)


def csv_of(*leads: LeadRow) -> str:
    """What is written for a chunk of these rows."""
    out = io.BytesIO()
    write_csv([list(leads)] if leads else [], out)
    return out.getvalue().decode()


def read_csv(text: str) -> list[dict[str, str]]:
    """Read it with Python's reader."""
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def lines_of(*leads: LeadRow) -> list[dict[str, Any]]:
    """The JSON lines of these rows."""
    out = io.BytesIO()
    write_jsonl([list(leads)], out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def columns_of(one: LeadRow) -> dict[str, Any]:
    """The row under the names of its columns."""
    columns = one._asdict()
    contacts = columns.pop("contacts")
    shown = contacts and [structs.asdict(reach) for reach in contacts]
    for reach in shown or ():
        reach["seen_at"] = datetime.fromisoformat(reach["seen_at"])
    contacts = None if contacts is None else list(shown)
    return columns | {"property": json_of(columns.pop("body")).decode(), "contacts": contacts}


@given(st.lists(LEADS, max_size=4))
def test_csv_has_a_line_a_lead_and_says_what_jsonl_says(leads: list[LeadRow]) -> None:
    """Whatever the vendor sent: a header, one line each, and the same values under the same names."""
    text = csv_of(*leads)
    assert text.count("\n") == len(leads) + 1
    assert "\r" not in text
    rows = read_csv(text)
    for row, line, one in zip(rows, lines_of(*leads), leads, strict=True):
        assert tuple(row) == HEADER
        assert {name: row[name] for name in COLUMNS[2:7]} == {name: line[name] for name in COLUMNS[2:7]}
        assert (int(row["change_id"]), int(row["delivery_id"])) == (line["change_id"], line["delivery_id"])
        assert row["redelivered"] == json.dumps(line["redelivered"])
        assert row["property"].encode() == json_of(one.body)
        assert (json.loads(row["contacts"]) if row["contacts"] else None) == line["contacts"]


@given(LEADS)
def test_csv_cells_hold_the_index(one: LeadRow) -> None:
    """Texts but for control characters, null as the empty cell, dollars that read back as the same number."""
    (row,) = read_csv(csv_of(one))
    for name in TEXT_CELLS:
        wanted = getattr(one, name) or ""
        assert not CONTROLS.search(row[name])
        assert row[name].replace(" ", "") == CONTROLS.sub("", wanted).replace(" ", "")
    for name in INDEX[-2:]:
        assert (float(row[name]) if row[name] else None) == getattr(one, name)
        assert re.fullmatch(r"(-?\d+(\.\d+)?)?", row[name])


@pytest.mark.parametrize(
    ("dollars", "cell"),
    [(350_000.0, "350000"), (0.0, "0"), (1_234.5, "1234.5"), (1e15, "1000000000000000"), (1e-7, "0.0000001")],
)
def test_dollars_are_written_out(dollars: float, cell: str) -> None:
    """A whole number has no point, and no number has an exponent."""
    (row,) = read_csv(csv_of(lead(1, value=dollars, equity=-dollars)))
    assert row["value"] == cell


def test_a_run_of_control_characters_is_one_space() -> None:
    """So that an address over two lines reads well on one; a text that is printable stays as it is."""
    (row,) = read_csv(csv_of(lead(1, street="12 Elm St\r\n\tUnit\0 3", owner="Peña, José \u00a0\U0001f3e0")))
    assert (row["street"], row["owner"]) == ("12 Elm St Unit  3", "Peña, José \u00a0\U0001f3e0")


def test_the_first_contacts_have_cells_of_their_own() -> None:
    """Five phones with their flags and three e-mails, in their order; what more there is stands in `contacts` alone."""
    seen = "2026-11-02T06:00:00+00:00"
    flags = (False, False, None, True, True, True)
    phones = [Reach("phone", f"+1602555010{at}", "mobile", flag, "x", seen) for at, flag in enumerate(flags)]
    emails = [Reach("email", f"{at}@example.com", None, None, "x", seen) for at in range(2)]
    (row,) = read_csv(csv_of(lead(1, contacts=(*phones, *emails))))
    cells = [row[name] for name in NAMES]
    told = ["false", "false", "", "true", "true"]
    assert cells[:10] == [cell for at in range(5) for cell in (f"+1602555010{at}", told[at])]
    assert cells[10:] == ["0@example.com", "1@example.com", ""]
    assert len(json.loads(row["contacts"])) == 8
    (nobody,) = read_csv(csv_of(lead(1, contacts=())))
    assert (nobody["contacts"], nobody["phone_1"], nobody["email_3"]) == ("[]", "", "")


def test_an_empty_csv_has_its_header() -> None:
    """A program that reads it finds its columns."""
    assert csv_of() == ",".join(HEADER) + "\n"


@given(st.lists(LEADS, max_size=4))
def test_parquet_reads_back_as_it_was(leads: list[LeadRow]) -> None:
    """Every column with its type, every text byte for byte, null as null."""
    out = io.BytesIO()
    write_parquet([leads] if leads else [], out)
    table = pq.read_table(io.BytesIO(out.getvalue()))
    assert table.schema.equals(SCHEMA)
    assert tuple(table.schema.names) == COLUMNS
    assert table.to_pylist() == [columns_of(one) for one in leads]


def test_parquet_has_some_thousand_leads_a_group() -> None:
    """However the rows come, groups are even, so that memory is."""
    out = io.BytesIO()
    write_parquet(([lead(number)] for number in range(GROUP_ROWS + 1)), out)
    found = pq.ParquetFile(io.BytesIO(out.getvalue())).metadata
    assert [found.row_group(group).num_rows for group in range(found.num_row_groups)] == [GROUP_ROWS, 1]


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError, ValueError])
def test_half_a_parquet_file_is_none(end: type[BaseException]) -> None:
    """Where the rows break off, no reader may take what there is for the whole, not even when pyarrow is torn down."""

    def breaking_off() -> Iterator[list[LeadRow]]:
        yield [lead(number) for number in range(GROUP_ROWS)]
        raise end

    out = io.BytesIO()
    with suppress(end):
        write_parquet(breaking_off(), out)
    gc.collect()
    assert out.getvalue().startswith(b"PAR1")
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(io.BytesIO(out.getvalue()))
