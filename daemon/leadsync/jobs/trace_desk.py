"""How owners are asked for: the client, the proof that comes back with its answers, the addresses where they find us.

A reload exchanges the client and the proof in one breath; what is on its way ends through the old one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from leadsync.config import Settings, SkipTrace
from leadsync.core.hooks import Address, HookKey, hook_url
from leadsync.core.letters import key_digest
from leadsync.store.trace_batches import DONE_KIND, ITEM_KIND
from leadsync.vendors.realestateapi import RealEstateApi, TraceAccess

Connect: TypeAlias = Callable[[TraceAccess], RealEstateApi]


@dataclass(frozen=True, slots=True)
class Line:
    """A way to the vendor. `proof` is the digest of the API key, as the door keeps it of what comes back."""

    access: TraceAccess
    client: RealEstateApi
    proof: str


class TraceDesk:
    """One per process. `connect` makes a client, and sends nothing; without [skip_trace] there is no line."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._left: list[Line] = []
        self.line: Line | None = None

    @property
    def proof(self) -> str | None:
        """The digest of the API key in use."""
        return self.line.proof if self.line else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What the log masks."""
        return (self.line.access.api_key,) if self.line else ()

    def line_to(self, access: TraceAccess | None) -> Line | None:
        """Return the line for this access: the one there is, where it is the same."""
        if access is None or (self.line is not None and self.line.access == access):
            return self.line if access is not None else None
        return Line(access, self._connect(access), key_digest(access.api_key))

    def enter(self, line: Line | None) -> None:
        """Ask by this line from now on; a batch that is on its way ends by the one before, which stays open for it."""
        if self.line is not None and self.line is not line:
            self._left.append(self.line)
        self.line = line

    async def close(self) -> None:
        """Close all connections."""
        for line in (*self._left, *([self.line] if self.line else [])):
            await line.client.close()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the answers to one batch are sent; `batch` is our own id of it."""

    public_url: str
    key: HookKey
    batch: str

    def of_item(self, key: int) -> str:
        """The address of one item's answer."""
        return hook_url(self.public_url, self.key, Address(ITEM_KIND, f"{self.batch}-{key}"))

    @property
    def of_completion(self) -> str:
        """The address of the word that the batch is complete."""
        return hook_url(self.public_url, self.key, Address(DONE_KIND, self.batch))


def traced_jobs(settings: Settings) -> list[str]:
    """Return the jobs whose owners are to be found."""
    return [job.name for job in settings.jobs.values() if job.skip_trace.enabled]


def terms_of(settings: Settings) -> SkipTrace | None:
    """Return how owners are asked for; None where nobody is, since no job has any found."""
    return settings.skip_trace if traced_jobs(settings) else None
