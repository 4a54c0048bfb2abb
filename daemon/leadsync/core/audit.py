"""Before anything is spent: the ledger against the vendor's session list, and the criteria against the epoch's.

The rows of the table, top to bottom as in `audit`. "Used": a property was stored in this epoch, or, for a session that
is absent, it had been adopted with properties in it:

    ledger      open key  vendor                                do
    deleted     any       absent                                park session_vanished
    used        any       absent                                park session_vanished, an open key waits for the person
    used        no        the same total                        go on
    used        yes       the same, or more by at most its take replay, then compare
    used        any       another total                         park session_drifted, or go on from there if allowed
    used        any       less than we had, drift allowed       park session_vanished: it was made anew
    deleted     any       another total                         park session_vanished: somebody has made it anew
    not used    any       absent                                go on where a slot can be had
    not used    no        present                               park session_foreign, unless adopted
    not used    yes       another total, accepted               replay; the base line is set when its page is known
    not used    no        present, asked before, the same total go on: our own session that found nothing yet
    not used    no        present, adopted, the same total      go on: another question came after it
    not used    yes       base line to base line + take         replay
    not used    yes       another total                         park session_foreign

Of a store that was restored, until nothing is missing any more, before all rows but those of an absent session; "up to"
is the total that the vendor had at the first audit after the restore:

    any         any       more than we have                     ask the old keys again up to that total
    any         any       more than that, and an open take      park session_drifted: it does not know the keys any more
    any         any       less than that, or than we have       park session_vanished: it was made anew since the backup
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, TypeAlias

from leadsync.core.model import Books, Reason


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger knows of a session before a run. `open_take`: records that an open key may have billed.

    `recovering`: the store was restored, and pages may be missing that were billed after its backup; `recover_until` is
    the vendor's total at the first audit after that, None before it. `adopted`: it was taken over from somebody else.
    """

    session: str
    books: Books
    open_take: int | None = None
    deleted: bool = False
    recovering: bool = False
    recover_until: int | None = None
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """What the job file allows, and what a record costs in US dollars."""

    adopt: bool = False
    drift: bool = False
    criteria_change: bool = False
    buy_again: bool = False
    price: Decimal = Decimal(0)

    def accepting(self, reason: Reason | None) -> "Leave":
        """Allow what a person has accepted, for one run."""
        match reason:
            case Reason.SESSION_FOREIGN:
                return replace(self, adopt=True, drift=True)
            case Reason.SESSION_DRIFTED:
                return replace(self, drift=True)
            case Reason.CRITERIA_CHANGED:
                return replace(self, criteria_change=True)
            case Reason.CRITERIA_KNOWN:
                return replace(self, buy_again=True)
            case _:
                return self

    def in_life(self, number: int) -> "Leave":
        """Allow what goes with a one-shot's life: who began a further one has said that the list is bought again."""
        return replace(self, buy_again=self.buy_again or number > 1)

    def answers(self, reason: Reason, *, undone: bool) -> bool:
        """Whether the file has answered this question by now; all others wait for `resume`.

        `undone`: its criteria are those of the session again.
        """
        return {
            Reason.SESSION_FOREIGN: self.adopt,
            Reason.SESSION_DRIFTED: self.drift,
            Reason.CRITERIA_CHANGED: self.criteria_change or undone,
            Reason.CRITERIA_KNOWN: self.buy_again,
        }.get(reason, False)


@dataclass(frozen=True, slots=True)
class GoOn:
    """The books agree, or were made to: `base_line` is the new one where it moves.

    `recover_until` is the total up to which the old keys are asked again: their pages are billed already.
    `needs_slot`: the vendor does not have the session, so the next page makes it.
    """

    base_line: int | None = None
    recover_until: int | None = None
    needs_slot: bool = False


@dataclass(frozen=True, slots=True)
class ParkJob:
    """Only a person can answer this."""

    reason: Reason
    message: str


NO_SLOT: Final = "no session slot is free, and this job needs a new session"

Verdict: TypeAlias = GoOn | ParkJob


def audit(ledger: Standing, vendor_total: int | None, leave: Leave) -> Verdict:
    """Judge one session; `vendor_total` is None where the vendor's list does not have it."""
    if vendor_total is None:
        return _absent(ledger, leave.price)
    restored = _restored(ledger, vendor_total, leave) if ledger.recovering else None
    if restored is not None:
        return restored
    if ledger.books.delivered:
        return _present_used(ledger, vendor_total, leave)
    return _present_unused(ledger, vendor_total, leave)


