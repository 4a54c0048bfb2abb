"""Bad weather: what can befall a request, and the plan of what befalls which."""

import random
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

__all__ = ["ConnectionCut", "Fate", "Fault", "FaultPlan", "Plan"]


class Fault(StrEnum):
    """One way in which a request goes wrong. Advancing ones do what was asked, and bill it, before they fail."""

    CUT_BEFORE = "cut_before"
    """The connection dies; nothing happened."""
    CUT_AFTER = "cut_after"
    """Advances; the connection dies without a reply."""
    TRUNCATED = "truncated"
    """Advances; the right headers, half of the body, then the connection dies."""
    HTML_200 = "html_200"
    """Advances; 200 with a page of HTML."""
    EMPTY_BODY = "empty_body"
    """Advances; 200 with nothing in it."""
    ODD_JSON = "odd_json"
    """Advances; the right reply, but its first property has lone surrogates, NaN, 1e999 and 100,000 levels."""
    UNAVAILABLE_AFTER = "unavailable_after"
    """Advances; 503 with HTML."""
    GATEWAY_TIMEOUT = "gateway_timeout"
    """Advances; 504 with HTML: the gateway gave up before the vendor did."""
    SLOW = "slow"
    """Advances; the right reply after `Switches.slow_s`."""
    HANG = "hang"
    """Advances; no reply for as long as the client waits."""
    BAD_GATEWAY = "bad_gateway"
    """502 with HTML; nothing happened."""
    SERVER_ERROR = "server_error"
    """500 in the vendor's envelope; nothing happened."""
    RATE_LIMITED = "rate_limited"
    """429 with the `Retry-After` of the switches; nothing happened."""
    RATE_LIMITED_BARE = "rate_limited_bare"
    """429 without `Retry-After`; nothing happened."""
    REDIRECT = "redirect"
    """302 to another host; nothing happened."""
    NO_TOKEN = "no_token"  # noqa: S105 - the name of a fault, no token
    """401; nothing happened."""
    NO_ABILITY = "no_ability"
    """403 in the words of a missing ability; nothing happened."""
    EMPTY_WALLET = "empty_wallet"
    """403 in the words of an empty wallet; nothing happened."""
    MALFORMED = "malformed"
    """400; nothing happened."""
    CONFLICT = "conflict"
    """409 'request in progress'; nothing happened."""

    @property
    def advances(self) -> bool:
        """Whether the vendor does what was asked, and bills it, before this goes wrong."""
        return self in ADVANCING


ADVANCING = frozenset(
    {
        Fault.CUT_AFTER,
        Fault.TRUNCATED,
        Fault.HTML_200,
        Fault.EMPTY_BODY,
        Fault.ODD_JSON,
        Fault.UNAVAILABLE_AFTER,
        Fault.GATEWAY_TIMEOUT,
        Fault.SLOW,
        Fault.HANG,
    }
)


class Fate(StrEnum):
    """One way in which the result of an async request goes wrong, after the request was acknowledged or not."""

    LOST = "lost"
    """Made and billed; never sent."""
    DROPPED = "dropped"
    """Never made, not billed, never sent."""
    FAILED = "failed"
    """Not made and not billed; an error is sent instead, in the form of the switches."""
    HELD = "held"
    """Made and billed; sent when somebody says so."""
    ODD = "odd"
    """Made, billed and sent, but its first property is as in `Fault.ODD_JSON`."""


T = TypeVar("T")


class Plan(Generic[T]):
    """What befalls which request of one endpoint: first what stands in line, then what a storm draws."""

    def __init__(self) -> None:
        self._line: deque[T | None] = deque()
        self._rate = 0.0
        self._kinds: tuple[T, ...] = ()
        self._rng = random.Random(0)

    def next(self, *faults: T | None) -> None:
        """Put faults in line, one for each coming request; None lets one pass unharmed, also in a storm."""
        self._line.extend(faults)

    def storm(self, rate: float, kinds: Sequence[T], seed: int) -> None:
        """From now on a request meets one of `kinds` with probability `rate` (0 to 1), drawn from `seed`."""
        self._rate, self._kinds, self._rng = rate, tuple(kinds), random.Random(seed)

    def calm(self) -> None:
        """The weather clears: no storm, and nothing in line."""
        self._line.clear()
        self._rate = 0.0

    @property
    def waiting(self) -> int:
        """How many faults (and passes) stand in line."""
        return len(self._line)

    def draw(self) -> T | None:
        """What befalls the request that comes now."""
        if self._line:
            return self._line.popleft()
        return self._rng.choice(self._kinds) if self._kinds and self._rng.random() < self._rate else None


FaultPlan: TypeAlias = Plan[Fault]


class ConnectionCut(Exception):
    """Raised out of the app where the connection shall die; whoever carries the app makes it die."""
