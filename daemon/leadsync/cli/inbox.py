"""What came by webhook and could not be read: `inbox list`, `inbox show`, `inbox release`, `inbox discard`."""

import sys
from typing import Annotated

import typer

from leadsync.cli.answers import (
    DEFAULT_CONFIG,
    NUMBER_MAX,
    ConfigOption,
    JsonOption,
    YesOption,
    answering,
    ask_first,
    load_settings,
    load_to_look,
    print_json,
    require_word,
)

app = typer.Typer(help="Look at webhooks that wait; let them out of quarantine, or discard them.", no_args_is_help=True)

MessageId = Annotated[int, typer.Argument(help="Its number in `inbox list`.", metavar="ID", min=1, max=NUMBER_MAX)]

MessageIds = Annotated[
    list[int], typer.Argument(help="Their numbers in `inbox list`.", metavar="ID...", min=1, max=NUMBER_MAX)
]


@app.command("list")
def listed(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the webhooks that wait to be read, and those in quarantine, with the reason.

    It reads the store, and works beside a daemon.
    """
    with answering():
        settings = load_to_look(config)
        from leadsync.reports.inbox import in_words, inbox

        report = inbox(settings)
        print_json(report) if as_json else typer.echo(in_words(report))


@app.command("show")
def show(
    message_id: MessageId,
    body: Annotated[bool, typer.Option("--body", help="Write the body as it came, to a file or a pipe.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show one webhook: its facts, and the outline of its body.

    The outline has the names of members and the kinds of their values, and nobody's data. --body writes everything, and
    never to a terminal.
    """
    with answering():
        settings = load_to_look(config)
        from leadsync.errors import UsageMistake
        from leadsync.reports.inbox import message, message_in_words, write_body

        if not body:
            report = message(settings, message_id)
            print_json(report) if as_json else typer.echo(message_in_words(report))
            return
        if sys.stdout is not None and sys.stdout.isatty():
            raise UsageMistake("the body is full of people and not for a terminal; send it to a file: … --body > FILE")
        write_body(settings, message_id, typer.get_binary_stream("stdout"))


@app.command("release")
def release(message_ids: MessageIds, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let webhooks out of quarantine, to be read again.

    Do so once what kept them there is mended, as by an upgrade. Where the daemon has the store, it reads them at once.
    What was discarded in the last days comes back, too.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.commands import release as let_out
        from leadsync.outside import Outside

        typer.echo(let_out(settings, message_ids, Outside()))


@app.command("discard")
def discard(message_ids: MessageIds, yes: YesOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Give webhooks up that wait in quarantine and will never be of use.

    It shows them, says what that means for the money, and asks first. For some days `inbox release` takes them back;
    then their bodies are dropped.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.commands import discard as give_up
        from leadsync.outside import Outside
        from leadsync.reports.inbox import discard_in_words, to_discard

        require_word(yes=yes, instead="--yes")
        report = to_discard(settings, message_ids)
        typer.echo(discard_in_words(report))
        count = len(report["messages"])
        ask_first(f"Discard {count} webhook{'s' if count > 1 else ''}?", yes=yes)
        typer.echo(give_up(settings, [one["id"] for one in report["messages"]], Outside()))
