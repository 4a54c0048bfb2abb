"""A clock that jumps: an event loop in which nothing waits in earnest, so that an hour takes a moment.

Where every task sleeps, the loop's time is set to when the first of them wakes. What depends on real files or sockets
does not belong here: their time is real.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

ROUND_S = 1e-6
"""What one round of the loop takes: time goes on also where a timer is due by less than a float can add."""


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits; adds up what it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Look at what is ready, and let the time pass that should have been waited."""
        if timeout is None:
            raise RuntimeError("everybody waits for something that no time will bring")
        self.now_s += max(timeout, ROUND_S)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time begins at 0.0 and passes as fast as there is nothing to do."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._jumping.now_s


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, in virtual time. Raises RuntimeError where it would wait for ever."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
