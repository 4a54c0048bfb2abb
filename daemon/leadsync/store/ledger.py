"""The ledger: what was asked, what came, what it cost. Every method is one transaction (P4) on the writer's thread.

What a method does stands in `sessions`, `slots`, `line`, `one_shots`, `resuming`, `pages`, `runs`, `timetable`,
`watching`, `pulse` and `standing`; here is the list of promises that the jobs may rely on.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from leadsync.core.model import End, Listing, OpenPage, Outcome, Reason, Route, SessionListing
from leadsync.core.one_shot import Life, Wanted
from leadsync.core.pace import Births
from leadsync.core.protocol import BudgetReserved, BudgetSpent, Close
from leadsync.core.resume import Question, Remedy
from leadsync.core.slots import Occupancy, Room, Tenant
from leadsync.core.unusual import Past
from leadsync.core.watch import Held
from leadsync.store import (
    line,
    one_shots,
    pages,
    pulse,
    resuming,
    runs,
    sessions,
    slots,
    standing,
    timetable,
    watching,
)
from leadsync.store.inbox_ledger import InboxLedger
from leadsync.store.line import Place
from leadsync.store.opening import Opened
from leadsync.store.pages import Again, Arrival, Asked, Order, Receipt
from leadsync.store.pulse import Pulse
from leadsync.store.runs import Figures, Interrupted, NewRun
from leadsync.store.sessions import SessionState
from leadsync.store.slots import SlotAsked, State, Wish
from leadsync.store.standing import Said
from leadsync.store.timetable import Missed, Planned, Timing
from leadsync.store.trace_ledger import TraceLedger
from leadsync.store.watching import Look, Watched
from leadsync.store.window_ledger import WindowLedger
from leadsync.store.writer import Writer


class Ledger:
    """Sessions are known by account and name, runs and pages by their row ids. All raise StoreFailed or Fenced."""

    def __init__(self, writer: Writer, opened: Opened) -> None:
        self._writer = writer
        self._witness = opened.witness
        self.doubt = opened.doubt
        """Why nothing may be spent until a person has said what became of the store."""
        self.hooks = opened.hooks
        """What addresses of webhooks are made and known with."""
        self.traces = TraceLedger(writer, opened)
        """The same for the skip trace."""
        self.windows = WindowLedger(writer)
        """The same for the windows of large one-shots."""
        self.inbox = InboxLedger(writer)
        """The same for what came by webhook."""

    async def session(self, account: str, name: str, job: str) -> SessionState:
        """Return a session, entering it where it is new; `job` is the one that uses it now."""
        return await self._writer.write(sessions.enter, account, name, job)

    async def sessions(self, account: str) -> list[SessionState]:
        """Return all sessions of an account that the ledger knows."""
        return await self._writer.write(sessions.all_of, account)

    async def sessions_with_open_keys(self) -> list[SessionState]:
        """Return the sessions whose last key has no answer yet."""
        return await self._writer.write(sessions.with_open_keys)

    async def known_criteria(self, session: SessionState, criteria: str, *, is_new: bool) -> str | None:
        """Name another session, the account's or the job's elsewhere, that has delivered or asked for that list."""
        return await self._writer.write(sessions.known_criteria, session, criteria, is_new=is_new)

    async def note_listing(self, account: str, listing: Listing, room: Room, now: datetime) -> Occupancy:
        """Remember what the vendor's session list said; return who holds the slots by it."""
        return await self._writer.write(slots.note_listing, account, listing, room, now)

    async def move_base_line(self, session_id: int, base_line: int, now: datetime) -> None:
        """Count from the vendor's total: an adopted session, or a drift that the job allows."""
        await self._writer.write(sessions.move_base_line, session_id, base_line, now)

    async def begin_criteria(self, session_id: int, criteria: str) -> None:
        """Take the job's new criteria for those of the epoch, where the job allows the change."""
        await self._writer.write(one_shots.begin_criteria, session_id, criteria)

    async def park(self, session_id: int, reason: Reason, message: str, now: datetime) -> None:
        """Park the session's job until a person answers."""
        await self._writer.write(sessions.park, session_id, reason, message, now)

    async def unpark(self, session_id: int) -> None:
        """Let the session's job go on: its file has answered."""
        await self._writer.write(sessions.unpark, session_id)

    async def question(self, state: SessionState, job: str, price: Decimal) -> Question:
        """Return what the session's job waits with."""
        return await self._writer.write(resuming.question, state, job, price)

    async def answer(self, state: SessionState, remedy: Remedy, now: datetime) -> None:
        """Do what a person has answered."""
        await self._writer.write(resuming.answer, state, remedy, now)

    async def recover(self, session_id: int, until: int) -> None:
        """Ask the old keys of a restored store's session again, up to this total of the vendor's."""
        await self._writer.write(sessions.change, session_id, {"recover_until": until})

    async def recovered(self, session_id: int) -> None:
        """Nothing of a session is missing any more since the store was restored."""
        await self._writer.write(sessions.recovered, session_id)

    async def answer_store(self, said: Said, now: datetime) -> None:
        """Do what a person has said of the store."""
        here = await self._writer.write(standing.answer, said, self._witness.store, now)
        await self._writer.off_loop(self._witness.write, here)
        self.doubt = None
        self.hooks = replace(self.hooks, installation=here.installation)

    async def pause(self, account: str, reason: Reason, message: str, now: datetime) -> bool:
        """Pause an account; return whether that is news."""
        return await self._writer.write(sessions.pause, account, reason, message, now)

    async def life(self, wanted: Wanted, now: datetime) -> Life | None:
        """Return the life of a one-shot that a run is for, entering it where it is new.

        None where the next must wait: a key of the open one may be billed.
        """
        return await self._writer.write(one_shots.enter, wanted, now)

    async def seat(self, account: str, job: str) -> str | None:
        """Return the name under which the newest life of a one-shot is counted, None where it never ran."""
        row = await self._writer.write(one_shots.newest, account, job)
        return row["seat"] if row is not None else None

    async def take_route(self, life: Life, run_id: int, route: Route) -> None:
        """Let the life of a one-shot go this way."""
        await self._writer.write(one_shots.take_route, life, run_id, route)

    async def end_life(self, life: Life, outcome: Outcome, now: datetime) -> None:
        """End the life of a one-shot: nothing more is asked for it."""
        await self._writer.write(one_shots.end, life.life_id, outcome, now)

    async def leftovers(self, account: str, job: str) -> list[str]:
        """Return the throw-away sessions of a job that are done with and may still hold a slot at the vendor."""
        return await self._writer.write(one_shots.leftovers, account, job)

    async def without_session(self, account: str) -> set[str]:
        """Return the names under which one-shots are counted that never had a session at the vendor."""
        return await self._writer.write(one_shots.without_session, account)

    async def journal(
        self, order: Order, now: datetime, reserved: Callable[[OpenPage], None]
    ) -> Asked | BudgetSpent | BudgetReserved:
        """Make the next key durable with its bytes and its reservation (P3, P10).

        `reserved` is called then: whoever finds the budget reserved from now on must find out by whom.
        """
        asked = await self._writer.write(pages.journal, order, self._writer.fence, now)
        if isinstance(asked, Asked):
            reserved(asked.page)
        return asked

    async def vouch(self, page_id: int) -> None:
        """Have the witness know a key before it is sent, be it the first time or again (P3). Raises StoreFailed."""
        if not self._witness.knows(page_id):
            await self._writer.off_loop(self._witness.count, page_id)

    async def reword(self, page_id: int, order: Order, again: Again) -> OpenPage | None:
        """Give an old key that the vendor knows with other bytes the next that it may have had, before it is sent."""
        return await self._writer.write(pages.reword, page_id, order, again)

    async def store(self, arrival: Arrival, now: datetime) -> Receipt:
        """Store deliveries, totals and the spent key together (P4), and park the job where books disagree (P8)."""
        return await self._writer.write(pages.store, arrival, now)

    async def close(self, page_id: int, run_id: int, effect: Close, now: datetime) -> None:
        """Close a row that brought no page; its number is used up."""
        await self._writer.write(pages.close, page_id, run_id, effect, now)

    async def last_listing(self, account: str) -> dict[str, SessionListing]:
        """Return the vendor's last list."""
        return await self._writer.write(slots.last_listing, account)

    async def listed_at(self, account: str) -> datetime | None:
        """Return when the vendor's list was had last; None where it never was."""
        return await self._writer.write(slots.listed_at, account)

    async def tenants(self, account: str) -> list[Tenant]:
        """Return the account's sessions as those who hold slots."""
        return await self._writer.write(slots.all_tenants, account)

    async def held(self, account: str, room: Room) -> Occupancy:
        """Say who holds the account's slots."""
        return await self._writer.write(slots.held, account, room)

    async def reserve_slot(self, session_id: int, room: Room, now: datetime) -> Occupancy | None:
        """Let a new session have a slot, None; or say who holds them all. The end of its run gives it back unused."""
        return await self._writer.write(slots.reserve, session_id, room, now)

    async def births(self, account: str, now: datetime) -> Births:
        """Return how fast the account's slots have filled lately."""
        return await self._writer.write(slots.births, account, now)

    async def waiting(self, account: str) -> list[Place]:
        """Return the jobs whose last run waits for a slot, the longest waiting first."""
        return await self._writer.write(line.waiting, account)

    async def note_jobs(self, account: str, named: Mapping[str, bool], now: datetime) -> None:
        """Note which sessions a job file names, and whether that job is enabled: all others are orphans from now."""
        await self._writer.write(slots.note_jobs, account, named, now)

    async def begin_deletion(self, wish: Wish, now: datetime) -> SlotAsked | str:
        """Write down that a session is about to be deleted (P7); a sentence where it must not be."""
        return await self._writer.write(slots.begin_deletion, wish, self._writer.fence, now)

    async def end_deletion(self, asked: SlotAsked, state: State, message: str | None, now: datetime) -> None:
        """Write down how a deletion ended (P7)."""
        await self._writer.write(slots.end_deletion, asked, state, message, now)

    async def unanswered_deletions(self, account: str) -> list[SlotAsked]:
        """Return the deletions whose answer is not known."""
        return await self._writer.write(slots.unanswered, account)

    async def housekept_at(self, account: str) -> datetime | None:
        """Return when the account's slots were looked after last."""
        return await self._writer.write(slots.housekept_at, account)

    async def note_housekeeping(self, account: str, now: datetime) -> None:
        """Note that the account's slots were looked after."""
        await self._writer.write(slots.note_housekeeping, account, now)

    async def begin_run(self, run: NewRun, alive: Collection[int], now: datetime) -> int:
        """Enter a running run and return its row id (P5: one of a job, one of a session); `alive` are this process's.

        A run of the same job that is not alive could not be ended in its time, and is ended now.
        """
        return await self._writer.write(runs.begin, run, alive, now)

    async def end_run(
        self, run_id: int, ended: End, waited_s: float, now: datetime, *, accepted: int | None = None
    ) -> Figures:
        """End a run; return what it did, added up from its pages.

        `accepted`: the session of which a person had accepted something for this run; that is over with it.
        """
        return await self._writer.write(resuming.end_run, run_id, ended, waited_s, now, accepted=accepted)

    async def reap_runs(self, now: datetime) -> list[Interrupted]:
        """End the runs that a dead process left behind."""
        return await self._writer.write(runs.reap, now)

    async def start_slots(self, timings: Collection[Timing], now: datetime, draw: Callable[[], float]) -> list[Missed]:
        """Plan these jobs' next slots, and no others; return what passed while leadsync was down."""
        return await self._writer.write(timetable.start, timings, now, draw)

    async def change_slots(
        self, timings: Collection[Timing], new: Collection[str], now: datetime, draw: Callable[[], float]
    ) -> list[Missed]:
        """Plan by another timetable while jobs run; return what has passed already of those that are `new` in it."""
        return await self._writer.write(timetable.change, timings, new, now, draw)

    async def next_slot(self, timing: Timing, now: datetime, draw: float) -> Planned | None:
        """Plan a job's next slot and return the first to fire."""
        return await self._writer.write(timetable.next_slot, timing, now, draw)

    async def take_slot(self, timing: Timing, slot: Planned, now: datetime, draw: float) -> None:
        """Let a slot's run begin; nobody gets the slot again."""
        await self._writer.write(timetable.take, timing, slot, now, draw)

    async def call_slot(self, job: str, now: datetime) -> None:
        """Plan a run of a job now, beside its times."""
        await self._writer.write(timetable.call, job, now)

    async def finish_slot(self, timing: Timing, slot: Planned, retry_at: datetime | None, unused: bool) -> None:
        """Note that a slot's run has ended, and when it is tried again; `unused`: its time is wanted still."""
        await self._writer.write(timetable.finish, timing, slot, retry_at, unused)

    async def feel_pulse(self) -> Pulse:
        """Return what waits and what comes next; that it answers at all is worth as much."""
        return await self._writer.write(pulse.feel)

    async def note_reload(self, refused: str | None) -> None:
        """Remember why the last reload was refused; None: it was not."""
        await self._writer.write(pulse.note_reload, refused)

    async def look(self, watched: Watched, now: datetime) -> Look:
        """Read what shows whether all is as it should be."""
        return await self._writer.write(watching.look, watched, now)

    async def past(self, job: str) -> list[Past]:
        """Return a job's latest runs that have ended, oldest first."""
        return await self._writer.write(watching.past, job)

    async def conditions(self, now: datetime) -> list[Held]:
        """Return what was held when leadsync ended, and what had ended shortly before; forget what is long over."""
        return await self._writer.write(watching.conditions, now)

    async def note_conditions(self, changed: Collection[Held]) -> None:
        """Write down what began, became worse or ended, and who was told."""
        await self._writer.write(watching.note, changed)


__all__ = [
    "Again",
    "Arrival",
    "Asked",
    "Figures",
    "Ledger",
    "Look",
    "Missed",
    "NewRun",
    "Order",
    "Place",
    "Planned",
    "Pulse",
    "Receipt",
    "Said",
    "SessionState",
    "SlotAsked",
    "State",
    "Timing",
    "Watched",
    "Wish",
]
