"""`leadsync export`: one row a delivery, streamed, in the order of the change numbers.

`rows` reads the store, `jsonl`, `csv` and `parquet` say what a row looks like, `files` puts them where they belong.
This file stays light: the command line reads it before it knows what is wanted.
"""

from enum import StrEnum


class ExportFormat(StrEnum):
    """What an export looks like."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
