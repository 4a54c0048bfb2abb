"""What one looks at: `status`, `runs`, `export`. They read the store, write nothing and call no vendor."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leadsync.cli.answers import DEFAULT_CONFIG, ConfigOption, JsonOption, answering, load_settings, print_json

JobOption = Annotated[str | None, typer.Option("--job", help="Only this job.", metavar="JOB")]

OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="A file; else stdout.", metavar="FILE", readable=False)
]


class ExportFormat(StrEnum):
    """What an export looks like."""

    JSONL = "jsonl"


def status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show books, slots, budgets and last runs."""
    with answering():
        settings = load_settings(config)
        from datetime import UTC, datetime

        from leadsync.reports.status import in_words
        from leadsync.reports.status import status as report_of

        report = report_of(settings, datetime.now(UTC))
        print_json(report) if as_json else typer.echo(in_words(report))


def runs(
    job: JobOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 20,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show the history of runs."""
    with answering():
        settings = load_settings(config)
        from leadsync.reports.runs import in_words
        from leadsync.reports.runs import runs as report_of

        report = report_of(settings, job=job, limit=limit)
        print_json(report) if as_json else typer.echo(in_words(report))


def export(
    job: JobOption = None,
    since: Annotated[int, typer.Option("--since", min=0, help="Only what changed after this number.")] = 0,
    form: Annotated[ExportFormat, typer.Option("--format", help="One JSON object a line.")] = ExportFormat.JSONL,
    output: OutputOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the leads.

    One line a delivery, in the order of their change numbers. The last number goes to stderr: the next --since.
    """
    del form  # there is one so far
    with answering():
        settings = load_settings(config)
        from leadsync.reports.export import Wanted, export_jsonl, export_to_file

        wanted = Wanted(job, since)
        if output is None:
            last = export_jsonl(settings, wanted, typer.get_binary_stream("stdout"))
        else:
            last = export_to_file(settings, wanted, output)
        typer.echo(f"last change: {last}", err=True)
