"""From facts to conditions, and from one look to the next: pure, and the same for a minute as for a year.

`sights` says which conditions the facts show, and of which nothing is known just now; `step` compares that with what is
held, and says what began, became worse or ended. What is not known begins nothing and ends nothing.

A cause is told once. Where the scheduler is silent, no job is overdue beside it; where the vendor is silent, or has
turned the account down, no job of the account fails beside it, nor for an hour after: by then each was tried again.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

from leadsync.core.budget import Share
from leadsync.core.conditions import Condition
from leadsync.core.model import End, Outcome, Reason
from leadsync.core.unusual import Unusual

OVERDUE: Final = timedelta(minutes=15)
"""Longer than an account's open keys take to be settled before its first slot."""

STUCK: Final = timedelta(minutes=30)
FAILURES_MIN: Final = 2
COVERED_FOR: Final = timedelta(hours=1)
"""After an outage each job is tried again within 23 minutes, and may take some to end."""

DISK_LOW_BYTES: Final = 1024**3
DISK_FULL_BYTES: Final = 128 * 1024**2
"""Below this nothing is asked for: a page is up to 14 MB, in the file and in its write-ahead log."""

WAL_LARGE_BYTES: Final = 256 * 1024**2
"""Four times what SQLite keeps of it: more means that somebody has been reading for a long time."""

LAG_S: Final = 1.0
SCHEDULER_SILENT: Final = timedelta(minutes=3)
"""Its alarm is set to ring every minute."""

WORSE: Final = 1.5
"""So much worse than when it was last said is news."""


class Key(NamedTuple):
    """A condition and whom it is about: a job, an account, or nobody ("")."""

    condition: Condition
    subject: str = ""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """One enabled job. `due_at`: the oldest of its times that nobody has begun to run; `last`: newest first.

    `waits`: its last run wanted a slot, and there was none.
    """

    name: str
    account: str
    run_timeout: timedelta
    due_at: datetime | None = None
    running_since: datetime | None = None
    parked: Reason | None = None
    last: tuple[End, ...] = ()
    waits: bool = False
    unusual: Unusual | None = None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """One account. `budget`: what is billed of each limit; `slots_left` for jobs, None where no list was had yet."""

    name: str
    paused: Reason | None = None
    budget: tuple[Share, ...] = ()
    slots_left: int | None = None
    slots_cap: int = 100


