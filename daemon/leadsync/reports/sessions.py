"""`leadsync sessions`: every session of the team, ours and foreign, and what housekeeping does about it.

It is handed the vendor's list and the ledger's side of it; the decisions are the core's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from leadsync.core.pace import Births
from leadsync.core.slots import Action, Clocks, Fate, Policy, Rules, SlotPlan, idle
from leadsync.reports import SCHEMA_VERSION
from leadsync.reports.slots import slots_line, slots_report, slots_unknown
from leadsync.reports.text import columns

Row: TypeAlias = Mapping[str, Any]

BY_HAND = 'delete = "never" in [housekeeping]: nothing goes by policy; `leadsync sessions delete ID` takes one by name'


@dataclass(frozen=True, slots=True)
class Account:
    """One account, looked at; `unknown` is why the list is the last one, and not a fresh one.

    `ever`: a list was had at least once, so that nothing in it is no session, and not nothing known.
    """

    name: str
    planned: SlotPlan
    rules: Rules
    clocks: Clocks
    waiting: Sequence[str]
    births: Births
    unknown: str | None = None
    ever: bool = True


def sessions_report(accounts: Sequence[Account]) -> dict[str, Any]:
    """Return `accounts[]{name, slots, policy, unknown, waiting, sessions[]}`; times are the vendor's, ISO 8601."""
    return {"schema_version": SCHEMA_VERSION, "accounts": [_account(one) for one in accounts]}


def _account(one: Account) -> dict[str, Any]:
    known = slots_report(one.planned.occupancy, one.waiting, one.births, one.clocks.ours)
    return {
        "name": one.name,
        "slots": known if one.ever else slots_unknown(one.rules.room, one.waiting),
        "policy": one.rules.policy.value,
        "unknown": one.unknown,
        "waiting": list(one.waiting),
        "sessions": [session_row(fate, one.clocks) for fate in one.planned.fates],
    }


def session_row(fate: Fate, clocks: Clocks) -> dict[str, Any]:
    """Return one session: both totals, how long it rested, its life by our clock, and what is done about it."""
    rested, tenant = idle(fate.row, clocks), fate.tenant
    ours = tenant if fate.job is not None else None
    life = ours.life if ours is not None else None
    return {
        "session": fate.session,
        "owner": fate.owner.value,
        "job": fate.job,
        "vendor_total": fate.row.total,
        "ledger_total": ours.total if ours is not None else None,
        "idle_days": None if rested is None else round(rested / timedelta(days=1), 1),
        "last_request_at": _moment(fate.row.last_request_at),
        "created_at": _moment(fate.row.created_at),
        "created_by": life.created_by if life else None,
        "adopted_at": _moment(life.adopted_at) if life else None,
        "orphaned_since": _moment(life.orphaned_since) if life else None,
        "dormant_since": _moment(life.dormant_since) if life else None,
        "open_key": ours is not None and ours.open_key,
        "action": fate.action.value,
        "why": fate.why,
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def in_words(report: Row) -> str:
    """Show `sessions list` to a person."""
    return "\n\n".join(part for one in report["accounts"] for part in _words_of(one) if part)


def _words_of(one: Row) -> Iterator[str]:
    slots = one["slots"]
    if slots["used"] is None:
        unknown = f"who holds them is unknown: {one['unknown']}; no list was ever had"
        yield f"{one['name']}: {slots_line(slots)} slots: {unknown}"
        return
    yield (
        f"{one['name']}: {slots_line(slots)} ({slots['reserve']} kept free): {slots['ours']} ours, {slots['foreign']}"
        f" foreign, {slots['waiting']} waiting; all used on: {slots['cap_reached_on'] or 'unknown'}"
    )
    if one["unknown"]:
        yield f"{one['unknown']}; this is the last list"
    yield _table(one["sessions"])
    if one["waiting"]:
        yield f"waiting for a slot: {', '.join(one['waiting'])}"


def _table(sessions: Sequence[Row]) -> str:
    head = ("SESSION", "OWNER", "JOB", "VENDOR", "LEDGER", "IDLE DAYS", "WHAT IS DONE", "WHY")
    keys = ("session", "owner", "job", "vendor_total", "ledger_total", "idle_days", "action", "why")
    return columns(head, [[row[key] for key in keys] for row in sessions]) if sessions else "no session"


def to_prune(report: Row) -> dict[str, list[str]]:
    """Return the sessions that the policy lets go, by account; of one whose list could not be had nothing is known."""
    found = {
        one["name"]: [row["session"] for row in one["sessions"] if row["action"] == Action.DELETE]
        for one in report["accounts"]
        if one["unknown"] is None
    }
    return {name: sessions for name, sessions in found.items() if sessions}


def prune_in_words(report: Row) -> str:
    """Show to a person what `sessions prune` would delete, and what nobody needs and it keeps."""
    return "\n\n".join(part for one in report["accounts"] for part in _pruning(one) if part)


def _pruning(one: Row) -> Iterator[str]:
    doomed = [row for row in one["sessions"] if row["action"] == Action.DELETE]
    unused = [row for row in one["sessions"] if row["action"] == Action.WARN]
    if one["unknown"]:
        yield f"{one['name']}: {one['unknown']}"
        return
    yield f"{one['name']}: {len(doomed)} to delete, {len(unused)} unused and kept; {slots_line(one['slots'])}"
    if doomed or unused:
        yield _table([*doomed, *unused])
    if unused and one["policy"] == Policy.NEVER:
        yield BY_HAND
