"""The words of the trade, as frozen values. What is defined here is defined nowhere else.

A *session* is a forward-only search at the vendor. Each new *key* brings and bills its next *page* of *leads*; the same
key again is a *replay*. An *epoch* is one life of a session: deleted at the vendor and used again, it starts anew.
The *ledger* is our record of all that; the *books* are its sums. A key is *open* from the moment it is journaled until
its answer is stored, or nobody asks for it any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias


class Outcome(StrEnum):
    """How a run ended; `once` answers 0 for the first two and 1 for the rest."""

    COMPLETE = "complete"
    LIMITED = "limited"
    OVER_BUDGET = "over_budget"
    PARTIAL = "partial"
    PARKED = "parked"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    WAITING = "waiting"

    @property
    def ended_well(self) -> bool:
        """Whether nothing is left to wonder about."""
        return self in {Outcome.COMPLETE, Outcome.LIMITED}


SETTLING: Final = "start"
"""The trigger of a run that only settles an open key, which is not a run of its job's own."""

CALLED: Final = "slot"
"""The trigger of a run that was called since a slot may be free, of a job that has no times."""


class Reason(StrEnum):
    """Why a job is parked, which only a person can answer, or an account paused, which a later answer may end."""

    SESSION_VANISHED = "session_vanished"
    SESSION_FOREIGN = "session_foreign"
    SESSION_DRIFTED = "session_drifted"
    CRITERIA_CHANGED = "criteria_changed"
    CRITERIA_KNOWN = "criteria_known"
    REFUSED = "refused"
    STORE_MOVED = "store_moved"
    STORE_COPIED = "store_copied"
    STORE_RESTORED = "store_restored"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a reason, not a token
    ABILITY_MISSING = "ability_missing"
    WALLET_EMPTY = "wallet_empty"

    @property
    def pauses_account(self) -> bool:
        """Whether it stops every job of the account, and heals when a later try is answered."""
        return self in {Reason.TOKEN_REFUSED, Reason.ABILITY_MISSING, Reason.WALLET_EMPTY}


class Route(StrEnum):
    """The way to the vendor."""

    SESSION = "session"
    ASYNC = "async"
    THROWAWAY = "throwaway"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Books:
    """What the ledger says of one session's present epoch.

    `epoch` counts the lives of the session, from 1. `next_page` is the number that the next new key carries, from 1;
    a refused key's number is used up. `delivered` counts the distinct property ids stored in this epoch, `base_line`
    those that the vendor had delivered to others before the session was adopted.
    """

    epoch: int = 1
    next_page: int = 1
    delivered: int = 0
    base_line: int = 0

    @property
    def total(self) -> int:
        """What the vendor's `totalDelivered` must be between two pages (P8)."""
        return self.base_line + self.delivered

    @property
    def asked_before(self) -> bool:
        """Whether a key of this epoch was ever journaled."""
        return self.next_page > 1


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A journaled key without an answer: its page may be billed already. `take` is its reservation, in records."""

    page_id: int
    key: str
    take: int
    request: bytes


class Lead(NamedTuple):
    """One property as the vendor sent it; all but the id and the bytes are for filtering and may be None.

    A plain tuple, because the page path makes half a thousand of them at a time. `value` and `equity` are US dollars.
    """

    vendor_id: str
    street: str | None
    city: str | None
    state: str | None
    zip: str | None
    county: str | None
    owner: str | None
    mailing_address: str | None
    value: float | None
    equity: float | None
    body: bytes


@dataclass(frozen=True, slots=True)
class PageReply:
    """A whole page. `total` is None where the reply carried no totals; `has_cursor`: the vendor says there is more.

    `cursor` is where a search without a session goes on; None where there is none that could be sent back.
    """

    leads: tuple[Lead, ...]
    total: int | None
    is_new: bool
    has_cursor: bool
    request_id: str | None = None
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class SessionListing:
    """One row of the vendor's session list (v2). `last_request_at` is absent until a page was delivered.

    Times are the vendor's; None where it has none, or one that cannot be read.
    """

    session: str
    total: int
    last_request_at: datetime | None = None
    created_at: datetime | None = None


Listing: TypeAlias = Mapping[str, SessionListing]
"""The vendor's whole list, by the sessions' ids, oldest first."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One run so far: `records` were billed, `new` of them for the first time, `barren` pages came in a row."""

    pages: int = 0
    records: int = 0
    new: int = 0
    replays: int = 0
    barren: int = 0
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended, in one sentence for the operator. `awaits`: results are on their way, it goes on by itself."""

    outcome: Outcome
    message: str
    reason: Reason | None = None
    awaits: bool = False
