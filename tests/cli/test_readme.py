"""The README's tables: every command, outcome and reason is in them, each reason with what is typed."""

import re
from pathlib import Path

import pytest

from leadsync.core.conditions import Condition
from leadsync.core.model import Outcome, Reason
from leadsync.core.resume import needed
from tests.cli.test_help import COMMANDS

README = (Path(__file__).parents[2] / "README.md").read_text()
STORE = {Reason.STORE_MOVED, Reason.STORE_COPIED, Reason.STORE_RESTORED}


def rows(head: str) -> dict[str, str]:
    """The rows of a table by what stands in code in their first cell; a row may be of several."""
    (table,) = re.findall(rf"(?m)^\| {head} .*\n(?:\|.*\n)+", README)
    lines = [line.split("|", 2)[1:] for line in table.splitlines()[2:]]
    return {name: rest for first, rest in lines for name in re.findall(r"`([\w-]+)", first)}


def test_every_command_is_there() -> None:
    """What `--help` lists, with what it does."""
    assert set(rows("command")) == set(COMMANDS)


def test_every_condition_is_there() -> None:
    """What people are told of: how urgent it is, what it means, and how long it must last."""
    table = rows("condition")
    assert set(table) == set(Condition)
    for condition in Condition:
        about = condition.about
        minutes = int(about.patience.total_seconds() // 60)
        told = f"after {minutes} min" if minutes else "at once"
        assert table[condition] == f" {about.severity} | {about.meaning} | {told} |"


def test_every_outcome_is_there() -> None:
    """How a run can end, with what one does."""
    assert set(rows("outcome")) == set(Outcome)


@pytest.mark.parametrize("reason", [reason for reason in Reason if not reason.pauses_account])
def test_every_reason_has_its_way_out(reason: Reason) -> None:
    """What `resume` needs for it is what the table says."""
    way_out = rows("reason")[reason]
    assert (f"resume JOB{needed(reason)}`" in way_out) is (reason not in STORE)
    assert ("resume --store" in way_out) is (reason in STORE)
