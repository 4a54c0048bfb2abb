"""How the command line answers: one place that turns an error into a sentence and an exit code."""

import errno
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadsync.errors import Bug, ConfigInvalid, LeadsyncError, UsageMistake

if TYPE_CHECKING:
    from leadsync.config import Settings

INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C ended: 128 and the number of the signal."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a full disk says, or a failing one, to who writes to it."""

NUMBER_MAX = 2**63 - 1
"""The largest number that a row of the store can have."""

DEFAULT_CONFIG = Path("/etc/leadsync/config.toml")

ConfigOption = Annotated[
    Path,
    # `load` says better than typer what is wrong with a file that may not be read.
    typer.Option("--config", envvar="LEADSYNC_CONFIG", help="The configuration file.", metavar="FILE", readable=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, with its schema_version.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@contextmanager
def answering() -> Iterator[None]:
    """Answer what the command raises: sentences on stderr, and the exit code of the error's kind."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read us has had enough. Python would complain once more when it flushes at the end.
        sys.stdout = None
        raise typer.Exit(1) from None
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except LeadsyncError as error:
        raise typer.Exit(_answer(error)) from None
    except BaseExceptionGroup as group:
        raise typer.Exit(max(map(_answer, _leaves(group)))) from None
    except Exception as error:  # noqa: BLE001 - the last place that can turn a bug into a log line without secrets
        if isinstance(error, OSError) and error.errno in NO_ROOM and error.filename is None:
            raise _not_said(error) from None
        raise typer.Exit(_answer(error)) from None


def load_settings(config: Path) -> "Settings":
    """Read the configuration."""
    import os

    from leadsync.config import load

    return load(config, os.environ)


def load_to_look(config: Path) -> "Settings":
    """Read the configuration for a command that only reads the store: a job's file that is not as it should be is told.

    Raises ConfigInvalid where config.toml is not.
    """
    import os

    from leadsync.config import load_whole_files

    settings, problems = load_whole_files(config, os.environ)
    for problem in problems:
        typer.echo(str(problem), err=True)
    return settings


def require_word(*, yes: bool, instead: str) -> None:
    """Raise UsageMistake where nobody could answer: before anything is looked at."""
    if not yes and not sys.stdin.isatty():
        raise UsageMistake(f"this asks first, and there is no terminal to ask on; nothing was done. Say {instead}")


def ask_first(question: str, *, yes: bool) -> None:
    """Let the command end here, unless a person says yes."""
    try:
        agreed = yes or typer.confirm(question)
    except typer.Abort:  # Ctrl-C, or the end of the input, is an answer
        typer.echo(err=True)
        agreed = False
    if not agreed:
        typer.echo("nothing was done", err=True)
        raise typer.Exit(1)


def print_json(report: Mapping[str, Any]) -> None:
    """Print a report for a program."""
    typer.echo(json.dumps(report, indent=2, ensure_ascii=False))


def _not_said(error: OSError) -> typer.Exit:
    """The answer has found no room where stdout leads; what was done is done."""
    sys.stdout = None  # Python would complain once more when it flushes at the end
    with suppress(OSError):  # stderr may lead to the same place
        typer.echo(f"leadsync: the answer cannot be written ({error.strerror}); what was done is done", err=True)
    return typer.Exit(1)


def _answer(error: BaseException) -> int:
    """Say what happened; a broken rule of our own goes into the log with its traceback, which is redacted there."""
    if isinstance(error, LeadsyncError) and not isinstance(error, Bug):
        # The lines of a configuration's problems begin with their place, as editors want them.
        typer.echo(str(error) if isinstance(error, ConfigInvalid) else f"leadsync: {error}", err=True)
        return error.exit_code
    import structlog

    from leadsync.events import COMMAND_CRASHED
    from leadsync.logs import LogStyle, set_up
    from leadsync.outside import Outside

    if not structlog.is_configured():
        set_up(LogStyle(), secrets=(), now=Outside().now)
    structlog.get_logger().error(COMMAND_CRASHED, error=str(error), exc_info=error)
    return 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
