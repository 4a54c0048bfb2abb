"""What the vendor billed, and every request that it saw: the truth that a test holds the books against."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from leadsync.simulator.switches import Switches
from leadsync.simulator.world import World

__all__ = ["NO_MONEY", "Bill", "Charge", "Seen", "page_charge"]

NO_MONEY = "Insufficient balance. Please add funds to your wallet."


@dataclass(frozen=True, slots=True)
class Charge:
    """One page that was billed; `session` and `key` are '' for a search without. `foreign`: somebody else's."""

    session: str
    key: str
    indexes: tuple[int, ...]
    records: int
    dollars: float
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One request to the vendor's API as it arrived; `status` is 0 until, and unless, an answer was begun."""

    method: str
    path: str
    session: str
    key: str
    body_sha256: str
    status: int = 0


class Bill:
    """`records` and `dollars` are all that was billed, foreign pulls included; `charges` say for what."""

    def __init__(self, world: World) -> None:
        self.records = 0
        self.charges: list[Charge] = []
        self.requests: list[Seen] = []
        self._world = world
        self._dollars = 0.0

    @property
    def dollars(self) -> float:
        """What was billed, in US dollars."""
        return round(self._dollars, 6)

    def balance(self, switches: Switches) -> float:
        """What is left in the wallet, in US dollars."""
        return round(switches.wallet_dollars - self._dollars, 6)

    @property
    def by_session(self) -> dict[str, int]:
        """Records billed, by session id over all its lives; searches without a session stand under ''."""
        counted: Counter[str] = Counter()
        for charge in self.charges:
            counted[charge.session] += charge.records
        return dict(counted)

    @property
    def billed_ids(self) -> list[str]:
        """The `_id` of each property that our requests were billed for, in order; one billed twice is there twice."""
        return self._ids(foreign=False)

    @property
    def foreign_ids(self) -> list[str]:
        """The same for what somebody else pulled: `Simulator.foreign_pull`."""
        return self._ids(foreign=True)

    def ids_of(self, session: str) -> list[str]:
        """`billed_ids` of one session, foreign pulls included."""
        charges = (charge for charge in self.charges if charge.session == session)
        return [self._world.id_of(index) for charge in charges for index in charge.indexes]

    def bodies_by_key(self) -> dict[tuple[str, str], set[str]]:
        """The hashes of the bodies that came with each (session, key); one each, where P2 holds."""
        bodies: dict[tuple[str, str], set[str]] = {}
        for seen in self.requests:
            if seen.key:
                bodies.setdefault((seen.session, seen.key), set()).add(seen.body_sha256)
        return bodies

    def charge(self, charge: Charge) -> None:
        """Bill a page."""
        self.charges.append(charge)
        self.records += charge.records
        self._dollars += charge.dollars

    def saw(self, seen: Seen) -> int:
        """Note a request at its arrival; returns its number, for `answered`."""
        self.requests.append(seen)
        return len(self.requests) - 1

    def answered(self, number: int, status: int) -> None:
        """Note with which status a request was answered; 0 where its connection was cut first."""
        self.requests[number] = replace(self.requests[number], status=status)

    def _ids(self, *, foreign: bool) -> list[str]:
        charges = (charge for charge in self.charges if charge.foreign is foreign)
        return [self._world.id_of(index) for charge in charges for index in charge.indexes]


def page_charge(session: str, key: str, indexes: Sequence[int], price_dollars: float) -> Charge:
    """The charge for a page of properties."""
    return Charge(session, key, tuple(indexes), len(indexes), len(indexes) * price_dollars)
