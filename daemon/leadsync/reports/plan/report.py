"""The plan as data: one plain JSON-able structure, by accounts and by jobs."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, assert_never

from leadsync.config import Job, Settings
from leadsync.config.intent import criteria_of, leave_of, wish_of
from leadsync.core.audit import NO_SLOT, GoOn, ParkJob
from leadsync.core.forecast import AtMost, NoSlot, Outlook, Prospect, Purchase, Unknown, at_most, foresee, together
from leadsync.core.model import Route
from leadsync.core.routes import Circumstances, choose_route
from leadsync.core.slots import Action, Room, turned_away
from leadsync.core.windows import WINDOW_MAX
from leadsync.reports import SCHEMA_VERSION
from leadsync.reports.plan.times import NextTime
from leadsync.reports.plan.view import Errand, View, case_of, delivered_by
from leadsync.reports.sessions import Account as House
from leadsync.reports.sessions import session_row
from leadsync.reports.slots import slots_report, slots_unknown
from leadsync.reports.text import told

Foreseen: TypeAlias = tuple[Errand, Outlook]


def plan(settings: Settings, views: Mapping[str, View], tracing: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return `accounts` and `jobs`; times are ISO 8601, costs US dollars; null at most is no limit.

    `views` are the accounts by name, each as `read_view` has found it; `tracing` is how the skip trace stands, as
    `reports.traces.outlook` has found it. `skip_trace` adds to that the `properties` whose owners one run of each job
    may bring.
    """
    accounts: list[dict[str, Any]] = []
    jobs: dict[str, dict[str, Any]] = {}
    for name in settings.accounts:
        view = views[name]
        free = 0 if isinstance(view.totals, str) else view.slots_free
        outlooks = foresee([case_of(view, errand) for errand in view.errands], view.totals, free)
        foreseen = list(zip(view.errands, outlooks, strict=True))
        accounts.append(_account(view, foreseen))
        jobs |= {
            errand.job.name: _job(view, errand, outlook, errand.job)
            for errand, outlook in foreseen
            if errand.job is not None
        }
    shown = [jobs[name] for name in settings.jobs]
    traced = [jobs[name]["at_most"]["records"] for name, job in settings.jobs.items() if job.skip_trace.enabled]
    properties = None if None in traced else sum(traced)
    skip_trace = None if tracing is None else {**tracing, "properties": properties}
    return {"schema_version": SCHEMA_VERSION, "accounts": accounts, "jobs": shown, "skip_trace": skip_trace}


def _account(view: View, foreseen: Sequence[Foreseen]) -> dict[str, Any]:
    reason, message = view.paused or (None, "")
    return {
        "name": view.name,
        "state": "paused" if reason else "ok",
        "reason": reason,
        "message": told(message, reason, view.name) if reason else None,
        "unknown": str(view.totals) if isinstance(view.totals, str) else None,
        "slots": _slots(view),
        "housekeeping": _housekeeping(view),
        "budget_left": _budget_left(view),
        "at_most": _plain(together([_purchase(*one) for one in foreseen], view.limits)),
        "left_open": [_left_open(*one) for one in foreseen if one[0].job is None],
    }


def _slots(view: View) -> dict[str, Any]:
    """Who holds the slots; null where the vendor's list is not known."""
    house, room = view.house, Room(view.account.session_cap, view.account.session_reserve)
    if house is None or house.unknown is not None:
        return slots_unknown(room, house.waiting if house else ())
    return slots_report(house.planned.occupancy, house.waiting, house.births, house.clocks.ours)


def _housekeeping(view: View) -> dict[str, Any]:
    """What is deleted at the next round, or as soon as a job needs a slot; and what nobody needs and is kept."""
    house = view.house
    if house is None or house.unknown is not None:
        return {"policy": house.rules.policy.value if house else None, "delete": None, "unused": None}
    rows = {
        name: [session_row(fate, house.clocks) for fate in house.planned.those(action)]
        for name, action in (("delete", Action.DELETE), ("unused", Action.WARN))
    }
    return {"policy": house.rules.policy.value, **rows}


def _budget_left(view: View) -> dict[str, Any]:
    """What each window still has, open keys' reservations taken off; null where it has no limit."""
    limits, used = view.limits, view.spent
    windows: tuple[tuple[str, int | Decimal | None, int | Decimal], ...] = (
        ("records_day", limits.records_day, used.records_day),
        ("records_month", limits.records_month, used.records_month),
        ("dollars_day", limits.dollars_day, used.dollars_day),
        ("dollars_month", limits.dollars_month, used.dollars_month),
    )
    return {name: None if limit is None else _number(max(limit - amount, 0)) for name, limit, amount in windows}


def _left_open(errand: Errand, outlook: Outlook) -> dict[str, Any]:
    """A key that was left open, and whose job is gone: it is settled all the same, unless it is parked."""
    job = errand.state.job if errand.state else None
    return {"job": job, "session": errand.session, "take": errand.open_take, "audit": _audit(outlook.verdict)}


