"""A run from its claim to its closing line: claim, judge, pull, record. Every run ends with exactly one `run.ended`.

The runner finds out whether the run may begin; how a page is pulled it leaves to whoever drives the route.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Protocol, TypeAlias, assert_never

import structlog

from leadsync import events
from leadsync.core.audit import GoOn, ParkJob, Verdict, judge_criteria
from leadsync.core.model import End, Outcome, Route, Tally
from leadsync.core.one_shot import Life, Wanted, another_list, told_again
from leadsync.core.protocol import Ended, Plan
from leadsync.core.resume import way_out
from leadsync.core.routes import Circumstances, choose_route
from leadsync.core.witness import DOUBTS
from leadsync.errors import BadWeather
from leadsync.jobs.desk import Aim, Brief, Desk, Surroundings, Ticket
from leadsync.jobs.recovery import Audit, Drive, Recovery
from leadsync.store.ledger import Figures, Ledger, NewRun
from leadsync.waiting import result_unless

Weigh: TypeAlias = Callable[[Ticket], Awaitable[Circumstances | End]]
"""Finds out what chooses the route of a one-shot; an End where the vendor could not be asked."""

Tell: TypeAlias = Callable[[Ticket, End], None]


class Slots(Protocol):
    """Who lets a new session have one of the account's slots."""

    async def reserve(self, ticket: Ticket) -> End | None:
        """Reserve one for the ticket's session; how the run ends where none is to be had."""

    async def turned_away(self, ticket: Ticket, end: End) -> End:
        """The vendor has refused the new session; return that end with who holds the slots."""


ACCEPTED_FOR: Final = frozenset({Outcome.COMPLETE, Outcome.LIMITED, Outcome.OVER_BUDGET})
"""Ends of a run that has gone past every question: what a person accepted was for this one."""

HURRIED: Final = End(Outcome.INTERRUPTED, "leadsync had to stop before the vendor answered; what is open is sent again")

HURRIED_ONE_SHOT: Final = replace(
    HURRIED,
    message=f"{HURRIED.message}, and what has no key counts as spent and is told by the next run; windows are still"
    " waited for",
)

KEY_FIRST: Final = End(
    Outcome.FAILED,
    "--again has begun nothing: a key of the last session is open, and its page may be billed; run it without --again",
)

NO_ROUTE: Final = End(
    Outcome.WAITING, "whether a session slot is free is not known just now; nothing was sent or billed"
)


