"""The table of routes, and that it has a row for everything."""

from itertools import product

import pytest

from leadsync.core.model import Route
from leadsync.core.routes import Circumstances, Wish, choose_route

YES_NO_UNKNOWN = (True, False, None)
INCREMENTAL = Wish(one_shot=False)
SMALL = Wish(one_shot=True, records=500, async_above=500)
LARGE = Wish(one_shot=True, records=501, async_above=500)

ONE_SHOTS_WITHOUT_ASYNC = [
    # session ability, slot free, route
    (True, True, Route.THROWAWAY),
    (True, False, Route.PLAIN),
    (True, None, None),
    (False, True, Route.PLAIN),
    (False, False, Route.PLAIN),
    (False, None, Route.PLAIN),
    (None, True, None),
    (None, False, Route.PLAIN),
    (None, None, None),
]


@pytest.mark.parametrize(("webhooks", "ability", "slot"), list(product((True, False), YES_NO_UNKNOWN, YES_NO_UNKNOWN)))
def test_an_incremental_job_goes_by_its_session(webhooks: bool, ability: bool | None, slot: bool | None) -> None:
    """An incremental job has one route, whatever the circumstances; they decide when, not how."""
    assert choose_route(INCREMENTAL, Circumstances(webhooks, ability, slot)) is Route.SESSION


@pytest.mark.parametrize(("ability", "slot"), list(product(YES_NO_UNKNOWN, YES_NO_UNKNOWN)))
def test_a_large_one_shot_goes_async(ability: bool | None, slot: bool | None) -> None:
    """More records than `async_above`, and a webhook to receive them: async, whatever the sessions do."""
    assert choose_route(LARGE, Circumstances(True, ability, slot)) is Route.ASYNC


@pytest.mark.parametrize(("ability", "slot", "route"), ONE_SHOTS_WITHOUT_ASYNC)
@pytest.mark.parametrize(("wish", "webhooks"), [(SMALL, True), (SMALL, False), (LARGE, False)])
def test_any_other_one_shot(
    wish: Wish, webhooks: bool, ability: bool | None, slot: bool | None, route: Route | None
) -> None:
    """A throw-away session where it is sure, plain where it is sure that it cannot be, else wait: no outage chooses."""
    assert choose_route(wish, Circumstances(webhooks, ability, slot)) is route
