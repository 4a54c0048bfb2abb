"""Who watches a world: keeps what its actors did, and asks the invariants at each moment that counts.

The moments: before a key, a window, a batch of owners or a deletion leaves, when the vendor bills, when a result is
answered 200, after each start on what a death has left, and at the end. What breaks ends the world at once.
"""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, TypeAlias

import apsw
import msgspec

from leadsync.app import App
from leadsync.config import Settings
from leadsync.core.criteria import criteria_hash
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
"""A replay may come with either of two totals, so one that hides a meddler by chance is found out by a later page."""


Promise: TypeAlias = Callable[..., Iterable[str]]
"""Asked with the watch and the thing at hand; says what does not hold."""


PROMISES: Final = frozenset(
    promise.__name__
    for promise in (
        *(*invariants.AT_SEND, *invariants.AT_DELETE, *invariants.AT_CHARGE, *invariants.AT_START, *invariants.AT_END),
        *(*window_rules.AT_ASK, *trace_rules.AT_TRACE, p9_answered_is_durable),
    )
)
"""All that are asked in some world; the run fails where one never is."""


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
    """A charge of ours. `settled`: its key had been answered or given up before; `on` is the day by our clock."""

    charge: Charge
    settled: bool
    on: date


def _records_per_day(settings: Settings | None) -> float:
    limit = settings.accounts["main"].budget.records_per_day if settings is not None else None
    return math.inf if limit is None else limit


