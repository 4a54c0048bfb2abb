"""Large one-shots by async windows, in a share of the worlds: their vendor loses, doubles and delays what it pushes.

A window has four records here, so that a list of a dozen has some. The vendor sends a result once, some times or until
it is taken, to whatever lives; some are never sent, some late, some are errors or nonsense. The rules that the
vendor sees kept or broken stand in `window_rules.py`, planted bugs in `window_bugs.py`.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from leadsync.core import windows
from leadsync.jobs import patience
from leadsync.simulator import Fate, Sending
from tests.simulation import hands
from tests.simulation.courier import Courier
from tests.simulation.window_rules import digest_of, subject_of

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARE: Final = 0.08
"""Of the worlds that nothing else is said of."""

JOB: Final = "bulk"
WINDOW: Final = 4

NOT_BEGUN: Final = (
    "SELECT 1 FROM one_shot WHERE outcome IS NULL AND NOT EXISTS (SELECT 1 FROM async_request"
    " JOIN page ON page.id = page_id WHERE life_id = one_shot.id AND state != 'void')"
)
"""A life that has asked for no window yet."""


PATIENCE_S: Final = 180.0


@contextmanager
def small_windows() -> Iterator[None]:
    """Let a window have four records, and nothing be given up for minutes after a start."""
    with mock.patch.object(windows, "WINDOW_MAX", WINDOW), mock.patch.object(patience, "PATIENCE_S", PATIENCE_S):
        yield


@dataclass(frozen=True, slots=True)
class Brought:
    """A result that was answered 200: what it was for, and the properties in it."""

    subject: str
    ids: frozenset[str]


@dataclass(slots=True)
class Pull:
    """The one-shot of a world: `sent` counts its requests by subject, `brought` are results answered 200 by digest."""

    keys: dict[str, Any]
    sent: Counter[str] = field(default_factory=Counter)
    brought: dict[str, Brought] = field(default_factory=dict)
    under_way: int = 0


def drawn(world: "World") -> Pull | None:
    """Give this world a one-shot, or not."""
    draws = world.draws("windows")
    is_drawn = world.script.meddlers and draws.random() < SHARE
    if not (is_drawn if world.script.pull is None else world.script.pull):
        return None
    return Pull(
        {
            "kind": "one_shot",
            "records": draws.randint(3, 18),
            "async_above": 0,
            "windows_in_flight": draws.randint(1, 3),
            "deadline": draws.choice(("2m", "5m", "10m")),
            "on_expiry": draws.choice(("stop", "stop", "ask_again")),
            "schedule": draws.choice(('every = "5m"', 'every = "10m"', "at = 2026-11-02T05:00:00Z")),
            "buy_again": True,
        }
    )


def open_questions(draws: random.Random) -> dict[str, Any]:
    """What nobody knows of the async endpoint, each answered some way."""
    return {
        "acknowledged_id": draws.choice(("meta", "root", "result", "missing")),
        "acknowledged_with": draws.choice((200, 202)),
        "skip_honoured": draws.random() < 0.9,
        "skip_slips": draws.choice((0, 0, 1, -1)),
        "short_window_rate": draws.choice((0.0, 0.0, 0.3)),
        "result_after_s": draws.choice((0.2, 20.0)),
        "result_spread_s": draws.choice((0.0, 200.0)),
        "callbacks": Sending(copies=draws.choice((1, 1, 2)), tries_max=draws.choice((1, 3, 30))),
        "copies_differ": draws.random() < 0.5,
        "error_shape": draws.choice(("envelope", "results", "bare", "text")),
        "errors_to": draws.choice(("error_url", "error_url", "result_url")),
    }


async def pushing(world: "World") -> None:
    """The vendor: some results come to nothing, and some late."""
    sim, draws = world.machine.sim, world.draws("pushing")
    sim.fates.storm(draws.choice((0.0, 0.2, 0.6)), (*Fate, Fate.HELD), draws.randrange(1 << 30))
    while True:
        await asyncio.sleep(draws.expovariate(1 / 150))
        await _send_held(world)


async def _send_held(world: "World") -> None:
    held = [each.request_id for each in world.machine.sim.results if each.fate is Fate.HELD and not each.statuses]
    world.acted["late_result"] += len(held)
    await world.machine.sim.send_results(held)


async def operator(world: "World") -> None:
    """A person: has the one-shot run, and asks again for what has expired, or for all of it."""
    draws = world.draws("operator of windows")
    while True:
        await asyncio.sleep(draws.expovariate(1 / 300))
        again = draws.random() < 0.2
        world.acted["bulk_again"] += again
        await hands.command(world, "once", JOB, {"again": again})


ACTORS: Final = (pushing, operator)


async def put_right(world: "World") -> None:
    """The vendor makes and sends each result from now on, and those that it has held."""
    if world.pull is not None:
        world.machine.sim.fates.calm()
        await _send_held(world)


async def answer(world: "World") -> None:
    """Who has it run by hand, and hears that nothing could be asked for, says it again."""
    if world.pull is not None and world.watch.rows(NOT_BEGUN):
        await hands.command(world, "once", JOB, {"again": False})


def is_quiet(world: "World") -> bool:
    """Whether the one-shot has ended, and no result is under way."""
    if world.pull is None:
        return True
    lives = world.watch.rows("SELECT outcome FROM one_shot")
    return bool(lives) and (None,) not in lives and not world.pull.under_way


class WindowsCourier(Courier):
    """Brings the results of windows."""

    act = "result"

    def __init__(self, world: "World", pull: Pull) -> None:
        super().__init__(world, pull, "courier")
        self._pull = pull

    def _wait_s(self, how: Sending, tries: int) -> float:
        del how
        return self._draws.expovariate(1 / 20) * (1 + tries)

    def _note(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        del headers
        self._pull.brought[digest_of(body)] = Brought(subject_of(path), _ids(body))


def _ids(body: bytes) -> frozenset[str]:
    """The properties in a result; none where it cannot be read."""
    try:
        return frozenset(each["_id"] for each in json.loads(body)["results"]["properties"])
    except (ValueError, KeyError, RecursionError):
        return frozenset()
