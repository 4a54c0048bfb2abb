"""The sign of life: again and again through the event loop and the store, and only then the manager hears of it.

Where either hangs it hears nothing, and its watchdog ends the process, which loses nothing. A store that answers that
it is full or locked has answered: another process would find the same disk.
"""

import asyncio
from datetime import datetime

from leadsync.config import Settings
from leadsync.core.model import Reason
from leadsync.errors import BadWeather
from leadsync.jobs.desk import Office, Surroundings
from leadsync.store.ledger import Ledger, Pulse
from leadsync.systemd import Manager
from leadsync.waiting import sleep_unless


class Heartbeat:
    """One per daemon."""

    def __init__(self, manager: Manager, office: Office, ledger: Ledger, around: Surroundings) -> None:
        self._manager = manager
        self._office = office
        self._ledger = ledger
        self._around = around
        self._refused: str | None = None

    async def keep(self) -> None:
        """Say that leadsync is ready, and beat until it is asked to stop; where there is no manager, not once."""
        if self._manager.listens:
            await self._beat()
            self._manager.ready()
        while self._manager.listens and not self._around.stopping.is_set():
            await sleep_unless(self._around.stopping, self._manager.every_s)
            await self._beat()
        self._manager.stopping()

    def reloading(self) -> None:
        """The configuration is being read again."""
        self._manager.reloading(asyncio.get_running_loop().time())

    async def reloaded(self, refused: str | None) -> None:
        """It was read; `refused` is why the old one stays in force, and heads the status until a better one is read."""
        self._refused = refused
        if self._manager.listens:
            await self._beat()
        self._manager.ready()

    async def _beat(self) -> None:
        """Go once through loop and store, and tell the manager what was seen."""
        try:
            pulse = await self._ledger.feel_pulse()
            status = in_words(self._office.settings, pulse, self._ledger.doubt)
        except BadWeather as error:
            status = f"the store is in trouble: {error}"
        refused = "" if self._refused is None else f"; the last reload was refused: {self._refused}"
        self._manager.alive(f"{status}{refused}")


def in_words(settings: Settings, pulse: Pulse, doubt: Reason | None) -> str:
    """Say in one line how many jobs there are, how many wait for a person, and what comes next."""
    jobs = [job for job in settings.jobs.values() if job.enabled]
    parked = sum((job.account, job.session) in pulse.parked for job in jobs)
    waiting = f"all parked ({doubt})" if doubt is not None else f"{parked} parked"
    return f"{len(jobs)} job(s), {waiting}; {_next(pulse.next_job, pulse.next_at)}"


def _next(job: str | None, at: datetime | None) -> str:
    return f"next: {job} at {at:%Y-%m-%d %H:%M} UTC" if job and at else "nothing is scheduled"
