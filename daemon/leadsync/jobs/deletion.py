"""One deletion of a session: a fresh look, a row before, the request, a row after (P7).

The session must be what it was when somebody wanted it deleted: same total, same last request, same life, also by a
list that somebody else has taken while this waited for the line; and the configuration must still let it go. Where no
answer came, the next look says whether it is gone; if it is still there and has not moved, it is asked for again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from leadsync import events
from leadsync.core.model import End, Outcome
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.core.retry import is_in_time, wait_after
from leadsync.core.slots import MADE_ANEW, Fate, SlotPlan
from leadsync.jobs.desk import Desk, Surroundings, Terms
from leadsync.store.ledger import Ledger, SlotAsked, State, Wish
from leadsync.vendors.wire import Deletion, Trouble
from leadsync.waiting import sleep_unless

May: TypeAlias = Callable[[SlotPlan, Fate], str | None]
"""Says, of a fresh look, why a session must not be deleted after all."""


@dataclass(frozen=True, slots=True)
class Deed:
    """How a deletion ended, in a word and a sentence. `asked`: its answer is not known."""

    session: str
    job: str | None
    state: State
    message: str


Done: TypeAlias = tuple[Deed, End | None]
"""How a deletion ended, and why nothing more can be done just now, if so."""


class InHand:
    """One deletion."""

    def __init__(self, desk: Desk, ledger: Ledger, around: Surroundings, wish: Wish, asked: SlotAsked | None) -> None:
        self._desk = desk
        self._ledger = ledger
        self._around = around
        self._wish = wish
        self._asked = asked
        self._log = _log.bind(account=desk.name, session=wish.row.session, job=asked.job if asked else None)

    async def once(self, planned: SlotPlan, may: May) -> Done | Lost | Throttled:
        """Ask for it once, if the fresh look allows that; trouble that time mends is returned bare."""
        session, terms = self._wish.row.session, self._desk.terms
        fate = next((fate for fate in planned.fates if fate.session == session), None)
        if fate is None:
            return await self.end(State.GONE, "it is not at the vendor any more"), None
        if self._asked is not None and fate.row.created_at != self._wish.row.created_at:
            # Whether our request did it or somebody else: the vendor has forgotten what that session delivered.
            return await self.end(State.GONE, MADE_ANEW), None
        why_not = "it has moved since it was looked at" if fate.row != self._wish.row else may(planned, fate)
        if why_not is not None:
            return await self.end(State.KEPT, why_not), None
        refusal = await self._write_down()
        if refusal is not None:
            return await self.end(State.KEPT, refusal), None
        return await self._judge(await self._send(terms))

    async def _write_down(self) -> str | None:
        """Make it durable before it is asked for; a sentence where the ledger says that it must not be, also anew."""
        asked = await self._ledger.begin_deletion(self._wish, self._around.now())
        if isinstance(asked, str):
            return asked
        self._asked = asked
        self._log = self._log.bind(job=asked.job)
        return None

    async def _send(self, terms: Terms) -> Deletion | Trouble:
        desk, session = self._desk, self._wish.row.session
        if not await desk.client.turn(self._around.stopping):
            return Lost("leadsync was asked to stop")
        async with desk.traffic.sending():
            if desk.terms is not terms or not desk.in_use:
                return Lost("the configuration was read anew meanwhile")
            if desk.listed is not None and desk.listed.get(session) != self._wish.row:
                return Lost("another look, which had the line until now, has shown it otherwise")
            desk.doomed.add(session)
            reply = await desk.client.delete_session(session)
        desk.hear(session, reply, self._around)
        return reply

    async def _judge(self, reply: Deletion | Trouble) -> Done | Lost | Throttled:
        plain = reply.otherwise if isinstance(reply, SlotsFull) else reply
        match plain:
            case Deletion():
                return await self.end(State(plain.value), "it is deleted, and its slot is free"), None
            case Denied(reason, status, message):
                self._desk.denied = plain
                why = f"the deletion was denied with HTTP {status}: {message}"
                return await self.end(State.KEPT, why), End(Outcome.FAILED, why, reason)
            case Refused(status, message):
                return await self.end(State.REFUSED, f"the vendor refused it with HTTP {status}: {message}"), None
            case _:
                return plain

    async def rest(self, trouble: Lost | Throttled, attempt: int, began_s: float) -> bool:
        """Wait before the session is looked at again; False where it has taken too long, or leadsync is to stop."""
        wait = wait_after(trouble, attempt, self._around.draw())
        if wait.account_wide:
            self._desk.client.hold(wait.wait_s)
        if not is_in_time(wait, began_s, asyncio.get_running_loop().time()):
            return False
        self._log.warning(events.DELETION_DELAYED, why=wait.why, wait_s=round(wait.wait_s, 1))
        await sleep_unless(self._around.stopping, wait.wait_s)
        return not self._around.stopping.is_set()

    async def end(self, state: State, message: str) -> Deed:
        """Write down how it ended, where it was written down that it begins; and tell."""
        asked, wish = self._asked, self._wish
        if asked is not None:
            await self._ledger.end_deletion(asked, state, message, self._around.now())
        if state.freed and asked is not None:
            self._log.info(
                events.SESSION_DELETED,
                asked_by=wish.asked_by,
                why=wish.why,
                total=wish.row.total,
                ledger_total=asked.ledger_total,
            )
        elif not state.freed:
            self._log.warning(events.SESSION_SPARED, why=message)
        return Deed(wish.row.session, asked.job if asked else None, state, message)

    def unknown(self, why: str) -> Deed:
        """Nothing more can be found out now: what was asked for is looked at by the next round."""
        state = State.ASKED if self._asked else State.KEPT
        later = "; it is looked at again by the next housekeeping" if self._asked else ""
        return Deed(self._wish.row.session, self._asked.job if self._asked else None, state, f"{why}{later}")


_log = structlog.get_logger()
