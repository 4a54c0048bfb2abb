"""Code and catalogue hold together: every log call names an event by its constant and gives that event's fields."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import leadsync
from leadsync import events
from leadsync.catalogue import CATALOGUE

ROOT = Path(leadsync.__file__).parent
METHODS = frozenset({"debug", "info", "warning", "error", "critical", "exception", "log"})
BOUND = frozenset({"run", "job", "account", "session"})
"""What a run binds to its log, so that it stands in each of its lines."""

CONSTANTS = {name: value for name, value in vars(events).items() if isinstance(value, str) and value in CATALOGUE}

LIBRARY = frozenset({"exc_info"})
"""What structlog takes for itself."""


@dataclass(frozen=True, slots=True)
class Call:
    """One log call: where it stands, the constant it names ("" where it names none), the fields it gives."""

    place: str
    constant: str
    fields: frozenset[str]


def log_calls(source: str, name: str) -> Iterator[Call]:
    """Find the log calls of a module: methods of `log`, `_log`, `self._log` or of a logger that is bound on the way."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            arguments = node.args[1:] if node.func.attr == "log" else node.args
            if _is_log(node.func.value) and arguments:
                fields = frozenset(keyword.arg or "**" for keyword in node.keywords)
                yield Call(f"{name}:{node.lineno}", _constant(arguments[0]), fields)


def _is_log(value: ast.expr) -> bool:
    text = ast.unparse(value).split("(")[0]
    return text.split(".")[-1] in {"log", "_log", "_log_of"} or "log.bind" in text or "structlog.get_logger" in text


def _constant(value: ast.expr) -> str:
    text = ast.unparse(value)
    return text.removeprefix("events.") if text.removeprefix("events.").isupper() else ""


def faults(calls: Iterator[Call]) -> list[str]:
    """What is wrong with these calls, each with its place."""
    found = []
    for call in calls:
        entry = CATALOGUE.get(CONSTANTS.get(call.constant, ""))
        if entry is None:
            found.append(f"{call.place}: names no constant of the catalogue")
            continue
        if "**" in call.fields:
            continue  # its names are not in the source; the running daemon's lines are looked at in tests/jobs
        extra = call.fields - set(entry.fields) - BOUND - LIBRARY
        found += [f"{call.place}: {entry.name} has no field {field}" for field in sorted(extra)]
    return found


def all_calls() -> list[Call]:
    """Every log call of the daemon."""
    files = sorted(ROOT.rglob("*.py"))
    return [call for file in files for call in log_calls(file.read_text(), str(file.relative_to(ROOT)))]


def test_every_call_is_in_the_catalogue() -> None:
    """No log call names an event or a field that the catalogue does not have."""
    calls = all_calls()
    assert len(calls) > 15
    assert faults(iter(calls)) == []


def test_every_entry_is_used() -> None:
    """The catalogue has no event that is never logged."""
    sources = [ast.parse(file.read_text()) for file in ROOT.rglob("*.py") if file.parent.name != "events"]
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for tree in sources
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
    }
    assert {name for name in CONSTANTS if name not in used} == set()


def test_every_entry_has_one_constant() -> None:
    """A name is reached through exactly one constant."""
    assert sorted(CONSTANTS.values()) == sorted(CATALOGUE)


def test_names_are_noun_and_past() -> None:
    """Names are `noun.verb_past`, each entry says something, and its fields are told once."""
    for name, entry in CATALOGUE.items():
        assert name == entry.name
        noun, verb = name.split(".")
        assert noun.isidentifier()
        assert verb.isidentifier()
        assert entry.meaning.endswith(".")
        assert entry.action.endswith(".")
        assert len(entry.fields) == len(set(entry.fields)) > 0


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("_log.info(events.PAGE_STORED, records=1, phone=2)", "x:1: page.stored has no field phone"),
        ("self._log.warning('page.stored', records=1)", "x:1: names no constant of the catalogue"),
        ("log.log(30, events.PAGE_STOLEN)", "x:1: names no constant of the catalogue"),
        ("structlog.get_logger().error(events.NOTHING)", "x:1: names no constant of the catalogue"),
    ],
)
def test_a_wrong_call_is_caught(source: str, fault: str) -> None:
    """The check sees a field, a name or a constant that the catalogue does not know."""
    assert faults(log_calls(source, "x")) == [fault]


@pytest.mark.parametrize(
    "source", ["log.log(20, events.PAGE_STORED, run=1, total=2)", "math.log(2)", "_log.info(events.RUN_STARTED)"]
)
def test_a_right_call_passes(source: str) -> None:
    """The check does not cry wolf."""
    assert faults(log_calls(source, "x")) == []
