"""`sessions`: who holds the team's slots, and how one is freed by hand."""

from typing import TYPE_CHECKING, Annotated

import typer

from leadsync.cli.answers import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    YesOption,
    answering,
    ask_first,
    load_settings,
    print_json,
    require_word,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

app = typer.Typer(
    help="Show the team's session slots, and free some by hand.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_sessions(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show every session, ours and foreign.

    Both totals, how long it has been idle, which job uses it, and what housekeeping does about it. The vendor's list is
    asked for, which is free; where it cannot be had within 15 s, the last one is shown.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.commands import sessions as report_of
        from leadsync.outside import Outside
        from leadsync.reports.sessions import in_words

        report = report_of(settings, Outside())
        print_json(report) if as_json else typer.echo(in_words(report))


@app.command("prune")
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
    yes: YesOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Delete now what `delete` in [housekeeping] lets go.

    It shows the sessions and asks first. Each is looked at again right before its deletion: what has moved stays. What
    was deleted can be delivered and billed again if its id is ever used again. Exit 1 where one was not deleted, or an
    account's list could not be had.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.commands import prune as prune_named
        from leadsync.commands import sessions as report_of
        from leadsync.outside import Outside
        from leadsync.reports.sessions import prune_in_words, to_prune

        if not dry_run:
            require_word(yes=yes, instead="--yes, or --dry-run to look only")
        report = report_of(settings, Outside())
        named = to_prune(report)
        typer.echo(prune_in_words(report))
        if named and not dry_run:
            count = sum(map(len, named.values()))
            ask_first(f"Delete {count} session{'s' if count > 1 else ''}?", yes=yes)
            _tell_deeds(prune_named(settings, named, Outside()))
        if any(account["unknown"] for account in report["accounts"]):
            raise typer.Exit(1)  # nothing to delete and nothing known are not the same


@app.command("delete")
def delete(
    session: Annotated[str, typer.Argument(help="The session's id.", metavar="ID")],
    account: Annotated[str | None, typer.Option("--account", help="Whose; only where several have it.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also one that an enabled job uses, or that leadsync did not make.")
    ] = False,
    yes: YesOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Delete one session, by name.

    It says what that means in properties and dollars, and asks first. A session with an open key is never deleted: its
    page may be billed. Exit 1 where it was not deleted.
    """
    with answering():
        settings = load_settings(config)
        from leadsync.commands import delete_session, look_at_session
        from leadsync.outside import Outside

        require_word(yes=yes, instead="--yes")
        found = look_at_session(settings, session, account, force=force, outside=Outside())
        typer.echo(found["message"])
        ask_first(f"Delete session {session}?", yes=yes)
        typer.echo(delete_session(settings, found, force=force, outside=Outside()))


def _tell_deeds(report: "Mapping[str, Any]") -> None:
    for deed in report["deeds"]:
        typer.echo(f"{deed['session']}: {deed['state']}: {deed['message']}")
    for account, why in report["trouble"].items():
        typer.echo(f"leadsync: {account}: {why}", err=True)
    if report["trouble"] or not all(deed["freed"] for deed in report["deeds"]):
        raise typer.Exit(1)
