"""The team's session slots: who holds them, which sessions of ours may go, and whether a new one may come (P7).

The rules, in words:

1. A session that this installation did not create, in the very life that the vendor lists, is never deleted by policy.
2. Nor is one that an enabled job names, a run uses, or an open key waits for: its page may be billed.
3. Nor is one whose total is not the ledger's: somebody else uses it, or the store is old.
4. `never` deletes nothing and warns. `orphans`: the job's file is gone, and that and the last request are old enough.
   `stale`: also where the job is disabled and the last request is old enough.
5. A throw-away session goes under every policy, once it is drained or its job's file is gone. A disabled job keeps it.
6. Ages are the vendor's, by `lastRequestAt` and its `Date`; where the two clocks differ by more than five minutes, or
   the vendor's is not known, nothing is deleted. What has no age is not old.
7. Who has been idle longest goes first, and the order of the vendor's list changes nothing.
8. A new session may come while fewer than cap less reserve are held. A reservation holds a slot as a session does.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from leadsync.core.model import SessionListing

SKEW_MAX: Final = timedelta(minutes=5)
"""How far the clocks may be apart; also how much later than our own note the vendor may date a session of ours."""

DATE_STEP: Final = timedelta(seconds=1)
"""`Date` has whole seconds: what was just now may lie after it."""

MADE_ANEW: Final = "it is gone, and somebody has made one of its name anew"
"""How a deletion ends that finds another session in the place of the one that was asked for."""

NAMED_MAX: Final = 5
"""How many jobs are named where it is said who holds the slots."""


class Policy(StrEnum):
    """What may be deleted without a person's word."""

    NEVER = "never"
    ORPHANS = "orphans"
    STALE = "stale"


class Action(StrEnum):
    """What is done about a session."""

    KEEP = "keep"
    WARN = "warn"
    DELETE = "delete"


class Owner(StrEnum):
    """Whose a session is. Adopted: a job of ours uses it, and somebody else made it."""

    OURS = "ours"
    ADOPTED = "adopted"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Room:
    """How many slots the team has, and how many of them are left free for people."""

    cap: int
    reserve: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says of an account's slots."""

    room: Room
    policy: Policy
    orphan_after: timedelta
    stale_after: timedelta


