"""The control endpoints: what another process needs to steer the simulator and to read its bill."""

from typing import Any

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import pytest

from leadsync.simulator import Fault, Simulator
from tests.simulator.caller import call, ids, page, search, simulate


def post(simulator: Simulator, path: str, order: dict[str, Any]) -> httpx.Response:
    """One order to the simulator, without a token."""
    return call(simulator, "POST", f"/_simulator/{path}", json=order, headers={"Authorization": ""})


def test_the_bill_is_there_as_json() -> None:
    """Records, dollars, ids, sessions and requests, as the simulator knows them; reading it is no request."""
    simulator = simulate()
    delivered = ids(page(simulator, "a", take=3))
    read = call(simulator, "GET", "/_simulator/bill").json()
    assert read["records"] == 3
    assert read["dollars"] == 0.03
    assert read["billed_ids"] == delivered
    assert read["by_session"] == read["sessions"] == {"phoenix": 3}
    assert [(seen["key"], seen["status"]) for seen in read["requests"]] == [("a", 200)]


def test_the_world_grows_on_order() -> None:
    """The count is added."""
    simulator = simulate(10)
    assert post(simulator, "grow", {"count": 5}).json() == {"size": 15}
    assert len(ids(page(simulator, "a", take=500))) == 15


def test_faults_stand_in_line_on_order() -> None:
    """next: names of faults, null for a pass."""
    simulator = simulate()
    assert post(simulator, "faults", {"next": ["server_error", None, "bad_gateway"]}).json() == {"waiting": 3}
    assert [search(simulator, key).status_code for key in "abc"] == [500, 200, 502]


@pytest.mark.parametrize("endpoint", ["search", "list", "delete"])
def test_a_storm_rises_and_clears_on_order(endpoint: str) -> None:
    """Storm and calm act on the endpoint that they name."""
    simulator = simulate()
    plans = {"search": simulator.faults, "list": simulator.list_faults, "delete": simulator.delete_faults}
    post(simulator, "faults", {"endpoint": endpoint, "storm": {"rate": 1.0, "kinds": ["conflict"], "seed": 1}})
    assert {name: plan.draw() for name, plan in plans.items() if plan.draw()} == {endpoint: Fault.CONFLICT}
    post(simulator, "faults", {"endpoint": endpoint, "calm": True})
    assert plans[endpoint].draw() is None


def test_a_session_is_deleted_on_order() -> None:
    """It is gone; an unknown one is 404."""
    simulator = simulate()
    page(simulator, "a")
    assert post(simulator, "sessions/phoenix/delete", {}).status_code == 200
    assert simulator.sessions == {}
    assert post(simulator, "sessions/phoenix/delete", {}).status_code == 404


def test_switches_change_on_order() -> None:
    """What is named changes, the rest stays."""
    simulator = simulate(retry_after="zero")
    read = post(simulator, "switches", {"totals_count_page": False}).json()
    assert simulator.switches.totals_count_page is read["totals_count_page"] is False
    assert simulator.switches.retry_after == read["retry_after"] == "zero"


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("grow", {"count": "many"}),
        ("faults", {"next": ["frogs"]}),
        ("faults", {"tomorrow": ["cut_after"]}),
        ("switches", {"totals": True}),
        ("switches", {"end": "never"}),
    ],
)
def test_an_order_that_means_nothing_is_refused(path: str, order: dict[str, Any]) -> None:
    """400 with the reason, and nothing changes."""
    simulator = simulate()
    before = simulator.switches
    response = post(simulator, path, order)
    assert response.status_code == 400
    assert response.json()["error"]
    assert (simulator.switches, simulator.world.size, simulator.faults.waiting) == (before, 1_000, 0)