def _absent(ledger: Standing, price: Decimal) -> Verdict:
    known = ledger.books.total
    if not known:
        return GoOn(needs_slot=True)
    cost = f"about ${known * price:,.2f} at ${price} a record"
    who = "was deleted by leadsync" if ledger.deleted else "is gone at the vendor (or the token is another team's)"
    return ParkJob(
        Reason.SESSION_VANISHED,
        f"session {ledger.session} {who}; the next page would bring and bill its {known} properties again ({cost})",
    )


def _restored(ledger: Standing, vendor_total: int, leave: Leave) -> Verdict | None:
    """Judge a session of a restored store; None where nothing is missing, or a person lets go what is."""
    known, until = ledger.books.total, ledger.recover_until
    if vendor_total < max(known, until or 0):
        return ParkJob(
            Reason.SESSION_VANISHED,
            f"session {ledger.session} was made anew at the vendor since the backup: its total is {vendor_total}, after"
            f" {max(known, until or 0)}; the next page may bring and bill properties again",
        )
    if vendor_total == known:
        return None
    if until is None or vendor_total <= until + (ledger.open_take or 0):
        return GoOn(recover_until=vendor_total if until is None else until)
    if leave.drift:
        return None
    return ParkJob(Reason.SESSION_DRIFTED, forgotten(vendor_total, until, until - known))


def forgotten(vendor_total: int, until: int, missing: int) -> str:
    """Say that old keys were asked in vain; `until` is the total before that, `missing` what they should bring."""
    return (
        f"the vendor's total is {vendor_total} after {until}: it no longer knows the old keys, or"
        f" someone else uses the session; about {missing} properties billed before the restore are lost"
    )


def _present_used(ledger: Standing, vendor_total: int, leave: Leave) -> Verdict:
    books = ledger.books
    if books.total <= vendor_total <= books.total + (ledger.open_take or 0):
        return GoOn()
    if ledger.deleted or (leave.drift and vendor_total < books.delivered):
        # Nobody's use makes a total smaller: the session was deleted and used again, as is one that we have deleted.
        who = "was deleted by leadsync, and made anew" if ledger.deleted else "was made anew"
        return ParkJob(
            Reason.SESSION_VANISHED,
            f"session {ledger.session} {who} at the vendor: its total is {vendor_total}, after {books.total};"
            " the next page would bring and bill properties again",
        )
    if leave.drift:
        # With a key open the base line is set after its replay, when its page is known.
        return GoOn(None if ledger.open_take else vendor_total - books.delivered)
    return ParkJob(
        Reason.SESSION_DRIFTED,
        f"session {ledger.session}: the vendor's total is {vendor_total}, the ledger's {books.total}:"
        " someone else uses it, or this store is old (if it was put back from a backup, first"
        " `leadsync resume --store restored`)",
    )


def _present_unused(ledger: Standing, vendor_total: int, leave: Leave) -> Verdict:
    books = ledger.books
    if ledger.open_take is not None:
        ours = books.base_line <= vendor_total <= books.base_line + ledger.open_take
    else:
        ours = (books.asked_before or ledger.adopted) and vendor_total == books.base_line
    if ours:
        return GoOn()
    if leave.adopt and ledger.open_take is None:
        return GoOn(base_line=vendor_total)
    if leave.adopt and leave.drift:
        return GoOn()
    return ParkJob(
        Reason.SESSION_FOREIGN,
        f"session {ledger.session} is at the vendor with {vendor_total} properties delivered, and not by leadsync",
    )


def judge_criteria(*, kept: str | None, now: str, known_from: str | None, leave: Leave) -> ParkJob | None:
    """Say whether the list is still the one that this epoch began with, and not one that was bought before.

    `kept` is the hash that the epoch began with, None where nothing was asked yet; `known_from` names another session
    that has delivered the same criteria, or has asked for them: one of the account, or of the job under another.
    """
    if kept is not None and kept != now and not leave.criteria_change:
        return ParkJob(
            Reason.CRITERIA_CHANGED,
            "[search] or the sort is not what this session began with; what the session would bring now is unknown",
        )
    if kept is None and known_from is not None and not leave.buy_again:
        return ParkJob(
            Reason.CRITERIA_KNOWN,
            f"session {known_from} has delivered these criteria, or asked for them; a new session would buy that list"
            " again",
        )
    return None