class Runner:
    """Runs jobs; keeps nothing in memory that the next run would need, only which of its runs are alive."""

    def __init__(
        self,
        ledger: Ledger,
        around: Surroundings,
        *,
        audit: Audit,
        weigh: Weigh,
        slots: Slots,
        drive: Drive,
        ended: Tell,
    ) -> None:
        self._ledger = ledger
        self._around = around
        self._audit = audit
        self._weigh = weigh
        self._slots = slots
        self._drive = drive
        self._ended = ended
        self._alive: set[int] = set()
        self._firsts: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, brief: Brief, desk: Desk, trigger: str) -> End:
        """Run a brief once and return how it ended; a one-shot that is done has no run."""
        log = structlog.get_logger().bind(run=None, job=brief.job, account=brief.account, session=brief.session)
        try:
            ticket = await self._claim(brief, desk, trigger)
        except BadWeather as error:
            end = End(Outcome.FAILED, str(error))
            _tell(log, end, Figures.of(Tally()), 0.0)
            return end
        if isinstance(ticket, End):
            return ticket
        log = log.bind(run=ticket.run_id, session=ticket.session.name)
        log.info(events.RUN_STARTED, trigger=trigger)
        try:
            end = await self._record(ticket, await self._outcome(ticket), log)
        finally:
            self._alive.discard(ticket.run_id)
        self._ended(ticket, end)
        return end

    async def _outcome(self, ticket: Ticket) -> Ended:
        """Conduct the run; weather is an outcome, and so is a stop that cannot wait for the vendor any longer."""
        try:
            ended = await result_unless(self._around.hurry, self._conduct(ticket))
        except BadWeather as error:
            return _nothing(End(Outcome.FAILED, str(error)))
        return ended or _nothing(HURRIED if ticket.life is None else HURRIED_ONE_SHOT)

    async def _claim(self, brief: Brief, desk: Desk, trigger: str) -> Ticket | End:
        """Make the run known, so that no other takes the job or its session (P5); an End where there is none to run."""
        life = await self._life(brief, brief.aim) if brief.aim is not None else None
        if isinstance(life, End):
            return life
        if life is not None:
            brief = brief.for_life(life)
        session = await self._ledger.session(brief.account, brief.session, brief.job)
        route = Route.THROWAWAY if session.life.throwaway else Route.SESSION
        held: str | None = brief.session
        if life is not None:
            route = life.route or Route.THROWAWAY
            held = brief.session if life.route is Route.THROWAWAY else None
        new = NewRun(brief.job, brief.account, held, route, trigger)
        run_id = await self._ledger.begin_run(new, frozenset(self._alive), self._around.now())
        self._alive.add(run_id)
        desk.denied = None  # a due run tries once, whatever the account was told before
        brief = replace(brief, leave=brief.leave.accepting(session.accepted))
        return Ticket(run_id, brief, session, desk, life=life)

    async def _life(self, brief: Brief, aim: Aim) -> Life | End:
        """Enter the one-shot's life that the run is for; how it ended, where it is done."""
        wanted = Wanted(brief.account, brief.job, aim.wish.records, again=aim.again)
        life = await self._ledger.life(wanted, self._around.now())
        if life is None:
            return KEY_FIRST
        return life if life.ended is None else told_again(brief.job, life)

    async def _conduct(self, ticket: Ticket) -> Ended:
        """Ask everybody who may forbid the run; then let the route be driven."""
        if self._ledger.doubt is not None:
            return _nothing(End(Outcome.PARKED, DOUBTS[self._ledger.doubt], self._ledger.doubt))
        parked = ticket.session.parked
        undone = ticket.session.criteria == ticket.brief.criteria
        if parked is not None and not ticket.brief.leave.answers(parked.reason, undone=undone):
            return _nothing(End(Outcome.PARKED, parked.message, parked.reason))
        if ticket.life is not None:
            route = await self._choose(ticket, ticket.life)
            if isinstance(route, End):
                return _nothing(route)
            ticket = replace(ticket, life=replace(ticket.life, route=route))
        async with self._first(ticket):
            return await self._audited(ticket, was_parked=parked is not None)

    @asynccontextmanager
    async def _first(self, ticket: Ticket) -> AsyncIterator[None]:
        """Let one run after another begin with criteria that nobody has asked for: the next sees what that brought.

        Else two new jobs of the same criteria, due at the same time, would both buy the list.
        """
        brief = ticket.brief
        if brief.settle_only is not None or brief.leave.buy_again or ticket.session.criteria is not None:
            yield
            return
        first = self._firsts[brief.account, brief.criteria]
        if first.locked():
            _log.info(events.RUN_QUEUED, run=ticket.run_id, job=brief.job, session=ticket.session.name)
        async with first:
            yield

    async def _audited(self, ticket: Ticket, *, was_parked: bool) -> Ended:
        """Compare the books with the vendor's, get back what a restored store lacks, and do what the audit says."""
        # Without a session the vendor has no total to compare with.
        verdict = GoOn() if ticket.is_plain else await self._audit(ticket, anew=False)
        if isinstance(verdict, GoOn) and was_parked:
            await self._ledger.unpark(ticket.session.session_id)
        until = verdict.recover_until if isinstance(verdict, GoOn) else None
        if until is not None and ticket.brief.settle_only is None:
            back = await Recovery(self._ledger, self._audit, self._drive).run(ticket, until)
            if isinstance(back, Ended):
                return back
            ticket, verdict = back
        return await self._judge(ticket, verdict)

    async def _judge(self, ticket: Ticket, verdict: Verdict | End) -> Ended:
        """Do what the audit says: the run ends here, or goes on with the books that it has found or made to agree."""
        match verdict:
            case End():
                return _nothing(verdict)
            case ParkJob():
                return _nothing(await self._park(ticket, verdict))
            case GoOn(base_line, recover_until):
                if recover_until is None:
                    ticket = await self._recovered(ticket, verdict)
                if recover_until is not None:
                    await self._ledger.recover(ticket.session.session_id, recover_until)
                if base_line is not None:
                    await self._ledger.move_base_line(ticket.session.session_id, base_line, self._around.now())
            case _:
                assert_never(verdict)
        ticket = replace(ticket, recover_until=verdict.recover_until)
        return await self._pull(ticket, verdict)

    async def _recovered(self, ticket: Ticket, verdict: GoOn) -> Ticket:
        """Nothing is missing since the store was restored; a one-shot whose session is not there cannot know that."""
        unknown = ticket.is_plain or (ticket.life is not None and verdict.needs_slot)
        if unknown or not ticket.session.recovering:
            return ticket
        await self._ledger.recovered(ticket.session.session_id)
        return replace(ticket, session=replace(ticket.session, recovering=False))

    async def _choose(self, ticket: Ticket, life: Life) -> Route | End:
        """Choose the way of a one-shot once, before its first request; what cannot be known is waited for."""
        if life.asked and life.route in {Route.THROWAWAY, Route.ASYNC}:
            return life.route  # they look for the vendor themselves, where they need it
        now = await self._weigh(ticket)
        if isinstance(now, End):
            return now
        if life.asked and life.route is not None:
            return life.route  # and the vendor is there: no request without a key is sent into an outage
        route = choose_route(ticket.aim.wish, now)
        if route is None:
            return NO_ROUTE
        await self._ledger.take_route(life, ticket.run_id, route)
        _log.info(events.ROUTE_CHOSEN, run=ticket.run_id, job=ticket.brief.job, route=route, life=life.number)
        return route

    async def _pull(self, ticket: Ticket, verdict: GoOn) -> Ended:
        """Settle the open key whatever the criteria are by now; ask for more only where they may be asked."""
        brief, session = ticket.brief, ticket.session
        if (
            ticket.life is not None
            and ticket.life.route is Route.ASYNC
            and session.criteria not in (None, brief.criteria)
        ):
            return _nothing(another_list(brief.job))  # a window of it would begin where the old list stood
        doubt = await self._doubt_criteria(ticket, is_new=verdict.needs_slot or ticket.is_plain)
        if doubt is not None and session.open_page is None:
            return _nothing(await self._park(ticket, doubt))
        full = await self._slots.reserve(ticket) if verdict.needs_slot else None
        if full is not None:
            return _nothing(full)
        used = verdict.base_line is not None or session.books.total or session.open_page
        plan = Plan(
            page_size=brief.page_size,
            records_max=brief.records_max,
            new_session=verdict.needs_slot or not (used or ticket.is_plain),
            settle_only=End(Outcome.PARKED, doubt.message, doubt.reason) if doubt else brief.settle_only,
            recovering=verdict.recover_until is not None,
        )
        ended = await self._drive(ticket, plan)
        if doubt is not None and ended.end is plan.settle_only:
            await self._park(ticket, doubt)
        if plan.new_session and ended.end.outcome is Outcome.WAITING:
            return replace(ended, end=await self._slots.turned_away(ticket, ended.end))
        return ended

    async def _doubt_criteria(self, ticket: Ticket, *, is_new: bool) -> ParkJob | None:
        session, now = ticket.session, ticket.brief.criteria
        known_from = None
        if session.criteria is None:
            known_from = await self._ledger.known_criteria(session, now, is_new=is_new)
        doubt = judge_criteria(kept=session.criteria, now=now, known_from=known_from, leave=ticket.brief.leave)
        if doubt is None and session.criteria not in (None, now):
            await self._ledger.begin_criteria(session.session_id, now)
        return doubt

    async def _park(self, ticket: Ticket, why: ParkJob) -> End:
        await self._ledger.park(ticket.session.session_id, why.reason, why.message, self._around.now())
        return End(Outcome.PARKED, why.message, why.reason)

    async def _pauses(self, ticket: Ticket, end: End) -> bool:
        """Whether this end pauses the account, and that is news."""
        if end.reason is None or not end.reason.pauses_account:
            return False
        return await self._ledger.pause(ticket.desk.name, end.reason, end.message, self._around.now())

    async def _record(self, ticket: Ticket, ended: Ended, log: Any) -> End:
        """Write the end into the store and the log; a store that fails now is told in the same line."""
        end, waited_s = _with_way_out(ended.end, ticket.brief.job), ended.tally.waited_s
        try:
            is_over = end.outcome in ACCEPTED_FOR and ticket.session.accepted and ticket.brief.settle_only is None
            accepted, now = ticket.session.session_id if is_over else None, self._around.now()
            figures = await self._ledger.end_run(ticket.run_id, end, waited_s, now, accepted=accepted)
            if await self._pauses(ticket, ended.end):
                log.error(events.ACCOUNT_PAUSED, reason=end.reason, message=end.message)
        except BadWeather as error:
            figures, end = Figures.of(ended.tally), End(Outcome.FAILED, str(error))
        if end.outcome is Outcome.PARKED:
            log.warning(events.JOB_PARKED, reason=end.reason, message=end.message)
        _tell(log, end, figures, waited_s)
        return end


def _with_way_out(end: End, job: str) -> End:
    return end if end.reason is None else replace(end, message=f"{end.message}; {way_out(end.reason, job)}")


def _nothing(end: End) -> Ended:
    return Ended(Tally(), end)


def _tell(log: Any, end: End, figures: Figures, waited_s: float) -> None:
    """Write the one closing line of a run (P12)."""
    log.log(
        logging.INFO if end.outcome.ended_well or end.awaits else logging.WARNING,
        events.RUN_ENDED,
        outcome=end.outcome,
        reason=end.reason,
        message=end.message,
        pages=figures.pages,
        records=figures.records,
        new=figures.new,
        replays=figures.replays,
        waited_s=round(waited_s, 1),
        cost=figures.cost,
    )


_log = structlog.get_logger()