@dataclass(frozen=True, slots=True)
class Life:
    """What the ledger knows of a session's present life, by our clock.

    `created_at`: a page of ours began it, for job `created_by`; None where nobody knows that. `orphaned_since`: since
    when no job file names it; `dormant_since`: since when its job is disabled. `reserved_at`: it holds a slot that the
    list may not show yet. A throw-away session is made for one one-shot; `drained_at`: it has nothing more to give.
    """

    created_at: datetime | None = None
    created_by: str | None = None
    adopted_at: datetime | None = None
    orphaned_since: datetime | None = None
    dormant_since: datetime | None = None
    reserved_at: datetime | None = None
    throwaway: bool = False
    drained_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A session of the ledger. `total` is what the vendor's must be; `asked`: a key of this life was ever journaled.

    `running`: a run of it is under way. `refused`: the vendor has refused its deletion. `recovering`: pages of it are
    missing since the store was restored.
    """

    session: str
    job: str
    total: int
    asked: bool
    life: Life = field(default_factory=Life)
    open_key: bool = False
    running: bool = False
    refused: bool = False
    recovering: bool = False

    @property
    def owner(self) -> Owner:
        """Whose it is; a session of ours that was never asked for is somebody else's, where the vendor lists it."""
        if self.life.created_at is not None or self.life.reserved_at is not None:
            return Owner.OURS
        if self.life.adopted_at is not None or (self.asked and self.total):
            return Owner.ADOPTED
        return Owner.OURS if self.asked else Owner.FOREIGN


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of the configuration: `sessions` maps each session to whether an enabled job names it.

    `enabled` are names of jobs, each with the session that its file means, None for a one-shot: its life has one.
    `disabled` are names of jobs.
    """

    sessions: Mapping[str, bool]
    enabled: Mapping[str, str | None]
    disabled: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Clocks:
    """What time it is, here and at the vendor; None where its last reply had no `Date`."""

    ours: datetime
    vendors: datetime | None

    @property
    def trusted(self) -> bool:
        """Whether ages can be reckoned with."""
        return self.vendors is not None and abs(self.ours - self.vendors) <= SKEW_MAX


@dataclass(frozen=True, slots=True)
class Fate:
    """What is done about one session of the list, and why; `tenant` is the ledger's side of it, if it has one."""

    row: SessionListing
    tenant: Tenant | None
    action: Action
    why: str

    @property
    def session(self) -> str:
        """Its id."""
        return self.row.session

    @property
    def owner(self) -> Owner:
        """Whose it is."""
        return self.tenant.owner if self.tenant is not None else Owner.FOREIGN

    @property
    def job(self) -> str | None:
        """The job that used it last, None where it is foreign."""
        return self.tenant.job if self.tenant is not None and self.owner is not Owner.FOREIGN else None


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Who holds the slots: `ours` counts our sessions by their jobs, `listed` all that the vendor's list has."""

    room: Room
    ours: Mapping[str, int]
    foreign: int
    listed: int = 0

    @property
    def used(self) -> int:
        """Slots that are held."""
        return self.ours_in_all + self.foreign

    @property
    def ours_in_all(self) -> int:
        """Slots that are held by sessions of the ledger."""
        return sum(self.ours.values())

    @property
    def free(self) -> int:
        """Slots that our jobs may still take."""
        return max(self.room.cap - self.room.reserve - self.used, 0)

    def __str__(self) -> str:
        kept = f", {self.room.reserve} kept free" if self.room.reserve else ""
        return f"{self.used} of {self.room.cap} are used{kept}: {self._jobs()}, {self.foreign} foreign"

    def _jobs(self) -> str:
        """Name the jobs, those with the most sessions first."""
        ranked = sorted(self.ours.items(), key=lambda held: (-held[1], held[0]))
        named = [f"{job} {count}" if count > 1 else job for job, count in ranked[:NAMED_MAX]]
        rest = sum(count for _, count in ranked[NAMED_MAX:])
        more = [f"{rest} of other jobs"] if rest else []
        who = f" ({', '.join([*named, *more])})" if named else ""
        return f"{self.ours_in_all} ours{who}"


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """What housekeeping does: `fates` has every session of the list, the longest idle first."""

    occupancy: Occupancy
    fates: tuple[Fate, ...]

    def those(self, action: Action) -> tuple[Fate, ...]:
        """The sessions about which this is done, in order."""
        return tuple(fate for fate in self.fates if fate.action is action)


def plan(
    rows: Iterable[SessionListing], tenants: Sequence[Tenant], jobs: Jobs, rules: Rules, clocks: Clocks
) -> SlotPlan:
    """Say what is done about each session of the vendor's list."""
    listed = list(rows)
    known = {tenant.session: tenant for tenant in tenants}
    fates = [_fate(row, known.get(row.session), jobs, rules, clocks) for row in listed]
    fates.sort(key=lambda fate: (last_seen(fate.row) is None, last_seen(fate.row) or clocks.ours, fate.session))
    return SlotPlan(occupancy((row.session for row in listed), tenants, rules.room), tuple(fates))


def occupancy(listed: Iterable[str], tenants: Iterable[Tenant], room: Room) -> Occupancy:
    """Count who holds slots: the vendor's list, and what of ours it may not show yet.

    That is a session with a slot reserved, and one that was deleted under a request that is on its way: it makes it
    anew.
    """
    names = set(listed)
    foreign = set(names)
    ours: Counter[str] = Counter()
    for tenant in tenants:
        is_listed = tenant.session in names and tenant.owner is not Owner.FOREIGN
        is_coming = tenant.life.reserved_at is not None or (tenant.running and tenant.open_key)
        if is_listed or is_coming:
            foreign.discard(tenant.session)
            ours[tenant.job] += 1
    return Occupancy(room, ours, len(foreign), len(names))


