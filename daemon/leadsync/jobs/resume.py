"""A person's answer to a parked job: looked at, carried out, and told with what it may cost.

Giving up a key, or a session, needs a look at the vendor, which is free: its list of sessions says whether the page was
billed, and whether the session is gone.
"""

from decimal import Decimal

from leadsync.config import Job
from leadsync.core.audit import GoOn, Leave, audit
from leadsync.core.model import End
from leadsync.core.resume import NOT_AFTER_A_RESTORE, Choice, Question, Remedy, after_all, asking_again, remedy, voiding
from leadsync.errors import AnswerRefused, UsageMistake, VendorSilent
from leadsync.jobs.audit import Auditor
from leadsync.jobs.desk import Surroundings
from leadsync.store.auditing import standing_of
from leadsync.store.ledger import Ledger, SessionState


class Resume:
    """One answer."""

    def __init__(self, ledger: Ledger, around: Surroundings, auditor: Auditor) -> None:
        self._ledger = ledger
        self._around = around
        self._auditor = auditor

    async def answer(self, job: Job, session: str, choice: Choice | None, price: Decimal) -> str:
        """Carry out the answer for the job's session and return what a person is told.

        Raises UsageMistake where it answers nothing, AnswerRefused where it would lose a page, VendorSilent where the
        vendor could not be asked. Whoever calls sees to it that no run of the session is under way.
        """
        if choice is Choice.ASK_AGAIN:
            return await self._ask_again(job, session, price)
        state = await self._ledger.session(job.account, session, job.name)
        question = await self._ledger.question(state, job.name, price)
        done = await self._void(state, question) if choice is Choice.VOID_KEY else _remedy(question, choice)
        if done.new_epoch and await self._is_there(state, question):
            done = after_all(question)
        await self._ledger.answer(state, done, self._around.now())
        self._auditor.forget(session)
        return done.message

    async def _ask_again(self, job: Job, session: str, price: Decimal) -> str:
        """Have windows that never came asked for anew by the next run; a pull that had ended goes on with them.

        Not in a restored store, where that run would ask nothing, unless the job's file gives it leave.
        """
        states = await self._ledger.sessions(job.account)
        if not job.retry_unknown and any(state.name == session and state.recovering for state in states):
            raise UsageMistake(f"job {job.name}: {NOT_AFTER_A_RESTORE}; nothing was changed")
        wanted, now = job.records or 0, self._around.now()
        missing = await self._ledger.windows.ask_again(job.account, job.name, wanted, now)
        if isinstance(missing, str):
            raise UsageMistake(f"job {job.name}: {missing}; nothing was changed")
        return asking_again(job.name, missing, price)

    async def _is_there(self, state: SessionState, question: Question) -> bool:
        """Whether the session is at the vendor after all, as the ledger has it. An open key is not given up unseen."""
        total = await self._auditor.total(state.name)
        if isinstance(total, End):
            if question.open_take is None:
                return False
            raise VendorSilent(f"{total.message}; the open key of job {question.job} stays open")
        verdict = audit(standing_of(state), total, Leave())
        return total is not None and isinstance(verdict, GoOn)

    async def _void(self, state: SessionState, question: Question) -> Remedy:
        if question.open_take is None:
            raise UsageMistake(f"job {question.job} has no open key; nothing was changed")
        total = await self._auditor.total(state.name)
        if isinstance(total, End):
            raise VendorSilent(f"{total.message}; the open key of job {question.job} stays open")
        done = voiding(question, state.books.total, total)
        if isinstance(done, str):
            raise AnswerRefused(done)
        return done


def _remedy(question: Question, choice: Choice | None) -> Remedy:
    done = remedy(question, choice)
    if isinstance(done, str):
        raise UsageMistake(done)
    return done
