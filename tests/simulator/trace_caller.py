"""Asking the simulator's skip trace, and standing where its webhooks arrive."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process

from leadsync.simulator import API_KEY, Sending, Simulator, World
from tests.transport import SimulatorTransport
from tests.virtual_time import run_virtually

BATCH, BATCH_2, AWAIT = "/v1/SkipTraceBatch", "/v2/SkipTraceBatch", "/v1/SkipTraceBatchAwait"
DONE = "https://leads.example.com/hooks/trace-done/b.proof"
BEGAN = datetime(2026, 11, 1, 6, tzinfo=UTC)


@dataclass(frozen=True)
class Letter:
    """One webhook that came: seconds since the loop began, the last part of its path, its body, the key in it."""

    at_s: float
    about: str
    said: dict[str, Any]
    api_key: str | None


@dataclass
class Letterbox:
    """Takes what is delivered, in its order; answers with what is in line, then with 200."""

    letters: list[Letter] = field(default_factory=list)

    async def deliver(self, url: str, body: bytes, _how: Sending, headers: Mapping[str, str]) -> list[int]:
        """Take one."""
        about = url.rsplit("/", 1)[-1].removesuffix(".proof")
        now_s = asyncio.get_running_loop().time()
        self.letters.append(Letter(now_s, about, json.loads(body), headers.get("x-api-key")))
        return [200]

    @property
    def items(self) -> list[Letter]:
        """What came of owners."""
        return [letter for letter in self.letters if letter.about != "b"]

    @property
    def done(self) -> list[Letter]:
        """What came of whole batches."""
        return [letter for letter in self.letters if letter.about == "b"]


def skip(key: Any, **more: Any) -> dict[str, Any]:
    """One owner, each another person; `more` changes it, None leaves a member out."""
    whole = {
        "key": key,
        "webhook_url": f"https://leads.example.com/hooks/trace-item/b-{key}.proof",
        "first_name": "Pat",
        "last_name": f"Doe{key}",
        "address": f"{key} Elm St",
        "city": "Mesa",
        "state": "AZ",
        "zip": "85201",
        **more,
    }
    return {name: value for name, value in whole.items() if value is not None}


def batch(count: int = 10, **more: Any) -> dict[str, Any]:
    """The body of a batch; `more` changes its root."""
    return {"webcomplete_url": DONE, "skips": [skip(key) for key in range(1, count + 1)], **more}


def simulated(**switches: Any) -> tuple[Simulator, Letterbox]:
    """A simulator of 1,000 properties whose clock is the running loop's, and the letterbox where its webhooks end."""
    simulator = Simulator(World(7, 1_000), now=_loops_clock)
    box = Letterbox()
    simulator.deliver = box.deliver
    simulator.traces.switches = replace(simulator.traces.switches, **switches)
    return simulator, box


def ask(
    simulator: Simulator, *bodies: Any, path: str = BATCH, api_key: str | None = API_KEY, wait_s: float = 60
) -> list[httpx.Response]:
    """Ask one after another, then wait, in virtual time; bytes go as they are."""

    async def asking() -> list[httpx.Response]:
        headers = {"x-api-key": api_key} if api_key is not None else {}
        carrier = SimulatorTransport(simulator)
        async with httpx.AsyncClient(transport=carrier, base_url="http://vendor", headers=headers) as speaking:
            contents = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
            answers = [await speaking.post(path, content=content) for content in contents]
        await asyncio.sleep(wait_s)
        return answers

    return run_virtually(asking())


def _loops_clock() -> datetime:
    return BEGAN + timedelta(seconds=asyncio.get_running_loop().time())
