"""Who reads what RealEstateAPI sends back: one owner's answer, and the word that a batch is complete.

The address says which batch and which item; what the message says of itself must agree, and our own API key must come
with it. What does not goes to quarantine, not away.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from leadsync.core.letters import KEY_HEADER, Opened, Unreadable, Why
from leadsync.core.trace_replies import ItemResult
from leadsync.jobs.desk import Surroundings
from leadsync.jobs.trace_batch import answer_of
from leadsync.jobs.trace_desk import TraceDesk
from leadsync.jobs.unpack import Handler, Handlers
from leadsync.store.trace_answers import Proof, check_key, complete, take_item
from leadsync.store.trace_batches import DONE_KIND, ITEM_KIND
from leadsync.vendors.trace_results import read_completion, read_item


@dataclass(frozen=True, slots=True)
class ItemMail:
    """One owner's answer, with its place and what came to prove it."""

    batch: str
    key: int
    result: ItemResult
    proof: Proof


@dataclass(frozen=True, slots=True)
class DoneMail:
    """The word that a batch is complete, as the vendor calls it, with what came to prove it."""

    batch: str
    vendor_id: str | None
    proof: Proof


class TraceMail:
    """One per process; `ring` is told when a batch may have ended."""

    def __init__(self, desk: TraceDesk, around: Surroundings, ring: Callable[[], None]) -> None:
        self._desk = desk
        self._around = around
        self._ring = ring

    @property
    def handlers(self) -> Handlers:
        """By the kind of message."""
        return {
            ITEM_KIND: Handler(self._read_item, self._take_item, self._told),
            DONE_KIND: Handler(self._read_done, self._take_done, self._told),
        }

    def _read_item(self, opened: Opened) -> ItemMail:
        batch, _, number = opened.address.subject.rpartition("-")
        result, key = read_item(opened.content), int(number)
        if result.key not in (None, key):
            raise Unreadable(Why.WRONG_ID, "it speaks of another key than its address")
        return ItemMail(batch, key, result, self._proof(opened))

    def _take_item(self, mail: ItemMail, connection: Connection) -> bool:
        check_key(connection, mail.batch, mail.proof)
        return take_item(connection, answer_of(mail.batch, mail.key, mail.result), self._around.now())

    def _read_done(self, opened: Opened) -> DoneMail:
        return DoneMail(opened.address.subject, read_completion(opened.content), self._proof(opened))

    def _take_done(self, mail: DoneMail, connection: Connection) -> bool:
        check_key(connection, mail.batch, mail.proof)
        complete(connection, mail.batch, mail.vendor_id, self._around.now())
        return True

    def _proof(self, opened: Opened) -> Proof:
        return Proof(opened.headers.get(KEY_HEADER), self._desk.proof)

    def _told(self, is_over: bool) -> None:
        if is_over:
            self._ring()
