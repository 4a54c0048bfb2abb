"""Skip traces that were taken: who was asked for, what came of each, what it cost, and the webhooks that say so.

The vendor goes on without whoever asked. All batches share one line of callbacks, at the rate of the switches.
"""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import msgspec

from leadsync.simulator.faults import FaultPlan
from leadsync.simulator.team import Team
from leadsync.simulator.trace_people import MISSES, SHAPES, Found, find, hit, miss
from leadsync.simulator.trace_requests import AskedOwner, AskedTrace
from leadsync.simulator.trace_switches import TraceSwitches

__all__ = ["API_KEY", "TraceBatch", "TracedOwner", "Traces"]

API_KEY = "simulator-key"
COPY_AFTER_S = 5.0


@dataclass(slots=True)
class TracedOwner:
    """One owner of a batch. `made`: it was looked for; `statuses` are the answers to each try, 0 for none."""

    asked: AskedOwner
    request_id: str
    found: Found | None = None
    made: bool = False
    failed: bool = False
    dollars: float = 0.0
    statuses: list[int] = field(default_factory=list)


@dataclass(slots=True)
class TraceBatch:
    """One request that was taken; `body_sha256` tells whether the same came twice."""

    number: int
    batch_id: str
    asked: AskedTrace
    owners: list[TracedOwner]
    body_sha256: str
    done_statuses: list[int] = field(default_factory=list)


