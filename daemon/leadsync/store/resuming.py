"""What a person answers, in the store: functions of one connection, each the whole of one transaction of the ledger."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, func, select, update
from sqlmodel import col

from leadsync.core.model import End, Reason
from leadsync.core.protocol import Fate
from leadsync.core.resume import Question, Remedy
from leadsync.errors import Bug
from leadsync.store import runs, sessions
from leadsync.store.lead_tables import Delivery
from leadsync.store.sessions import SessionState
from leadsync.store.tables import Page, SearchSession

_LETS_GO: Final = frozenset({Reason.SESSION_FOREIGN, Reason.SESSION_DRIFTED})
"""Who accepts one of these after old keys were asked in vain lets go what they should have brought."""


def question(connection: Connection, state: SessionState, job: str, price: Decimal) -> Question:
    """Return what the session's job waits with, and how much could be bought again."""
    row = connection.execute(select(SearchSession).where(col(SearchSession.id) == state.session_id)).mappings().one()
    ours = select(func.count(col(Delivery.property_id).distinct())).join(Page, col(Page.id) == col(Delivery.page_id))
    known = connection.execute(ours.where(col(Page.session_id) == state.session_id)).scalar_one()
    return Question(
        job=job,
        reason=state.parked.reason if state.parked else None,
        known=max(known, state.books.total),
        open_take=state.open_page.take if state.open_page else None,
        # A page that shows that the session was made anew parks the job in its own transaction.
        epoch_begun=row["created_at"] is not None and row["created_at"] == row["parked_at"],
        price=price,
    )


def answer(connection: Connection, state: SessionState, remedy: Remedy, now: datetime) -> None:
    """Do what was answered."""
    if remedy.closes is not None:
        _close(connection, state, remedy.closes, now)
    values: dict[str, Any] = {}
    if remedy.new_epoch:
        # The pages of that epoch may have been billed before a restore, too.
        values |= {**sessions.UNASKED, "epoch": state.books.epoch + 1}
    elif not state.books.delivered and (state.open_page is None or remedy.closes is not None):
        values |= {"criteria": None}  # what was refused, or never asked, binds nobody
    if remedy.accepts in _LETS_GO and state.recover_until is not None:
        sessions.recovered(connection, state.session_id)
    if remedy.unpark:
        values |= {**sessions.NOT_PARKED, "accepted": remedy.accepts}
    if values:
        sessions.change(connection, state.session_id, values)


def end_run(
    connection: Connection, run_id: int, ended: End, waited_s: float, now: datetime, *, accepted: int | None
) -> runs.Figures:
    """End a run, and with it what a person has accepted of the session `accepted` for it."""
    if accepted is not None:
        forget_acceptance(connection, accepted)
    return runs.end(connection, run_id, ended, waited_s, now)


def forget_acceptance(connection: Connection, session_id: int) -> None:
    """The run that an acceptance was for has ended by itself."""
    sessions.change(connection, session_id, {"accepted": None})


def _close(connection: Connection, state: SessionState, fate: Fate, now: datetime) -> None:
    """End the open key; what may be billed for it is a cost of the run that asked it, which has ended without."""
    if state.open_page is None:
        raise Bug(f"session {state.name} has no open key to close")
    this = (col(Page.id) == state.open_page.page_id, col(Page.state) == "asked")
    billed = state.open_page.take if fate is Fate.UNKNOWN else 0
    values: dict[str, Any] = {"state": fate.value, "billed": billed, "settled_at": now}
    if state.parked is None:
        values["asked_at"] = now  # until now it may have been billed, and was reserved: today's budget keeps it
    closed = update(Page).where(*this).values(**values)
    run_id = connection.execute(closed.returning(col(Page.run_id))).scalar_one_or_none()
    if run_id is None:
        raise Bug(f"page row {state.open_page.page_id} was settled by somebody else")
    runs.add_up(connection, run_id, state.session_id)
