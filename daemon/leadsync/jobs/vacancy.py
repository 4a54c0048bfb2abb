"""The sign at an account's door: a slot may be free; and how long nobody asks after the vendor said that none is.

It counts nothing: who holds the slots is the ledger's to say. A vendor that refuses a new session although its list
has room (its cap is lower than ours, or somebody was faster) is believed for a while, or until the list is shorter.
Then one tries, and the others wait for what comes of it.
"""

import asyncio
from typing import Final

REFUSED_REST_S: Final = 900.0
"""How long no new session is tried after the vendor has refused one, and while one tries again."""


class Vacancy:
    """One per account; times are the loop's."""

    def __init__(self) -> None:
        self._sign = asyncio.Event()
        self._refused_until_s: float | None = None
        self._listed_then = 0

    @property
    def sign(self) -> asyncio.Event:
        """Set when a slot may be free; whoever waits at the door clears it."""
        return self._sign

    def tell(self) -> None:
        """A slot may be free: look."""
        self._sign.set()

    def refused(self, listed: int, now_s: float) -> None:
        """The vendor has refused a new session, while its list had so many."""
        self._refused_until_s, self._listed_then = now_s + REFUSED_REST_S, listed

    def made(self) -> None:
        """A new session was made, its first page is here: the vendor's refusal is over, whatever the run comes to."""
        self._refused_until_s = None
        self._sign.set()

    def rest_s(self, listed: int, now_s: float) -> float:
        """How long nobody tries, while the list has so many: 0 where one may."""
        if self._refused_until_s is None or listed < self._listed_then:
            return 0.0
        return max(self._refused_until_s - now_s, 0.0)

    def tries(self, now_s: float) -> None:
        """Somebody tries to make a session: after a refusal nobody else does until that is known."""
        if self._refused_until_s is not None:
            self._refused_until_s = now_s + REFUSED_REST_S

    @property
    def doubted(self) -> bool:
        """Whether the vendor has refused a new session, and made none since."""
        return self._refused_until_s is not None
