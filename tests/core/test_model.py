"""The words of the trade that carry a meaning of their own: which ends are good ones, and what stops an account."""

import pytest

from leadsync.core.model import Outcome, Reason

GOOD = {Outcome.COMPLETE, Outcome.LIMITED}
PAUSING = {Reason.TOKEN_REFUSED, Reason.ABILITY_MISSING, Reason.WALLET_EMPTY}


@pytest.mark.parametrize("outcome", Outcome)
def test_a_run_ended_well_where_nothing_is_left_to_wonder_about(outcome: Outcome) -> None:
    """`once` answers 0 for these, and 1 for the rest."""
    assert outcome.ended_well is (outcome in GOOD)


@pytest.mark.parametrize("reason", Reason)
def test_what_concerns_the_token_stops_the_account(reason: Reason) -> None:
    """All else is one job's affair."""
    assert reason.pauses_account is (reason in PAUSING)
