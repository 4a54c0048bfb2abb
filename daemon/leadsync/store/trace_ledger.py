"""The ledger of the skip trace: who is looked for, what was asked, what came of it.

Every method is one transaction on the writer's thread. What it does stands in `trace_subjects`, `trace_batches`,
`trace_answers` and `trace_pause`; here is the list of promises that the job may rely on. All raise StoreFailed or
Fenced.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from leadsync.core.trace import GiveBack, Pause
from leadsync.store import trace_answers, trace_batches, trace_pause, trace_subjects
from leadsync.store.opening import Opened
from leadsync.store.trace_answers import Answer
from leadsync.store.trace_batches import BatchOrder, EndedBatch, NoBudget, OpenBatch
from leadsync.store.trace_subjects import Entered, Looked, Portion, Record, Wanted
from leadsync.store.writer import Writer


class TraceLedger:
    """One per process, beside the `Ledger`."""

    def __init__(self, writer: Writer, opened: Opened) -> None:
        self._writer = writer
        self._witness = opened.witness

    async def follow(self, jobs: Collection[str], now: datetime) -> dict[str, int]:
        """Trace the owners that these jobs bring from now on, and no others'; return what the others leave behind."""
        return await self._writer.write(trace_subjects.follow, jobs, now)

    async def include_older(self, job: str) -> int | None:
        """Have all deliveries of a job looked at; return how many there are, None where its owners are not traced."""
        return await self._writer.write(trace_subjects.include_older, job)

    async def next_portion(self, job: str) -> Portion | None:
        """Return deliveries of a job that nobody has looked at, None where there are none."""
        return await self._writer.write(trace_subjects.next_portion, job)

    async def enter(self, portion: Portion, looked: Looked, fresh_since: datetime, now: datetime) -> Entered:
        """Enter whom a portion has brought, and note that it was looked at."""
        return await self._writer.write(trace_subjects.enter, portion, looked, fresh_since, now)

    async def wanted(self) -> list[Wanted]:
        """Return who is to be asked for, the longest waiting first."""
        return await self._writer.write(trace_subjects.wanted)

    async def records_of(self, subject_ids: Collection[int]) -> list[Record]:
        """Return what has brought these subjects, and what is known of how they are reached."""
        return await self._writer.write(trace_subjects.records_of, subject_ids)

    async def suppress(self, subject_ids: Collection[int]) -> None:
        """Ask nothing for these."""
        await self._writer.write(trace_subjects.suppress, subject_ids)

    async def next_name(self) -> str:
        """Return our own id of the next batch, which its addresses carry."""
        return await self._writer.write(trace_batches.next_name)

    async def journal(self, order: BatchOrder, now: datetime) -> OpenBatch | NoBudget | None:
        """Make a batch durable with its items and its reservation (P3, P10); None where it must be chosen anew."""
        return await self._writer.write(trace_batches.journal, order, self._writer.fence, now)

    async def vouch(self, batch_id: int) -> None:
        """Have the witness know a batch before it is sent. Raises StoreFailed."""
        await self._writer.off_loop(self._witness.count_batches, batch_id)

    async def acknowledge(
        self, batch_id: int, vendor_id: str | None, request_ids: Mapping[int, str], now: datetime
    ) -> None:
        """The vendor has taken a batch."""
        await self._writer.write(trace_batches.acknowledge, batch_id, vendor_id, request_ids, now)

    async def note_unknown(self, batch_id: int, message: str) -> None:
        """Whether the vendor has taken a batch is not known."""
        await self._writer.write(trace_batches.note_unknown, batch_id, message)

    async def give_back(self, batch_id: int, back: GiveBack, now: datetime) -> bool:
        """The vendor has surely not taken a batch: its items are wanted again; False where an answer refutes that."""
        return await self._writer.write(trace_batches.give_back, batch_id, back, now)

    async def answer(self, batch_id: int, answers: Sequence[Answer], now: datetime) -> int:
        """Enter what was answered at once; return how many of the answers belong to no item of the batch."""
        return await self._writer.write(trace_answers.take_together, batch_id, answers, now)

    async def reap(self) -> list[tuple[str, int]]:
        """Note that the batches which a dead process has left without an answer are unknown; return names and items."""
        return await self._writer.write(trace_batches.reap)

    async def next_due(self) -> datetime | None:
        """Return when the next batch must be looked at, None where none is out."""
        return await self._writer.write(trace_batches.next_due)

    async def end_due(self, now: datetime, *, patient: bool, retry: bool) -> list[EndedBatch]:
        """Settle the batches that are answered and, unless one is `patient`, mark what is missing of the overdue."""
        return await self._writer.write(trace_batches.end_due, now, patient=patient, retry=retry)

    async def ask_again(self, batches: Collection[str], now: datetime) -> int | None:
        """Let who is missing, of these batches or of all, be wanted once more; return how many those are.

        None where answers have come that nobody has read yet.
        """
        return await self._writer.write(trace_batches.ask_missing_again, batches, now)

    async def pause(self) -> Pause:
        """Return why nothing is sent, if anything is in the way."""
        return await self._writer.write(trace_pause.pause_of)

    async def last_proof(self) -> str | None:
        """Return the digest of the API key that the last batch was asked with, None where there was none."""
        return await self._writer.write(trace_batches.last_proof)

    async def go_on(self, now: datetime) -> None:
        """Let nothing be in the way any more."""
        await self._writer.write(trace_pause.go_on, now)
