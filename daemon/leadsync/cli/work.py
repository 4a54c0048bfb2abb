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


def resume(
    job: Annotated[str, typer.Argument(help="The job that is parked.")],
    accept: Annotated[bool, typer.Option("--accept", help="Go on with what is; good for the next run.")] = False,
    new_epoch: Annotated[bool, typer.Option("--new-epoch", help="Begin a session that is gone anew.")] = False,
    void_key: Annotated[bool, typer.Option("--void-key", help="Close a key that is never answered.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let a parked job go on.

    Its reason says which answer it needs (`leadsync status`), and this says what that may cost. A key is only closed
    while the vendor's total says that its page was not billed.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.app import resume as answer
        from leadsync.core.resume import Choice
        from leadsync.errors import UsageMistake
        from leadsync.outside import Outside

        given = {Choice.ACCEPT: accept, Choice.NEW_EPOCH: new_epoch, Choice.VOID_KEY: void_key}
        chosen = [choice for choice, wanted in given.items() if wanted]
        if len(chosen) > 1:
            raise UsageMistake(f"{' and '.join(chosen)} are two answers; give one")
        typer.echo(answer(settings, job, chosen[0] if chosen else None, Outside()))