def turned_away(why: str, holders: Occupancy) -> str:
    """Say to whoever waits why, who holds the slots, and what comes of it."""
    return f"{why}: {holders}; a running daemon runs it once one is free; `leadsync sessions list` shows who holds them"


def last_seen(row: SessionListing) -> datetime | None:
    """When the vendor saw the session last: its last request, or its making where it never delivered a page."""
    return row.last_request_at or row.created_at


def idle(row: SessionListing, clocks: Clocks) -> timedelta | None:
    """How long the session has rested by the vendor's own clock; None where that cannot be told."""
    seen = last_seen(row)
    return clocks.vendors + DATE_STEP - seen if clocks.vendors is not None and seen is not None else None


def _fate(row: SessionListing, tenant: Tenant | None, jobs: Jobs, rules: Rules, clocks: Clocks) -> Fate:
    if tenant is None or tenant.owner is Owner.FOREIGN:
        return Fate(row, tenant, Action.KEEP, "leadsync did not make it")
    needed = _needed(row, tenant, jobs)
    if needed is not None:
        return Fate(row, tenant, Action.KEEP, needed)
    why, old_enough, allowed = _unused(tenant, idle(row, clocks), jobs, rules, clocks)
    if not old_enough:
        return Fate(row, tenant, Action.KEEP, why)
    forbidden = _forbidden(row, tenant, clocks)
    if forbidden is not None:
        return Fate(row, tenant, Action.WARN, f"{why}; {forbidden}")
    return Fate(row, tenant, Action.DELETE if allowed else Action.WARN, why)


def _needed(row: SessionListing, tenant: Tenant, jobs: Jobs) -> str | None:
    """Say who needs it, if anybody does."""
    if jobs.sessions.get(tenant.session):
        return f"job {tenant.job} uses it"
    if tenant.running:
        return "a run of it is under way"
    if tenant.open_key:
        return "a key of it is open: its page may be billed"
    if tenant.life.throwaway and tenant.life.drained_at is None and tenant.job in (*jobs.enabled, *jobs.disabled):
        return f"one-shot {tenant.job} is not done with it"
    if row.total != tenant.total:
        return f"the vendor's total is {row.total}, the ledger's {tenant.total}: somebody else uses it"
    return None


def _unused(
    tenant: Tenant, rested: timedelta | None, jobs: Jobs, rules: Rules, clocks: Clocks
) -> tuple[str, bool, bool]:
    """Say why nobody needs it, whether that is so for long enough, and whether the policy lets it go for that."""
    if tenant.life.throwaway:
        return f"throw-away session of {tenant.job}", True, True
    if tenant.session in jobs.sessions:
        why = f"job {tenant.job} is disabled"
        return why, _over(rested, rules.stale_after), rules.policy is Policy.STALE
    since = tenant.life.orphaned_since
    gone_for = clocks.ours - since if since is not None else None
    old = _over(rested, rules.orphan_after) and _over(gone_for, rules.orphan_after)
    return f"the file of job {tenant.job} is gone", old, rules.policy is not Policy.NEVER


def _over(age: timedelta | None, limit: timedelta) -> bool:
    return age is not None and age >= limit


def _forbidden(row: SessionListing, tenant: Tenant, clocks: Clocks) -> str | None:
    """Say why it may not go by policy, whatever that is."""
    made_at = tenant.life.created_at
    anew = row.created_at is None or (made_at is not None and row.created_at > made_at + SKEW_MAX)
    doubts = {
        "leadsync did not make it": made_at is None,
        "somebody may have made it anew": anew,
        "the vendor has refused its deletion": tenant.refused,
        "pages of it are missing: the store was restored": tenant.recovering,
        "the vendor's last reply did not say what time it is there": clocks.vendors is None,
        "our clock and the vendor's differ by more than five minutes": not clocks.trusted,
    }
    return next((f"it is kept, since {doubt}" for doubt, stands in doubts.items() if stands), None)
