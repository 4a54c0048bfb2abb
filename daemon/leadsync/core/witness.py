"""Whether a store is still the one that was spent from: a note beside it, written after each key, must agree.

A key is durable in the store before the witness counts it, and the witness before the key is sent. So a store that is
behind its witness was restored from a backup; one whose witness names another place was moved or copied; one that lost
its witness was copied alone. Nothing is spent until a person has said which.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from leadsync.core.model import Reason


@dataclass(frozen=True, slots=True)
class Witness:
    """Who spends, where, and how much was journaled. `machine` is a digest, `place` the store's absolute path.

    `keys` counts the keys of pages, `batches` those of the skip trace, `generation` the lives of the store: what is put
    back from the same backup twice knows of none between.
    """

    installation: str
    machine: str
    place: str
    keys: int
    batches: int = 0
    generation: int = 1

    @property
    def whose(self) -> "Witness":
        """Who spends and where, whatever was journaled."""
        return replace(self, keys=0, batches=0, generation=1)

    @property
    def has_spent(self) -> bool:
        """Whether anything was ever journaled."""
        return bool(self.keys or self.batches)


class StoreAnswer(StrEnum):
    """What a person says has happened to the store."""

    MOVED = "moved"
    COPIED = "copied"
    RESTORED = "restored"


def doubt(found: Witness | None, here: Witness, *, expected: bool, original_there: bool) -> Reason | None:
    """Say why the store cannot be trusted to be the one that was spent from, None where it can.

    `expected`: this store has had a witness; `original_there`: the place that the witness names still has a store.
    """
    if found is None:
        return Reason.STORE_COPIED if expected else None
    if not expected and not found.has_spent and not here.has_spent:
        # A first start that was cut short left its witness, and its store without a row. Nothing was ever spent.
        return None
    if found.installation != here.installation:
        return Reason.STORE_COPIED
    if found.whose != here.whose:
        return Reason.STORE_COPIED if found.machine == here.machine and original_there else Reason.STORE_MOVED
    was, is_now = ((one.keys, one.batches, one.generation) for one in (found, here))
    is_older = any(before > now for before, now in zip(was, is_now, strict=True))
    return Reason.STORE_RESTORED if is_older else None


DOUBTS = {
    Reason.STORE_MOVED: "the store is not where it was when it was last spent from: it was moved, or copied; nothing"
    " is sent or billed",
    Reason.STORE_COPIED: "the witness beside the store (FILE.witness) is missing or another's: the store is a copy,"
    " or was restored, or the witness was lost; two that spend would buy pages twice, so nothing is sent or billed",
    Reason.STORE_RESTORED: "the store is older than its last request: it was restored, and lacks pages that are billed;"
    " nothing is sent or billed",
}
"""In words; nothing is spent until a person has answered."""

TOLD = {
    StoreAnswer.MOVED: "the store goes on from here; see that nobody starts the one that it was moved from",
    StoreAnswer.COPIED: "the store is a new installation: its leads stay, its sessions are somebody else's from now"
    " on, so its jobs park session_foreign until each has another session",
    StoreAnswer.RESTORED: "pages that were billed after the backup are asked for again with their old keys, also of"
    " sessions that the backup does not know, and unbilled where the vendor still knows them; where it does not, each"
    " job buys one new page at most, and parks with what is lost. See that the store it replaces is not started."
    " Exports go on with higher change numbers",
}
"""What each answer does."""

OWNERS_WAIT = "No owner is asked for before `leadsync traces resume`: some may be paid for already"
"""What is said besides where owners are found, and a word about the store is not enough."""
