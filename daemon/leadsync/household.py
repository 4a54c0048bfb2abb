"""The session slots of all accounts: who looks after them, who waits for one, and what a person asks of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from leadsync.config import Settings
from leadsync.core.eviction import consequence, refusal
from leadsync.core.model import End, SessionListing
from leadsync.core.slots import Fate, SlotPlan, plan
from leadsync.errors import DeletionRefused, UsageMistake, VendorSilent, did_you_mean
from leadsync.jobs.desk import Brief, Desk, Office, Surroundings, Ticket, jobs_of
from leadsync.jobs.housekeep import PRUNE, Housekeeper, IfIdle
from leadsync.jobs.line import Call, Line
from leadsync.jobs.lister import Lister
from leadsync.jobs.listing import Listed, listing, note
from leadsync.jobs.tenancy import Tenancy
from leadsync.reports.plan import as_totals
from leadsync.reports.sessions import Account, sessions_report
from leadsync.store.ledger import Ledger

Report: TypeAlias = dict[str, Any]
Named: TypeAlias = Mapping[str, Sequence[str]]
"""Sessions by account."""


@dataclass(frozen=True, slots=True)
class Keepers:
    """Those who have to do with one account's slots."""

    lister: Lister
    housekeeper: Housekeeper
    tenancy: Tenancy
    line: Line


class Household:
    """One per process."""

    def __init__(self, office: Office, ledger: Ledger, around: Surroundings, if_idle: IfIdle) -> None:
        self._office = office
        self._ledger = ledger
        self._around = around
        self._if_idle = if_idle
        self.of: dict[str, Keepers] = {}

    def follow(self) -> None:
        """Have keepers for every account of the office; those of one that has gone rest until it comes back."""
        for name, desk in self._office.desks.items():
            if name not in self.of:
                self.of[name] = self._keepers(desk)

    def _keepers(self, desk: Desk) -> Keepers:
        ledger, around = self._ledger, self._around
        lister = Lister(desk, ledger, around)
        housekeeper = Housekeeper(desk, ledger, around, lister=lister, if_idle=self._if_idle)
        tenancy = Tenancy(desk, ledger, around, make_room=housekeeper.make_room)
        return Keepers(lister, housekeeper, tenancy, Line(desk, ledger, around))

    async def reserve(self, ticket: Ticket) -> End | None:
        """Reserve a slot for the ticket's session; how the run ends where none is to be had."""
        return await self.of[ticket.desk.name].tenancy.reserve(ticket)

    async def turned_away(self, ticket: Ticket, end: End) -> End:
        """The vendor has refused the new session; return that end with who holds the slots."""
        return await self.of[ticket.desk.name].tenancy.turned_away(end)

    def ended(self, brief: Brief, end: End) -> None:
        """A run has ended: a slot that was reserved for it may be free again."""
        self.of[brief.account].tenancy.ended(brief, end)

    async def note_jobs(self, settings: Settings) -> None:
        """Note since when each session's job is gone, or disabled: whenever the files were read."""
        for name in settings.accounts:
            await self._ledger.note_jobs(name, jobs_of(settings, name).sessions, self._around.now())

    async def keep(self, account: str, call: Call) -> None:
        """Do what a daemon does all the time: keep house, and call those who wait, until leadsync is asked to stop."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.of[account].housekeeper.keep())
            group.create_task(self.of[account].line.keep(call))

    async def sessions(self) -> Report:
        """Return every session of every account (see `reports.sessions`); the lists are asked for, which is free."""
        desks = self._office.desks.values()  # a reload meanwhile makes others: these are those that were asked about
        return sessions_report([await self._account(desk) for desk in desks])

    async def prune(self, named: Named) -> Report:
        """Delete those of the named sessions that the policy lets go; return what became of each."""
        deeds: list[Report] = []
        trouble: dict[str, str] = {}
        for name, only in named.items():
            done = await self.of[name].housekeeper.round(PRUNE, only)
            deeds += [{"account": name, **msgspec.to_builtins(deed), "freed": deed.state.freed} for deed in done.deeds]
            if done.trouble is not None:
                trouble[name] = done.trouble.message
        return {"deeds": deeds, "trouble": trouble}

    async def look_at(self, session: str, account: str | None, *, force: bool) -> Report:
        """Return what the deletion of a session would mean, and what was seen of it.

        Raises UsageMistake where there is none, DeletionRefused where it must not be deleted, VendorSilent.
        """
        desk, fate = await self._find(session, account)
        jobs = desk.terms.jobs
        why_not = refusal(fate, jobs, force=force)
        if why_not is not None:
            raise DeletionRefused(f"{why_not}; nothing was deleted")
        message = consequence(fate, jobs, desk.terms.limits.price)
        return {"account": desk.name, "seen": msgspec.to_builtins(fate.row), "message": message}

    async def delete(self, account: str, seen: Mapping[str, Any], *, force: bool) -> Report:
        """Delete a session that a person has looked at; return what became of it. Raises DeletionRefused."""
        row = msgspec.convert(seen, SessionListing)
        deed = await self.of[account].housekeeper.delete(row, force=force)
        if not deed.state.freed:
            raise DeletionRefused(f"session {deed.session} was not deleted: {deed.message}")
        return {"message": f"session {deed.session}: {deed.message}"}

    async def _find(self, session: str, account: str | None) -> tuple[Desk, Fate]:
        """Find a session in the vendor's list, of one account or of all."""
        desks = self._office.desks
        if account is not None and account not in desks:
            raise UsageMistake(f"there is no account {account}{did_you_mean(account, desks)}")
        looks = [(desk, await self._look(desk)) for name, desk in desks.items() if account in (None, name)]
        found = [(desk, fate) for desk, one in looks for fate in one.fates if fate.session == session]
        if len(found) == 1:
            return found[0]
        if found:
            both = " and ".join(desk.name for desk, _ in found)
            raise UsageMistake(f"accounts {both} both have a session {session}; say which with --account")
        hint = did_you_mean(session, [fate.session for _, one in looks for fate in one.fates])
        raise UsageMistake(f"the vendor has no session {session}{hint}; `leadsync sessions list` shows all")

    async def _look(self, desk: Desk) -> SlotPlan:
        seen = await self._account(desk)
        if seen.unknown is not None:
            raise VendorSilent(f"{seen.unknown}; nothing was deleted")
        return seen.planned

    async def _account(self, desk: Desk) -> Account:
        """Look at one account: by the vendor's list, or by the last one where that cannot be had within 15 s."""
        async with listing(desk, self._around) as fresh:
            if isinstance(fresh, dict):
                await note(desk, self._ledger, fresh, self._around.now())
            return await self.seen(desk, fresh)

    async def seen(self, desk: Desk, fresh: Listed) -> Account:
        """Look at one account by a list that somebody has just had, or had not; nothing is written."""
        name, unknown, listed = desk.name, None, fresh
        if not isinstance(listed, dict):
            unknown, listed = str(as_totals(listed)), await self._ledger.last_listing(name)
        tenants = await self._ledger.tenants(name)
        clocks, rules = desk.clocks(self._around), desk.terms.rules
        return Account(
            name=name,
            planned=plan(listed.values(), tenants, desk.terms.jobs, rules, clocks),
            rules=rules,
            clocks=clocks,
            waiting=[place.job for place in await self._ledger.waiting(name)],
            births=await self._ledger.births(name, clocks.ours),
            unknown=unknown,
            ever=unknown is None or await self._ledger.listed_at(name) is not None,
        )
