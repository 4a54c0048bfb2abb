"""What a world is made of: what a test may lay down, where a process dies, how the vendor answers what is open."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.simulation.disk import Trouble, no_trouble
from tests.simulation.machine import Machine
from tests.simulation.process import CALLBACK, Doom
from tests.simulation.watch import Promise

LABELS: Final = (
    CALLBACK,
    *("work.before", "work.after", "commit.before", "commit.after"),
    *("net.before", "net.sent", "net.received"),
    *("log.write", "log.sync", "log.delete", "store.write", "store.sync", "store.cut", "folder.sync"),
    *("witness.open", "witness.write", "witness.sync", "lock.open", "lock.write", "lock.cut"),
)
"""Where a process may die."""

SOMETIMES: Final = {
    CALLBACK: 3_000,
    "log.delete": 1,
    "folder.sync": 1,
    "lock.cut": 2,
    "lock.open": 1,
    "lock.write": 1,
    "store.write": 8,
    "store.sync": 2,
    "store.cut": 1,
}
"""How often a step comes in one life, where that is not some dozens of times."""

DEATHS: Final = tuple(f"{label} {kind}" for label in LABELS for kind in ("kill", "power"))


@dataclass(frozen=True, slots=True)
class Script:
    """What a world is made of, where that is not left to its seed.

    `pull`: whether it has a one-shot by windows, `hunt`: whether its owners are found, `late`: that it begins shortly
    before a day ends, with little to spend. `dooms` are those of its processes, one after another, to its end;
    `disk_trouble` is the first process's; `lay` puts a store on its disk, and `promises` are what holds of that.
    """

    jobs: int | None = None
    meddlers: bool = True
    pull: bool | None = None
    hunt: bool | None = None
    late: bool = False
    weather: bool = True
    trouble_s: float | None = None
    size: int | None = None
    dooms: tuple[Doom, ...] | None = None
    disk_trouble: Trouble = no_trouble
    lay: Callable[[Machine], None] = Machine.new_store
    promises: tuple[Promise, ...] = ()


def one_cycle(**more: Any) -> Script:
    """A life in which nothing happens but what is asked for: one job, two or three pages, a stop, and what follows."""
    return Script(**{"jobs": 1, "meddlers": False, "weather": False, "trouble_s": 40.0, "size": 5, "dooms": (), **more})


def drawn_doom(draws: random.Random) -> Doom:
    """A death at some step of the next life, likely an early one: most lives are short."""
    label = draws.choice(LABELS)
    count = math.exp(draws.uniform(0, math.log(SOMETIMES.get(label, 40))))
    return Doom(int(count), label, power=draws.random() < 0.5)


def switches(draws: random.Random) -> dict[str, Any]:
    """The vendor's open questions, each answered some way."""
    return {
        "totals_count_page": draws.random() < 0.5,
        "replay_total": draws.choice(("own", "current")),
        "replay_says_new": draws.random() < 0.5,
        "at_once": draws.choice(("queue", "conflict")),
        "end": draws.choice(("no_cursor", "cursor_stays")),
        "short_page_rate": draws.choice((0.0, 0.3, 0.8)),
        "lists_unused": draws.random() < 0.5,
        "retry_after": draws.choice(("seconds", "date", "zero", "absurd", "none")),
        "deletion_forgets_keys": draws.random() < 0.8,
        "slow_s": draws.choice((0.2, 20.0)),
    }
