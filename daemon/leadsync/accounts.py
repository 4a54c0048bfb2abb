"""The desks of the accounts, and what each account is reached with; a reload renews them while runs are at work.

A desk outlives every reload, also one that takes its account away: runs under way speak through it to their end, and
what is on its way stays counted in one place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from leadsync.config import Account, Housekeeping, Settings
from leadsync.config.limits import limits_of
from leadsync.core.slots import Policy
from leadsync.jobs.desk import Desk, Terms, Upkeep, jobs_of
from leadsync.jobs.trace_desk import Line
from leadsync.vendors.batchdata import Access, BatchData

Connect: TypeAlias = Callable[[Access], BatchData]


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways to the vendors that a reload has made ready: clients by account, and the line of the skip trace."""

    clients: Mapping[str, BatchData]
    trace: Line | None


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

    def connect(self, settings: Settings, tokens: Mapping[str, str]) -> dict[str, BatchData]:
        """Make a client for each account that is new, or would be reached with another token or elsewhere."""
        wanted = {name: _access(account, tokens[name]) for name, account in settings.accounts.items()}
        return {
            name: self._connect(access)
            for name, access in wanted.items()
            if name not in self._access or _way(access) != _way(self._access[name])
        }

    def left_for(self, clients: Mapping[str, BatchData]) -> list[BatchData]:
        """Return the clients in whose place these would step."""
        return [self._desks[name].client for name in clients if name in self._desks]

    def enter(self, settings: Settings, tokens: Mapping[str, str], clients: Mapping[str, BatchData]) -> dict[str, Desk]:
        """Make the desks as the settings have them, with the clients that `connect` has made for that."""
        for name, desk in self._desks.items():
            desk.in_use = name in settings.accounts
            desk.renew(desk.terms)
        for name, account in settings.accounts.items():
            before, access, terms = self._access.get(name), _access(account, tokens[name]), terms_of(settings, name)
            self._access[name] = access
            if name not in self._desks:
                self._desks[name] = Desk(name, clients[name], terms)
            desk = self._desks[name]
            desk.client = clients.get(name, desk.client)
            desk.renew(terms)
            if before is not None and before.requests_per_minute != access.requests_per_minute:
                desk.client.change_pace(access.requests_per_minute)
        return {name: self._desks[name] for name in settings.accounts}

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
