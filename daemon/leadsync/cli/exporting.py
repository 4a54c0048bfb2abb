"""What `export` does for a person at a terminal: a bar while it lasts, and no bytes that would garble the screen."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

import typer

from leadsync.errors import CannotWrite, UsageMistake
from leadsync.reports.export import ExportFormat


def refuse_bytes_on_terminal(form: ExportFormat, output: Path | None) -> None:
    """Raise UsageMistake where parquet would be shown to a person."""
    if form is ExportFormat.PARQUET and output is None and _is_terminal(sys.stdout):
        raise UsageMistake("parquet is not for a terminal; name a file with -o FILE")


@contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Give stdout, for bytes."""
    try:
        yield typer.get_binary_stream("stdout")
    except CannotWrite:
        # What did not fit is still in its buffer: Python would complain once more when it flushes at the end.
        sys.stdout = None
        raise


@contextmanager
def showing_progress(output: Path | None) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on stderr and give what moves it: leads written, leads in all. It is gone at the end.

    None where nobody looks, where the leads themselves go to the terminal, and where it cannot erase a line.
    """
    among_leads = output is None and _is_terminal(sys.stdout)
    if among_leads or not _is_terminal(sys.stderr) or os.environ.get("TERM") in {"dumb", "unknown"}:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("leads"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Rich would stand in front of stdout and stderr; the leads go past it.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as progress:
        bar = progress.add_task("leads", total=None)
        yield lambda written, total: progress.update(bar, completed=written, total=total)


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks; None is a stream that was closed before we were started."""
    return stream is not None and stream.isatty()
