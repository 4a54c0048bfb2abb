"""A doctor's round over a stage."""

import json
import shutil
from typing import Any, Final

from leadsync.reports.doctor import Hands, doctor, in_words
from tests.stage import TOKEN, Stage

__all__ = ["MIB", "examine", "line", "states", "wrongs"]

MIB: Final = 1024**2

MACHINE: Final = ["time_zones", "sqlite"]
"""What is found there depends on where the tests run."""


def hands(stage: Stage, **more: Any) -> Hands:
    """The stage's clock and vendor, the machine's disk, and nobody at the socket."""
    usual: dict[str, Any] = {
        "environ": {},
        "now": stage.clock,
        "free_bytes": lambda folder: shutil.disk_usage(folder).free,
        "disk_wanted_bytes": MIB,
        "answers": lambda _: None,
        "show_unit": lambda _: {},
        "transport": stage.wire,
    }
    return Hands(**usual | more)


def examine(stage: Stage, **more: Any) -> dict[str, Any]:
    """The report, in virtual time; no secret is in it, whatever it finds, and nothing was billed for it."""
    before = stage.sim.bill.records
    found = stage.play(doctor(stage.folder / "config.toml", hands(stage, **more)))
    assert TOKEN not in json.dumps(found) + in_words(found)
    assert stage.sim.bill.records == before
    assert found["ok"] is not any(check["state"] == "wrong" for check in found["checks"])
    *checks, zones, sqlite = found["checks"]
    assert [zones["name"], sqlite["name"]] == MACHINE
    return {**found, "checks": checks}


def states(found: dict[str, Any]) -> dict[str, str]:
    """State by name."""
    return {check["name"]: check["state"] for check in found["checks"]}


def wrongs(found: dict[str, Any]) -> list[str]:
    """The names of what is wrong."""
    return [name for name, state in states(found).items() if state == "wrong"]


def line(found: dict[str, Any], name: str) -> dict[str, str]:
    """One check."""
    (check,) = (check for check in found["checks"] if check["name"] == name)
    return dict(check)
