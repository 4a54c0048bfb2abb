"""A clock that jumps: an event loop in which nothing waits in earnest, so that an hour takes a moment.

Where every task sleeps, the loop's time is set to when the first of them wakes. What depends on real files or sockets
does not belong here: their time is real.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

ROUND_S = 1e-6
"""What one round of the loop takes: time goes on also where a timer is due by less than a float can add."""


class JumpingSelector(selectors.DefaultSelector):
    """Never waits; adds up what it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Look at what is ready, and let the time pass that should have been waited."""
        self.jump(timeout)
        return super().select(0)

    def jump(self, timeout: float | None) -> None:
        """Let the time pass that should have been waited."""
        if timeout is None:
            raise RuntimeError("everybody waits for something that no time will bring")
        self.now_s += max(timeout, ROUND_S)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time begins at 0.0 and passes as fast as there is nothing to do."""

    def __init__(self, selector: type[JumpingSelector] = JumpingSelector) -> None:
        self._jumping = selector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._jumping.now_s


class Clock:
    """The one clock of a stage: the loop's time, the daemon's and the vendor's. It outlives loops, as clocks do."""

    def __init__(self) -> None:
        self.began = datetime(2026, 11, 2, 6, tzinfo=UTC)
        self.new_loop: Callable[[], VirtualLoop] = VirtualLoop
        self._past_s = 0.0
        self._loop: VirtualLoop | None = None

    def __call__(self) -> datetime:
        """The time of day."""
        return self.began + timedelta(seconds=self.elapsed_s)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the stage was built."""
        return self._past_s + (self._loop.time() if self._loop else 0.0)

    def forward(self, wait_s: float) -> None:
        """Let time pass."""
        self._past_s += wait_s

    def next_loop(self) -> VirtualLoop:
        """Return a new loop, which goes on from now."""
        self._past_s = self.elapsed_s
        self._loop = self.new_loop()
        return self._loop


class VirtualAlarms:
    """The scheduler's place on a stage: like the real one it waits for so much time as the clock says is left."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._set: dict[str, asyncio.TimerHandle] = {}

    def set(self, name: str, at: datetime, ring: Callable[[], None]) -> None:
        """Ring once so much time has passed as lies between now and then."""
        if name in self._set:
            self._set[name].cancel()
        wait_s = max(0.0, (at - self._clock()).total_seconds())
        self._set[name] = asyncio.get_running_loop().call_later(wait_s, ring)

    def close(self) -> None:
        """Ring no more."""
        for alarm in self._set.values():
            alarm.cancel()


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, in virtual time. Raises RuntimeError where it would wait for ever."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
