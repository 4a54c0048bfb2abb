"""Who watches a world: keeps what its actors did, and asks the invariants at each moment that counts.

The moments: before a request with a key leaves, when the vendor bills, after each start on what a death has
left, and at the end. What breaks ends the world at once.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import apsw
import msgspec

from leadsync.config import Settings
from leadsync.core.model import Reason
from leadsync.simulator import Charge
from tests.jobs.books import INSTALLATION
from tests.simulation import invariants, trace_rules, window_rules
from tests.simulation.machine import STORE, Machine
from tests.simulation.mail import Mail, p9_answered_is_durable
from tests.simulation.process import PROCESS, Process
from tests.simulation.trace_rules import Hunt
from tests.simulation.windows import Pull

SHOWN_BY: Final = 2
"""A replay may come with either of two totals, so one that hides a meddler by chance is found out by the next page."""


class Charges(list[Charge]):
    """The vendor's charges, and somebody who is told of each."""

    def __init__(self, told: Callable[[Charge], None]) -> None:
        super().__init__()
        self._told = told

    def append(self, charge: Charge) -> None:
        """Bill."""
        super().append(charge)
        self._told(charge)


class Broken(AssertionError):
    """A promise does not hold."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that leaves: its session and key, its body, and the process that sends it."""

    session: str
    key: str
    body: bytes
    process: Process


@dataclass(frozen=True, slots=True)
class Billed:
    """A charge of ours. `settled`: its key had been answered or given up before."""

    charge: Charge
    settled: bool


@dataclass(eq=False)
class Watch:
    """The memory of one world, about each session by its name.

    `posed`: the questions that a person was really asked; `touched`: moved behind our back, and how many pages may be
    billed until that shows; `edited`: its job was taken out of the configuration; `parked`: seen parked for that
    reason, and not answered; `filed`: its file was written since; `retired`: its job stays out for good; `orphaned`:
    keys whose page is gone with their session; `moved_at`: when somebody else used it last. `settings` are those of the
    daemon that runs.
    """

    machine: Machine
    posed: defaultdict[str, set[Reason]] = field(default_factory=lambda: defaultdict(set))
    touched: dict[str, int] = field(default_factory=dict)
    edited: set[str] = field(default_factory=set)
    parked: dict[str, str] = field(default_factory=dict)
    filed: set[str] = field(default_factory=set)
    retired: set[str] = field(default_factory=set)
    orphaned: set[str] = field(default_factory=set)
    charges: list[Billed] = field(default_factory=list)
    flying: Counter[tuple[int, str]] = field(default_factory=Counter)
    moved_at: dict[str, float] = field(default_factory=dict)
    settings: Settings | None = None
    mail: Mail = field(default_factory=Mail)
    pull: Pull | None = None
    hunt: Hunt | None = None
    records_per_day: int | None = None
    checked: Counter[str] = field(default_factory=Counter)
    broken: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _reader: apsw.Connection | None = None

    def __post_init__(self) -> None:
        self.machine.sim.bill.charges = Charges(self.billed)

    def sent(self, session: str, key: str, body: bytes) -> Callable[[], None]:
        """A request with a key leaves."""
        process = PROCESS.get()
        assert process is not None
        request = Request(session, key, body, process)
        mark = (id(process), session)
        self.flying[mark] += 1
        self._ask(invariants.AT_SEND, request)
        return lambda: self.flying.subtract([mark])

    def deleting(self, session: str) -> None:
        """We ask for a deletion: whoever comes back to the session is asked about it."""
        self._ask(invariants.AT_DELETE, session)
        self.posed[session].update((Reason.SESSION_VANISHED, Reason.SESSION_DRIFTED, Reason.SESSION_FOREIGN))
        self.touched[session] = SHOWN_BY

    def answered(self, digest: str) -> None:
        """A result was answered 200."""
        self._ask((p9_answered_is_durable,), digest)
        self.mail.acknowledged.add(digest)

    def brought(self, digest: str) -> None:
        """A result of ours was answered 200."""
        self._ask((p9_answered_is_durable,), digest)

    def asking(self, body: bytes) -> None:
        """An async request leaves."""
        process = PROCESS.get()
        assert process is not None
        subject = window_rules.subject_of(msgspec.json.decode(body)["options"]["webhookUrl"])
        self._ask(window_rules.AT_ASK, Request("", subject, body, process))

    def tracing(self, body: bytes) -> None:
        """A skip trace leaves."""
        self._ask(trace_rules.AT_TRACE, trace_rules.read(body))

    def traced(self, body: bytes, *, taken: bool) -> None:
        """A skip trace has arrived at the vendor."""
        if self.hunt is not None:
            self.hunt.arrivals[trace_rules.read(body).name].append(taken)

    def refused(self, session: str) -> None:
        """The vendor calls a request malformed: a person is asked to mend it."""
        self.posed[session].add(Reason.REFUSED)

    def billed(self, charge: Charge) -> None:
        """The vendor bills."""
        if charge.key.startswith(INSTALLATION):
            state = self.value("SELECT state FROM page WHERE key = ?", charge.key)
            billed = Billed(charge, state != "asked")
            self.charges.append(billed)
            self._ask(invariants.AT_CHARGE, billed)

    def started(self) -> None:
        """A process has opened the store that another left."""
        self._ask(invariants.AT_START, None)

    def ended(self) -> None:
        """The world has come to its end."""
        self._ask([*invariants.AT_START, *invariants.AT_END], None)

    def meddled(self, session: str, *reasons: Reason) -> None:
        """Somebody has moved a session behind our back, so that a person will be asked."""
        self.posed[session].update(reasons)
        self.touched[session] = SHOWN_BY
        self.moved_at[session] = self.machine.clock.elapsed_s

    def deleted(self, session: str) -> None:
        """Somebody has deleted a session: what its open key may still bring is for a person to judge."""
        # What arrives twice or late makes it anew: then it is there, with another total.
        self.meddled(session, Reason.SESSION_VANISHED, Reason.SESSION_DRIFTED)
        open_key = (
            "SELECT key FROM page JOIN search_session AS s ON s.id = session_id WHERE state = 'asked' AND name = ?"
        )
        self.orphaned.update(key for (key,) in self.rows(open_key, session))

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the store as it is now, past the forgetful disk."""
        if self._reader is not None:
            return list(self._reader.execute(query, values))
        with self._reading():
            return self.rows(query, *values)

    def value(self, query: str, *values: object) -> Any:
        """The one value of the first row; None where there is none."""
        rows = self.rows(query, *values)
        return rows[0][0] if rows else None

    def fail(self, message: str) -> None:
        """End the world."""
        if not self.broken.done():
            self.broken.set_exception(Broken(message))

    def _ask(self, promises: Iterable[Callable[..., Iterable[str]]], what: object) -> None:
        with self._reading():
            for promise in promises:
                self.checked[promise.__name__] += 1
                for message in promise(self, what):
                    self.fail(f"{promise.__name__}: {message}")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Keep one reader open for several questions; never longer, since nothing may change beneath it."""
        flags = apsw.SQLITE_OPEN_READONLY
        with closing(apsw.Connection(str(self.machine.folder / STORE), flags=flags)) as self._reader:
            yield
        self._reader = None
