"""The ways out: what a person types where a job is parked, and what each answer does to the books.

    reason            needs         does
    session_vanished  --new-epoch   a new epoch begins; an open key is closed, since its session is gone. Where it is at
                                    the vendor after all, as the ledger has it, the job goes on
    session_foreign   --accept      the session is taken over: its total becomes the base line
    session_drifted   --accept      the base line moves, so that the totals agree again
    criteria_changed  --accept      the epoch goes on with the job's new criteria
    criteria_known    --accept      the list is bought once more
    refused           nothing       the job's file was mended; a session that has delivered nothing forgets its criteria
    an open key       --void-key    the key is closed without a page, as long as the vendor's total has not moved
    lost windows      --ask-again   those that expired or failed are asked for anew; they may be billed once more

An acceptance is good for the next run alone: what it meets is what the person has seen.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from leadsync.core.model import Reason
from leadsync.core.protocol import Fate
from leadsync.core.windows import StillMissing

_ACCEPTED = frozenset({Reason.SESSION_FOREIGN, Reason.SESSION_DRIFTED, Reason.CRITERIA_CHANGED, Reason.CRITERIA_KNOWN})

_WAYS_OUT: Final = {
    Reason.SESSION_VANISHED: "{command} begins it anew and buys it again; or give the job another session",
    Reason.SESSION_FOREIGN: "{command}, or adopt = true, takes it over; or give the job another session",
    Reason.SESSION_DRIFTED: "find out who uses it, then {command} goes on from the vendor's total",
    Reason.CRITERIA_CHANGED: "undo the change, or {command} goes on in this session; or give the job another session",
    Reason.CRITERIA_KNOWN: "if the list is wanted twice, {command}, or buy_again = true",
    Reason.REFUSED: "mend the job's file, then {command}",
    Reason.STORE_MOVED: "say what has happened: `leadsync resume --store moved`, or copied, or restored",
    Reason.STORE_COPIED: "say what has happened: `leadsync resume --store copied`, or moved, or restored",
    Reason.STORE_RESTORED: "say what has happened: `leadsync resume --store restored`, or moved, or copied",
    Reason.TOKEN_REFUSED: "put a valid token where the configuration says; the next due run tries once by itself",
    Reason.ABILITY_MISSING: "give the token the ability that `leadsync doctor` misses; the next due run tries once",
    Reason.WALLET_EMPTY: "fill the wallet; the next due run tries once by itself",
}


NOT_AFTER_A_RESTORE: Final = (
    "the store was restored, and what was asked for after its backup may be billed: its runs ask nothing more, unless"
    " retry_unknown = true in the job's file lets them go on from where the backup stood"
)
"""Why windows of a one-shot are not asked for again."""


class Choice(StrEnum):
    """What a person may answer with."""

    ACCEPT = "--accept"
    NEW_EPOCH = "--new-epoch"
    VOID_KEY = "--void-key"
    ASK_AGAIN = "--ask-again"


def ask_again_command(job: str) -> str:
    """Return what asks again for the windows of a one-shot that never came."""
    return f"leadsync resume {job} {Choice.ASK_AGAIN}"


@dataclass(frozen=True, slots=True)
class Question:
    """What a job waits with. `known` counts what the session has delivered as far as the ledger knows.

    `epoch_begun`: the vendor has made the session anew, and the page that showed it is the new epoch's first.
    `open_take`: records that an open key may have billed, None without one.
    """

    job: str
    reason: Reason | None
    known: int
    open_take: int | None
    epoch_begun: bool
    price: Decimal


@dataclass(frozen=True, slots=True)
class Remedy:
    """What is done, in one transaction, and what the person is told.

    `accepts` is a leave for the next run; `closes` is how the open key ends: void where nothing was billed for it,
    unknown where its page may have been billed and is lost, which counts as spent.
    """

    message: str
    unpark: bool = True
    accepts: Reason | None = None
    new_epoch: bool = False
    closes: Fate | None = None


def needed(reason: Reason) -> str:
    """Return what `leadsync resume JOB` needs behind it for this reason."""
    if reason is Reason.SESSION_VANISHED:
        return f" {Choice.NEW_EPOCH}"
    return f" {Choice.ACCEPT}" if reason in _ACCEPTED else ""


def way_out(reason: Reason, job: str) -> str:
    """Say what to type, or to mend; shown behind every message of that reason."""
    return _WAYS_OUT[reason].format(command=f"`leadsync resume {job}{needed(reason)}`")


def remedy(question: Question, choice: Choice | None) -> Remedy | str:
    """Return what an answer does, or why it is none; a voided key is for `voiding`, which needs the vendor's total."""
    reason, job = question.reason, question.job
    if reason is None:
        return f"job {job} is not parked; nothing was changed"
    wanted = needed(reason).strip()
    if (choice or "") != wanted:
        given = f"{choice} is no answer to that" if choice else "that needs a decision"
        return f"job {job} is parked {reason}: {given}; {way_out(reason, job)}"
    match reason:
        case Reason.SESSION_VANISHED:
            return _new_epoch(question)
        case Reason.SESSION_FOREIGN | Reason.SESSION_DRIFTED:
            told = "goes on from whatever total the vendor names at its next run; that costs nothing by itself"
        case Reason.CRITERIA_CHANGED:
            told = "goes on with its new criteria; what the session delivers from now on is billed as ever"
        case Reason.CRITERIA_KNOWN:
            told = "buys the list although another session has delivered it; each property is billed once more"
        case _:
            return Remedy(f"job {job} asks again at its next run; a page that the vendor answers is billed as ever")
    return Remedy(f"job {job} {told}", accepts=reason)


