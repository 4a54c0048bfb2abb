"""Owners found, in a share of the worlds: their vendor loses, doubles, delays and mixes up what it sends back.

A batch has from three to six owners here. The vendor calls back once, some times or until it is taken, to whatever
lives; some results are never sent, some minutes late, some speak of somebody else or lack our key. The rules that the
vendor sees kept or broken stand in `trace_rules.py`, planted bugs in `trace_bugs.py`.
"""

import asyncio
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from unittest import mock
from urllib.parse import urlsplit

from leadsync.config.fingerprint import trace_fingerprint
from leadsync.core.packing import Limits, Packing, pack
from leadsync.jobs import trace_owners
from leadsync.simulator import API_KEY, Sending, trace_requests
from leadsync.simulator.hooks import Deliver
from leadsync.store import trace_batches
from tests.simulation import hands
from tests.simulation.courier import WEBHOOKS, Courier
from tests.simulation.trace_rules import ITEMS_MIN, Answered, Hunt
from tests.simulation.window_rules import digest_of, subject_of

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARE: Final = 0.08
"""Of the worlds that nothing else is said of."""

ITEMS_MAX: Final = 6
PRICE: Final = 0.1
KINDS: Final = ("trace-item", "trace-done")


@contextmanager
def small_batches() -> Iterator[None]:
    """Let a batch have from three to six owners, at the vendor too."""

    def packed(sizes: Sequence[int], limits: Limits) -> Packing:
        return pack(sizes, replace(limits, items_min=ITEMS_MIN, items_max=ITEMS_MAX))

    with ExitStack() as stack:
        for place, name, small in (
            (trace_owners, "pack", packed),
            (trace_batches, "ITEMS_MIN", ITEMS_MIN),
            (trace_requests, "ITEMS_MIN", ITEMS_MIN),
        ):
            stack.enter_context(mock.patch.object(place, name, small))
        yield


def drawn(world: "World") -> Hunt | None:
    """Have this world's owners found, or not."""
    draws = world.draws("traces")
    is_drawn = world.script.meddlers and draws.random() < SHARE
    if not (is_drawn if world.script.hunt is None else world.script.hunt):
        return None
    days, minutes = (90, 0) if draws.random() < 0.7 else (0, 5)
    owners = draws.choice((None, None, 7, 20))
    budget = '"unlimited"' if owners is None else f"{{ dollars_per_day = {owners * PRICE:.2f} }}"
    retries = draws.random() < 0.3
    keys = {
        "api_key": '{ file = "reapi-key" }',
        "base_url": '"http://127.0.0.1:9"',
        "budget": budget,
        "price_per_match": PRICE,
        "fresh_for": f'"{days}d"' if days else f'"{minutes}m"',
        "hold_for": draws.choice(('"1m"', '"5m"')),
        "allow_await": draws.choice(("true", "false")),
        "deadline": draws.choice(('"2m"', '"6m"')),
        "on_missing": '"retry"' if retries else '"list"',
    }
    return Hunt(keys, timedelta(days=days, minutes=minutes), retries, owners)


def terms(world: "World") -> str:
    """What the configuration says beside the account; async windows have an inbox of their own."""
    if world.hunt is None:
        return ""
    lines = "\n".join(["\n[skip_trace]", *(f"{key} = {value}" for key, value in world.hunt.keys.items())])
    return lines if world.pull is not None else WEBHOOKS + lines


def furnish(world: "World") -> None:
    """Lay the key where the file says, and answer what nobody knows of the vendor some way."""
    if world.hunt is None:
        return
    machine, draws = world.machine, world.draws("traces of this world")
    (machine.folder / "reapi-key").touch(0o600)
    (machine.folder / "reapi-key").write_text(API_KEY)
    machine.traced = True
    machine.sim.traces.switches = replace(machine.sim.traces.switches, **open_questions(draws))