@dataclass(eq=False)
class Watch:
    """The memory of one world, about each session by its name.

    `posed`: the questions that a person was really asked; `touched`: moved behind our back, and how many pages may be
    billed until that shows; `edited`: its job was taken out of the configuration; `parked`: seen parked for that
    reason, and not answered; `answering`: a person is at it; `filed`: its file was written since, or undid its criteria
    then; `retired`: its job stays out for good; `listed`: its total by the last list that we have had, which `looked`
    rings with, `reserved`: it had a slot reserved before that. `budgets` has what was allowed when a key was sent
    first, and `first_days` when that was, or when it was journaled. `app` is the daemon that runs. `promises` are asked
    at each start and at the end, beside those of all worlds.
    """

    machine: Machine
    promises: tuple[Promise, ...] = ()
    posed: defaultdict[str, set[Reason]] = field(default_factory=lambda: defaultdict(set))
    touched: dict[str, int] = field(default_factory=dict)
    edited: set[str] = field(default_factory=set)
    parked: dict[str, str] = field(default_factory=dict)
    answering: set[str] = field(default_factory=set)
    filed: set[str] = field(default_factory=set)
    retired: set[str] = field(default_factory=set)
    charges: list[Billed] = field(default_factory=list)
    flying: Counter[tuple[int, str]] = field(default_factory=Counter)
    listed: dict[str, int] = field(default_factory=dict)
    reserved: set[str] = field(default_factory=set)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    budgets: dict[str, float] = field(default_factory=dict)
    first_days: dict[str, date] = field(default_factory=dict)
    app: App | None = None
    mail: Mail = field(default_factory=Mail)
    pull: Pull | None = None
    hunt: Hunt | None = None
    _in_force: set[float] = field(default_factory=set)
    checked: Counter[str] = field(default_factory=Counter)
    broken: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _reader: apsw.Connection | None = None

    def __post_init__(self) -> None:
        self.machine.sim.bill.charges = Charges(self.billed)
        self.machine.disk.let_go = self._let_go

    def sent(self, session: str, key: str, body: bytes) -> Callable[[], None]:
        """A request with a key leaves."""
        process = PROCESS.get()
        assert process is not None
        request = Request(session, key, body, process)
        if key in self.first_days and session in self.touched:
            # A replay hides a meddler who has pulled as much as it brings: the next page shows it.
            self.touched[session] = max(self.touched[session], SHOWN_BY - 1)
        mark = (id(process), session)
        self.flying[mark] += 1
        self._ask(invariants.AT_SEND, request)
        return lambda: self.flying.subtract([mark])

    def saw(self, listed: dict[str, int]) -> None:
        """We have the vendor's list of sessions, with their totals."""
        self.listed, self.reserved = listed, self.reservations()
        self.looked.set()

    def reservations(self) -> set[str]:
        """The sessions that have a slot reserved."""
        return {name for (name,) in self.rows("SELECT name FROM search_session WHERE reserved_at IS NOT NULL")}

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

    def filing(self, job: str) -> None:
        """Its file is about to be written, which may answer a park of before."""
        self.parked |= self.parks()
        self.filed.add(job)

    def parks(self) -> dict[str, str]:
        """Who is parked now, with the reason; what was written before a new park is no answer to it."""
        now = dict(self.rows("SELECT name, park_reason FROM search_session WHERE park_reason IS NOT NULL"))
        self.filed -= {name for name, _ in now.items() - self.parked.items() if not self._is_undone(name)}
        return now

    def _is_undone(self, session: str) -> bool:
        """Whether its job's file has the session's criteria again: as it lies there, or as it was read last."""
        kept = self.value("SELECT criteria FROM search_session WHERE name = ?", session)
        read = [each.jobs for each in (self.settings, self.machine.settings()) if each is not None]
        jobs = [jobs[session] for jobs in read if session in jobs]
        return any(criteria_hash(job.search, job.options.get("sort")) == kept for job in jobs)

    def refused(self, session: str) -> None:
        """The vendor calls a request malformed: a person is asked to mend it."""
        self.posed[session].add(Reason.REFUSED)

    def billed(self, charge: Charge) -> None:
        """The vendor bills."""
        if charge.key.startswith(INSTALLATION):
            state = self.value("SELECT state FROM page WHERE key = ?", charge.key)
            billed = Billed(charge, state != "asked", self.machine.wall().date())
            self.charges.append(billed)
            if billed.settled:  # what came late or twice has moved a session that was made anew
                self.touched[charge.session] = SHOWN_BY
            self._ask(invariants.AT_CHARGE, billed)

    def started(self) -> None:
        """A process has opened the store that another left."""
        self._in_force.add(_records_per_day(self.settings))
        self._ask([*self.promises, *invariants.AT_START], None)

    def ended(self) -> None:
        """The world has come to its end."""
        self._ask([*self.promises, *invariants.AT_START, *invariants.AT_END], None)

    def meddled(self, session: str, *reasons: Reason) -> None:
        """Somebody has moved a session behind our back, so that a person will be asked."""
        self.posed[session].update(reasons)
        self.touched[session] = SHOWN_BY

    def deleted(self, session: str) -> None:
        """Somebody has deleted a session: what its open key may still bring is for a person to judge."""
        # What arrives twice or late makes it anew: then it is there, with another total.
        self.meddled(session, Reason.SESSION_VANISHED, Reason.SESSION_DRIFTED)

    @property
    def settings(self) -> Settings | None:
        """Those of the daemon that runs, as it has read them last."""
        return self.app.settings if self.app is not None else None

    def budget_for(self, key: str) -> float:
        """How many records a day are allowed to be asked for with a key, at the most."""
        now = _records_per_day(self.settings)
        self._in_force.add(now)
        fences = "SELECT page.fence, installation.fence, asked_at FROM page, installation WHERE key = ?"
        ((journaled, ours, asked_at),) = self.rows(fences, key)
        first = self.budgets.setdefault(key, now if journaled == ours else max(self._in_force))
        # The clock may have been put back since it was journaled.
        self.first_days.setdefault(key, max(self.machine.wall().date(), datetime.fromisoformat(asked_at).date()))
        return max(first, now)

    def billed_today(self) -> list[tuple[Charge, bool]]:
        """What the vendor has billed on the day that it is by our clock, where that day's budget could foresee it."""
        today = [each for each in self.charges if each.on == self.machine.wall().date()]
        return [(one.charge, one.settled) for one in today if self.is_foreseen(one.charge.session, one.charge.key)]

    def is_foreseen(self, session: str, key: str) -> bool:
        """Whether today's budget knows of a key from the first.

        Not of an older one whose job was parked meanwhile, nor of one of tomorrow: the clock was put back since.
        """
        first, today = self.first_days.get(key), self.machine.wall().date()
        is_of_tomorrow = first is not None and first > today
        return first == today or not (is_of_tomorrow or self.posed[session])

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the store as it is now, past the forgetful disk."""
        if self._reader is None:
            file = str(self.machine.folder / STORE)
            self._reader = apsw.Connection(file, flags=apsw.SQLITE_OPEN_READONLY)
        return self._reader.execute(query, values).fetchall()

    def value(self, query: str, *values: object) -> Any:
        """The one value of the first row; None where there is none."""
        rows = self.rows(query, *values)
        return rows[0][0] if rows else None

    def fail(self, message: str) -> None:
        """End the world."""
        if not self.broken.done():
            self.broken.set_exception(Broken(message))

    def _ask(self, promises: Iterable[Promise], what: object) -> None:
        for promise in promises:
            self.checked[promise.__name__] += 1
            for message in promise(self, what):
                self.fail(f"{promise.__name__}: {message}")

    def _let_go(self) -> None:
        """Close the store: what lies beneath it is about to change."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
