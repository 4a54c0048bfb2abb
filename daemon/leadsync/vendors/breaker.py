"""The breaker of an account: where the vendor answers nobody for minutes, the requests of all wait behind one.

It counts outcomes and lets through; it sends nothing and reads no clock but the loop's. Draws are in [0, 1).
"""

import asyncio
from typing import Final

from leadsync.core.retry import doubling_s
from leadsync.waiting import result_unless, sleep_unless

IN_VAIN_MIN: Final = 8
"""So many unknown outcomes in a row open it, over the whole account."""

SILENCE_MIN_S: Final = 120.0
"""And so long a silence: a hundred jobs lose eight answers in one short cut of the line."""

PROBE_FIRST_S: Final = 30.0
PROBE_MAX_S: Final = 300.0

THE_LIST: Final = ""
"""Who asks, where it is no session: an audit, for its list of all. No session has an empty name."""


class Breaker:
    """One per account. An *asker* is the name of a session, or THE_LIST; an asker has one request out at a time."""

    def __init__(self) -> None:
        self.was_answered = False
        """Whether the vendor has answered anybody since leadsync began."""
        self._silent_since_s: float | None = None
        self._in_vain = 0
        self._askers: set[str] = set()
        self._opened_s: float | None = None
        self._queue: list[object] = []
        self._probe: str | None = None
        self._probes = 0
        self._next_probe_s = 0.0
        self._change = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether the account's requests wait."""
        return self._opened_s is not None

    @property
    def in_vain(self) -> int:
        """How many unknown outcomes came in a row."""
        return self._in_vain

    def silence_s(self, now_s: float) -> float:
        """How long ago the first of them came; 0 where the last outcome was an answer."""
        return 0.0 if self._silent_since_s is None else now_s - self._silent_since_s

    def answered(self, now_s: float) -> float | None:
        """The vendor has answered, be it with a refusal; return how long it was open for, None where it was not."""
        open_s = None if self._opened_s is None else now_s - self._opened_s
        self.was_answered = True
        self._silent_since_s = self._opened_s = self._probe = None
        self._in_vain = self._probes = 0
        self._askers.clear()
        self._wake()
        return open_s

    def unanswered(self, asker: str, now_s: float, draw: float) -> bool:
        """An outcome is unknown; return whether that opens the breaker."""
        self._in_vain += 1
        self._askers.add(asker)
        if self._silent_since_s is None:
            self._silent_since_s = now_s
        opens = not self.is_open and self._is_silent_to_all(now_s)
        if opens:
            self._opened_s = now_s
        elif self._probe != asker:
            return False  # what was on its way when it opened says nothing new
        self._next_probe_s = now_s + _probe_wait_s(self._probes, draw)
        self._probes += 1
        self._probe = None
        self._wake()
        return opens

    async def passed(self, asker: str, stopping: asyncio.Event, until_s: float) -> bool:
        """Wait until the asker may send: as the probe, or since the vendor is back. They probe in the order they came.

        False where `stopping` was set or `until_s`, the loop's time, came before that.
        """
        place = object()
        self._queue.append(place)
        try:
            while self.is_open:
                now_s = asyncio.get_running_loop().time()
                if stopping.is_set() or now_s >= until_s:
                    return False
                is_first = self._queue[0] is place
                if is_first and now_s >= self._next_probe_s:
                    self._let_through(asker, now_s)
                    return True
                await self._wait(stopping, min(until_s, self._next_probe_s) if is_first else until_s)
            return True
        finally:
            self._queue.remove(place)
            self._wake()

    async def closed(self, stopping: asyncio.Event, until_s: float) -> bool:
        """Wait until the vendor is back, for who has nothing to probe with; False as `passed`."""
        while self.is_open:
            if stopping.is_set() or asyncio.get_running_loop().time() >= until_s:
                return False
            await self._wait(stopping, until_s)
        return True

    def _is_silent_to_all(self, now_s: float) -> bool:
        """Whether it is not one session alone that hangs; the list speaks for the account."""
        is_one_session = len(self._askers) == 1 and THE_LIST not in self._askers
        return self._in_vain >= IN_VAIN_MIN and self.silence_s(now_s) >= SILENCE_MIN_S and not is_one_session

    def _let_through(self, asker: str, now_s: float) -> None:
        self._probe = asker
        # A run that ends before it has sent, for a stop or a full disk, must not keep the others for ever.
        self._next_probe_s = now_s + PROBE_MAX_S

    async def _wait(self, stopping: asyncio.Event, look_at_s: float) -> None:
        """Wait for a change, for the wish to stop, or until it is time to look again."""
        wait_s = look_at_s - asyncio.get_running_loop().time()
        await result_unless(stopping, sleep_unless(self._change, wait_s))

    def _wake(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


def _probe_wait_s(probes: int, draw: float) -> float:
    """Seconds until the next probe after so many."""
    return doubling_s(PROBE_FIRST_S, PROBE_MAX_S, probes, draw)
