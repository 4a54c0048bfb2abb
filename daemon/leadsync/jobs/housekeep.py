"""The slots of an account, looked after: what nobody needs and the policy lets go is deleted, and nothing else (P7).

Right before each deletion the list is taken again, and the session must still be nobody's. What is unanswered when
leadsync dies is looked at first by the next round.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

import structlog

from leadsync import events
from leadsync.core.eviction import refusal
from leadsync.core.model import End, Listing, Outcome, SessionListing
from leadsync.core.replies import Lost, Throttled
from leadsync.core.retry import GIVE_UP_S
from leadsync.core.slots import Action, Fate, SlotPlan, plan
from leadsync.core.witness import DOUBTS
from leadsync.errors import BadWeather
from leadsync.jobs.deletion import Deed, Done, InHand, May
from leadsync.jobs.desk import Desk, Surroundings
from leadsync.jobs.lister import STOPPED, Lister
from leadsync.store.ledger import Ledger, SlotAsked, State, Wish
from leadsync.waiting import result_unless, sleep_unless

HOUSEKEEPING: Final = "housekeeping"
PRUNE: Final = "prune"
OPERATOR: Final = "operator"
ONE_SHOT: Final = "one_shot"
"""Who may want a session deleted: the policy by itself, a person by the policy, a person by name, a one-shot."""

AWAY: Final = End(Outcome.INTERRUPTED, "the configuration does not have the account any more")

AGAIN_S: Final = timedelta(minutes=15).total_seconds()
"""How long a round rests that could not be held."""

IfIdle: TypeAlias = Callable[[str, str], AbstractAsyncContextManager[bool]]
"""Holds a session, by account and name, so that no run of it begins; False where one has it."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round found and did; `trouble` cut it short."""

    planned: SlotPlan | None
    deeds: tuple[Deed, ...] = ()
    trouble: End | None = None

    @property
    def freed(self) -> int:
        """How many slots it freed."""
        return sum(deed.state.freed for deed in self.deeds)


