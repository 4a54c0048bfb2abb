"""Mistakes in housekeeping that somebody could make, each put in the place of a function of leadsync (P7)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from unittest import mock

from sqlalchemy import Connection

from leadsync.core import slots as planner
from leadsync.core.slots import Action, Fate, SlotPlan, Tenant
from leadsync.jobs.deletion import InHand
from leadsync.store import sessions, slots
from leadsync.store.ledger import Ledger
from leadsync.store.slots import SlotAsked, Wish
from tests.planted import Bug, instead

_fate = planner._fate  # noqa: SLF001 - what a planted bug stands before
_once = InHand.once
_begin = slots.begin_deletion


def _foreign_goes(row: Any, tenant: Tenant | None, *about: Any) -> Fate:
    """Whatever no job names is an orphan."""
    return _fate(row, tenant, *about) if tenant is not None else Fate(row, None, Action.DELETE, "nobody needs it")


async def _without_looking(self: Any, planned: SlotPlan, _: Any) -> Any:
    """Go by the first look: what is still listed is what it was."""
    row = self._wish.row
    self._desk.listed = None
    as_it_was = tuple(
        Fate(row, fate.tenant, Action.DELETE, fate.why) if fate.session == row.session else fate
        for fate in planned.fates
    )
    return await _once(self, replace(planned, fates=as_it_was), lambda *_: None)


async def _begin_in_mind(_: Any, wish: Wish, now: datetime) -> SlotAsked:
    del now
    return SlotAsked(0, None, None, wish)


async def _end_in_mind(*_: Any) -> None:
    """Write nothing."""


@contextmanager
def _not_journaled() -> Iterator[None]:
    begin = mock.patch.object(Ledger, "begin_deletion", _begin_in_mind)
    with begin, mock.patch.object(Ledger, "end_deletion", _end_in_mind):
        yield


def _reserve_anyhow(connection: Connection, session_id: int, room: Any, now: datetime) -> None:
    """A slot is surely free."""
    del room
    sessions.change(connection, session_id, {"reserved_at": now})


@contextmanager
def _open_keys_go() -> Iterator[None]:
    """Nobody minds an open key: not the planner, and not the ledger."""

    def blind(row: Any, tenant: Tenant, jobs: Any) -> str | None:
        return _needed(row, replace(tenant, open_key=False, total=row.total), jobs)

    _needed = planner._needed  # noqa: SLF001 - the same
    unguarded = mock.patch.object(slots, "_OPEN_KEY", slots._RUNNING)  # noqa: SLF001 - the same
    with mock.patch.object(planner, "_needed", blind), unguarded:
        yield


SLOT_BUGS: Final[dict[str, Bug]] = {
    "a foreign session is taken for an orphan": instead(planner, "_fate", _foreign_goes),
    "a session is deleted without looking again": instead(InHand, "once", _without_looking),
    "a deletion is not journaled": _not_journaled,
    "a slot is reserved although none is free": instead(slots, "reserve", _reserve_anyhow),
    "a session is deleted with its key open": _open_keys_go,
}
