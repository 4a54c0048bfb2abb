"""The desks of the accounts, and what each account is reached with; a reload renews them while runs are at work.

A desk outlives every reload, also one that takes its account away: runs under way speak through it to their end, and
what is on its way stays counted in one place.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeAlias

from leadsync.config import Account, Housekeeping, Settings
from leadsync.config.limits import limits_of
from leadsync.core.slots import Policy
from leadsync.jobs.desk import Desk, Terms, Upkeep, jobs_of
from leadsync.vendors.batchdata import Access, BatchData

Connect: TypeAlias = Callable[[Access], BatchData]


class Accounts:
    """One per process. `connect` makes a client, and sends nothing."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._desks: dict[str, Desk] = {}
        self._access: dict[str, Access] = {}

    @property
    def tokens(self) -> dict[str, str]:
        """The tokens in use, by account."""
        return {name: access.token for name, access in self._access.items()}

    def desk(self, name: str) -> Desk:
        """Return the desk of an account that was entered once."""
        return self._desks[name]

    def connect(self, name: str, settings: Settings, tokens: Mapping[str, str]) -> BatchData:
        """Make a client of what the settings say of an account."""
        return self._connect(_access(settings.accounts[name], tokens[name]))

    def moved(self, settings: Settings, tokens: Mapping[str, str]) -> list[str]:
        """Return the accounts that would be reached with another token, or elsewhere."""
        return [
            name
            for name, account in settings.accounts.items()
            if name in self._access and _way(_access(account, tokens[name])) != _way(self._access[name])
        ]

    def enter(self, settings: Settings, tokens: Mapping[str, str], clients: Mapping[str, BatchData]) -> dict[str, Desk]:
        """Make the desks as the settings have them; `clients` take the place of those that were. Waits for nothing."""
        for name, desk in self._desks.items():
            desk.in_use = name in settings.accounts
            desk.renew(desk.terms)
        return {name: self._enter(name, settings, tokens[name], clients.get(name)) for name in settings.accounts}

    def _enter(self, name: str, settings: Settings, token: str, client: BatchData | None) -> Desk:
        before, access, terms = (
            self._access.get(name),
            _access(settings.accounts[name], token),
            terms_of(settings, name),
        )
        self._access[name] = access
        if before is None:
            self._desks[name] = Desk(name, self._connect(access), terms)
            return self._desks[name]
        desk = self._desks[name]
        desk.client = client or desk.client
        desk.renew(terms)
        if client is None and before.requests_per_minute != access.requests_per_minute:
            desk.client.change_pace(access.requests_per_minute)
        return desk

    async def close(self) -> None:
        """Close all connections."""
        for desk in self._desks.values():
            await desk.client.close()


def _access(account: Account, token: str) -> Access:
    return Access(account.base_url, token, account.requests_per_minute)


def _way(access: Access) -> tuple[str, str]:
    return access.base_url, access.token


def terms_of(settings: Settings, name: str) -> Terms:
    """Return what the configuration grants an account."""
    account = settings.accounts[name]
    return Terms(
        limits=limits_of(account),
        slots=account.session_cap,
        slots_reserved=account.session_reserve,
        audit_every=account.audit_every,
        upkeep=_upkeep(settings.housekeeping),
        jobs=jobs_of(settings, name),
    )


def _upkeep(housekeeping: Housekeeping) -> Upkeep:
    return Upkeep(
        every=housekeeping.every,
        policy=Policy(housekeeping.delete),
        orphan_after=timedelta(days=housekeeping.orphan_after_days),
        stale_after=timedelta(days=housekeeping.stale_after_days),
    )
