"""`export` for a person at a terminal: a bar while it lasts, and nothing that garbles the screen."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.house import House
from tests.system.process import begin, command, environment

ERASE_LINE = "\x1b[2K"


def on_terminal(house: House, *arguments: object, stdout: Path | None = None, term: str = "xterm") -> tuple[int, str]:
    """Run the command on a terminal, or with stdout in a file; return its exit code and what the terminal got."""
    screen, keyboard = os.openpty()
    with os.fdopen(keyboard, "wb") as terminal, (stdout or Path(os.devnull)).open("wb") as file:
        out = (file if stdout else terminal).fileno()
        line = ("export", *arguments, "--config", house.config)
        process = begin(*line, stdout=out, stderr=terminal.fileno(), TERM=term)
    shown = b"".join(iter(lambda: _read(screen), b""))
    os.close(screen)
    return process.wait(), shown.decode().replace("\r\n", "\n")


def _read(screen: int) -> bytes:
    """Read on; Linux says EIO where nobody holds the terminal any more."""
    try:
        return os.read(screen, 65_536)
    except OSError:
        return b""


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("place", ["a file by -o", "a file by >"])
def test_a_bar_that_goes_away(stocked: House, tmp_path: Path, form: str, place: str) -> None:
    """Leads written of how many; at the end the screen has the one line that a pipe has."""
    target = tmp_path / "leads"
    where = ["-o", target] if place == "a file by -o" else []
    stdout = tmp_path / "stdout"
    code, shown = on_terminal(stocked, "--format", form, "--since", 20, *where, stdout=stdout)
    bar, _, rest = shown.rpartition(ERASE_LINE)
    assert code == 0
    assert "100/100" in bar
    assert "100/100" not in rest
    assert rest == "last change: 120\n"
    assert (target if where else stdout).stat().st_size > 1_000


def test_no_bar_among_the_leads(stocked: House) -> None:
    """Where the leads themselves are shown, nothing comes between them."""
    code, shown = on_terminal(stocked, "--since", 118)
    assert code == 0
    assert "\x1b" not in shown
    assert [line[:15] for line in shown.splitlines()] == ['{"change_id":11', '{"change_id":12', "last change: 12"]


def test_a_dumb_terminal_gets_the_line_alone(stocked: House, tmp_path: Path) -> None:
    """What cannot move its cursor is not asked to."""
    code, shown = on_terminal(stocked, stdout=tmp_path / "leads", term="dumb")
    assert (code, shown) == (0, "last change: 120\n")


def test_parquet_is_not_for_a_terminal(stocked: House) -> None:
    """It is refused with what to type, before anything is shown."""
    code, shown = on_terminal(stocked, "--format", "parquet")
    assert code == 2
    assert re.fullmatch("leadsync: .*-o FILE\n", shown)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_pipe_is_not_kept_waiting_for_a_bar(stocked: House, form: str) -> None:
    """What draws it is not even imported where nobody looks."""
    timed = subprocess.run(
        [sys.executable, "-X", "importtime", *command("export", "--format", form, "--config", stocked.config)[1:]],
        capture_output=True,
        check=True,
        env=environment(),
    )
    modules = set(re.findall(rb"(?m)^import time: .*\| +([\w.]+)$", timed.stderr))
    assert b"leadsync.cli.exporting" in modules
    assert not [module for module in modules if module.startswith(b"rich")]
