"""How a page was asked for whose bytes were lost with the store: the takes that its request may have named, in turn.

A store that was restored knows the keys of the pages after its backup, since they are made of numbers, but not their
bytes. A vendor that knows a key with other bytes says so and bills nothing, so all that is possible may be tried.
"""

from collections.abc import Iterable
from typing import Final

TAKE_MAX: Final = 500
"""The vendor's largest page."""

PAGES_A_GENERATION: Final = 1_000_000
"""From here on a session's keys are numbered after a restore: no number that an old key may have is given again."""


def takes_to_try(seen: Iterable[int], page_size: int) -> tuple[list[int], list[int]]:
    """Return each take once: the likely ones, those of the pages that are left and then the job's own; and all others.

    A page is short of the job's size where a limit of the run or the budget was near, so any may have been.
    """
    likely = list(dict.fromkeys([*seen, page_size]))
    return likely, [take for take in range(TAKE_MAX, 0, -1) if take not in likely]
