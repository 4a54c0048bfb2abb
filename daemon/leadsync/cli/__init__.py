"""The command line: arguments in, exit codes out, no logic.

Every command imports what it needs when it is called, so that `--help` and a typo are answered at once.
"""

import typer

from leadsync.cli import doctor, inbox, look, play, sessions, setup, traces, work

app = typer.Typer(
    name="leadsync",
    help="Pull BatchData search sessions exactly once into a ledger, on a schedule, within a budget.",
    epilog="Exit codes: 0 done, 1 failed or incomplete, 2 usage, 75 busy, 78 configuration.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("run")(work.run)
app.command("once")(work.once)
app.command("resume")(work.resume)
app.command("plan")(work.plan)
app.add_typer(sessions.app, name="sessions")
app.command("check")(setup.check)
app.command("schema")(setup.schema)
app.command("events")(setup.events)
app.command("doctor")(doctor.doctor)
app.command("notify")(work.notify)
app.command("status")(look.status)
app.command("runs")(look.runs)
app.command("export")(look.export)
app.add_typer(inbox.app, name="inbox")
app.add_typer(traces.app, name="traces")
app.command("simulate")(play.simulate)
app.command("demo")(play.demo)


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Say who we are."""
    if show:
        from leadsync import __version__

        typer.echo(f"leadsync {__version__}")
        raise typer.Exit
