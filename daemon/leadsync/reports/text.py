"""Columns and words for a person's eye, the same on a terminal and in a pipe."""

from collections.abc import Sequence

from leadsync.core.model import Reason
from leadsync.core.resume import way_out


def columns(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Align rows under their head; numbers to the right, None as a dash."""
    table = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    numbers = [all(isinstance(row[at], int | float | None) for row in rows) for at in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in table
    )


def money(dollars: float) -> str:
    """US dollars to the cent, or finer where a record costs less."""
    return f"${dollars:,.2f}" if round(dollars, 2) == dollars else f"${dollars:,.4f}"


def minute(moment: str) -> str:
    """A moment of a report, in ISO form, to the minute and in its own time zone."""
    return moment[:16].replace("T", " ")


def told(message: str, reason: Reason, job: str) -> str:
    """Put the way out behind a message, which is stored without it."""
    return f"{message}; {way_out(reason, job)}"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
