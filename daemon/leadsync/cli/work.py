"""`leadsync once`: run jobs now."""

from typing import Annotated

import typer

from leadsync.cli.answers import DEFAULT_CONFIG, ConfigOption, answering, load_settings


def once(
    jobs: Annotated[list[str], typer.Argument(help="The jobs to run, by the names of their files.", metavar="JOB...")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Run jobs now, and exit.

    They run side by side, after what earlier runs left open was settled. Exit 0 if every one is complete or limited,
    else 1; 75 where another leadsync holds the store. Ctrl-C ends at the next page boundary.
    """
    import asyncio

    with answering():
        settings = load_settings(config)
        from leadsync.app import Outside, run_once

        ends = asyncio.run(run_once(settings, jobs, Outside()))
        for job, end in ends.items():
            typer.echo(f"{job}: {end.outcome}: {end.message}")
        if not all(end.outcome.ended_well for end in ends.values()):
            raise typer.Exit(1)
