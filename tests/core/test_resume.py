"""The ways out of a park: each reason has its one answer, every other is refused in words, and the cost is named."""

from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest

from leadsync.core.model import Reason
from leadsync.core.protocol import Fate
from leadsync.core.resume import (
    Choice,
    Question,
    Remedy,
    after_all,
    ask_again_command,
    asking_again,
    needed,
    remedy,
    voiding,
    way_out,
)
from leadsync.core.windows import StillMissing

QUESTION = Question("phoenix", Reason.SESSION_VANISHED, 12_500, None, epoch_begun=False, price=Decimal("0.64"))
ACCEPTED = (Reason.SESSION_FOREIGN, Reason.SESSION_DRIFTED, Reason.CRITERIA_CHANGED, Reason.CRITERIA_KNOWN)
ANSWERS = dict.fromkeys(ACCEPTED, Choice.ACCEPT) | {Reason.SESSION_VANISHED: Choice.NEW_EPOCH}
"""What each reason needs; all others need nothing."""


@pytest.mark.parametrize("open_take", [None, 250])
def test_a_session_that_is_there_after_all_goes_on(open_take: int | None) -> None:
    """Nothing is begun anew and no key is closed; that the open one is asked again is said where there is one."""
    answer = after_all(replace(QUESTION, open_take=open_take))
    assert (answer.unpark, answer.new_epoch, answer.closes) == (True, False, None)
    assert ("its open key is asked again" in answer.message) is (open_take is not None)


@pytest.mark.parametrize(("reason", "choice"), list(product(Reason, (None, *Choice))))
def test_a_reason_has_one_answer(reason: Reason, choice: Choice | None) -> None:
    """The right one unparks the job; any other changes nothing, and says what is asked and what to type."""
    answer = remedy(replace(QUESTION, reason=reason), choice)
    if choice == ANSWERS.get(reason):
        assert isinstance(answer, Remedy)
        assert answer.unpark
    else:
        assert isinstance(answer, str)
        assert ("is no answer to that" if choice else "that needs a decision") in answer
        assert way_out(reason, "phoenix") in answer


@pytest.mark.parametrize("reason", Reason)
def test_what_to_type_is_what_is_taken(reason: Reason) -> None:
    """The command that is shown behind a park is the one that answers it."""
    assert needed(reason).strip() == (ANSWERS.get(reason) or "")
    if "leadsync resume phoenix" in way_out(reason, "phoenix"):
        assert f"`leadsync resume phoenix{needed(reason)}`" in way_out(reason, "phoenix")


@pytest.mark.parametrize("reason", ACCEPTED)
def test_an_acceptance_is_for_its_reason_alone(reason: Reason) -> None:
    """The next run gets leave for what the person has seen; no epoch begins and no key is closed."""
    answer = remedy(replace(QUESTION, reason=reason, open_take=10), Choice.ACCEPT)
    assert isinstance(answer, Remedy)
    assert (answer.accepts, answer.new_epoch, answer.closes) == (reason, False, None)


def test_a_job_that_is_not_parked_has_nothing_to_answer() -> None:
    """Nothing is changed."""
    assert remedy(replace(QUESTION, reason=None), None) == "job phoenix is not parked; nothing was changed"


@pytest.mark.parametrize(
    ("open_take", "epoch_begun", "new_epoch", "closes", "words"),
    [
        (None, False, True, None, "begins its session anew"),
        (10, False, True, Fate.UNKNOWN, "its open key is closed, and if its page was billed, that page is lost"),
        (None, True, False, None, "goes on in the epoch that the vendor began"),
        (10, True, False, None, "goes on in the epoch that the vendor began"),
    ],
)
def test_a_new_epoch_names_its_cost(
    open_take: int | None, epoch_begun: bool, new_epoch: bool, closes: Fate | None, words: str
) -> None:
    """How many properties may be billed again and for how much; one that the vendor began is not begun twice."""
    answer = remedy(replace(QUESTION, open_take=open_take, epoch_begun=epoch_begun), Choice.NEW_EPOCH)
    assert isinstance(answer, Remedy)
    assert (answer.new_epoch, answer.closes, answer.accepts) == (new_epoch, closes, None)
    assert words in answer.message
    assert "12,500 properties may come and be billed again, about $8,000.00" in answer.message


@pytest.mark.parametrize(
    ("ledger_total", "vendor_total", "closes", "words"),
    [
        (
            30,
            None,
            Fate.UNKNOWN,
            "no such session, and if its page was billed before that was deleted, the page is lost",
        ),
        (0, None, Fate.UNKNOWN, "if its page was billed before that was deleted, the page is lost"),
        (30, 30, Fate.VOID, "the vendor's total has not moved, so nothing was billed"),
        (0, 0, Fate.VOID, "the vendor's total has not moved, so nothing was billed"),
    ],
)
def test_a_key_is_closed_where_no_page_can_come(
    ledger_total: int, vendor_total: int | None, closes: Fate, words: str
) -> None:
    """Nothing was billed where the totals agree; where the vendor has lost the session, nobody can know any more."""
    answer = voiding(replace(QUESTION, open_take=10), ledger_total, vendor_total)
    assert isinstance(answer, Remedy)
    assert (answer.closes, answer.unpark, answer.new_epoch) == (closes, False, False)
    assert words in answer.message


@pytest.mark.parametrize("vendor_total", [31, 29])
def test_a_key_stays_open_where_its_page_was_billed(vendor_total: int) -> None:
    """The vendor's total must be where the ledger's is; else closing the key would lose a page that is paid."""
    answer = voiding(replace(QUESTION, open_take=10), 30, vendor_total)
    assert isinstance(answer, str)
    assert "nothing was changed" in answer


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        (
            StillMissing((3,), (1_000,), 0),
            "asks for one window again, and what was billed",
        ),
        (StillMissing((2, 4), (1_000, 200), 0), "asks for 2 windows again"),
        (StillMissing((), (), 1_200), "goes on with 1,200 records that it never asked for: at most 1,200 records"),
        (StillMissing((2,), (1_000,), 500), "at most 1,500 records, about $15.00"),
    ],
)
def test_asking_again_names_its_cost(missing: StillMissing, says: str) -> None:
    """What may be billed once more, and what for the first time."""
    assert says in asking_again("bulk", missing, Decimal("0.01"))


def test_the_command_is_what_is_taken() -> None:
    """As it stands in log and status."""
    assert ask_again_command("bulk") == "leadsync resume bulk --ask-again"