@dataclass(frozen=True, slots=True)
class TraceFacts:
    """The skip trace. `paused` is why nobody is asked for; `missing` counts owners without an answer in time."""

    paused: str | None = None
    missing: int = 0


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the store says."""

    accounts: tuple[AccountFacts, ...]
    jobs: tuple[JobFacts, ...]
    doubt: Reason | None = None
    reload_refused: str | None = None
    quarantined: int = 0
    traces: TraceFacts = field(default_factory=TraceFacts)


@dataclass(frozen=True, slots=True)
class Facts:
    """One look. `store` is None where it could not be read, `store_failed_s` how long it fails, be it at writing.

    `silence_s`: how long the vendor has answered nobody of an account, 0.0 where it answers, None where nobody has had
    anything to ask it yet. `lag_s` is the latest that the loop was since the last look.
    """

    store: StoreFacts | None
    store_failed_s: float = 0.0
    silence_s: Mapping[str, float | None] = field(default_factory=dict)
    free_bytes: int = DISK_LOW_BYTES
    wal_bytes: int = 0
    lag_s: float = 0.0
    scheduler_silent_s: float = 0.0


class Sight(NamedTuple):
    """What is seen of a condition: a measure that grows as it becomes worse, and words for a person."""

    measure: float
    detail: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a notifier has told of a condition, and when."""

    began_at: datetime | None = None
    reminded_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A condition from its begin to its end. `worst` is its worst measure, `said` the last that was news.

    `gone_at`: when it was first not seen any more, before that is called its end. `told` is by the notifiers' names.
    """

    key: Key
    began_at: datetime
    worst: float
    detail: str
    said: float
    gone_at: datetime | None = None
    ended_at: datetime | None = None
    told: Mapping[str, Told] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Began:
    """It was not there before."""

    held: Held


@dataclass(frozen=True, slots=True)
class Worsened:
    """It is half as bad again as was last said."""

    held: Held


@dataclass(frozen=True, slots=True)
class Ended:
    """It has been gone for as long as it must be."""

    held: Held


Transition: TypeAlias = Began | Worsened | Ended
Sights: TypeAlias = Mapping[Key, Sight | None]
"""What is seen; None where nothing is known just now."""


def step(held: Collection[Held], sights: Sights, now: datetime) -> tuple[list[Held], list[Transition]]:
    """Compare what is held with what is seen; return what is held from now on, ended ones included, and the news."""
    after = [one for one in held if one.ended_at is not None]
    news: list[Transition] = []
    open_ones = {one.key: one for one in held if one.ended_at is None}
    for one in open_ones.values():
        sight = sights.get(one.key, _GONE)
        changed, transition = _follow(one, sight, now)
        after.append(changed)
        news += [transition] if transition else []
    for key, sight in sights.items():
        if key not in open_ones and sight is not None:
            began = Held(key, now, sight.measure, sight.detail, sight.measure)
            after.append(began)
            news.append(Began(began))
    return after, news


_GONE: Final = Sight(-1.0, "")


def _follow(one: Held, sight: Sight | None, now: datetime) -> tuple[Held, Transition | None]:
    if sight is None:
        return one, None
    if sight is _GONE:
        gone_at, settle = min(one.gone_at or now, now), one.key.condition.about.settle
        if now - gone_at < settle:
            return replace(one, gone_at=gone_at), None
        # A machine that has slept meanwhile has not looked: its end is news, however long ago the last look was.
        ended = replace(one, gone_at=gone_at, ended_at=max(gone_at, now - settle))
        return ended, Ended(ended)
    worst = max(one.worst, sight.measure)
    changed = replace(one, gone_at=None, worst=worst, detail=sight.detail)
    if worst <= one.said * WORSE:
        return changed, None
    worse = replace(changed, said=worst)
    return worse, Worsened(worse)


def sights(facts: Facts, held: Collection[Held], now: datetime) -> Sights:
    """Say which conditions the facts show; what they do not speak of is not known, and stays as it is."""
    found: dict[Key, Sight | None] = dict(_of_machine(facts))
    found |= _of_vendors(facts)
    if facts.store is None:
        found |= {one.key: None for one in held if one.ended_at is None and one.key.condition in FROM_STORE}
        return found
    covered = _covered_accounts(facts, held, now)
    found |= _of_accounts(facts.store)
    silent = Key(Condition.SCHEDULER_SILENT) in found
    for job in facts.store.jobs:
        found |= _of_job(job, now, silent=silent, covered=job.account in covered)
    return found


FROM_STORE: Final = frozenset(Condition) - {
    Condition.VENDOR_SILENT,
    Condition.STORE_FAILING,
    Condition.DISK_LOW,
    Condition.DISK_FULL,
    Condition.WAL_LARGE,
    Condition.LOOP_LAGS,
    Condition.SCHEDULER_SILENT,
}
"""What only the store can tell."""


def _of_machine(facts: Facts) -> Iterator[tuple[Key, Sight]]:
    if facts.store_failed_s:
        yield Key(Condition.STORE_FAILING), Sight(facts.store_failed_s, f"for {span(facts.store_failed_s)}")
    for condition, limit in ((Condition.DISK_LOW, DISK_LOW_BYTES), (Condition.DISK_FULL, DISK_FULL_BYTES)):
        if facts.free_bytes < limit:
            # What is missing, so that the measure grows as less is free.
            yield Key(condition), Sight(float(limit - facts.free_bytes), f"{_mebibytes(facts.free_bytes)} free")
    if facts.wal_bytes > WAL_LARGE_BYTES:
        yield Key(Condition.WAL_LARGE), Sight(float(facts.wal_bytes), _mebibytes(facts.wal_bytes))
    if facts.lag_s >= LAG_S:
        yield Key(Condition.LOOP_LAGS), Sight(facts.lag_s, f"late by {facts.lag_s:.1f} s")
    if facts.scheduler_silent_s >= SCHEDULER_SILENT.total_seconds():
        quiet = facts.scheduler_silent_s
        yield Key(Condition.SCHEDULER_SILENT), Sight(quiet, f"no alarm has rung for {span(quiet)}")


def _of_vendors(facts: Facts) -> Iterator[tuple[Key, Sight | None]]:
    for account, silence_s in facts.silence_s.items():
        if silence_s is None:
            yield Key(Condition.VENDOR_SILENT, account), None
        elif silence_s:
            yield Key(Condition.VENDOR_SILENT, account), Sight(silence_s, f"no answer for {span(silence_s)}")


def _covered_accounts(facts: Facts, held: Collection[Held], now: datetime) -> set[str]:
    """The accounts whose own condition speaks for their jobs, or did within the hour."""
    lasting = {
        one.key.subject
        for one in held
        if one.key.condition in (Condition.VENDOR_SILENT, Condition.ACCOUNT_PAUSED)
        # By a clock that has been put back an end lies ahead, and covers nothing for so long.
        and (one.ended_at is None or abs(now - one.ended_at) < COVERED_FOR)
    }
    paused = {account.name for account in facts.store.accounts if account.paused} if facts.store else set()
    return lasting | paused | {account for account, silence_s in facts.silence_s.items() if silence_s}


def _of_accounts(store: StoreFacts) -> Iterator[tuple[Key, Sight | None]]:
    if store.doubt is not None:
        yield Key(Condition.STORE_DOUBTED), Sight(0.0, store.doubt)
    if store.reload_refused is not None:
        yield Key(Condition.RELOAD_REFUSED), Sight(0.0, store.reload_refused)
    if store.quarantined:
        yield Key(Condition.INBOX_QUARANTINED), Sight(float(store.quarantined), f"{store.quarantined:,} of them")
    if store.traces.paused is not None:
        yield Key(Condition.TRACE_PAUSED), Sight(0.0, store.traces.paused)
    if store.traces.missing:
        yield Key(Condition.TRACES_MISSING), Sight(float(store.traces.missing), f"{store.traces.missing:,} of them")
    for account in store.accounts:
        if account.paused is not None:
            yield Key(Condition.ACCOUNT_PAUSED, account.name), Sight(0.0, account.paused)
        yield from _of_budget(account)
        if account.slots_left is not None and account.slots_left <= max(1, account.slots_cap // 20):
            left = max(account.slots_left, 0)
            yield (
                Key(Condition.SLOTS_LOW, account.name),
                Sight(float(account.slots_cap - left), f"{left} left for jobs"),
            )


def _of_budget(account: AccountFacts) -> Iterator[tuple[Key, Sight | None]]:
    nearly = [share for share in account.budget if share.is_nearly_spent]
    spent = [share for share in nearly if share.is_spent]
    if spent:
        yield Key(Condition.BUDGET_SPENT, account.name), _of_shares(spent)
        # That it is nearly spent is no news any more, and not over.
        yield Key(Condition.BUDGET_NEARLY_SPENT, account.name), None
    elif nearly:
        yield Key(Condition.BUDGET_NEARLY_SPENT, account.name), _of_shares(nearly)


def _of_shares(shares: Collection[Share]) -> Sight:
    words = ", ".join(f"{share.percent} % of {share.limit}" for share in shares)
    return Sight(float(max(share.percent for share in shares)), words)


def _of_job(job: JobFacts, now: datetime, *, silent: bool, covered: bool) -> Iterator[tuple[Key, Sight | None]]:
    """What its cause is told for is no news beside it, and not over."""
    if job.parked is not None:
        yield Key(Condition.JOB_PARKED, job.name), Sight(0.0, job.parked)
    if job.running_since is not None:
        yield from _too_late(Condition.JOB_STUCK, job.name, now - job.running_since, job.run_timeout + STUCK)
    elif job.due_at is not None:
        late = _too_late(Condition.JOB_OVERDUE, job.name, now - job.due_at, OVERDUE)
        yield from ((key, None if silent else sight) for key, sight in late)
    if job.unusual is not None:
        yield Key(job.unusual.condition, job.name), Sight(job.unusual.factor, job.unusual.detail)
    if job.waits:
        yield Key(Condition.JOB_WAITING, job.name), Sight(0.0, "since its last run")
    failed = next((at for at, end in enumerate(job.last) if end.outcome is not Outcome.FAILED), len(job.last))
    if failed >= FAILURES_MIN:
        failing = Key(Condition.JOB_FAILING, job.name)
        yield failing, None if covered else Sight(0.0, "see the message of its last run")


def _too_late(condition: Condition, job: str, age: timedelta, most: timedelta) -> Iterator[tuple[Key, Sight]]:
    if age > most:
        yield Key(condition, job), Sight(age.total_seconds(), f"for {span(age.total_seconds())}")


def span(seconds: float) -> str:
    """Words for a length of time, in one unit, two of it at least but for minutes."""
    for unit, unit_s in (("days", 86_400), ("h", 3_600)):
        if seconds >= 2 * unit_s:
            return f"{seconds // unit_s:.0f} {unit}"
    return f"{seconds // 60:.0f} min"


def _mebibytes(count: int) -> str:
    return f"{count / 1024**2:,.0f} MiB"
