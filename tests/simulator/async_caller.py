"""Asking the simulator's async endpoint, and standing where its webhooks arrive."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process

from leadsync.simulator import Sending, Simulator
from tests.simulator.caller import SEARCH, client, simulate
from tests.virtual_time import run_virtually

ASYNC = f"{SEARCH}/async"
RESULT = "https://leads.example.com/hooks/async/1.proof"
ERROR = "https://leads.example.com/hooks/async-error/1.proof"


@dataclass
class Letterbox:
    """Takes what is delivered: URL and body of each, in their order, with how it was sent."""

    letters: list[tuple[str, bytes]] = field(default_factory=list)
    hows: list[Sending] = field(default_factory=list)

    async def deliver(self, url: str, body: bytes, how: Sending, _headers: Mapping[str, str]) -> list[int]:
        """Take one."""
        self.letters.append((url, body))
        self.hows.append(how)
        return [200]


def window(skip: int = 0, take: int = 40, **more: Any) -> dict[str, Any]:
    """The body of an async search with both URLs; `more` goes into its options, `root` to its root."""
    root = more.pop("root", {})
    urls = {"webhookUrl": RESULT, "errorWebhookUrl": ERROR}
    options = {name: value for name, value in {"skip": skip, "take": take, **urls, **more}.items() if value is not None}
    return {"searchCriteria": {}, "options": options, **root}


def simulated(**switches: Any) -> tuple[Simulator, Letterbox]:
    """A simulator, and the letterbox in which its webhooks end."""
    simulator, box = simulate(**switches), Letterbox()
    simulator.deliver = box.deliver
    return simulator, box


def ask(simulator: Simulator, *bodies: dict[str, Any], wait_s: float = 60) -> list[httpx.Response]:
    """Ask one after another, then wait, in virtual time."""

    async def asking() -> list[httpx.Response]:
        async with client(simulator) as speaking:
            answers = [await speaking.post(ASYNC, json=body) for body in bodies]
        await asyncio.sleep(wait_s)
        return answers

    return run_virtually(asking())
