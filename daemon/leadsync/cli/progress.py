"""How far runs are, for a person at a terminal; in a pipe there is the log alone."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leadsync import events

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from leadsync.logs import Listener


@contextmanager
def progress_of_runs() -> "Iterator[Listener | None]":
    """Show a line a running job below the log; give who is to be told the log's lines, None where nobody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[pages]} pages, {task.completed:,} leads"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[waits]}"),
    )
    # What is logged meanwhile goes to sys.stderr, which rich then puts above the moving lines.
    with Progress(*columns, console=Console(stderr=True, soft_wrap=True), transient=True) as shown:
        yield _Runs(shown).hear


class _Runs:
    """The running jobs, as the log tells of them."""

    def __init__(self, shown: "Progress") -> None:
        self._shown = shown
        self._rows: dict[str, TaskID] = {}
        self._pages: dict[str, int] = {}

    def hear(self, line: Mapping[str, Any]) -> None:
        """Take one line of the log; those that speak of no running job say nothing here."""
        job = str(line.get("job"))
        if line["event"] == events.RUN_STARTED:
            self._pages[job] = 0
            self._rows[job] = self._shown.add_task(job, total=None, pages=0, waits="")
        elif job in self._rows:
            self._follow(job, line)

    def _follow(self, job: str, line: Mapping[str, Any]) -> None:
        if line["event"] == events.RUN_ENDED:
            self._shown.remove_task(self._rows.pop(job))
        elif line["event"] == events.PAGE_STORED:
            self._pages[job] += 1
            self._shown.update(self._rows[job], advance=line["records"], pages=self._pages[job], waits="")
        elif "wait_s" in line:
            self._shown.update(self._rows[job], waits=f"waits {line['wait_s']} s")