class Traces:
    """All that was ever asked of one account. `api_key` opens it, and comes back with each callback."""

    def __init__(self, team: Team, api_key: str = API_KEY) -> None:
        self.api_key = api_key
        self.switches = TraceSwitches()
        self.faults = FaultPlan()
        self.batches: list[TraceBatch] = []
        self.taken: Counter[date] = Counter()
        self._team = team
        self._line: tuple[asyncio.AbstractEventLoop | None, float] = (None, 0.0)
        self._under_way: set[asyncio.Task[Any]] = set()

    @property
    def dollars(self) -> float:
        """What was billed, in US dollars."""
        return round(sum(owner.dollars for owner in self.owners()), 6)

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way any more."""
        return not self._under_way

    def owners(self) -> Iterator[TracedOwner]:
        """Every owner who was ever asked for, in order; who was asked for twice is there twice."""
        return (owner for batch in self.batches for owner in batch.owners)

    def times_asked(self) -> Counter[tuple[tuple[str, str], ...]]:
        """How often the vendor was asked for the same in the same words."""
        return Counter(owner.asked.said for owner in self.owners())

    def take(self, asked: AskedTrace, body: bytes) -> TraceBatch:
        """Take a batch, and see to its results."""
        batch = self._opened(asked, body)
        self._begin(self._run(batch))
        return batch

    async def answer(self, asked: AskedTrace, body: bytes) -> list[bytes]:
        """Take a few owners, and say at once what was found."""
        batch = self._opened(asked, body)
        await asyncio.sleep(self.switches.await_s)
        for owner in batch.owners:
            self._make(batch, owner)
            if self.switches.await_calls_back:
                self._begin(self._send(batch, owner, 0))
        return [self._body(batch, owner, 0) for owner in batch.owners]

    async def resume(self) -> None:
        """Send what was cut off before it was sent, as when its event loop ended; one after another."""
        for batch in self.batches:
            for owner in batch.owners:
                if not owner.statuses and not (owner.made and self._lost(batch, owner)):
                    self._make(batch, owner)
                    await self._send(batch, owner, 0)
            if not batch.done_statuses:
                await self._complete(batch)

    def _opened(self, asked: AskedTrace, body: bytes) -> TraceBatch:
        team, number = self._team, len(self.batches) + 1
        now = team.now()
        self.taken[now.date()] += len(asked.owners)
        owners = [TracedOwner(owner, f"br-{number}-{owner.key}") for owner in asked.owners]
        batch_id = f"b-{hashlib.sha256(f'{team.world.seed} {number}'.encode()).hexdigest()[:16]}"
        batch = TraceBatch(number, batch_id, asked, owners, hashlib.sha256(body).hexdigest())
        self.batches.append(batch)
        return batch

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _run(self, batch: TraceBatch) -> None:
        switches = self.switches
        await asyncio.sleep(switches.first_after_s)
        owners = list(batch.owners)
        if switches.shuffled:
            self._draws(batch, 0).shuffle(owners)
        late = owners[len(owners) - switches.late_items :]
        sends: list[asyncio.Task[None]] = []
        for number, owner in enumerate(owners[: len(owners) - len(late)]):
            if switches.completion == "early" and 2 * number >= len(owners) and not batch.done_statuses:
                await self._complete(batch)
            sends += await self._see_to(batch, owner)
        await asyncio.gather(*sends)
        if switches.completion != "never" and not batch.done_statuses:
            await self._complete(batch)
        await asyncio.sleep(switches.late_after_s if late else 0)
        for owner in late:
            await self._see_to(batch, owner)

    async def _see_to(self, batch: TraceBatch, owner: TracedOwner) -> list[asyncio.Task[None]]:
        """Look for an owner when its turn in the line comes, and begin to say what was found."""
        await self._turn()
        self._make(batch, owner)
        if self._lost(batch, owner):
            return []
        copies = 2 if self._draws(batch, owner.asked.key, "copies").random() < self.switches.copies_rate else 1
        return [self._begin(self._send(batch, owner, copy)) for copy in range(copies)]

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        line_loop, line_s = self._line
        # The time of another loop means nothing in this one.
        next_s = line_s + 1 / self.switches.callbacks_per_s if line_loop is loop else 0.0
        self._line = loop, max(loop.time(), next_s)
        await asyncio.sleep(self._line[1] - loop.time())

    def _make(self, batch: TraceBatch, owner: TracedOwner) -> None:
        """Look for an owner and bill it, once."""
        if owner.made:
            return
        owner.made, switches = True, self.switches
        owner.failed = self._draws(batch, owner.asked.key, "odd").random() < switches.odd_rate
        if owner.failed:
            return
        owner.found = find(self._team.world.seed, owner.asked.said, switches.match_rate)
        owner.dollars = switches.price_dollars if owner.found or switches.miss_billed else 0.0

    def _lost(self, batch: TraceBatch, owner: TracedOwner) -> bool:
        return self._draws(batch, owner.asked.key, "lost").random() < self.switches.lost_rate

    async def _send(self, batch: TraceBatch, owner: TracedOwner, copy: int) -> None:
        await asyncio.sleep(copy * COPY_AFTER_S)
        body, how = self._body(batch, owner, copy), replace(self.switches.callbacks, copies=1)
        headers = self._headers(batch, owner.asked.key)
        owner.statuses += await self._team.deliver(self._url(batch, owner), body, how, headers)

    def _url(self, batch: TraceBatch, owner: TracedOwner) -> str:
        if self._draws(batch, owner.asked.key, "way").random() >= self.switches.mixed_up_rate:
            return owner.asked.url
        return batch.owners[(batch.owners.index(owner) + 1) % len(batch.owners)].asked.url

    async def _complete(self, batch: TraceBatch) -> None:
        if batch.asked.done_url:
            body, how = self._completion(batch), replace(self.switches.callbacks, copies=1)
            batch.done_statuses += await self._team.deliver(batch.asked.done_url, body, how, self._headers(batch, 0))

    def _headers(self, batch: TraceBatch, key: int) -> dict[str, str]:
        if self._draws(batch, key, "key").random() >= self.switches.wrong_key_rate:
            return {"x-api-key": self.api_key}
        return {"x-api-key": "somebody-elses"} if self.switches.wrong_key == "other" else {}

    def _body(self, batch: TraceBatch, owner: TracedOwner, copy: int) -> bytes:
        switches, asked = self.switches, owner.asked
        draws = self._draws(batch, asked.key, "shape")
        ids = {"batchId": batch.batch_id, "batchRequestId": owner.request_id, "requestId": f"{owner.request_id}-{copy}"}
        key = str(asked.key) if switches.keys_as_text else asked.key
        given = {"input": {"key": key, **dict(asked.said)}} if switches.input_echoed else {}
        if owner.failed:
            said: dict[str, Any] = {"statusCode": 500, "statusMessage": "Internal error"}
        elif owner.found:
            said = hit(owner.found, draws.choice(SHAPES) if switches.item_shape == "mixed" else switches.item_shape)
        else:
            said = miss(draws.choice(MISSES) if switches.miss_shape == "mixed" else switches.miss_shape)
        return msgspec.json.encode({**ids, **given, **said})

    def _completion(self, batch: TraceBatch) -> bytes:
        total, errors = len(batch.owners), sum(owner.failed for owner in batch.owners)
        found = sum(owner.found is not None for owner in batch.owners)
        shapes: dict[str, dict[str, Any]] = {
            "totals": {
                "batchId": batch.batch_id,
                "totalProcessed": total,
                "totalMatched": found,
                "totalErrors": errors,
                "completedAt": self._team.now().isoformat(),
            },
            "counts": {"batchId": batch.batch_id, "count": total, "matches": found},
            "empty": {},
        }
        return msgspec.json.encode(shapes[self.switches.completion_shape])

    def _draws(self, batch: TraceBatch, key: int, about: str = "") -> random.Random:
        return random.Random(f"{about} {self._team.world.seed} {batch.number} {key}")
