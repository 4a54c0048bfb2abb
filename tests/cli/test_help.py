"""Help answers at once: what is heavy waits until a command needs it."""

import re
import subprocess
import sys

import pytest

import leadsync
from tests.system.process import environment, run

COMMANDS = (
    "run",
    "once",
    "resume",
    "plan",
    "check",
    "schema",
    "events",
    "doctor",
    "notify",
    "status",
    "runs",
    "export",
    "simulate",
    "demo",
    "sessions",
    "inbox",
    "traces",
)
HEAVY = {
    "alembic",
    "apscheduler",
    "httpx",
    "msgspec",
    "pydantic",
    "sqlalchemy",
    "sqlmodel",
    "starlette",
    "structlog",
    "uvicorn",
}
TYPERS_OWN = {"pydantic"}
"""typer itself reads a command's parameters with pydantic."""


def imported(*arguments: str) -> set[str]:
    """The top-level modules that a command line imports until it has answered."""
    timed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "leadsync", *arguments],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env=environment(),
    )
    return set(re.findall(r"(?m)^import time: .*\| +(\w+)$", timed.stderr))


def test_help_imports_nothing_heavy() -> None:
    """The first thing that anybody types is answered before a database or a client is loaded."""
    modules = imported("--help")
    assert "typer" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_imports_nothing_heavy(command: str) -> None:
    """Nor for the help of one command, beyond what typer brings."""
    assert imported(command, "--help") & HEAVY <= TYPERS_OWN


def test_help_names_every_command_and_the_exit_codes() -> None:
    """Nobody has to guess."""
    answer = run("--help")
    assert answer.code == 0
    assert re.findall(r"(?m)^  (\w+)  +\w", answer.out.partition("Commands:")[2]) == list(COMMANDS)
    assert "0 done, 1 failed or incomplete, 2 usage, 75 busy, 78 configuration" in " ".join(answer.out.split())


def test_the_version_is_one_line() -> None:
    """It is the package's."""
    answer = run("--version")
    assert (answer.code, answer.out, answer.err) == (0, f"leadsync {leadsync.__version__}\n", "")
