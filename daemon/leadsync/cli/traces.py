"""Owners and their contacts: `traces list`, `traces again`, `traces resume`, `traces older`."""

from typing import Annotated

import typer

from leadsync.cli.answers import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    answering,
    load_settings,
    load_to_look,
    print_json,
)

app = typer.Typer(help="See how the skip trace stands, and ask for what is missing.", no_args_is_help=True)


@app.command("list")
def listed(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show how the skip trace stands, and its batches: those that are out, those that lack answers, the newest.

    It reads the store, works beside a daemon, and names nobody.
    """
    with answering():
        settings = load_to_look(config)
        from leadsync.outside import Outside
        from leadsync.reports.traces import traces, traces_in_words

        report = traces(settings, Outside().now())
        print_json(report) if as_json else typer.echo(traces_in_words(report))


@app.command("again")
def again(
    batches: Annotated[
        list[str] | None, typer.Argument(help="Only these batches, by their names in the list.", metavar="[BATCH]...")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Ask again for the owners about whom the vendor said nothing in time.

    It may have found them, billed them, and lost the answers on the way: then they are paid for twice. An answer that
    comes late is taken all the same, so it may be worth while to wait.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.commands import trace
        from leadsync.outside import Outside

        typer.echo(trace(settings, "again", {"batches": batches or []}, Outside()))


@app.command("resume")
def resume(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let a skip trace go on that is paused or parked.

    `leadsync status` names the reason: the vendor's word, or a store that was copied or restored.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.commands import trace
        from leadsync.outside import Outside

        typer.echo(trace(settings, "resume", {}, Outside()))


@app.command("older")
def older(
    job: Annotated[str, typer.Argument(help="A job whose owners are found.", metavar="JOB")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Find the owners of what a job delivered before its skip trace was enabled, too.

    They are asked for within the budget of [skip_trace]; those whose answers are there already cost nothing.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.commands import trace
        from leadsync.outside import Outside

        typer.echo(trace(settings, "older", {"job": job}, Outside()))
