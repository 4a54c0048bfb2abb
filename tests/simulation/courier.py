"""Who brings a vendor's webhooks to whoever lives, each until it is taken or its tries are used up.

Windows and owners have a courier each: what stands in a webhook, how long is waited between two tries, and what is
noted of one that was answered 200 is theirs.
"""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final, Protocol
from urllib.parse import urlsplit

from leadsync.simulator import Sending
from tests.simulation.mail import knock

if TYPE_CHECKING:
    from tests.simulation.world import World

WEBHOOKS: Final = '\n[webhooks]\nlisten = "127.0.0.1:8480"\npublic_url = "https://leads.example.com"'
"""What the configuration says where something is to be brought."""


class Bound(Protocol):
    """What webhooks are brought for; `under_way` counts those that are neither taken nor given up."""

    under_way: int


class Courier(ABC):
    """Brings webhooks; in some worlds our answers get lost on the way. `act` is what a taken one counts as."""

    act: ClassVar[str]

    def __init__(self, world: "World", bound: Bound, name: str) -> None:
        self._world = world
        self._bound = bound
        self._draws = world.draws(name)
        self._answers_lost = self._draws.choice((0.0, 0.3))

    async def deliver(self, url: str, body: bytes, how: Sending, headers: Mapping[str, str]) -> list[int]:
        """Bring one, with its tries."""
        statuses: list[int] = []
        self._bound.under_way += 1
        try:
            while not statuses or (statuses[-1] != 200 and len(statuses) < how.tries_max):
                await asyncio.sleep(self._wait_s(how, len(statuses)))
                statuses.append(await self._try(urlsplit(url).path, body, headers))
        finally:
            self._bound.under_way -= 1
        return statuses

    async def _try(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        world = self._world
        if world.weather.outage:
            return 0
        status = await knock(world, path, body, headers)
        if status == 200:
            world.acted[self.act] += 1
            world.watch.brought(hashlib.sha256(body).hexdigest())
            self._note(path, body, headers)
        return 0 if self._draws.random() < self._answers_lost else status

    @abstractmethod
    def _wait_s(self, how: Sending, tries: int) -> float:
        """Draw how long is waited before the next try, after so many."""

    @abstractmethod
    def _note(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Keep in mind one that was answered 200."""
