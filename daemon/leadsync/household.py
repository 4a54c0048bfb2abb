"""The session slots of all accounts: who looks after them, who waits for one, and what a person asks of them."""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import msgspec

from leadsync.config import Housekeeping, Settings
from leadsync.core.eviction import consequence, refusal
from leadsync.core.model import End, Listing, SessionListing
from leadsync.core.slots import Fate, Jobs, Policy, SlotPlan, plan
from leadsync.errors import DeletionRefused, UsageMistake, VendorSilent, did_you_mean
from leadsync.jobs.desk import Brief, Desk, Surroundings, Ticket, Upkeep
from leadsync.jobs.housekeep import PRUNE, Housekeeper, IfIdle
from leadsync.jobs.line import Call, Line
from leadsync.jobs.lister import Lister
from leadsync.jobs.listing import listing
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

    jobs: Jobs
    lister: Lister
    housekeeper: Housekeeper
    tenancy: Tenancy
    line: Line


class Household:
    """One per process."""

    def __init__(
        self, settings: Settings, ledger: Ledger, around: Surroundings, desks: Mapping[str, Desk], if_idle: IfIdle
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._around = around
        self._desks = desks
        self.of = {name: self._keepers(desk, if_idle) for name, desk in desks.items()}

    def _keepers(self, desk: Desk, if_idle: IfIdle) -> Keepers:
        ledger, around = self._ledger, self._around
        jobs = jobs_of(self._settings, desk.name)
        lister = Lister(desk, ledger, around)
        housekeeper = Housekeeper(desk, ledger, around, lister=lister, jobs=jobs, if_idle=if_idle)
        tenancy = Tenancy(desk, ledger, around, make_room=housekeeper.make_room)
        return Keepers(jobs, lister, housekeeper, tenancy, Line(desk, ledger, around, jobs.enabled))

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
        """Note since when each session's job is gone, or disabled: the files are read once, when a process begins."""
        for name, keepers in self.of.items():
            await self._ledger.note_jobs(name, keepers.jobs.sessions, self._around.now())

    def keeping(self, call: Call) -> list[Coroutine[Any, Any, None]]:
        """Return what a daemon does all the time: housekeeping, and calling those who wait for a slot."""
        return [work for one in self.of.values() for work in (one.housekeeper.keep(), one.line.keep(call))]

    async def sessions(self) -> Report:
        """Return every session of every account (see `reports.sessions`); the lists are asked for, which is free."""
        return sessions_report([await self._account(name) for name in self.of])

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
        jobs = self.of[name].jobs
        why_not = refusal(fate, jobs, force=force)
        if why_not is not None:
            raise DeletionRefused(f"{why_not}; nothing was deleted")
        price = self._settings.accounts[name].price_per_record
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
        if account is not None and account not in self.of:
            raise UsageMistake(f"there is no account {account}{did_you_mean(account, self.of)}")
        looks = {name: await self._look(name) for name in self.of if account in (None, name)}
        found = [(name, fate) for name, one in looks.items() for fate in one.fates if fate.session == session]
        if len(found) == 1:
            return found[0]
        if found:
            names = " and ".join(name for name, _ in found)
            raise UsageMistake(f"accounts {names} both have a session {session}; say which with --account")
        hint = did_you_mean(session, [fate.session for one in looks.values() for fate in one.fates])
        raise UsageMistake(f"the vendor has no session {session}{hint}; `leadsync sessions list` shows all")

    async def _look(self, name: str) -> SlotPlan:
        seen = await self._account(name)
        if seen.unknown is not None:
            raise VendorSilent(f"{seen.unknown}; nothing was deleted")
        return seen.planned

    async def _account(self, name: str) -> Account:
        """Look at one account: by the vendor's list, or by the last one where that cannot be had within 15 s."""
        desk = self._desks[name]
        async with listing(desk, self._around) as fresh:
            if isinstance(fresh, dict):
                unknown, listed = None, fresh
                await self._note(desk, listed)
            else:
                unknown, listed = str(as_totals(fresh)), await self._ledger.last_listing(name)
            tenants = await self._ledger.tenants(name)
        clocks, rules = desk.clocks(self._around), desk.terms.rules
        return Account(
            name=name,
            planned=plan(listed.values(), tenants, self.of[name].jobs, rules, clocks),
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
    named = [job for job in theirs if job.kind == "incremental"]
    sessions = {job.session: job.enabled for job in sorted(named, key=lambda job: job.enabled)}
    return Jobs(sessions, frozenset(job.name for job in theirs if job.enabled))
