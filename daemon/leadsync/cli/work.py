"""What the daemon does, or this process where there is none: `run`, `once`, `resume`, `plan`; and `notify`."""

from enum import StrEnum
from typing import Annotated

import typer

from leadsync.cli.answers import DEFAULT_CONFIG, ConfigOption, JsonOption, answering, load_settings, print_json


class StoreChange(StrEnum):
    """What can happen to a store."""

    MOVED = "moved"
    COPIED = "copied"
    RESTORED = "restored"


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the daemon, in the foreground.

    It runs each job at its times and carries out the commands that come beside it. SIGTERM or Ctrl-C finishes the pages
    under way and ends it within 30 s, exit 0; a second one ends it at once, and loses nothing. Exit 75 where another
    leadsync holds the store.
    """
    import asyncio

    with answering():
        settings = load_settings(config)
        from leadsync.daemon import run_daemon
        from leadsync.outside import Outside

        asyncio.run(run_daemon(settings, Outside()))


def once(
    jobs: Annotated[list[str], typer.Argument(help="The jobs to run, by the names of their files.", metavar="JOB...")],
    again: Annotated[bool, typer.Option("--again", help="Begin one-shots anew, also those that are done.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Run jobs now, and exit.

    They run side by side, each after what an earlier run left open. A one-shot that is done asks nothing, unless
    --again begins it anew: then its list is bought once more. Where results come by webhook, it opens the door for
    them and waits. Where the daemon has the store, it runs them, and this shows what it does. Exit 0 if every one is
    complete or limited, else 1; 75 where another `once` holds the store. Ctrl-C ends at the next page boundary; beside
    a daemon it only ends the watching.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.cli.progress import progress_of_runs
        from leadsync.commands import once as run_jobs
        from leadsync.outside import Outside

        with progress_of_runs() as listener:
            ends = run_jobs(settings, jobs, Outside(), listener, again=again)
        for job, end in ends.items():
            typer.echo(f"{job}: {end.outcome}: {end.message}")
        if not all(end.outcome.ended_well for end in ends.values()):
            raise typer.Exit(1)


def resume(
    job: Annotated[str | None, typer.Argument(help="The job that is parked.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Go on with what is; good for the next run.")] = False,
    new_epoch: Annotated[bool, typer.Option("--new-epoch", help="Begin a session that is gone anew.")] = False,
    void_key: Annotated[bool, typer.Option("--void-key", help="Close a key that is never answered.")] = False,
    ask_again: Annotated[
        bool, typer.Option("--ask-again", help="Ask again for the windows of a one-shot that never came.")
    ] = False,
    store: Annotated[StoreChange | None, typer.Option("--store", help="Say what has happened to the store.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let a parked job go on, or a one-shot whose windows never came, or a store that was moved, copied or restored.

    A job's reason says which answer it needs (`leadsync status`), and this says what that may cost. A key is only
    closed while the vendor's total says that its page was not billed. What is asked for again may be billed again.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.commands import answer_store
        from leadsync.commands import resume as answer_job
        from leadsync.core.resume import Choice
        from leadsync.core.witness import StoreAnswer
        from leadsync.errors import UsageMistake
        from leadsync.outside import Outside

        flags = {
            Choice.ACCEPT: accept,
            Choice.NEW_EPOCH: new_epoch,
            Choice.VOID_KEY: void_key,
            Choice.ASK_AGAIN: ask_again,
        }
        chosen = [choice for choice, wanted in flags.items() if wanted]
        if store is not None and (job is not None or chosen):
            beside = job or chosen[0]
            raise UsageMistake(f"--store {store.value} speaks of the whole store: {beside} does not go with it")
        if len(chosen) > 1:
            raise UsageMistake(f"{' and '.join(chosen)} are {len(chosen)} answers; give one")
        if store is not None:
            typer.echo(answer_store(settings, StoreAnswer(store.value), Outside()))
        elif job is not None:
            typer.echo(answer_job(settings, job, chosen[0] if chosen else None, Outside()))
        else:
            raise UsageMistake("name a job, or say what has happened to the store: --store moved, copied or restored")


def plan(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say what the next runs would do, and what they may cost at most.

    For each job: its next times, what the audit would say, pages and cost at most, whether it needs a new slot, and who
    asks for the same list. Nothing is billed and nothing is run. Where the daemon has the store, it answers. What the
    vendor does not say within 15 s is said to be unknown.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.commands import plan as report_of
        from leadsync.outside import Outside
        from leadsync.reports.plan import in_words

        report = report_of(settings, Outside())
        print_json(report) if as_json else typer.echo(in_words(report))


def notify(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Only these notifiers, by the names of their tables.", metavar="[NAME...]"),
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Send a test message.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Try the notifiers: send a test message to all, or to those named.

    Exit 1 where one of them does not take it, with what it said. It works beside a daemon, and touches no store.
    """
    import asyncio

    with answering():
        from leadsync.errors import UsageMistake

        if not test:
            raise UsageMistake("say `leadsync notify --test`: notices of conditions are sent by the daemon alone")
        settings = load_settings(config)
        from leadsync.commands import try_notifiers
        from leadsync.outside import Outside

        whys = asyncio.run(try_notifiers(settings, names or [], Outside()))
        for name, why in whys.items():
            typer.echo(f"{name}: {f'failed: {why}' if why else 'taken'}")
        if any(whys.values()):
            raise typer.Exit(1)
