"""The table of faults is complete, and names only tests that exist."""

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
FAULTS: list[dict[str, Any]] = tomllib.loads((TESTS / "faults.toml").read_text())["fault"]


@cache
def functions(file: str) -> frozenset[str]:
    """The names of a file's functions; none where there is no such file."""
    path = TESTS / file
    body = ast.parse(path.read_text()).body if path.is_file() else []
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))


def test_every_fault_has_its_row() -> None:
    """In order, each once, none left out."""
    assert [fault["number"] for fault in FAULTS] == list(range(1, 48))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault["number"]))
def test_a_fault_has_its_tests(fault: dict[str, Any]) -> None:
    """Each says what must hold, and names tests that are there; or says why it cannot happen."""
    assert fault.keys() in ({"number", "fault", "holds", "tests"}, {"number", "fault", "holds", "why"})
    named = [test.partition("::") for test in fault.get("tests", ())]
    assert named or fault.get("why")
    assert [f"{file}::{name}" for file, _, name in named if name not in functions(file)] == []
