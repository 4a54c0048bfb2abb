"""The words of the paging protocol: what a run may do, the states it goes through, what happens to it, what it does.

What follows on what is the table of `paging`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from leadsync.core.model import End, PageReply, Reason, Tally
from leadsync.core.replies import Refused, VendorReply


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run may do. `settle_only`: how it ends once no key is open; None goes on asking.

    `new_session`: the vendor does not have the session yet, so a refusal for want of a slot can be meant.
    `old_keys_max`: the store was restored, and so many keys of before that may be asked again before `settle_only`;
    `recovering`: what the vendor delivered after the backup is not all here yet, whoever asks.
    """

    page_size: int
    records_max: int | None = None
    new_session: bool = False
    settle_only: End | None = None
    old_keys_max: int = 0
    recovering: bool = False


# States ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """The sending of one key in this run. `number` counts from 1; `since_s` is when the first began.

    `maybe_seen`: the vendor may have answered this key before, so its page may be a replay.
    """

    number: int
    since_s: float
    maybe_seen: bool


@dataclass(frozen=True, slots=True)
class Asking:
    """A new key is being journaled."""

    tally: Tally


@dataclass(frozen=True, slots=True)
class Queued:
    """Nothing is left of the budget but what open keys of the account have reserved, and may give back."""

    tally: Tally


@dataclass(frozen=True, slots=True)
class Sending:
    """The open key is on its way."""

    tally: Tally
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Pausing:
    """The open key waits to be sent again."""

    tally: Tally
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Rewording:
    """The vendor knows an old key with other bytes than those that were sent; `refused` is what it said."""

    tally: Tally
    refused: Refused


@dataclass(frozen=True, slots=True)
class Storing:
    """A whole page is being stored."""

    tally: Tally
    has_cursor: bool


@dataclass(frozen=True, slots=True)
class Closing:
    """The open key is being closed without a page; `end` is how the run will end."""

    tally: Tally
    end: End


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more happens in this run."""

    tally: Tally
    end: End


State: TypeAlias = Asking | Queued | Sending | Pausing | Rewording | Storing | Closing | Ended

# Events ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Journaled:
    """The key, its bytes and its reservation are durable."""


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """The account's budget leaves nothing to ask for; `message` names the limit."""

    message: str


@dataclass(frozen=True, slots=True)
class BudgetReserved:
    """The account's budget leaves nothing to ask for until an open key is answered; `message` names the limit."""

    message: str


@dataclass(frozen=True, slots=True)
class Halted:
    """Somebody asked the run to stop, or its time is over; `message` says which."""

    message: str
    time_over: bool = False


@dataclass(frozen=True, slots=True)
class Waited:
    """The pause is over."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The page, its totals and the spent key are durable; `reason` where that parked the job.

    `recovered`: all that the vendor had delivered before the store was restored is here.
    """

    records: int
    new: int
    reason: Reason | None = None
    message: str = ""
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Reworded:
    """The open key has other bytes now, durably."""


@dataclass(frozen=True, slots=True)
class AtALoss:
    """There are no other bytes that the open key may have had."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The refused key is closed in the ledger."""


Event: TypeAlias = (
    VendorReply | Journaled | BudgetSpent | BudgetReserved | Halted | Waited | Reworded | AtALoss | Stored | Closed
)

# Effects --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """Journal the next key with its bytes, for at most `take` records."""

    take: int


@dataclass(frozen=True, slots=True)
class Queue:
    """Wait until an open key of the account is answered."""

    why: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send the open key's stored bytes. `replay`: they may have been sent before."""

    replay: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait before the next attempt; `account_wide`: nobody else of the account sends either."""

    wait_s: float
    why: str
    attempt: int
    account_wide: bool = False


@dataclass(frozen=True, slots=True)
class Reword:
    """Give the open key the next bytes that it may have had before the store was restored."""


@dataclass(frozen=True, slots=True)
class Store:
    """Store the page in one transaction. `fresh`: it answers the first sending of its key."""

    page: PageReply = field(repr=False)
    fresh: bool
    replays: int


class Fate(StrEnum):
    """How a page's row ends without a page: refused and void were not billed, unknown may be."""

    REFUSED = "refused"
    VOID = "void"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Close:
    """Close the open key without a page; `reason` parks the job in the same transaction."""

    status: int
    message: str
    reason: Reason | None
    fate: Fate = Fate.REFUSED


@dataclass(frozen=True, slots=True)
class Finish:
    """Record how the run ended."""

    end: End


Effect: TypeAlias = Ask | Queue | Send | Wait | Reword | Store | Close | Finish
Step: TypeAlias = tuple[State, Effect]
