"""Getting back what a restored store lacks: the keys of after its backup are asked again, and their pages are unbilled.

The first is asked alone, and the vendor's list looked at again: has its total not moved, the vendor knows the keys, and
the others follow. At the end the totals must agree as before any run; only then is anything new asked for.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias

from leadsync.core.audit import GoOn, ParkJob, Verdict
from leadsync.core.model import End, Outcome, Reason
from leadsync.core.protocol import Ended, Plan
from leadsync.jobs.desk import Ticket
from leadsync.store.ledger import Ledger

Drive: TypeAlias = Callable[[Ticket, Plan], Awaitable[Ended]]

ASKED_AGAIN: Final = End(Outcome.LIMITED, "pages of before the restore were asked for again")

ALL: Final = 2**31
"""More keys than a session has."""


class Audit(Protocol):
    """Judges a run by the vendor's list, as it is known or `anew`."""

    async def __call__(self, ticket: Ticket, *, anew: bool) -> Verdict | End:
        """Return the verdict, or how the run ends where the list cannot be had."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One session's, within one run."""

    ledger: Ledger
    audit: Audit
    drive: Drive

    async def run(self, ticket: Ticket, until: int) -> tuple[Ticket, Verdict | End] | Ended:
        """Ask the old keys again up to that total; return the session as it is then with its verdict, or the end."""
        keys_max = 1
        while True:
            await self.ledger.recover(ticket.session.session_id, until)
            plan = Plan(ticket.brief.page_size, settle_only=ASKED_AGAIN, old_keys_max=keys_max)
            ended = await self.drive(replace(ticket, recover_until=until), plan)
            if ended.end is not ASKED_AGAIN:
                return ended
            ticket = await self._as_it_is(ticket)
            verdict = await self.audit(ticket, anew=True)
            if not isinstance(verdict, GoOn) or verdict.recover_until is None:
                return ticket, verdict
            if keys_max == ALL:
                return ticket, _in_vain(ticket, until)
            ticket = replace(ticket, keys_known=ended.tally.records > 0)
            keys_max = ALL

    async def _as_it_is(self, ticket: Ticket) -> Ticket:
        brief = ticket.brief
        return replace(ticket, session=await self.ledger.session(brief.account, brief.session, brief.job))


def _in_vain(ticket: Ticket, until: int) -> ParkJob:
    """The old keys bring nothing more, and the vendor has delivered more than that."""
    missing = until - ticket.session.books.total
    return ParkJob(
        Reason.SESSION_DRIFTED,
        f"session {ticket.session.name}: the keys of before the restore bring nothing more; about {missing} properties"
        " billed before it are lost",
    )
