"""What one needs to set leadsync up: `check`, `schema`, `events`."""

from enum import StrEnum
from typing import Annotated

import typer

from leadsync.cli.answers import DEFAULT_CONFIG, ConfigOption, JsonOption, answering, load_settings, print_json


class SchemaOf(StrEnum):
    """The two kinds of files."""

    CONFIG = "config"
    JOB = "job"


def check(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Validate the configuration; touch nothing.

    Every problem of every file at once, as file:line: key: what is wrong; exit 78 where there is one. Warnings are what
    can be run and is perhaps not meant, and the secrets that cannot be read here and now.
    """
    import os

    from leadsync.config import load, missing_secrets
    from leadsync.errors import ConfigInvalid
    from leadsync.reports.check import failure, success

    with answering():
        if not as_json:
            settings = load_settings(config)
            for problem in (*settings.warnings, *missing_secrets(settings, os.environ)):
                typer.echo(f"warning: {problem}", err=True)
            typer.echo(f"{config}: good: {len(settings.accounts)} account(s), {len(settings.jobs)} job(s)")
            return
        try:
            settings = load(config, os.environ)
        except ConfigInvalid as error:
            print_json(failure(error.problems))
            raise typer.Exit(error.exit_code) from None
        print_json(success(settings, missing_secrets(settings, os.environ)))


def schema(which: Annotated[SchemaOf, typer.Argument(help="config.toml, or a job file.")] = SchemaOf.CONFIG) -> None:
    """Print a JSON Schema, for an editor."""
    from leadsync.config import json_schema

    with answering():
        print_json(json_schema(which.value))


def events(name: Annotated[str | None, typer.Argument(help="One event, such as page.stored.")] = None) -> None:
    """Explain the log's events.

    What each means, its fields, and what to do about it.
    """
    from leadsync.events import catalogue_text

    with answering():
        typer.echo(catalogue_text(name))
