"""One run of a one-shot: pulls what its life is still missing, by the way that was chosen, and ends the life with it.

The end of a life is durable before its session is deleted; who deletes it is the housekeeper, now or later.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import structlog

from leadsync import events
from leadsync.core.model import End, Outcome, Route, Tally
from leadsync.core.one_shot import Life, judge_end
from leadsync.core.plain import PlainPlan, unknown_end
from leadsync.core.protocol import Ended, Plan
from leadsync.errors import Bug
from leadsync.jobs.desk import Surroundings, Ticket
from leadsync.store.ledger import Ledger

BySession: TypeAlias = Callable[[Ticket, Plan], Awaitable[Ended]]
Plainly: TypeAlias = Callable[[Ticket, PlainPlan, str | None], Awaitable[Ended]]
"""Pulls without a session, from a cursor on."""

ByWindows: TypeAlias = Callable[[Ticket, int | None, End | None], Awaitable[Ended]]
"""Pulls by windows: so many records at most, and nothing new where an End is given."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How each route is driven."""

    by_session: BySession
    plainly: Plainly
    by_windows: ByWindows


RESTORED = End(
    Outcome.PARTIAL,
    "the store was restored: what was asked for after its backup may be billed, is not here, and is not asked for again"
    " by itself; retry_unknown = true in the job's file goes on from where the backup stood",
)


class OneShot:
    """One run; made for it and thrown away."""

    def __init__(self, ticket: Ticket, ledger: Ledger, around: Surroundings, ways: Ways) -> None:
        self._ticket = ticket
        self._ledger = ledger
        self._around = around
        self._ways = ways

    async def run(self, plan: Plan) -> Ended:
        """Pull, and end the life where it is whole or its list has nothing more. Raises what a pull raises."""
        life = self._ticket.life
        if life is None:
            raise Bug("a run of a one-shot has no life")
        missing = max(life.wanted - self._ticket.session.books.delivered, 0)
        ended = await self._pull(life, plan, missing)
        return replace(ended, end=await self._judge(life, ended.end))

    async def _pull(self, life: Life, plan: Plan, missing: int) -> Ended:
        match life.route:
            case Route.THROWAWAY:
                # Where the session is not there, a life of after the backup may have thrown it away when it was done.
                lost = await self._after_restore() if plan.new_session else None
                if lost is not None:
                    return lost
                most = missing if plan.records_max is None else min(missing, plan.records_max)
                return await self._ways.by_session(self._ticket, replace(plan, records_max=most))
            case Route.PLAIN:
                return await self._plain(life, PlainPlan(plan.page_size, missing, plan.records_max))
            case Route.ASYNC:
                lost = await self._after_restore()
                return await self._ways.by_windows(self._ticket, plan.records_max, lost.end if lost else None)
            case _:
                raise Bug(f"a one-shot cannot go by {life.route}")

    async def _plain(self, life: Life, plan: PlainPlan) -> Ended:
        """Nothing is asked beyond a request that may be billed, unless the job says so."""
        session, brief = self._ticket.session, self._ticket.brief
        if life.unknown and not self._ticket.aim.retry_unknown:
            return Ended(Tally(), unknown_end(life.unknown, "in an earlier run"))
        lost = await self._after_restore()
        if lost is not None:
            return lost
        is_same_list = session.criteria in (None, brief.criteria)
        plan = replace(plan, retry_unknown=self._ticket.aim.retry_unknown)
        return await self._ways.plainly(self._ticket, plan, life.cursor if is_same_list else None)

    async def _after_restore(self) -> Ended | None:
        """Ask nothing that was perhaps bought after the backup, unless the job says so; how the run ends then."""
        session = self._ticket.session
        if not session.recovering:
            return None
        if not self._ticket.aim.retry_unknown:
            return Ended(Tally(), RESTORED)
        await self._ledger.recovered(session.session_id)
        return None

    async def _judge(self, life: Life, end: End) -> End:
        brief = self._ticket.brief
        now = await self._ledger.session(brief.account, brief.session, brief.job)
        end, is_over = judge_end(end, wanted=life.wanted, delivered=now.books.delivered)
        if is_over:
            await self._ledger.end_life(life, end.outcome, self._around.now())
            _log.info(
                events.ONE_SHOT_ENDED,
                run=self._ticket.run_id,
                job=brief.job,
                life=life.number,
                route=life.route,
                outcome=end.outcome,
                wanted=life.wanted,
                delivered=now.books.delivered,
            )
        return end


_log = structlog.get_logger()