def _new_epoch(question: Question) -> Remedy:
    cost = f"{question.known:,} properties may come and be billed again, about ${question.known * question.price:,.2f}"
    if question.epoch_begun:
        return Remedy(f"job {question.job} goes on in the epoch that the vendor began: {cost}")
    message = f"job {question.job} begins its session anew at its next run: {cost}"
    if question.open_take is None:
        return Remedy(message, new_epoch=True)
    closed = "its open key is closed, and if its page was billed, that page is lost with the session"
    return Remedy(f"{message}; {closed}: the budget counts it as spent", new_epoch=True, closes=Fate.UNKNOWN)


def after_all(question: Question) -> Remedy:
    """Go on with a session that is at the vendor as the ledger has it: a wrong token, or a list, had hidden it."""
    key = "" if question.open_take is None else ", and its open key is asked again"
    return Remedy(
        f"the session of job {question.job} is at the vendor after all, with a total that the ledger explains: the job"
        f" goes on with it{key}; nothing is begun anew"
    )


def asking_again(job: str, missing: StillMissing, price: Decimal) -> str:
    """Say what it means that windows are asked for once more, and those that never were."""
    count, records = len(missing.takes), sum(missing.takes)
    which = "one window" if count == 1 else f"{count} windows"
    parts = [f"asks for {which} again, and what was billed for them is billed once more"] if count else []
    parts += [f"goes on with {missing.further:,} records that it never asked for"] if missing.further else []
    most = records + missing.further
    return (
        f"job {job} {', and '.join(parts)}: at most {most:,} records, about ${most * price:,.2f}. The daemon does that"
        f" now; without one, `leadsync once {job}`"
    )


def voiding(question: Question, ledger_total: int, vendor_total: int | None) -> Remedy | str:
    """Close a key that the vendor never answers, unless the vendor's total says that its page was billed.

    A session that is not there says nothing: it was never made, or it was deleted with what its first page had brought.
    """
    if vendor_total is not None and vendor_total != ledger_total:
        return (
            f"the vendor's total is {vendor_total} and the ledger's {ledger_total}: the open key's page was billed,"
            f" and closing the key would lose it; nothing was changed, the next run of {question.job} asks for it again"
        )
    closed = f"the open key of job {question.job} is closed"
    if vendor_total is None:
        lost = "if its page was billed before that was deleted, the page is lost: the budget counts it as spent"
        return Remedy(f"{closed}; the vendor has no such session, and {lost}", unpark=False, closes=Fate.UNKNOWN)
    message = f"{closed}; the vendor's total has not moved, so nothing was billed"
    return Remedy(message, unpark=False, closes=Fate.VOID)
