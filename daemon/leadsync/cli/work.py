"""What works: `run`, `once`."""

from typing import Annotated

import typer

from leadsync.cli.answers import DEFAULT_CONFIG, ConfigOption, answering, load_settings


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the daemon, in the foreground.

    It runs each job at its times and carries out the commands that come beside it. SIGTERM or Ctrl-C finishes the pages
    under way and ends it within 30 s, exit 0; a second one ends it at once, and loses nothing. Exit 75 where another
    leadsync holds the store.
    """
    import asyncio

    with answering():
        settings = load_settings(config)
        from leadsync.app import run_daemon
        from leadsync.outside import Outside

        asyncio.run(run_daemon(settings, Outside()))


def once(
    jobs: Annotated[list[str], typer.Argument(help="The jobs to run, by the names of their files.", metavar="JOB...")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Run jobs now, and exit.

    They run side by side, each after what an earlier run left open. Where the daemon has the store, it runs them, and
    this shows what it does. Exit 0 if every one is complete or limited, else 1; 75 where another `once` holds the
    store. Ctrl-C ends at the next page boundary; beside a daemon it only ends the watching.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.app import once as run_jobs
        from leadsync.cli.progress import progress_of_runs
        from leadsync.outside import Outside

        with progress_of_runs() as listener:
            ends = run_jobs(settings, jobs, Outside(), listener)
        for job, end in ends.items():
            typer.echo(f"{job}: {end.outcome}: {end.message}")
        if not all(end.outcome.ended_well for end in ends.values()):
            raise typer.Exit(1)
