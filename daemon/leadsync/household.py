"""The session slots of all accounts: who looks after them, who waits for one, and what a person asks of them."""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

import msgspec

from leadsync.config import Housekeeping, Settings
from leadsync.core.eviction import consequence, refusal
from leadsync.core.model import End, Listing, SessionListing
from leadsync.core.slots import Fate, Jobs, Policy, SlotPlan, plan
from leadsync.errors import DeletionRefused, UsageMistake, VendorSilent, did_you_mean
from leadsync.jobs.desk import Brief, Desk, Office, Surroundings, Ticket, Upkeep
from leadsync.jobs.housekeep import PRUNE, Housekeeper, IfIdle
from leadsync.jobs.line import Call, Line
from leadsync.jobs.lister import Lister
from leadsync.jobs.listing import Listed, listing
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

    def __init__(self, office: Office, ledger: Ledger, around: Surroundings, *, if_idle: IfIdle) -> None:
        self._office = office
        self._ledger = ledger
        self._around = around
        self._if_idle = if_idle
        self._kept: set[str] = set()
        self.of: dict[str, Keepers] = {}
        self.follow()

    def follow(self) -> None:
        """Appoint those of the accounts that the office has and nobody looks after yet."""
        for name, desk in self._office.desks.items():
            if name not in self.of:
                self.of[name] = self._keepers(desk)

    def _keepers(self, desk: Desk) -> Keepers:
        ledger, around, jobs = self._ledger, self._around, partial(self._jobs, desk.name)
        lister = Lister(desk, ledger, around)
        housekeeper = Housekeeper(desk, ledger, around, lister=lister, jobs=jobs, if_idle=self._if_idle)
        tenancy = Tenancy(desk, ledger, around, make_room=housekeeper.make_room)
        return Keepers(lister, housekeeper, tenancy, Line(desk, ledger, around, jobs))

    def _jobs(self, name: str) -> Jobs | None:
        """The jobs of an account as the files say now; None where they do not have it any more."""
        return jobs_of(self._office.settings, name) if name in self._office.desks else None

    async def reserve(self, ticket: Ticket) -> End | None:
        """Reserve a slot for the ticket's session; how the run ends where none is to be had."""
        return await self.of[ticket.desk.name].tenancy.reserve(ticket)

    async def turned_away(self, ticket: Ticket, end: End) -> End:
        """The vendor has refused the new session; return that end with who holds the slots."""
        return await self.of[ticket.desk.name].tenancy.turned_away(end)

    def ended(self, brief: Brief, end: End) -> None:
        """A run has ended: a slot that was reserved for it may be free again."""
        self.of[brief.account].tenancy.ended(brief.session, end)

    async def note_jobs(self) -> None:
        """Note since when each session's job is gone, or disabled, as often as the files are read."""
        for name in self._office.desks:
            await self._ledger.note_jobs(name, jobs_of(self._office.settings, name).sessions, self._around.now())

    def keeping(self, call: Call) -> list[Coroutine[Any, Any, None]]:
        """Return what a daemon does all the time, and nobody does yet: housekeeping, and calling those who wait."""
        new = [one for name, one in self.of.items() if name not in self._kept]
        self._kept |= self.of.keys()
        return [work for one in new for work in (one.housekeeper.keep(), one.line.keep(call))]

    async def sessions(self) -> Report:
        """Return every session of every account (see `reports.sessions`); the lists are asked for, which is free."""
        return sessions_report([await self._account(name) for name in self._office.desks])

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
        name, fate = await self._find(session, account)
        jobs = jobs_of(self._office.settings, name)
        why_not = refusal(fate, jobs, force=force)
        if why_not is not None:
            raise DeletionRefused(f"{why_not}; nothing was deleted")
        price = self._office.settings.accounts[name].price_per_record
        return {"account": name, "seen": msgspec.to_builtins(fate.row), "message": consequence(fate, jobs, price)}

    async def delete(self, account: str, seen: Mapping[str, Any], *, force: bool) -> Report:
        """Delete a session that a person has looked at; return what became of it. Raises DeletionRefused."""
        row = msgspec.convert(seen, SessionListing)
        deed = await self.of[account].housekeeper.delete(row, force=force)
        if not deed.state.freed:
            raise DeletionRefused(f"session {deed.session} was not deleted: {deed.message}")
        return {"message": f"session {deed.session}: {deed.message}"}

    async def _find(self, session: str, account: str | None) -> tuple[str, Fate]:
        """Find a session in the vendor's list, of one account or of all."""
        names = list(self._office.desks)
        if account is not None and account not in names:
            raise UsageMistake(f"there is no account {account}{did_you_mean(account, names)}")
        looks = {name: await self._look(name) for name in names if account in (None, name)}
        found = [(name, fate) for name, one in looks.items() for fate in one.fates if fate.session == session]
        if len(found) == 1:
            return found[0]
        if found:
            both = " and ".join(name for name, _ in found)
            raise UsageMistake(f"accounts {both} both have a session {session}; say which with --account")
        hint = did_you_mean(session, [fate.session for one in looks.values() for fate in one.fates])
        raise UsageMistake(f"the vendor has no session {session}{hint}; `leadsync sessions list` shows all")

    async def _look(self, name: str) -> SlotPlan:
        seen = await self._account(name)
        if seen.unknown is not None:
            raise VendorSilent(f"{seen.unknown}; nothing was deleted")
        return seen.planned

    async def _account(self, name: str) -> Account:
        """Look at one account: by the vendor's list, or by the last one where that cannot be had within 15 s."""
        async with listing(self._office.desks[name], self._around) as fresh:
            if isinstance(fresh, dict):
                await self._note(self._office.desks[name], fresh)
            return await self.seen(name, fresh)

    async def seen(self, name: str, fresh: Listed) -> Account:
        """Look at one account by a list that somebody has just had, or had not; nothing is written."""
        desk, unknown, listed = self._office.desks[name], None, fresh
        if not isinstance(listed, dict):
            unknown, listed = str(as_totals(listed)), await self._ledger.last_listing(name)
        tenants = await self._ledger.tenants(name)
        clocks, rules = desk.clocks(self._around), desk.terms.rules
        return Account(
            name=name,
            planned=plan(listed.values(), tenants, jobs_of(self._office.settings, name), rules, clocks),
            rules=rules,
            clocks=clocks,
            waiting=[place.job for place in await self._ledger.waiting(name)],
            births=await self._ledger.births(name, clocks.ours),
            unknown=unknown,
        )

    async def _note(self, desk: Desk, listed: Listing) -> None:
        holders = await self._ledger.note_listing(desk.name, listed, desk.terms.room, self._around.now())
        if holders.free:
            desk.vacancy.tell()


def upkeep_of(housekeeping: Housekeeping) -> Upkeep:
    """Return what the configuration says of housekeeping, in the jobs' terms."""
    return Upkeep(
        every=housekeeping.every,
        policy=Policy(housekeeping.delete),
        orphan_after=timedelta(days=housekeeping.orphan_after_days),
        stale_after=timedelta(days=housekeeping.stale_after_days),
    )


def jobs_of(settings: Settings, account: str) -> Jobs:
    """Return an account's jobs as the planner wants them."""
    theirs = [job for job in settings.jobs.values() if job.account == account]
    sessions = {job.session: job.enabled for job in sorted(theirs, key=lambda job: job.enabled)}
    return Jobs(sessions, frozenset(job.name for job in theirs if job.enabled))
