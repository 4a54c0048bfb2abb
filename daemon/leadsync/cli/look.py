"""What one looks at: `status`, `runs`, `export`. They read the store, write nothing and call no vendor."""

from pathlib import Path
from typing import Annotated

import typer

from leadsync.cli.answers import (
    DEFAULT_CONFIG,
    NUMBER_MAX,
    ConfigOption,
    JsonOption,
    answering,
    load_to_look,
    print_json,
)
from leadsync.reports.export import ExportFormat

JobOption = Annotated[str | None, typer.Option("--job", help="Only this job.", metavar="JOB")]

OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="A file; else stdout.", metavar="FILE", readable=False)
]


def status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show books, slots, budgets and last runs.

    Where a job's file is not as it should be, the other jobs are shown, then what is wrong with it; exit 78.
    """
    with answering():
        from leadsync.config import load_whole_files
        from leadsync.errors import ConfigInvalid
        from leadsync.outside import Outside
        from leadsync.reports.status import in_words
        from leadsync.reports.status import status as report_of

        outside = Outside()
        settings, problems = load_whole_files(config, outside.environ)
        report = report_of(settings, outside.now(), problems)
        print_json(report) if as_json else typer.echo(in_words(report))
        if problems:
            raise ConfigInvalid(problems)


def runs(
    job: JobOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=NUMBER_MAX, help="How many, newest first.")] = 20,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show the history of runs."""
    with answering():
        settings = load_to_look(config)
        from leadsync.reports.runs import in_words
        from leadsync.reports.runs import runs as report_of

        report = report_of(settings, job=job, limit=limit)
        print_json(report) if as_json else typer.echo(in_words(report))


def export(
    job: JobOption = None,
    since: Annotated[
        int, typer.Option("--since", min=0, max=NUMBER_MAX, help="Only what changed after this number.")
    ] = 0,
    form: Annotated[
        ExportFormat, typer.Option("--format", help="One JSON object a line; a table; typed columns.")
    ] = ExportFormat.JSONL,
    output: OutputOption = None,
    callable_only: Annotated[
        bool, typer.Option("--callable-only", help="Leave out contacts that must not be called.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the leads.

    One row a delivery, in the order of their change numbers. The last number goes to stderr: the next --since. With
    --callable-only every lead is there, but of its contacts neither do-not-call phones, nor phones of which nobody says
    that they may be called, nor anything on the suppression list.
    """
    with answering():
        from leadsync.cli.exporting import refuse_bytes_on_terminal, showing_progress, standard_output

        refuse_bytes_on_terminal(form, output)
        settings = load_to_look(config)
        from leadsync.reports.export.files import export_to_file, export_to_stream
        from leadsync.reports.export.rows import Wanted

        wanted = Wanted(job, since, callable_only)
        with showing_progress(output) as watch:
            if output is None:
                with standard_output() as out:
                    last = export_to_stream(settings, wanted, form, out, watch)
            else:
                last = export_to_file(settings, wanted, form, output, watch)
        typer.echo(f"last change: {last}", err=True)
