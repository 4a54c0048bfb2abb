"""`leadsync once`: run jobs now."""

from typing import Annotated

import typer

from leadsync.cli.answers import DEFAULT_CONFIG, ConfigOption, answering, load_settings


def once(
    jobs: Annotated[list[str], typer.Argument(help="The jobs to run, by the names of their files.", metavar="JOB...")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Run these jobs now, side by side, and exit: 0 if every one is complete or limited, else 1."""
    import asyncio

    with answering():
        settings = load_settings(config)
        from leadsync.app import Outside, run_once

        ends = asyncio.run(run_once(settings, jobs, Outside()))
        for job, end in ends.items():
            typer.echo(f"{job}: {end.outcome}: {end.message}")
        if not all(end.outcome.ended_well for end in ends.values()):
            raise typer.Exit(1)
