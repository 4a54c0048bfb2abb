"""What nobody knows of RealEstateAPI's skip trace, and how its day goes: each a switch, to be tried in every position.

The defaults are its first version, and the likeliest guesses.
"""

from dataclasses import dataclass, field
from typing import Literal

from leadsync.simulator.hooks import Sending

__all__ = ["TraceSwitches"]


@dataclass(frozen=True, slots=True)
class TraceSwitches:
    """How this vendor behaves; changed between two requests by a new value in `Simulator.traces.switches`."""

    acknowledged_under: Literal["path", "root", "data"] = "path"
    """Where an acknowledgement stands. path: at the root for /v1, under `data` for /v2."""

    received_too_few: int = 0
    """How many less than it took the vendor says that it received."""

    item_shape: Literal["identity", "data", "persons", "mixed"] = "identity"
    """How an owner who was found is sent. mixed: each in one of the three, as drawn."""

    miss_shape: Literal["flag", "status", "persons", "mixed"] = "flag"
    """How it says that nobody was found. flag: `match` is false. status: 404 in the body. persons: none."""

    input_echoed: bool = True
    """True: what was asked for comes back with an owner, its key among it. False: the URL alone tells."""

    keys_as_text: bool = False
    """True: keys come back as text. False: as the numbers that they were."""

    match_rate: float = 0.8
    """The share of people who are found: the same person always, or never."""

    miss_billed: bool = False
    """True: an owner who is not found is billed, too."""

    price_dollars: float = 0.1
    """The price of a match."""

    first_after_s: float = 1.0
    """How long after its acknowledgement a batch's first result is made."""

    callbacks_per_s: float = 50.0
    """How many results are sent a second, over all batches."""

    callbacks: Sending = field(default_factory=lambda: Sending(tries_max=3))
    """How a result is sent; each of its copies is another of `copies_rate`."""

    copies_rate: float = 0.0
    """The share of results that are sent once more, with another `requestId`, after 5 seconds."""

    shuffled: bool = False
    """True: a batch's results come in an order as drawn."""

    lost_rate: float = 0.0
    """The share of results that are made and billed, and never sent."""

    odd_rate: float = 0.0
    """The share of owners over whom the vendor fails: 500 in the body, nothing billed."""

    mixed_up_rate: float = 0.0
    """The share of results that are sent to the address of the batch's next owner."""

    wrong_key_rate: float = 0.0
    """The share of callbacks that do not bring our key back."""

    wrong_key: Literal["other", "missing"] = "other"
    """What they bring instead: another key, or none."""

    completion: Literal["last", "early", "never"] = "last"
    """When it is said that a batch is done. early: with half of its results still to come."""

    completion_shape: Literal["totals", "counts", "empty"] = "totals"
    """What it says. totals: as in the second version. counts: in other words. empty: nothing."""

    late_items: int = 0
    """How many of a batch's results come late: so long after all the others, and after its completion."""

    late_after_s: float = 7_200.0
    """How late those come."""

    credits_per_day: int | None = None
    """None: no limit. N: owners taken in a day, which ends at midnight UTC; the batch that exceeds them gets 429."""

    requests_per_second: int | None = 20
    """What exceeds that within a second gets 429; None: nothing does."""

    await_s: float = 0.5
    """How long the endpoint that answers at once takes."""

    await_shape: Literal["list", "data", "results"] = "list"
    """Where its results stand: at the root, or under that name."""

    await_calls_back: bool = False
    """True: it sends its results by webhook, too."""
