"""A process that can be gone at any step, for good: no `finally` of it runs, nobody is told.

Its tasks and callbacks are known by a context variable, which they inherit. What happens in it is counted in labelled
steps, and its doom names the one that is the last. A label is `<place>.<what happens next>`: before a file is opened,
written, cut, synced or deleted, before and after a commit and a piece of work on the store's thread, before a request
leaves, once it has left, once its reply has come, before any callback of the loop.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Final, TypeVar

T = TypeVar("T")


class Death(BaseException):
    """The process is gone: no handler of errors is there to see it."""


@dataclass(frozen=True, slots=True)
class Doom:
    """At which step a process dies: the `count`-th, from 1, of those with that label; '' means any but callbacks.

    `power`: the whole machine goes, and the disk keeps of what was not synced whatever it likes.
    """

    count: float = math.inf
    label: str = ""
    power: bool = False


CALLBACK: Final = "loop.callback"


@dataclass(eq=False, slots=True)
class Process:
    """One life of leadsync. `on_step` is told each step but callbacks."""

    doom: Doom
    on_step: Callable[[str], None]
    dead: bool = False
    last: str = ""
    steps: Counter[str] = field(default_factory=Counter)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    remains: set[asyncio.Task[object]] = field(default_factory=set)

    def step(self, label: str) -> None:
        """Go one step further, unless it is the last. Raises Death."""
        if self.dead:
            raise Death
        self.steps[label] += 1
        self.steps[""] += 1
        self.on_step(label)
        self._meet_doom("", label)
        if self.dead:
            raise Death

    def goes_on(self) -> bool:
        """Whether the next callback of the loop is still called: a step as well, and one that nobody is told."""
        if not self.dead:
            self.steps[CALLBACK] += 1
            self._meet_doom(CALLBACK)
        return not self.dead

    def _meet_doom(self, *labels: str) -> None:
        doom = self.doom
        if doom.label in labels and self.steps[doom.label] >= doom.count:
            self.die(labels[-1])

    async def reach(self, label: str) -> None:
        """The same from a coroutine, which goes no further then, and is not unwound either."""
        try:
            self.step(label)
        except Death:
            await asyncio.get_running_loop().create_future()

    def die(self, label: str) -> None:
        """Be gone. Its tasks are kept: what nobody refers to is unwound, and does what a dead process cannot do."""
        self.dead, self.last = True, label
        self.remains = asyncio.all_tasks()
        self.over.set()

    def within(self, do: Callable[[], T]) -> T:
        """Call something that belongs to this process, with the tasks that it makes."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return context.run(do)


PROCESS: Final[ContextVar[Process | None]] = ContextVar("process", default=None)
"""Whose work this is; None: the world's."""


def present() -> Process:
    """The process whose work this is."""
    process = PROCESS.get()
    if process is None:
        raise RuntimeError("this belongs to a process")
    return process
