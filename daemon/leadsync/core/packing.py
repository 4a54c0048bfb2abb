"""Packing subjects into batches: at least ten, at most a thousand, at most 256 KB as sent; in order, nothing lost.

As few batches as can be, after as few left over as can be: a tail of three takes seven from the batch before it. What
is left over is less than ten, or follows items so large that no cut between them works; it waits for company.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

ITEMS_MIN: Final = 10
ITEMS_MAX: Final = 1_000
AWAIT_MAX: Final = 100
"""The most that the endpoint takes that answers at once."""

BODY_MAX_BYTES: Final = 256_000
"""The vendor says 256 KB and not which: a kilobyte of 1,024 would allow 2 % more, and a batch that is refused for it
would be refused for ever. A batch more costs nothing: matches are billed, not requests."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a batch may hold. `frame_bytes` is what its body has around the items, and a byte stands between two."""

    frame_bytes: int
    bytes_max: int = BODY_MAX_BYTES
    items_min: int = ITEMS_MIN
    items_max: int = ITEMS_MAX

    @property
    def item_max_bytes(self) -> int:
        """The largest that an item may be, so that as few as are wanted always fit together."""
        return (self.bytes_max - self.frame_bytes) // self.items_min - 1


@dataclass(frozen=True, slots=True)
class Packing:
    """Ranges of the items' numbers from 0, one a batch, one after another; what follows the last, `held`, waits.

    Within its batch an item's key is its place, from 1.
    """

    batches: tuple[range, ...]
    held: range


def pack(sizes: Sequence[int], limits: Limits) -> Packing:
    """Pack items by their sizes in bytes as they are sent, with the longest key that a batch can have.

    Raises ValueError for an item that is too large to have nine others beside it.
    """
    if any(size > limits.item_max_bytes for size in sizes):
        raise ValueError("an item is too large for any batch")
    begins = _last_begins(sizes, limits)
    end = max(at for at, begin in enumerate(begins) if begin is not None)
    batches: list[range] = []
    at = end
    while at:
        begin = begins[at]
        assert begin is not None  # noqa: S101 - a batch begins only where one ended
        batches.append(range(begin, at))
        at = begin
    return Packing(tuple(reversed(batches)), range(end, len(sizes)))


def _last_begins(sizes: Sequence[int], limits: Limits) -> list[int | None]:
    """For each number of first items say where the last batch begins that packs exactly these into the fewest batches.

    None where they cannot be packed. `window` has the cuts where that batch may begin; the earliest is the best, since
    no more batches are needed for less: where `items_min` of any items fit, a batch that is too short takes from the
    one before it.
    """
    before = list(accumulate((size + 1 for size in sizes), initial=0))
    begins: list[int | None] = [0]
    window: deque[int] = deque()
    for end in range(1, len(before)):
        cut = end - limits.items_min
        if cut >= 0 and begins[cut] is not None:
            window.append(cut)
        while window and not _fits(before, window[0], end, limits):
            window.popleft()
        begins.append(window[0] if window else None)
    return begins


def _fits(before: Sequence[int], begin: int, end: int, limits: Limits) -> bool:
    body = limits.frame_bytes + before[end] - before[begin] - 1
    return end - begin <= limits.items_max and body <= limits.bytes_max
