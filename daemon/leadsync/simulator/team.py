"""One team's account at the vendor: its world, switches, sessions, bill and weather, and who else has a hand in it."""

from collections.abc import Callable
from datetime import datetime

from leadsync.simulator.bill import Bill
from leadsync.simulator.faults import Fate, FaultPlan, Plan
from leadsync.simulator.hooks import Deliver, send
from leadsync.simulator.replies import RequestIds
from leadsync.simulator.sessions import Session, Sessions
from leadsync.simulator.switches import Switches
from leadsync.simulator.world import World

__all__ = ["Team"]


class Team:
    """What the endpoints work on and what a test looks at; `now` gives the vendor's clock, aware of its zone.

    `deliver` brings webhooks over a socket, unless a test puts something else in its place.
    """

    def __init__(self, world: World, now: Callable[[], datetime], switches: Switches, token: str) -> None:
        self.world = world
        self.now = now
        self.switches = switches
        self.token = token
        self.bill = Bill(world)
        self.book = Sessions(world, self.bill)
        self.request_ids = RequestIds(world.seed)
        self.faults = FaultPlan()
        self.async_faults = FaultPlan()
        self.deliver: Deliver = send
        self.fates = Plan[Fate]()
        self.list_faults = FaultPlan()
        self.delete_faults = FaultPlan()

    @property
    def sessions(self) -> dict[str, Session]:
        """The living sessions by id, oldest first."""
        return self.book.by_id

    def grow(self, count: int) -> None:
        """That many new properties come on the market."""
        self.world.grow(count)

    def delete_session(self, session_id: str) -> None:
        """Somebody deletes a session by other means. Raises KeyError where there is none."""
        if not self.book.delete(session_id, self.switches):
            raise KeyError(session_id)

    def foreign_pull(self, session_id: str, count: int) -> int:
        """Somebody else pulls that many properties from a session; returns how many came, all billed.

        Raises KeyError where there is no such session.
        """
        return self.book.pull(session_id, count, self.switches, self.now())

    def forget_keys(self) -> None:
        """The vendor forgets all idempotency keys: each is as new from now on."""
        self.book.forget_keys()