class Housekeeper:
    """One per account."""

    def __init__(self, desk: Desk, ledger: Ledger, around: Surroundings, *, lister: Lister, if_idle: IfIdle) -> None:
        self._desk = desk
        self._ledger = ledger
        self._around = around
        self._lister = lister
        self._if_idle = if_idle
        self._one_at_a_time = asyncio.Lock()
        self._told: set[str] = set()

    async def keep(self) -> None:
        """Look after the slots at their times, until leadsync is asked to stop.

        A restart does not shift the times. While the configuration does not have the account nothing is looked after;
        it may come back at any time.
        """
        renewed, stopping = self._desk.renewed, self._around.stopping
        while not stopping.is_set():
            renewed.clear()
            wait_s = await self._until_due_s()
            while self._desk.in_use and not (renewed.is_set() or stopping.is_set()):
                await result_unless(stopping, sleep_unless(renewed, wait_s))
                if not (renewed.is_set() or stopping.is_set()):
                    wait_s = await self._keep_once()
            await result_unless(stopping, renewed.wait())

    async def _until_due_s(self) -> float:
        """A clock that was put back makes nobody wait for longer than one interval."""
        every_s = self._desk.terms.upkeep.every.total_seconds()
        try:
            last_at = await self._ledger.housekept_at(self._desk.name)
        except BadWeather:
            return min(every_s, AGAIN_S)
        if last_at is None:
            return 0.0
        return min(max((last_at - self._around.now()).total_seconds() + every_s, 0.0), every_s)

    async def _keep_once(self) -> float:
        """Look after the slots, and return how long to wait until the next time."""
        every_s = self._desk.terms.upkeep.every.total_seconds()
        try:
            trouble = (await self.round(HOUSEKEEPING)).trouble
            message = trouble.message if trouble is not None else None
        except BadWeather as error:
            message = str(error)
        if message is None or self._around.stopping.is_set():
            return every_s
        wait_s = min(every_s, AGAIN_S)
        _log.warning(events.HOUSEKEEPING_DELAYED, account=self._desk.name, message=message, wait_s=wait_s)
        return wait_s

    async def look(self) -> SlotPlan | End:
        """Take the list, and say what is to be done about each session."""
        found: list[SlotPlan] = []

        async def look(listed: Listing) -> None:
            found.append(await self._plan(listed))

        end = await self._lister.take(look)
        return found[0] if end is None else end

    async def make_room(self) -> None:
        """Delete what the policy lets go, if that is anything by the last list."""
        planned = await self._plan(await self._ledger.last_listing(self._desk.name))
        if planned.those(Action.DELETE):
            await self.round(HOUSEKEEPING)

    async def round(self, asked_by: str, only: Collection[str] | None = None) -> Round:
        """Look after the slots: delete what the policy lets go, of `only` these where a person has named them.

        What was asked for before and not answered is settled first.
        """
        if self._ledger.doubt is not None:
            return Round(None, trouble=End(Outcome.PARKED, DOUBTS[self._ledger.doubt], self._ledger.doubt))
        async with self._one_at_a_time:
            await self._ledger.note_jobs(self._desk.name, self._desk.terms.jobs.sessions, self._around.now())
            deeds, trouble = await self._settle()
            planned = await self.look() if trouble is None else trouble
            if isinstance(planned, End):
                return await self._close(Round(None, tuple(deeds), planned))
            for fate in planned.those(Action.DELETE):
                if trouble is None and (only is None or fate.session in only):
                    wish = Wish(self._desk.name, fate.row, asked_by, fate.why)
                    deed, trouble = await self._delete(wish, _by_policy)
                    deeds.append(deed)
            return await self._close(Round(planned, tuple(deeds), trouble))

    async def delete(self, row: SessionListing, *, force: bool) -> Deed:
        """Delete one session because a person has named it, if it is still what the person has seen."""
        if self._ledger.doubt is not None:
            return Deed(row.session, None, State.KEPT, DOUBTS[self._ledger.doubt])
        wish = Wish(self._desk.name, row, OPERATOR, "deleted by name")
        async with self._one_at_a_time:
            deed, trouble = await self._delete(wish, self._by_name(force=force))
        await self._close(Round(None, (deed,), trouble))
        return deed

    async def dismiss(self, session: str) -> Deed | None:
        """Delete a throw-away session that has done its work; None where that cannot be done now, or is done.

        Whoever calls holds the session, and its run has ended. Every policy lets it go, unless somebody else uses it.
        """
        if self._ledger.doubt is not None:
            return None  # it may be the session of the store that this one was copied from
        planned = await self.look()
        fates = planned.fates if isinstance(planned, SlotPlan) else ()
        fate = next((fate for fate in fates if fate.session == session), None)
        if fate is None:
            return None
        wish = Wish(self._desk.name, fate.row, ONE_SHOT, "the one-shot is done with it")
        async with self._one_at_a_time:
            deed, _ = await self._pursue(InHand(self._desk, self._ledger, self._around, wish, None), _if_done)
        self._desk.vacancy.tell()
        return deed

    async def _plan(self, listed: Listing) -> SlotPlan:
        tenants = await self._ledger.tenants(self._desk.name)
        terms, clocks = self._desk.terms, self._desk.clocks(self._around)
        return plan(listed.values(), tenants, terms.jobs, terms.rules, clocks)

    async def _settle(self) -> tuple[list[Deed], End | None]:
        """Look after the deletions that have no answer yet."""
        deeds: list[Deed] = []
        for asked in await self._ledger.unanswered_deletions(self._desk.name):
            may = _MAY.get(asked.wish.asked_by) or self._by_name(force=False)
            deed, trouble = await self._delete(asked.wish, may, asked)
            deeds.append(deed)
            if trouble is not None:
                return deeds, trouble
        return deeds, None

    def _by_name(self, *, force: bool) -> May:
        """A person has named it. A word given with force counts for its own moment: jobs may use it by now."""
        return lambda _, fate: refusal(fate, self._desk.terms.jobs, force=force)

    async def _delete(self, wish: Wish, may: May, asked: SlotAsked | None = None) -> Done:
        """Delete a session while no run has it; an End where nothing more can be done just now."""
        deletion = InHand(self._desk, self._ledger, self._around, wish, asked)
        async with self._if_idle(wish.account, wish.row.session) as is_idle:
            if not is_idle:
                return await deletion.end(State.KEPT, "a run of it is under way"), None
            return await self._pursue(deletion, may)

    async def _pursue(self, deletion: InHand, may: May) -> Done:
        began_s, attempt = asyncio.get_running_loop().time(), 0
        while True:
            planned = await self.look() if self._desk.in_use else AWAY
            if isinstance(planned, End):
                return deletion.unknown(planned.message), planned
            done = await deletion.once(planned, may)
            if not isinstance(done, Lost | Throttled):
                return done
            attempt += 1
            if not await deletion.rest(done, attempt, began_s):
                return deletion.unknown("no answer came"), _cut_short(self._around)

    async def _close(self, ended: Round) -> Round:
        """Tell what there is to tell, and note that it was done."""
        desk, planned = self._desk, ended.planned
        if ended.freed:
            desk.vacancy.tell()
        if ended.trouble is not None:
            await self._pause(ended.trouble)
        if planned is None or ended.trouble is not None:
            return ended
        for fate in planned.those(Action.WARN):
            if fate.session not in self._told:
                _log.warning(events.SESSION_UNUSED, account=desk.name, session=fate.session, why=fate.why)
        unused = {fate.session for fate in planned.those(Action.WARN)}
        self._told |= unused
        await self._ledger.note_housekeeping(desk.name, self._around.now())
        holders = await self._ledger.held(desk.name, desk.terms.room)
        _log.info(
            events.SLOTS_REVIEWED,
            account=desk.name,
            used=holders.used,
            cap=holders.room.cap,
            ours=holders.ours_in_all,
            foreign=holders.foreign,
            free=holders.free,
            deleted=ended.freed,
            unused=len(unused),
        )
        return ended

    async def _pause(self, trouble: End) -> None:
        """The vendor has turned the account down: its jobs try once each, at their times."""
        reason = trouble.reason
        if reason is None or not reason.pauses_account:
            return
        if await self._ledger.pause(self._desk.name, reason, trouble.message, self._around.now()):
            _log.error(events.ACCOUNT_PAUSED, account=self._desk.name, reason=reason, message=trouble.message)


def _by_policy(planned: SlotPlan, fate: Fate) -> str | None:
    del planned
    return None if fate.action is Action.DELETE else fate.why


def _if_done(planned: SlotPlan, fate: Fate) -> str | None:
    """Every policy lets a drained throw-away session go; not one that has delivered to somebody else, too."""
    del planned
    return fate.why if fate.action is Action.KEEP else None


_MAY: Final[Mapping[str, May]] = {HOUSEKEEPING: _by_policy, PRUNE: _by_policy, ONE_SHOT: _if_done}


def _cut_short(around: Surroundings) -> End:
    if around.stopping.is_set():
        return STOPPED
    return End(Outcome.FAILED, f"the vendor has not answered a deletion in {GIVE_UP_S / 60:.0f} minutes")


_log = structlog.get_logger()
