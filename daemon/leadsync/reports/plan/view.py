"""What a plan is made from: one account as the configuration, the store and the vendor's list have it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, select
from sqlmodel import col

from leadsync.config import Account, Job, Settings
from leadsync.config.intent import criteria_of, leave_of, wish_of
from leadsync.config.limits import limits_of
from leadsync.core.audit import Leave, ParkJob, Standing
from leadsync.core.budget import Limits, Spent, window_starts
from leadsync.core.forecast import Case, NoSessions, Totals
from leadsync.core.model import Books, Listing, Reason, Route
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.core.routes import Circumstances, choose_route
from leadsync.core.slots import Action
from leadsync.core.witness import DOUBTS
from leadsync.reports.one_shots import missing_of, progress_of, seat_of
from leadsync.reports.plan.times import NextTime, next_times
from leadsync.reports.sessions import Account as House
from leadsync.store import tables
from leadsync.store.auditing import standing_of
from leadsync.store.engine import sqlite_file
from leadsync.store.reading import reading
from leadsync.store.sessions import SessionState, all_of, named, of_other_accounts
from leadsync.store.spending import used
from leadsync.vendors.wire import Trouble


@dataclass(frozen=True, slots=True)
class Errand:
    """A session before its next run: for its job, or for nobody any more, where a key was left open.

    `spent` is what the budget's windows of its time have used by now; `progress` is how far a one-shot has come (see
    `reports.one_shots`), whose session is "" before its first run, and `missing` how many records it asks for yet.
    `inbox`: there is one for async results.
    """

    job: Job | None
    session: str
    state: SessionState | None
    times: tuple[NextTime, ...]
    at: datetime
    spent: Spent
    progress: Mapping[str, Any] | None = None
    missing: int | None = None
    inbox: bool = False

    @property
    def by_windows(self) -> bool:
        """Whether it goes to the async endpoint, where it is a one-shot that has asked or would ask now."""
        if self.progress is None or self.job is None:
            return False
        chosen = choose_route(wish_of(self.job), Circumstances(self.inbox, session_ability=None, slot_free=None))
        return (self.route or chosen) == Route.ASYNC

    @property
    def is_done(self) -> bool:
        """Whether it is a one-shot that asks nothing any more."""
        return self.progress is not None and self.progress["outcome"] is not None

    @property
    def asks(self) -> bool:
        """Whether it asks for more, and not only settles what is open."""
        return self.job is not None and self.job.enabled and not self.is_done

    @property
    def route(self) -> str | None:
        """Which way a one-shot goes that has asked already; None where that is not chosen yet."""
        has_asked = self.state is not None and self.state.books.asked_before
        return self.progress["route"] if self.progress is not None and has_asked else None

    @property
    def records_max(self) -> int | None:
        """The most that the job itself lets one run buy."""
        limit = self.job.records_per_run if self.job else None
        if self.missing is None:
            return limit
        return self.missing if limit is None else min(self.missing, limit)

    @property
    def open_take(self) -> int | None:
        """The reservation of the open key, None where there is none."""
        return self.state.open_page.take if self.state and self.state.open_page else None


@dataclass(frozen=True, slots=True)
class View:
    """One account. `errands` are in the order in which they would run: what was left open, the times, the rest.

    `sessions` are its own, `elsewhere` those of all other accounts.
    `doubt` parks them all, until a person has said what became of the store. `house` is who holds the slots, and what
    is done about that.
    """

    name: str
    account: Account
    limits: Limits
    spent: Spent
    paused: tuple[Reason, str] | None
    doubt: ParkJob | None
    sessions: Mapping[str, SessionState]
    errands: tuple[Errand, ...]
    totals: Totals
    elsewhere: Sequence[SessionState] = ()
    house: House | None = None

    @property
    def slots_free(self) -> int:
        """Slots that jobs may still take, those that housekeeping frees before it turns one away included."""
        room = self.account.session_cap - self.account.session_reserve
        if self.house is None:
            return room - len(self.totals)
        planned = self.house.planned
        return room - planned.occupancy.used + len(planned.those(Action.DELETE))


def read_view(settings: Settings, name: str, totals: Totals, now: datetime) -> View:
    """Look at an account in the store. Raises StoreRefused where that cannot be read."""
    with reading(sqlite_file(settings.store.url)) as connection:
        return view_of(settings, connection, name, totals, now)


def view_of(settings: Settings, connection: Connection | None, name: str, totals: Totals, now: datetime) -> View:
    """Look at an account; `connection` is None where no store was ever made.

    `totals` is its session list at the vendor, or a sentence why that could not be had (see `as_totals`).
    """
    account = settings.accounts[name]
    limits = limits_of(account)
    known = {state.name: state for state in all_of(connection, name)} if connection else {}
    paused = select(col(tables.Account.paused_reason), col(tables.Account.paused_message))
    row = connection.execute(paused.where(col(tables.Account.name) == name)).one_or_none() if connection else None
    spent = _spending(connection, name, limits)

    def errand(job: Job | None, session: str, state: SessionState | None) -> Errand:
        progress = progress_of(connection, job) if job else None
        is_done = progress is not None and progress["outcome"] is not None
        times = tuple(next_times(connection, job, now)) if job and not is_done else ()
        at = max(now, times[0].slot.fire_at) if times else now
        missing = missing_of(connection, job) if job else None
        return Errand(job, session, state, times, at, spent(at), progress, missing, settings.webhooks is not None)

    jobs = [job for job in settings.jobs.values() if job.account == name]
    names = {job.name: seat_of(connection, job) for job in jobs}
    # Of several jobs with one session all but one are disabled: what is known of it belongs to that one.
    owners = {names[job.name]: job for job in sorted(jobs, key=lambda job: job.enabled)}
    theirs = [
        errand(job, key, known.get(key) if owners[key] is job else None) for job in jobs for key in [names[job.name]]
    ]
    left = [errand(None, key, state) for key, state in known.items() if state.open_page and key not in owners]
    return View(
        name=name,
        account=account,
        limits=limits,
        spent=spent(now),
        doubt=_doubt(connection) if connection else None,
        paused=(Reason(row[0]), row[1] or "") if row and row[0] else None,
        sessions=known,
        errands=(*left, *sorted(theirs, key=_turn)),
        totals=totals,
        elsewhere=of_other_accounts(connection, name) if connection else (),
    )


def _spending(connection: Connection | None, account: str, limits: Limits) -> Callable[[datetime], Spent]:
    """What is used of the windows of a time; a day is added up once, since a month of 100,000 pages takes 0.2 s."""

    @cache
    def of_day(day: datetime) -> Spent:
        return used(connection, account, limits, day) if connection else Spent()

    return lambda at: of_day(window_starts(at, limits.zone)[0])


def _doubt(connection: Connection) -> ParkJob | None:
    found = connection.execute(select(col(tables.Installation.doubt))).scalar_one()
    return ParkJob(Reason(found), DOUBTS[Reason(found)]) if found else None


def _turn(errand: Errand) -> tuple[bool, datetime]:
    """By their times; what is only settled goes first, what runs by hand alone last."""
    return errand.asks and not errand.times, errand.at


def case_of(view: View, errand: Errand) -> Case:
    """Put an errand before the core."""
    state, job = errand.state, errand.job
    criteria = criteria_of(job) if job else ""
    parked = ParkJob(state.parked.reason, state.parked.message) if state and state.parked else None
    return Case(
        standing=standing_of(state) if state else Standing(errand.session, Books()),
        criteria=criteria,
        leave=_leave(view, errand),
        asks=errand.asks,
        parked=view.doubt or parked,
        kept=state.criteria if state else None,
        known_from=next((named(one.name, one.account, view.name) for one in asked_by(view, errand, criteria)), None),
        plain=errand.route == Route.PLAIN or errand.by_windows,
        undecided=errand.progress is not None and errand.route is None,
    )


def _leave(view: View, errand: Errand) -> Leave:
    """What the job's file allows, and what a person has allowed since: a one-shot begun anew buys its list again."""
    leave = leave_of(errand.job, view.limits.price).accepting(errand.state.accepted if errand.state else None)
    return leave.in_life(errand.progress["life"]) if errand.progress is not None else leave


