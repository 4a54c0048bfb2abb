"""What is forked is what an operator starts, and ends with whoever began it."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.cli.nursery import Nursery
from tests.cli.test_help import COMMANDS
from tests.system.house import NOBODY_LISTENS, House
from tests.system.process import Answer, beginning, execute, run

LINES = (
    "once tampa",
    "resume phoenix",
    "plan",
    "check",
    "schema job",
    "events page.stored",
    "doctor",
    "notify test",
    "status",
    "runs",
    "export",
    "sessions list",
    "inbox list",
    "traces list",
)
"""A line of each command that ends by itself and answers the same twice."""

ELSEWHERE = {"run", "simulate", "demo"}
"""`tests/system` starts the first two; the demo is started whole by CI, as the README has it."""


def test_every_command_is_started_somewhere() -> None:
    """A module that only a fork finds, as it has been imported for another's sake, is found missing."""
    assert {line.partition(" ")[0] for line in LINES} | ELSEWHERE == set(COMMANDS)


@pytest.mark.parametrize("line", LINES)
def test_a_fork_answers_as_a_start_does(stocked: House, line: str) -> None:
    """Exit code, stdout, the sentences on stderr and the events in the log."""
    config = [] if line.startswith(("schema", "events")) else ["--config", stocked.config]
    forked = run(*line.split(), *config)
    with beginning(execute):
        started = run(*line.split(), *config)
    assert told(forked) == told(started)


def told(answer: Answer) -> tuple[int, str, list[str]]:
    """What is the same whenever it is said: others use the disk meanwhile, and the doctor says how much is free."""
    out = re.sub(r"[\d,]+ MiB are free", "some MiB are free", answer.out)
    said = [json.loads(line)["event"] if line.startswith("{") else line for line in answer.err.splitlines()]
    return answer.code, out, said


@pytest.mark.parametrize("line", ["frobnicate", "once", "--help", "status --help"])
def test_a_fork_goes_by_the_same_name(line: str) -> None:
    """Usage and complaints name the program as it was started."""
    forked = run(*line.split())
    with beginning(execute):
        assert told(run(*line.split())) == told(forked)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Whose daemon has nothing to do."""
    return House(tmp_path / "house", NOBODY_LISTENS, furnished=True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 0)])
def test_a_fork_has_its_own_signals(house: House, number: signal.Signals, code: int) -> None:
    """It has a pid and an exit code, and hears Ctrl-C, which what it is forked from does not."""
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        os.kill(daemon.pid, number)
        assert daemon.end().code == code
        daemon.send(signal.SIGKILL)  # which hits nobody any more


def test_where_nobody_waits_nothing_is_left(house: House) -> None:
    """A worker of the tests that dies takes along what it has begun."""
    with Nursery.open() as nursery, beginning(nursery.begin), house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        nursery.cut()
        assert daemon.end().code == -signal.SIGKILL
