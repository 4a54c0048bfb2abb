"""Owners found: whom jobs have brought is asked for in bulk, once, within a budget, and never silently left out.

It works beside the jobs and after their runs: what they deliver becomes subjects, those who are wanted go in batches,
and what has not come in time is listed. Everything it needs next is in the store, so a crash forgets nobody; the rules
stand in `core.trace`.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, ParamSpec, TypeVar

import structlog

from leadsync import events
from leadsync.config import Settings
from leadsync.config import SkipTrace as Section
from leadsync.config.limits import trace_limits_of
from leadsync.config.suppression import read_suppression
from leadsync.core.budget import window_starts
from leadsync.core.trace import Go, Hindrance, Pause, Queue, Stay, Terms, TraceRoute, next_step
from leadsync.errors import BadWeather, ConfigInvalid
from leadsync.jobs.desk import Office, Surroundings
from leadsync.jobs.patience import Patience
from leadsync.jobs.trace_batch import Sending
from leadsync.jobs.trace_desk import Addresses, Line, TraceDesk, terms_of, traced_jobs
from leadsync.jobs.trace_owners import await_bytes, batch_bytes, covered, look, pack_up
from leadsync.store.ledger import Ledger
from leadsync.store.trace_batches import BatchOrder, NoBudget
from leadsync.store.trace_subjects import Wanted
from leadsync.waiting import result_unless, sleep_unless

TROUBLE_AGAIN: Final = timedelta(minutes=1)
"""How long one rests where the store, the disk or the suppression list stands in the way."""

RECORDS_AT_ONCE: Final = 100
"""Owners whose records are looked through together, for whom the suppression list may know."""

REST_S: Final = 0.05
"""Between two portions: whoever waits for a page or an answer to be stored comes first, also when all older ones go."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who goes next, which way, and where their answers will find us."""

    go: Go
    wanted: Sequence[Wanted]
    addresses: Addresses