def _job(view: View, errand: Errand, outlook: Outlook, job: Job) -> dict[str, Any]:
    idle = not errand.asks and errand.open_take is None
    schedule = job.schedule
    most = at_most(_purchase(errand, outlook), view.limits)
    return {
        "name": job.name,
        "enabled": job.enabled,
        "kind": job.kind,
        "account": job.account,
        "session": job.session if errand.progress is None else errand.progress["session"],
        "route": _route(errand, outlook, job),
        "timezone": schedule.timezone.key if schedule else None,
        "jitter_s": schedule.jitter.total_seconds() if schedule else None,
        "next_times": [_time(time, job) for time in errand.times],
        "audit": None if idle else _audit(outlook.verdict, job.name, view.house),
        "open_key": None if errand.open_take is None else {"take": errand.open_take, "sent_first": outlook.settles > 0},
        "at_most": {**_plain(most), "limit": most.limit or None},
        "slots_needed": 0 if idle else outlook.slots,
        "parked": _parked(view, errand, job),
        "overlap": _overlap(view, errand, job),
        "one_shot": errand.progress,
        "no_inbox": errand.asks and wish_of(job).wants_windows and not errand.by_windows,
    }


def _route(errand: Errand, outlook: Outlook, job: Job) -> str | None:
    """The way to the vendor; null where the run would wait, because what chooses the way is not known."""
    if errand.route is not None or errand.is_done:
        return errand.route
    if errand.by_windows:
        return Route.ASYNC
    known = not isinstance(outlook.verdict, Unknown)
    return choose_route(wish_of(job), Circumstances(errand.inbox, known or None, not outlook.plain if known else None))


def _time(time: NextTime, job: Job) -> dict[str, Any]:
    zone = job.schedule.timezone if job.schedule else None
    slot = time.slot
    return {
        "due_at": slot.due_at.isoformat(),
        "fire_at": slot.fire_at.isoformat(),
        "local": slot.fire_at.astimezone(zone).isoformat(),
        "cause": time.cause.value,
        "planned": time.planned,
        "overdue": time.overdue,
    }


def _audit(verdict: Prospect, job: str | None = None, house: House | None = None) -> dict[str, Any]:
    """What the audit would say; a park has the way out behind it, where there is a job that may take it."""
    match verdict:
        case GoOn():
            return {"verdict": "go_on", "reason": None, "message": None}
        case NoSlot():
            message = turned_away(NO_SLOT, house.planned.occupancy) if house else NO_SLOT
            return {"verdict": "no_slot", "reason": None, "message": message}
        case ParkJob(reason, message):
            message = told(message, reason, job) if job else message
            return {"verdict": "park", "reason": reason.value, "message": message}
        case Unknown(why):
            return {"verdict": "unknown", "reason": None, "message": why}
        case _:
            assert_never(verdict)


def _parked(view: View, errand: Errand, job: Job) -> dict[str, Any] | None:
    """What the job waits with; `since` its last run, null where it waits with the store.

    `answered`: its file allows by now what was in question; else the way out is told.
    """
    if view.doubt is not None:
        message = told(view.doubt.message, view.doubt.reason, job.name)
        return {"reason": view.doubt.reason.value, "message": message, "since": None, "answered": False}
    if errand.state is None or errand.state.parked is None:
        return None
    parked, undone = errand.state.parked, errand.state.criteria == criteria_of(job)
    answered = leave_of(job, Decimal(0)).answers(parked.reason, undone=undone)
    return {
        "reason": parked.reason.value,
        "message": parked.message if answered else told(parked.message, parked.reason, job.name),
        "since": parked.since.isoformat(),
        "answered": answered,
    }


def _overlap(view: View, errand: Errand, job: Job) -> dict[str, list[str]]:
    """Who else asks for this list in this account, and which other sessions have delivered it already."""
    criteria = criteria_of(job)
    jobs = [errand.job for errand in view.errands if errand.job is not None and errand.job is not job]
    return {
        "jobs": sorted(other.name for other in jobs if criteria_of(other) == criteria),
        "delivered_by": [*delivered_by(view, errand, criteria)],
    }


def _purchase(errand: Errand, outlook: Outlook) -> Purchase:
    job = errand.job
    return Purchase(
        at=errand.at,
        page_size=WINDOW_MAX if errand.by_windows else job.page_size if job else 1,
        records_max=errand.records_max,
        settles=outlook.settles,
        asks=outlook.asks,
        spent=errand.spent,
        own_limit="records_per_run" if job and errand.records_max == job.records_per_run else "records",
    )


def _plain(most: AtMost) -> dict[str, Any]:
    dollars = None if most.dollars is None else float(most.dollars)
    return {"records": most.records, "pages": most.pages, "dollars": dollars}


def _number(amount: int | Decimal) -> int | float:
    return amount if isinstance(amount, int) else float(amount)
