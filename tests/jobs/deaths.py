"""Sudden death: a process that is gone at its n-th step, and leaves behind what was durable by then.

A step is a piece of work on the store's thread, or a request on its way. Nothing is cleaned up: whoever still works
after the death of its process dies too.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, ParamSpec, TypeVar

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process

from tests.stage import InlineExecutor, Stage, Wire

P = ParamSpec("P")
T = TypeVar("T")
Moment = Literal["before", "after"]


class Death(BaseException):
    """The process is gone: no handler of errors is there to see it."""


@dataclass(slots=True)
class Fate:
    """When a process dies: at which step (from 1), and whether `before` or `after` that step is done."""

    step: int
    moment: Moment
    taken: int = 0
    dead: bool = False

    def strike(self, moment: Moment) -> None:
        """Die if the time has come, and stay dead."""
        if moment == "before":
            self.taken += 1
        self.dead = self.dead or (self.taken, moment) == (self.step, self.moment)
        if self.dead:
            raise Death


class MortalExecutor(InlineExecutor):
    """A store's thread in a process with a fate."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do the work, unless death comes first."""
        self._fate.strike("before")
        done = super().submit(fn, *args, **kwargs)
        self._fate.strike("after")
        return done


class MortalWire(Wire):
    """The way to the vendor from a process with a fate: the vendor goes on without us."""

    def __init__(self, wire: Wire, fate: Fate) -> None:
        super().__init__(wire.simulator)
        self._fate = fate

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request, unless death comes first."""
        self._fate.strike("before")
        response = await super().handle_async_request(request)
        self._fate.strike("after")
        return response


def dies(stage: Stage, fate: Fate, *names: str) -> bool:
    """Run jobs in a process with that fate; return whether it died."""
    alive = stage.outside
    stage.change(executor=lambda: MortalExecutor(fate), transport=MortalWire(stage.wire, fate))
    died = False
    try:
        stage.once(*names)
    except* Death:
        died = True
    stage.outside = alive
    return died