class SkipTrace:
    """One per process. `ring` says that something has come, ended or changed."""

    def __init__(
        self, office: Office, desk: TraceDesk, ledger: Ledger, around: Surroundings, executor: Executor
    ) -> None:
        self._office = office
        self._desk = desk
        self._ledger = ledger
        self._traces = ledger.traces
        self._around = around
        self._executor = executor
        self._sign = asyncio.Event()
        self._patience = Patience()
        self._failed = 0
        self._followed: Settings | None = None
        self._at_rest: Settings | None = None
        self._quiet_until_s = 0.0
        self._said: object = None

    def ring(self) -> None:
        """Look again soon."""
        self._sign.set()

    async def run(self) -> None:
        """Trace whoever is brought, until leadsync is asked to stop."""
        while not self._around.stopping.is_set():
            self._sign.clear()
            await self._rest(await self._look())

    async def see_through(self) -> None:
        """Ask for whoever is wanted now, and wait until nothing is out, or until leadsync is asked to stop.

        While the store is in doubt nobody waits: no answer is read, and who would speak finds the store held by us.
        """
        while not self._around.stopping.is_set() and self._ledger.doubt is None:
            self._sign.clear()
            until = await self._look()
            if await self._traces.next_due() is None:
                break
            await self._rest(until)

    async def follow(self, settings: Settings, before: Settings | None = None) -> None:
        """Trace the owners that the jobs of these settings bring from now on. Raises StoreFailed.

        Where these may yet be refused, those of `before` are traced on: the next round follows what is in force.
        """
        jobs = {*traced_jobs(settings), *(traced_jobs(before) if before is not None else ())}
        left = await self._traces.follow(jobs, self._around.now())
        for job, count in left.items():
            _log.warning(events.OWNERS_LEFT, job=job, properties=count)
        self._followed = settings if before is None else None
        self._at_rest = None

    async def _rest(self, until: datetime | None) -> None:
        if until is None:
            await result_unless(self._around.stopping, self._sign.wait())
        else:
            left = until - self._around.now()
            await result_unless(self._around.stopping, sleep_unless(self._sign, max(left.total_seconds(), 0.1)))

    async def _look(self) -> datetime | None:
        """Do what can be done now; return when to look again though nothing rings."""
        try:
            return await self._round()
        except (BadWeather, ConfigInvalid) as error:
            wait_s = TROUBLE_AGAIN.total_seconds()
            message = error.in_one_line if isinstance(error, ConfigInvalid) else str(error)
            _log.warning(events.TRACE_DELAYED, message=message, wait_s=round(wait_s))
            return self._around.now() + TROUBLE_AGAIN

    async def _round(self) -> datetime | None:
        """While the store is in doubt nothing is done: a person must say whose it is.

        Nor where these settings find nobody's owners, and nothing is out that others have asked for.
        """
        if self._ledger.doubt is not None or self._office.settings is self._at_rest:
            return None
        for name, items in await self._traces.reap():
            why = "leadsync ended, or its store failed, before the vendor's answer was written down"
            _log.warning(events.TRACE_UNKNOWN, batch=name, items=items, why=why)
        settings = self._office.settings  # after all waiting: to follow those of before a reload would drop its jobs
        section = settings.skip_trace
        if settings is not self._followed:
            await self.follow(settings)
        left_s = self._patience.left_s(self._around.now(), self._ledger.inbox.turned_away)
        await self._end_due(patient=left_s > 0, retry=section is not None and section.on_missing == "retry")
        until = None
        if section is not None:
            for job in traced_jobs(settings):
                await self._gather(job, section.fresh_for)
            until = await self._send_all()
        due = await self._traces.next_due()
        if due is None and terms_of(settings) is None:
            self._at_rest = settings
        if due is not None:
            due = max(due, self._around.now() + timedelta(seconds=left_s or TROUBLE_AGAIN.total_seconds()))
        return min(filter(None, (until, due)), default=None)

    async def _gather(self, job: str, fresh_for: timedelta) -> None:
        """Let the owners be wanted whom a job has brought since it was looked at last."""
        while not self._around.stopping.is_set():
            portion = await self._traces.next_portion(job)
            if portion is None:
                return
            looked = await self._off_loop(look, portion.brought)
            now = self._around.now()
            entered = await self._traces.enter(portion, looked, now - fresh_for, now)
            if entered.properties:
                _log.info(
                    events.OWNERS_FOUND,
                    job=job,
                    properties=entered.properties,
                    new=entered.new,
                    again=entered.again,
                    known=entered.known,
                    touched=entered.touched,
                    no_owner=entered.no_owner,
                    no_address=entered.no_address,
                )
            await sleep_unless(self._around.stopping, REST_S)

    async def _end_due(self, *, patient: bool, retry: bool) -> None:
        for one in await self._traces.end_due(self._around.now(), patient=patient, retry=retry):
            _log.log(
                _WARNING if one.missing else _INFO,
                events.TRACE_SETTLED,
                batch=one.name,
                items=one.items,
                matched=one.matched,
                missed=one.missed,
                missing=one.missing,
                retried=one.retried,
                cost=one.cost,
            )

    async def _send_all(self) -> datetime | None:
        """Send batch after batch until nobody is wanted or something is in the way; return until when that is so.

        Each goes by what the configuration says when it is chosen: who reloads has seen the money go.
        """
        while (line := self._desk.line) is not None and not self._around.stopping.is_set():
            section = terms_of(self._office.settings)
            if section is None:
                break
            if (quiet_until := self._quiet_until()) is not None:
                return quiet_until
            chosen = await self._choose(section)
            if isinstance(chosen, Stay):
                return chosen.until
            if await self._suppressed(section, chosen.wanted):
                continue  # those who are left are packed anew
            self._around.require_room()
            if not await line.client.turn(self._around.stopping):
                break
            until = await self._ask(section, line, chosen)
            if until is not None:
                return until
        return None

    async def _choose(self, section: Section) -> Chosen | Stay:
        wanted, pause = await self._traces.wanted(), await self._pause()
        webhooks = self._office.settings.webhooks
        if not wanted or webhooks is None:
            self._said = None
            return Stay()
        addresses = Addresses(webhooks.public_url, self._ledger.hooks, await self._traces.next_name())
        packing = await self._off_loop(pack_up, wanted, addresses)
        held = [wanted[at] for at in packing.held]
        first = packing.batches[0] if packing.batches else range(0)
        queue = Queue(len(first), len(held), held[0].wanted_at if held else None)
        step = next_step(queue, pause, Terms(section.hold_for, section.allow_await), self._around.now())
        match step:
            case Stay():
                self._tell_stay(step, len(wanted))
                return step
            case Go(TraceRoute.BATCH):
                return Chosen(step, [wanted[at] for at in first], addresses)
            case Go(_, items):
                return Chosen(step, held[:items], addresses)

    async def _pause(self) -> Pause:
        """What is in the way; who was turned down with another API key is not any more."""
        pause = await self._traces.pause()
        if pause.again_at is not None and await self._traces.last_proof() != self._desk.proof:
            await self._go_on("there is another API key")
            return Pause()
        return pause

    async def _go_on(self, why: str) -> None:
        await self._traces.go_on(self._around.now())
        _log.info(events.TRACE_RESUMED, why=why)

    def _tell_stay(self, stay: Stay, count: int) -> None:
        """Say once that owners wait for company; what else is in the way was said when it began."""
        if stay.why in (Hindrance.FEW, Hindrance.FEW_FOREVER):
            until = stay.until and stay.until.isoformat()
            if self._is_news((stay.why, count, until)):
                _log.info(events.OWNERS_HELD, count=count, until=until)

    async def _suppressed(self, section: Section, wanted: Sequence[Wanted]) -> bool:
        """Honour the list before a cent is spent; return whether anybody of these is on it. Raises ConfigInvalid."""
        if section.suppression is None:
            return False
        suppression = await self._off_loop(read_suppression, section.suppression)
        found: list[int] = []
        for at in range(0, len(wanted), RECORDS_AT_ONCE):
            some = wanted[at : at + RECORDS_AT_ONCE]
            records = await self._traces.records_of([one.subject_id for one in some])
            found += await self._off_loop(covered, suppression, some, records)
        await self._traces.suppress(found)
        if found:
            _log.info(events.OWNERS_SUPPRESSED, count=len(found))
        return bool(found)

    async def _ask(self, section: Section, line: Line, chosen: Chosen) -> datetime | None:
        """Journal a batch, send it and enter what came back; return until when nothing more is asked."""
        opened = await self._traces.journal(self._order(section, line, chosen), self._around.now())
        if opened is None:
            return None  # who is wanted, or whether anybody may be asked for, is otherwise by now
        if isinstance(opened, NoBudget):
            return self._over_budget(opened, len(chosen.wanted))
        price = float(section.price_per_match)
        told = {"batch": opened.name, "route": opened.route.value, "items": opened.items}
        cost = round(opened.items * price, 4)
        _log.info(events.TRACE_SENT, bytes=len(opened.request), cost_at_most=cost, **told)
        for limit in opened.nearly:
            _log.warning(events.TRACE_BUDGET_NEARLY, limit=limit)
        sent = await Sending(opened, self._traces, self._around, failed=self._failed).send(line.client)
        self._failed = 0 if sent.taken else self._failed + 1
        if sent.taken and (await self._traces.pause()).again_at is not None:
            await self._go_on("the vendor has taken a batch")
        self._quiet_until_s = asyncio.get_running_loop().time() + sent.rest_s
        return self._quiet_until()

    def _quiet_until(self) -> datetime | None:
        """Until when nothing is sent, since the vendor wants a rest; by the steady clock: the other may be put back."""
        left_s = self._quiet_until_s - asyncio.get_running_loop().time()
        return self._around.now() + timedelta(seconds=left_s) if left_s > 0 else None

    def _order(self, section: Section, line: Line, chosen: Chosen) -> BatchOrder:
        make = batch_bytes if chosen.go.route is TraceRoute.BATCH else await_bytes
        return BatchOrder(
            name=chosen.addresses.batch,
            route=chosen.go.route,
            subjects=[one.subject_id for one in chosen.wanted],
            limits=trace_limits_of(section),
            key_digest=line.proof,
            deadline=section.deadline,
            request=lambda take: make(chosen.wanted[:take], chosen.addresses),
        )

    def _over_budget(self, none: NoBudget, count: int) -> datetime:
        """Say once that the budget is spent; return when its next window begins."""
        until = next_window(none.limit, self._around.now())
        if self._is_news((none.limit, until)):
            _log.warning(events.TRACE_OVER_BUDGET, limit=none.limit, count=count, until=until.isoformat())
        return until

    def _is_news(self, what: object) -> bool:
        """Whether this was not what was said last."""
        before, self._said = self._said, what
        return before != what

    async def _off_loop(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Records are megabytes: neither the loop nor the store's thread waits for them."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(work, *args, **kwargs))


def next_window(limit: str, now: datetime) -> datetime:
    """Return when a limit of the budget begins anew; its days and months are UTC's."""
    day, month = window_starts(now, UTC)
    return day + timedelta(days=1) if limit.endswith("day") else (month + timedelta(days=32)).replace(day=1)


_INFO: Final = 20
_WARNING: Final = 30
_log = structlog.get_logger()
