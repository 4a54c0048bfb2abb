"""The desks of the accounts, and what each account is reached with; a reload renews them while runs are at work.

A desk outlives every reload, also one that takes its account away: runs under way speak through it to their end, and
what is on its way stays counted in one place.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from leadsync.config import Account, Settings
from leadsync.config.limits import limits_of
from leadsync.jobs.desk import Desk, Terms
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
        return {
            name: self._enter(name, account, tokens[name], clients.get(name))
            for name, account in settings.accounts.items()
        }

    def _enter(self, name: str, account: Account, token: str, client: BatchData | None) -> Desk:
        before, access = self._access.get(name), _access(account, token)
        self._access[name] = access
        if before is None:
            self._desks[name] = Desk(name, self._connect(access), _terms(account))
            return self._desks[name]
        desk = self._desks[name]
        desk.client, desk.terms = client or desk.client, _terms(account)
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


def _terms(account: Account) -> Terms:
    return Terms(limits_of(account), account.session_cap, account.session_reserve, account.audit_every)
