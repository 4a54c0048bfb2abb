"""What the next runs would do, and what they may cost at most: the decisions of a run, taken beforehand and for all.

Nothing is decided anew here. Whether a run may go on is said by `audit` and `judge_criteria` in the runner's order, how
much it may ask for by `budget`, when it is due by `schedule`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias

from leadsync.core.audit import GoOn, Leave, ParkJob, Standing, audit, judge_criteria
from leadsync.core.budget import Limits, Spent, allowed_take, window_starts
from leadsync.core.schedule import Slot, Times, next_due
from leadsync.core.schedule import plan as next_slot

ENDLESS: Final = 2**62
"""More records than there are; a take that even this does not exceed has no limit."""


class NoSessions(str):
    """Why the vendor's session list could not be had, where that is that the token has no sessions."""

    __slots__ = ()


Totals: TypeAlias = Mapping[str, int] | str
"""The vendor's session list, or a sentence why it could not be had."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The vendor's list is wanted, and was not to be had."""

    why: str


@dataclass(frozen=True, slots=True)
class NoSlot:
    """A new session is needed and no slot is free."""


Prospect: TypeAlias = GoOn | NoSlot | ParkJob | Unknown


@dataclass(frozen=True, slots=True)
class Case:
    """A session before its next run. `asks`: a job asks for more; else an open key alone is settled.

    `kept`, `criteria` and `known_from` are those of `judge_criteria`; `parked` is how the last run left it. `plain`: it
    goes without a session; `undecided`: a one-shot that has not asked yet, and would where it cannot have one.
    """

    standing: Standing
    criteria: str
    leave: Leave
    asks: bool = True
    parked: ParkJob | None = None
    kept: str | None = None
    known_from: str | None = None
    plain: bool = False
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run would do. `settles`: records that an open key brings first; `asks`: whether it then asks for more.

    `slots` is how many new sessions it needs, None where the vendor's list is not known. `plain`: it has no session.
    """

    verdict: Prospect
    settles: int = 0
    asks: bool = False
    slots: int | None = 0
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Purchase:
    """What one run wants to buy, and what the budget's windows of its time have used by now.

    `own_limit` is what says that it buys no more than `records_max`.
    """

    at: datetime
    page_size: int
    records_max: int | None
    settles: int
    asks: bool
    spent: Spent
    own_limit: str = "records_per_run"


@dataclass(frozen=True, slots=True)
class AtMost:
    """The most that is billed; None is no limit. `pages` are full ones: short pages make them more, and no dearer.

    `limit` names what says so, "" where nothing does or where only an open key is settled.
    """

    records: int | None
    pages: int | None
    dollars: Decimal | None
    limit: str = ""


def foresee(cases: Iterable[Case], totals: Totals, slots_left: int) -> list[Outlook]:
    """Say what each session's run would do, in the order in which they run: a slot that one takes is gone."""
    outlooks: list[Outlook] = []
    for case in cases:
        outlook = _foresee(case, totals, slot_free=slots_left > 0)
        if not isinstance(outlook.verdict, NoSlot):
            slots_left -= outlook.slots or 0
        outlooks.append(outlook)
    return outlooks


def _foresee(case: Case, totals: Totals, *, slot_free: bool) -> Outlook:
    settles = case.standing.open_take or 0
    if case.parked is not None and not case.leave.answers(case.parked.reason, undone=case.kept == case.criteria):
        return Outlook(case.parked)
    if not (case.asks or settles):
        return Outlook(GoOn())
    if isinstance(totals, str):
        needless = isinstance(totals, NoSessions) and (case.plain or case.undecided)
        unknown = Outlook(Unknown(str(totals)), settles, case.asks, slots=None, plain=case.plain)
        return _plainly(case) if needless else unknown
    return _plainly(case) if case.plain else _by_session(case, totals, slot_free=slot_free)


def _by_session(case: Case, totals: Mapping[str, int], *, slot_free: bool) -> Outlook:
    settles = case.standing.open_take or 0
    vendor_total = totals.get(case.standing.session)
    verdict = audit(case.standing, vendor_total, case.leave)
    if isinstance(verdict, ParkJob):
        return Outlook(verdict)
    slots = int(verdict.needs_slot)
    if slots and not slot_free:
        return _plainly(case) if case.undecided else Outlook(NoSlot(), slots=slots)
    doubt = _doubt(case)
    if doubt is not None:  # an open key is settled all the same: its page may be billed already
        return Outlook(doubt, settles, slots=slots if settles else 0)
    return Outlook(verdict, settles, case.asks, slots)


def _plainly(case: Case) -> Outlook:
    """Without a session there is no total to compare, and no slot to take."""
    doubt = _doubt(case)
    return Outlook(doubt or GoOn(), 0, case.asks and doubt is None, plain=True)


def _doubt(case: Case) -> ParkJob | None:
    if not case.asks:
        return None
    return judge_criteria(kept=case.kept, now=case.criteria, known_from=case.known_from, leave=case.leave)


def at_most(run: Purchase, limits: Limits) -> AtMost:
    """Return the most that one run buys, by itself.

    An open key is in the budget already, with its whole take; if its page is shorter, the rest may be asked for anew.
    """
    if not run.asks:
        return AtMost(run.settles, int(run.settles > 0), run.settles * limits.price)
    left, limit = allowed_take(ENDLESS, limits, run.spent)
    records = left + run.settles
    if run.records_max is not None and run.records_max <= records:
        records, limit = max(run.records_max, run.settles), run.own_limit
    if not limit:
        return AtMost(None, None, None)
    further_pages = -(-(records - run.settles) // run.page_size)
    pages = int(run.settles > 0) + further_pages
    return AtMost(records, pages, records * limits.price, limit)


def together(runs: Iterable[Purchase], limits: Limits) -> AtMost:
    """Return the most that all these runs buy, one after another on one budget."""
    records, pages = 0, 0
    bought: list[tuple[datetime, int]] = []
    for run in sorted(runs, key=lambda run: run.at):
        one = at_most(replace(run, spent=_after(run.spent, bought, limits, run.at)), limits)
        if one.records is None or one.pages is None:
            return AtMost(None, None, None)
        records, pages = records + one.records, pages + one.pages
        bought.append((run.at, one.records - run.settles))
    return AtMost(records, pages, records * limits.price)


def _after(spent: Spent, bought: Iterable[tuple[datetime, int]], limits: Limits, at: datetime) -> Spent:
    """Add to a window what the runs before have bought in it."""
    day, month = window_starts(at, limits.zone)
    today = sum(records for when, records in bought if when >= day)
    this_month = sum(records for when, records in bought if when >= month)
    return Spent(
        spent.records_day + today,
        spent.records_month + this_month,
        spent.dollars_day + today * limits.price,
        spent.dollars_month + this_month * limits.price,
    )


def next_slots(
    times: Times, jitter: timedelta, planned: Slot | None, used: Collection[datetime], now: datetime, *, count: int
) -> list[Slot]:
    """Return the times that come next, the planned one first; the others without their jitter, which is not drawn yet.

    A first one that has passed is overdue. Several that were missed are one, so the second lies after `now`.
    """
    slot = next_slot(times, jitter, planned, used, now, draw=0.0)
    slots: list[Slot] = []
    while slot is not None and len(slots) < count:
        slots.append(slot)
        due_at = next_due(times, max(slot.due_at, now))
        while due_at is not None and due_at in used:
            due_at = next_due(times, due_at)
        slot = Slot(due_at, due_at) if due_at is not None else None
    return slots
