"""How a one-shot ends: whole, with less than was wanted, or not yet; and what is said to whoever runs it again."""

import pytest

from leadsync.core.model import End, Outcome, Reason, Route
from leadsync.core.one_shot import Life, another_list, judge_end, seat_name, told_again

DRAINED = End(Outcome.COMPLETE, "the list has nothing more")
CUT = End(Outcome.LIMITED, "records_per_run of 100 is reached")
LIFE = Life(1, 1, "bulk-a-1", 1_300, 1_250, Route.PLAIN, asked=True, cursor=None, unknown=0, ended=Outcome.PARTIAL)


@pytest.mark.parametrize("end", [DRAINED, CUT])
@pytest.mark.parametrize("delivered", [1_300, 1_301])
def test_all_that_was_wanted_is_the_end_of_it(end: End, delivered: int) -> None:
    """Whatever ended the run well: the job is complete, and its life is over."""
    judged, over = judge_end(end, wanted=1_300, delivered=delivered)
    assert (judged.outcome, judged.message, over) == (Outcome.COMPLETE, "all 1,300 records are here", True)


def test_a_list_that_is_shorter_is_partly_done() -> None:
    """There is nothing more to have: the life is over, and it is said how much there was."""
    judged, over = judge_end(DRAINED, wanted=1_300, delivered=1_250)
    assert (judged.outcome, over) == (Outcome.PARTIAL, True)
    assert judged.message == "1,250 of 1,300 records: the list has nothing more"


@pytest.mark.parametrize(
    ("end", "delivered"),
    [
        (CUT, 1_250),
        (End(Outcome.FAILED, "connection cut"), 1_250),
        (End(Outcome.PARKED, "refused", Reason.REFUSED), 1_300),
        (End(Outcome.PARTIAL, "the answer to a request for 50 records was lost"), 1_250),
    ],
)
def test_any_other_end_leaves_it_open(end: End, delivered: int) -> None:
    """The next run goes on, and a run that ended badly is never made good by what came before."""
    assert judge_end(end, wanted=1_300, delivered=delivered) == (end, False)


def test_who_runs_what_is_done_hears_how_it_ended() -> None:
    """With its figures, and what to type to buy the list anew."""
    end = told_again("bulk", LIFE)
    assert end.outcome is Outcome.PARTIAL
    assert "done before, with 1,250 of 1,300 records; nothing was asked" in end.message
    assert "`leadsync once bulk --again`" in end.message


def test_a_seat_is_one_lifes_and_one_installations() -> None:
    """So no two lives, and no two stores, ever count in the same session."""
    names = {seat_name("bulk", installation, number) for installation in ("aa", "bb") for number in (1, 2)}
    assert len(names) == 4


def test_another_list_says_what_to_type() -> None:
    """Nothing is asked, and nothing is parked: the file, or a new life, is the answer."""
    end = another_list("bulk")
    assert (end.outcome, end.reason) == (Outcome.PARTIAL, None)
    assert "`leadsync once bulk --again`" in end.message