def open_questions(draws: random.Random) -> dict[str, Any]:
    """What nobody knows of the skip trace, each answered some way."""
    echoed = draws.random() < 0.8
    return {
        "acknowledged_under": draws.choice(("root", "data")),
        "received_too_few": draws.choice((0, 0, 0, 1)),
        "item_shape": "mixed",
        "miss_shape": "mixed",
        "input_echoed": echoed,
        "keys_as_text": draws.random() < 0.3,
        "match_rate": draws.choice((0.5, 0.9)),
        "miss_billed": draws.random() < 0.3,
        "price_dollars": PRICE,
        "first_after_s": draws.choice((0.1, 20.0)),
        "callbacks_per_s": draws.choice((50.0, 0.2)),
        "callbacks": Sending(tries_max=draws.choice((1, 3, 1_000)), retry_wait_s=draws.choice((0.5, 30.0))),
        "copies_rate": draws.choice((0.0, 0.3)),
        "shuffled": draws.random() < 0.5,
        "lost_rate": draws.choice((0.0, 0.2)),
        "odd_rate": draws.choice((0.0, 0.0, 0.2)),
        # Without the key that was asked with, nobody can tell that a result is another's.
        "mixed_up_rate": draws.choice((0.0, 0.2)) if echoed else 0.0,
        "wrong_key_rate": draws.choice((0.0, 0.0, 0.2)),
        "wrong_key": draws.choice(("other", "missing")),
        "completion": draws.choice(("last", "early", "never")),
        "completion_shape": draws.choice(("totals", "counts", "empty")),
        "late_items": draws.choice((0, 0, 2)),
        "late_after_s": draws.choice((200.0, 900.0)),
        "credits_per_day": draws.choice((None, None, None, 12)),
        "await_shape": draws.choice(("list", "data", "results")),
        "await_calls_back": draws.random() < 0.3,
    }


async def operator(world: "World") -> None:
    """A person looks in now and then."""
    draws = world.draws("operator of traces")
    while True:
        await asyncio.sleep(draws.expovariate(1 / 90))
        await answer(world)


ACTORS: Final = (operator,)


async def answer(world: "World") -> None:
    """Have the skip trace go on where the vendor has turned it away, and perhaps ask again for who is missing."""
    hunt, rows = world.hunt, world.watch.rows
    if hunt is None:
        return
    read = {"traced": trace_fingerprint(world.machine.settings())}
    if rows("SELECT 1 FROM trace_desk WHERE paused_reason IS NOT NULL"):
        await hands.command(world, "traces_resume", world.jobs[0], read)
    if rows("SELECT 1 FROM trace_subject WHERE state = 'missing'") and world.draws("patience").random() < 0.1:
        hunt.again = True
        await hands.command(world, "traces_again", world.jobs[0], {**read, "batches": []})


def put_right(world: "World") -> None:
    """The vendor sends all results from now on, each once and to where it belongs."""
    traces = world.machine.sim.traces
    rates: Any = dict.fromkeys(("lost_rate", "odd_rate", "mixed_up_rate", "wrong_key_rate", "copies_rate"), 0.0)
    traces.switches = replace(traces.switches, credits_per_day=None, late_items=0, **rates)


def is_quiet(world: "World") -> bool:
    """Whether no batch is out, nothing is under way, and nobody is wanted who could be asked for."""
    hunt, rows = world.hunt, world.watch.rows
    if hunt is None:
        return True
    if (
        hunt.under_way
        or not world.machine.sim.traces.quiet
        or rows("SELECT 1 FROM trace_batch WHERE settled_at IS NULL")
    ):
        return False
    (wanted,) = rows("SELECT count(*) FROM trace_subject WHERE state = 'wanted'")[0]
    parked = rows("SELECT 1 FROM trace_desk WHERE parked_until > ''")
    return bool(wanted < ITEMS_MIN or hunt.owners_per_day is not None or parked)


class OwnersCourier(Courier):
    """Brings the callbacks of the skip trace; others' go `otherwise`."""

    act = "traced"

    def __init__(self, world: "World", hunt: Hunt, otherwise: Deliver) -> None:
        super().__init__(world, hunt, "courier of traces")
        self._hunt = hunt
        self._otherwise = otherwise

    async def deliver(self, url: str, body: bytes, how: Sending, headers: Mapping[str, str]) -> list[int]:
        """Bring one, with its tries, or have it brought."""
        if _kind_of(urlsplit(url).path) in KINDS:
            return await super().deliver(url, body, how, headers)
        return await self._otherwise(url, body, how, headers)

    def _wait_s(self, how: Sending, tries: int) -> float:
        return how.retry_wait_s * tries * self._draws.random()

    def _note(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        said, kind, subject = json.loads(body), _kind_of(path), subject_of(path)
        api_key = headers.get("x-api-key")
        rightly = api_key == API_KEY and said.get("statusCode") != 500
        if kind == "trace-item":
            rightly = rightly and said["batchRequestId"].rpartition("-")[2] == subject.rpartition("-")[2]
        self._hunt.answered.add(Answered(kind, subject, digest_of(body, api_key), rightly))


def _kind_of(path: str) -> str:
    return path.split("/")[2]
