"""What RealEstateAPI's answers mean: to a batch that was sent, to one owner that was asked for, to a whole batch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from leadsync.core.contacts import Contact
from leadsync.core.replies import Denied, Lost, Refused, Throttled


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The batch runs at the vendor. `ids_by_key` are its ids of the items, as far as it gave any; so may `received`."""

    batch_id: str
    ids_by_key: Mapping[int, str]
    received: int | None

    def complaint(self, keys: Collection[int]) -> str | None:
        """Say what the vendor acknowledged otherwise than it was sent; None where all is as it was."""
        if self.received is not None and self.received != len(keys):
            return f"{len(keys):,} owners were sent, and the vendor says that it received {self.received:,}"
        missing, foreign = set(keys) - self.ids_by_key.keys(), self.ids_by_key.keys() - set(keys)
        if self.ids_by_key and (missing or foreign):
            return f"{len(missing):,} keys that were sent are not acknowledged, {len(foreign):,} are that were not"
        return None


@dataclass(frozen=True, slots=True)
class DailyLimit:
    """The day's credits are used up: nothing was done. The vendor's day ends at `until`, midnight UTC; no back-off."""

    until: datetime


TraceTrouble: TypeAlias = Lost | Throttled | Denied | Refused | DailyLimit
"""Lost: the batch may run, and its results may come all the same; it is never sent again by itself."""

BatchReply: TypeAlias = Acknowledged | TraceTrouble


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What came of one owner. `key`, `batch_id` and `batch_request_id` are None where the vendor left them out.

    A miss has no contacts.
    """

    key: int | None
    batch_id: str | None
    batch_request_id: str | None
    matched: bool
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True, slots=True)
class Awaited:
    """The answer of the endpoint that answers at once; `unreadable` counts entries that nobody can take."""

    results: tuple[ItemResult, ...]
    unreadable: int


AwaitReply: TypeAlias = Awaited | TraceTrouble
