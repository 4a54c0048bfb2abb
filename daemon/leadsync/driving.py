"""How a run is driven by its route, and what the route of a one-shot is chosen by."""

from collections.abc import Mapping

import structlog

from leadsync import events
from leadsync.core.model import End, Reason, Route
from leadsync.core.plain import PlainPlan
from leadsync.core.protocol import Ended, Plan
from leadsync.core.routes import Circumstances, choose_route
from leadsync.errors import BadWeather
from leadsync.household import Household
from leadsync.jobs.audit import Auditor
from leadsync.jobs.desk import Brief, Surroundings, Ticket
from leadsync.jobs.one_shot import OneShot, Ways
from leadsync.jobs.plain import Plain
from leadsync.jobs.pull import Pull
from leadsync.jobs.windows import WindowPlan, Windows
from leadsync.store.ledger import Ledger


class Driving:
    """One per process."""

    def __init__(
        self, ledger: Ledger, around: Surroundings, auditors: Mapping[str, Auditor], household: Household
    ) -> None:
        self._ledger = ledger
        self._around = around
        self._auditors = auditors
        self._household = household

    async def dismiss(self, brief: Brief) -> None:
        """Have the sessions deleted that the one-shot is done with; where that fails, housekeeping does it later."""
        try:
            for session in await self._ledger.leftovers(brief.account, brief.job):
                await self._household.of[brief.account].housekeeper.dismiss(session)
        except BadWeather as error:
            _log.warning(events.SESSION_SPARED, account=brief.account, job=brief.job, session=None, why=str(error))

    async def weigh(self, ticket: Ticket) -> Circumstances | End:
        """Find out what chooses a one-shot's route: the list shows whether there are sessions, and a slot for one."""
        found = await self._look(ticket, anew=False)
        if isinstance(found, End):
            return found
        inbox = ticket.aim.public_url is not None
        by_windows = choose_route(ticket.aim.wish, Circumstances(inbox, found, slot_free=None)) is Route.ASYNC
        needs_slot = found and not by_windows
        slot_free = await self._household.of[ticket.desk.name].tenancy.is_free() if needs_slot else None
        return Circumstances(inbox, found, slot_free)

    async def _look(self, ticket: Ticket, anew: bool) -> bool | End:
        """Look at the vendor's list: whether there are sessions, or how the run ends where nobody answers."""
        auditor = self._auditors[ticket.desk.name]
        if anew:
            auditor.forget(ticket.session.name)
        trouble = await auditor.look(ticket.session.name)
        if trouble is None or trouble.reason is not Reason.ABILITY_MISSING:
            return trouble or True
        ticket.desk.denied = None  # what the vendor denies are sessions, and this needs none yet
        return False

    async def drive(self, ticket: Ticket, plan: Plan) -> Ended:
        """Pull by the route of the ticket until the run ends."""
        if ticket.life is None:
            return await self._pull(ticket, plan)
        ways = Ways(self._pull, self._plainly, self._by_windows)
        return await OneShot(ticket, self._ledger, self._around, ways).run(plan)

    async def _pull(self, ticket: Ticket, plan: Plan) -> Ended:
        return await Pull(ticket, self._ledger, self._around).run(plan)

    async def _plainly(self, ticket: Ticket, plan: PlainPlan, cursor: str | None) -> Ended:
        return await Plain(ticket, self._ledger, self._around, cursor=cursor).run(plan)

    async def _by_windows(self, ticket: Ticket, records_max: int | None, halt: End | None) -> Ended:
        aim = ticket.aim
        plan = WindowPlan(aim.in_flight, aim.deadline, records_max, halt)
        return await Windows(ticket, self._ledger, self._around, look=self._look).run(plan)


_log = structlog.get_logger()
