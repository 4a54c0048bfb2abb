"""Async requests that were taken, and their results: made and billed later, sent by webhook as switches and fates say.

The vendor goes on without whoever asked: what was cut off with its event loop is made and sent when somebody says so.
"""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec
from starlette.responses import Response

from leadsync.simulator.bill import NO_MONEY
from leadsync.simulator.faults import Fate, Fault
from leadsync.simulator.pages import Stamp, search_page
from leadsync.simulator.replies import JSON, OK, status_of
from leadsync.simulator.requests import ASYNC_TAKE_MAX, AskedAsync
from leadsync.simulator.sessions import Page, Refusal
from leadsync.simulator.spoiling import spoiled
from leadsync.simulator.switches import Switches
from leadsync.simulator.team import Team

__all__ = ["Result", "Results", "acknowledgement"]

FAILED = "The request could not be completed."


@dataclass(slots=True)
class Result:
    """One async request that was taken, in the order of `number`, from 1.

    `made` is None until it is made: then there is a `page`, or the message of a `failure` that is sent instead, or,
    where it was dropped, neither. `statuses` are the answers to each try, 0 for none.
    """

    number: int
    request_id: str
    asked: AskedAsync
    fate: Fate | None
    made: Stamp | None = None
    page: Page | None = None
    failure: str = ""
    statuses: list[int] = field(default_factory=list)

    @property
    def records(self) -> int:
        """How many records it was billed for."""
        return len(self.page.indexes) if self.page else 0


class Results:
    """All of them; `team.deliver` carries what is sent."""

    def __init__(self, team: Team) -> None:
        self.all: list[Result] = []
        self._team = team
        self._under_way: set[asyncio.Task[None]] = set()

    def take(self, asked: AskedAsync) -> Result:
        """Take a request, and see to its result."""
        team = self._team
        request_id = team.request_ids.next(team.now())
        result = Result(len(self.all) + 1, request_id, asked, team.fates.draw())
        self.all.append(result)
        task = asyncio.get_running_loop().create_task(self._see_to(result))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return result

    async def send(self, request_ids: Iterable[str] | None = None) -> None:
        """Send these once more; None: what was held, or cut off before it was sent."""
        named = None if request_ids is None else set(request_ids)
        for result in self.all:
            waits = not result.statuses and result.fate not in {Fate.LOST, Fate.DROPPED}
            if waits if named is None else result.request_id in named:
                self._make(result)
                await self._send(result)

    async def _see_to(self, result: Result) -> None:
        switches = self._team.switches
        draw = random.Random(f"result {self._team.world.seed} {result.number}").random()
        await asyncio.sleep(switches.result_after_s + draw * switches.result_spread_s)
        self._make(result)
        if result.fate not in {Fate.LOST, Fate.DROPPED, Fate.HELD}:
            await self._send(result)

    def _make(self, result: Result) -> None:
        """Search and bill, once."""
        if result.made is not None:
            return
        result.made = Stamp(result.request_id, self._team.now())
        if result.fate is Fate.FAILED:
            result.failure = FAILED
        elif result.fate is not Fate.DROPPED:
            self._search(result)

    def _search(self, result: Result) -> None:
        team, asked = self._team, result.asked
        switches = team.switches
        skip = max(asked.skip - switches.skip_slips, 0) if asked.skip and switches.skip_honoured else 0
        rng = random.Random(f"window {team.world.seed} {result.number}")
        short = asked.ask.take > 1 and rng.random() < switches.short_window_rate
        ask = replace(asked.ask, take=rng.randint(1, asked.ask.take - 1)) if short else asked.ask
        found = team.book.search(ask, skip, switches, ASYNC_TAKE_MAX)
        if isinstance(found, Refusal):
            result.failure = NO_MONEY
        else:
            result.page = found

    async def _send(self, result: Result) -> None:
        switches = self._team.switches
        to_error = result.failure and switches.errors_to == "error_url"
        url = result.asked.error_url if to_error else result.asked.url
        if not url or (result.page is None and not result.failure):
            return
        how = replace(switches.callbacks, copies=1)
        for copy in range(switches.callbacks.copies):
            body = self._body(result, copy if switches.copies_differ else 0)
            # One after another: a result is large, and several copies at once would be held at once.
            result.statuses += await self._team.deliver(url, body, how, {})

    def _body(self, result: Result, copy: int) -> bytes:
        if result.page is None or result.made is None:
            return _error(result, self._team.switches)
        stamp = replace(result.made, at=result.made.at + timedelta(seconds=copy))
        reply = search_page(self._team, result.asked.ask, result.page, None, stamp)
        return bytes((spoiled(Fault.ODD_JSON, reply) if result.fate is Fate.ODD else reply).body)


def acknowledgement(result: Result, switches: Switches) -> Response:
    """What an async request is answered at once."""
    asked, name = result.asked, {"requestId": result.request_id}
    places: dict[str, dict[str, Any]] = {
        "meta": {"meta": {**name, "apiVersion": "1.0.0"}},
        "root": name,
        "result": {"result": {**name, "webhookUrl": asked.url, "errorWebhookUrl": asked.error_url}},
        "missing": {},
    }
    body = {"status": OK, **places[switches.acknowledged_id]}
    return Response(msgspec.json.encode(body), switches.acknowledged_with, media_type=JSON)


def _error(result: Result, switches: Switches) -> bytes:
    name = {"requestId": result.request_id}
    status = status_of(403 if result.failure is NO_MONEY else 500, result.failure)
    shapes: dict[str, Any] = {
        "envelope": {"status": status, "meta": name},
        "results": {"status": status, "results": {"meta": name}},
        "bare": {**name, "error": result.failure},
    }
    if switches.error_shape == "text":
        return result.failure.encode()
    return msgspec.json.encode(shapes[switches.error_shape])