def delivered_by(view: View, errand: Errand, criteria: str) -> Iterator[str]:
    """Name the other sessions that have delivered these criteria."""
    found = (state for state in asked_by(view, errand, criteria) if state.books.delivered)
    return (named(state.name, state.account, view.name) for state in found)


def asked_by(view: View, errand: Errand, criteria: str) -> Iterator[SessionState]:
    """Find other sessions, the account's or the job's elsewhere, that have delivered or asked for these criteria."""
    ours = [state for state in view.sessions.values() if state.name != errand.session]
    theirs = [state for state in view.elsewhere if errand.job is not None and state.job == errand.job.name]
    if not isinstance(view.totals, str) and errand.session in view.totals:
        # Under another account the job goes on with it.
        theirs = [state for state in theirs if state.name != errand.session]
    for state in (*ours, *theirs):
        is_asked = state.books.delivered or state.open_page is not None
        if state.criteria == criteria and is_asked:
            yield state


def as_totals(listed: Listing | Trouble) -> Totals:
    """Return each session's total; or put into a sentence why the list could not be had."""
    match listed:
        case SlotsFull(status, message) | Refused(status, message):
            return f"the session list was refused with HTTP {status}: {message}"
        case Denied(reason, status, message):
            why = f"the session list was denied with HTTP {status} ({reason}): {message}"
            return NoSessions(why) if reason is Reason.ABILITY_MISSING else why
        case Throttled():
            return "the session list could not be had: the vendor's rate limit is used up just now"
        case Lost(why):
            return f"the session list could not be had ({why})"
        case _:
            return {name: row.total for name, row in listed.items()}
