"""What the simulator's tests share: a simulator with a clock that stands still, and short words for its requests."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process

from leadsync.simulator import Simulator, Switches, World
from tests.transport import SimulatorTransport

SEARCH = "/api/v1/property/search"
SESSIONS = "/api/v2/property/search-sessions"


@dataclass
class Clock:
    """The vendor's clock; a test sets it forward by hand."""

    now: datetime = datetime(2026, 11, 1, 6, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time by this clock."""
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


def simulate(size: int = 1_000, clock: Clock | None = None, **switches: Any) -> Simulator:
    """A simulator with the world of seed 7."""
    return Simulator(World(7, size), now=clock or Clock(), switches=Switches(**switches))


def body(
    key: str = "", session: str = "phoenix", criteria: dict[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    """A search's body; `session` '' is a search without one."""
    named = {"searchSession": {"id": session, **({"idempotencyKey": key} if key else {})}} if session else {}
    return {"searchCriteria": criteria or {}, "options": {**options, **named}}


def client(simulator: Simulator, token: str | None = None) -> httpx.AsyncClient:
    """A client of that simulator, in process."""
    headers = {"Authorization": f"Bearer {simulator.token if token is None else token}"}
    return httpx.AsyncClient(transport=SimulatorTransport(simulator), base_url="http://vendor", headers=headers)


def call(simulator: Simulator, method: str, path: str, **request: Any) -> httpx.Response:
    """One request, there and back."""

    async def there_and_back() -> httpx.Response:
        async with client(simulator) as speaking:
            return await speaking.request(method, path, **request)

    return asyncio.run(there_and_back())


def search(simulator: Simulator, key: str = "", **asked: Any) -> httpx.Response:
    """One search: `body`'s arguments."""
    return call(simulator, "POST", SEARCH, json=body(key, **asked))


def page(simulator: Simulator, key: str = "", **asked: Any) -> dict[str, Any]:
    """The `results` of one search that must succeed."""
    response = search(simulator, key, **asked)
    assert response.status_code == 200, response.text
    results: dict[str, Any] = response.json()["results"]
    return results


def ids(results: dict[str, Any]) -> list[str]:
    """The ids of a page."""
    return [each["_id"] for each in results["properties"]]


def meta(results: dict[str, Any]) -> tuple[bool, int]:
    """What a page says of its session: isNewSession and totalDelivered."""
    said = results["searchSessionMeta"]
    return said["isNewSession"], said["totalDelivered"]


def message(response: httpx.Response) -> str:
    """The vendor's words in a refusal."""
    said: str = response.json()["status"]["message"]
    return said
