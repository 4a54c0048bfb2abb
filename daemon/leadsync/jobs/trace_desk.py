"""How owners are asked for: the client, the proof that comes back with its answers, the addresses where they find us.

One per process. A reload exchanges the client and the proof in one breath; what is on its way ends through the old one.
"""

import hashlib
from dataclasses import dataclass

from leadsync.core.hooks import Address, HookKey, hook_url
from leadsync.store.trace_batches import DONE_KIND, ITEM_KIND
from leadsync.vendors.realestateapi import RealEstateApi


@dataclass(slots=True)
class TraceDesk:
    """`client` and `proof` are None where the configuration has no [skip_trace]."""

    client: RealEstateApi | None = None
    proof: str | None = None


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


def proof_of(api_key: str) -> str:
    """Return the digest of an API key, as the door keeps it of what comes back: it can be compared, and not be read."""
    return hashlib.sha256(api_key.encode()).hexdigest()
