"""The sign at an account's door: a slot may be free; and how long nobody asks after the vendor said that none is.

It counts nothing: who holds the slots is the ledger's to say. A vendor that refuses a new session although the list has
room (its cap is lower than ours, or somebody was faster) is believed for a while, or until fewer slots are used.
"""

import asyncio
from typing import Final

REFUSED_REST_S: Final = 900.0
"""How long no new session is tried after the vendor has refused one."""


class Vacancy:
    """One per account."""

    def __init__(self) -> None:
        self._sign = asyncio.Event()
        self._refused_until_s = 0.0
        self._used_then = 0

    @property
    def sign(self) -> asyncio.Event:
        """Set when a slot may be free; whoever waits at the door clears it."""
        return self._sign

    def tell(self) -> None:
        """A slot may be free: look."""
        self._sign.set()

    def refused(self, used: int, now_s: float) -> None:
        """The vendor has refused a new session while so many slots were used; `now_s` is the loop's time."""
        self._refused_until_s, self._used_then = now_s + REFUSED_REST_S, used

    def rest_s(self, used: int, now_s: float) -> float:
        """How long nobody tries, while so many slots are used: 0 where one may."""
        return max(self._refused_until_s - now_s, 0.0) if used >= self._used_then else 0.0
