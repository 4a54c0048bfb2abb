"""An event loop in virtual time whose ready callbacks run in a drawn order, and those of the dead not at all."""

import asyncio
import random
import selectors
import warnings
from collections import deque
from contextlib import suppress
from typing import Any, Final

from tests.simulation.process import PROCESS
from tests.virtual_time import JumpingSelector, VirtualLoop

CALLBACKS_MAX: Final = 400_000
"""A world that has not ended by then never will: somebody asks again and again without waiting."""


class _Ready(deque[asyncio.Handle]):
    """What is ready to run; the loop takes its next from here."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self.taken = 0

    def popleft(self) -> asyncio.Handle:
        """Take any of them; what belongs to a dead process is taken, too, and cancelled."""
        handle = super().popleft()
        if self:
            at = int(self._rng.random() * (len(self) + 1)) - 1
            if at >= 0:
                self[at], handle = handle, self[at]
        self.taken += 1
        if self.taken > CALLBACKS_MAX:
            raise RuntimeError("the world does not end: somebody works without ever waiting")
        process = _context_of(handle).get(PROCESS)
        if process is not None and not process.goes_on():
            handle.cancel()
        return handle


def _context_of(handle: Any) -> Any:
    """The loop keeps to itself in whose name a callback runs."""
    return handle._context  # noqa: SLF001


class _Deaf(JumpingSelector):
    """No file or socket is ever ready: a world has none that it would wait for."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time pass."""
        self.jump(timeout)
        return []


class SeededLoop(VirtualLoop):
    """The same generator, the same order. asyncio promises first come, first served; a threaded world does not."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(_Deaf)
        self._ready = _Ready(rng)  # where asyncio's own loop keeps them

    def _write_to_self(self) -> None:
        """Wake nobody: all that belongs to this loop is done in its own thread."""

    def leave(self) -> None:
        """Close, and bury the tasks of the dead: their coroutines are closed, and what that raises is nobody's."""
        tasks: list[Any] = [task for task in asyncio.all_tasks(self) if not task.done()]
        self.set_exception_handler(lambda *_: None)
        self.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for task in tasks:
                task._log_destroy_pending = False  # noqa: SLF001 - nobody shall be told of the dead
                with suppress(BaseException):
                    task.get_coro().close()
