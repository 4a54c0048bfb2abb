"""The async endpoint: acknowledged at once, billed when the result is made, and brought by webhook."""

import json
from dataclasses import asdict
from typing import Any

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import pytest

from leadsync.simulator import Fate, Fault, Sending
from tests.simulator.async_caller import ASYNC, ERROR, RESULT, ask, simulated, window
from tests.simulator.caller import call, ids, message, page, simulate
from tests.virtual_time import run_virtually


def results(letters: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """The `results` of what came."""
    return [json.loads(body)["results"] for _, body in letters]


def test_a_result_comes_to_its_address() -> None:
    """The acknowledgement's id is the result's; that is a whole reply without a session, and it was billed."""
    simulator, box = simulated()
    (answer,) = ask(simulator, window(take=1_000))
    ((url, _),), (brought,) = box.letters, results(box.letters)
    assert answer.json() == {"status": {"code": 200, "text": "OK"}, "meta": answer.json()["meta"]}
    assert answer.json()["meta"]["requestId"] == brought["meta"]["requestId"]
    assert (url, len(ids(brought)), brought["nextPageCursor"]) == (RESULT, 1_000, None)
    assert "searchSessionMeta" not in brought
    assert simulator.bill.billed_ids == ids(brought)
    assert simulator.bill.by_session == {"": 1_000}


def test_nothing_is_billed_before_the_result_is_made() -> None:
    """result_after_s: at the acknowledgement there is no bill, then there is."""
    simulator, box = simulated(result_after_s=10)
    ask(simulator, window(), wait_s=9)
    assert (simulator.bill.records, box.letters) == (0, [])
    ask(simulator, window(), wait_s=11)
    assert simulator.bill.records == 40


def test_windows_lie_side_by_side() -> None:
    """Skip and take: four windows bring each property once, the last one what is left."""
    simulator, box = simulated()
    ask(simulator, *(window(skip, 300) for skip in (0, 300, 600, 900)))
    found = [ids(each) for each in results(box.letters)]
    assert [result.records for result in simulator.results] == [300, 300, 300, 100]
    assert len({each for one in found for each in one}) == 1_000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (window(searchSession={"id": "phoenix"}), "searchSession is not supported on async endpoints."),
        (window(searchSession={"id": "phoenix"}, webhookUrl=None), "searchSession is not supported"),
        (window(webhookUrl=None), "options.webhookUrl is required"),
        (window(take=1_001), "take must not be greater than 1000"),
        (window(skip=-1), "must not be negative"),
        ({"searchCriteria": {"quickLists": 7}}, "array of strings"),
        ({}, "searchCriteria"),
    ],
)
def test_what_is_refused(body: dict[str, Any], said: str) -> None:
    """400 in the vendor's words, and nothing was taken."""
    simulator, _ = simulated()
    (answer,) = ask(simulator, body)
    assert (answer.status_code, simulator.results) == (400, [])
    assert said in message(answer)


def test_a_session_is_seen_though_it_is_refused() -> None:
    """Whoever watches for one (P6) finds it among the requests."""
    simulator, _ = simulated()
    ask(simulator, window(searchSession={"id": "phoenix"}, webhookUrl=None))
    assert [(seen.path, seen.session) for seen in simulator.bill.requests] == [(ASYNC, "phoenix")]


def test_an_empty_wallet_takes_nothing() -> None:
    """403 in the words of the wallet."""
    simulator, _ = simulated(wallet_dollars=0)
    (answer,) = ask(simulator, window())
    assert (answer.status_code, simulator.results) == (403, [])
    assert "Insufficient balance" in message(answer)


def test_the_wallet_may_be_empty_by_then() -> None:
    """The second result is an error, and is not billed."""
    simulator, box = simulated(wallet_dollars=0.4)
    ask(simulator, window(), window())
    assert [url for url, _ in box.letters] == [RESULT, ERROR]
    assert json.loads(box.letters[1][1])["status"]["code"] == 403
    assert simulator.bill.records == 40


@pytest.mark.parametrize(
    ("place", "found"), [("meta", ["meta"]), ("root", ["requestId"]), ("result", ["result"]), ("missing", [])]
)
def test_where_the_acknowledgement_has_its_id(place: str, found: list[str]) -> None:
    """acknowledged_id: under `meta`, at the root, under `result`, or nowhere."""
    simulator, _ = simulated(acknowledged_id=place)
    (answer,) = ask(simulator, window())
    said = answer.json()
    assert [name for name in said if name != "status"] == found
    if found:
        assert (said if place == "root" else said[place])["requestId"] == simulator.results[0].request_id


@pytest.mark.parametrize("status", [200, 202])
def test_with_which_status_it_is_acknowledged(status: int) -> None:
    """acknowledged_with: either."""
    simulator, _ = simulated(acknowledged_with=status)
    assert [answer.status_code for answer in ask(simulator, window())] == [status]


@pytest.mark.parametrize(
    ("switches", "common"),
    [({}, 0), ({"skip_slips": 7}, 7), ({"skip_slips": -7}, 0), ({"skip_honoured": False}, 40)],
)
def test_what_a_window_brings_again(switches: dict[str, Any], common: int) -> None:
    """skip_honoured, skip_slips: nothing, some, or all of the window before; each time all of it is billed."""
    simulator, box = simulated(**switches)
    ask(simulator, window(), window(skip=40))
    first, second = (ids(each) for each in results(box.letters))
    assert (len(second), len({*first} & {*second})) == (40, common)
    assert simulator.bill.records == 80


@pytest.mark.parametrize(("rate", "full"), [(0.0, True), (1.0, False)])
def test_a_window_may_be_short(rate: float, full: bool) -> None:
    """short_window_rate: it brings less than there is, and bills that."""
    simulator, box = simulated(short_window_rate=rate)
    ask(simulator, window())
    (brought,) = results(box.letters)
    assert (len(ids(brought)) == 40) is full
    assert simulator.bill.records == len(ids(brought)) > 0


@pytest.mark.parametrize(("place", "read"), [("options", ["basic"]), ("root", ["deed"])])
def test_where_datasets_are_read(place: str, read: list[str]) -> None:
    """datasets_read: in `options` or at the root."""
    simulator, _ = simulated(datasets_read=place)
    ask(simulator, window(datasets=["basic"], root={"datasets": ["deed"]}))
    assert list(simulator.results[0].asked.datasets) == read


def test_results_may_come_in_another_order() -> None:
    """result_spread_s: each comes once, not as they were asked for."""
    simulator, box = simulated(result_spread_s=50)
    ask(simulator, *(window(skip, 100) for skip in range(0, 1_000, 100)))
    came = [each["meta"]["requestId"] for each in results(box.letters)]
    asked = [result.request_id for result in simulator.results]
    assert came != asked
    assert sorted(came) == sorted(asked)


@pytest.mark.parametrize(("differ", "bodies"), [(False, 1), (True, 3)])
def test_a_result_may_come_more_than_once(differ: bool, bodies: int) -> None:
    """Callbacks' copies: the same properties each time, in the same bytes or not; it is billed once."""
    simulator, box = simulated(callbacks=Sending(copies=3, tries_max=2), copies_differ=differ)
    ask(simulator, window())
    assert len({body for _, body in box.letters}) == bodies
    assert [ids(each) for each in results(box.letters)] == [simulator.bill.billed_ids] * 3
    assert box.hows == [Sending(copies=1, tries_max=2)] * 3
    assert simulator.results[0].statuses == [200] * 3


@pytest.mark.parametrize(
    ("fate", "billed", "urls"),
    [
        (Fate.LOST, 40, []),
        (Fate.DROPPED, 0, []),
        (Fate.FAILED, 0, [ERROR]),
        (Fate.HELD, 40, []),
        (Fate.ODD, 40, [RESULT]),
    ],
)
def test_what_may_become_of_a_result(fate: Fate, billed: int, urls: list[str]) -> None:
    """Each fate bills and sends what it says; the next result is as if nothing had been."""
    simulator, box = simulated()
    simulator.fates.next(fate)
    answer, _ = ask(simulator, window(), window())
    assert answer.status_code == 200
    assert [url for url, _ in box.letters] == [*urls, RESULT]
    assert simulator.bill.records == billed + 40
    assert [result.records for result in simulator.results] == [billed, 40]


def test_every_fate_is_tried_here() -> None:
    """No fate is without a test."""
    assert set(Fate) == {Fate.LOST, Fate.DROPPED, Fate.FAILED, Fate.HELD, Fate.ODD}


def test_what_was_held_is_sent_when_somebody_says_so() -> None:
    """Once, and again where it is named; nothing is billed for that."""
    simulator, box = simulated()
    simulator.fates.next(Fate.HELD, Fate.LOST)
    ask(simulator, window(), window(), window())
    held = simulator.results[0].request_id
    run_virtually(simulator.send_results())
    run_virtually(simulator.send_results())
    run_virtually(simulator.send_results([held]))
    came = [each["meta"]["requestId"] for each in results(box.letters)]
    assert came == [simulator.results[2].request_id, held, held]
    assert simulator.bill.records == 120


def test_what_was_cut_off_is_made_and_sent_then() -> None:
    """A loop that ends takes its tasks with it; the vendor has them still."""
    simulator, box = simulated(result_after_s=100)
    ask(simulator, window(), wait_s=1)
    assert (simulator.bill.records, box.letters) == (0, [])
    run_virtually(simulator.send_results())
    assert (simulator.bill.records, len(box.letters)) == (40, 1)


def test_an_odd_result_is_no_json_that_can_be_read() -> None:
    """Lone surrogates and endless nesting, in the first property."""
    simulator, box = simulated()
    simulator.fates.next(Fate.ODD)
    ask(simulator, window())
    with pytest.raises(RecursionError):
        results(box.letters)


@pytest.mark.parametrize("shape", ["envelope", "results", "bare", "text"])
@pytest.mark.parametrize(("place", "url"), [("error_url", ERROR), ("result_url", RESULT)])
def test_what_an_error_looks_like_and_where_it_goes(shape: str, place: str, url: str) -> None:
    """error_shape, errors_to: with its id where there is JSON."""
    simulator, box = simulated(error_shape=shape, errors_to=place)
    simulator.fates.next(Fate.FAILED)
    ask(simulator, window())
    ((went, body),) = box.letters
    assert went == url
    assert b"could not be completed" in body
    assert (simulator.results[0].request_id.encode() in body) is (shape != "text")


def test_without_an_address_an_error_goes_nowhere() -> None:
    """`errorWebhookUrl` is optional."""
    simulator, box = simulated()
    simulator.fates.next(Fate.FAILED)
    ask(simulator, window(errorWebhookUrl=None))
    assert box.letters == []


@pytest.mark.parametrize(("fault", "taken"), [(Fault.CUT_AFTER, True), (Fault.CUT_BEFORE, False)])
def test_a_lost_acknowledgement_may_have_run_or_not(fault: Fault, taken: bool) -> None:
    """Who asked reads an error either way; the one runs, is billed and comes."""
    simulator, box = simulated()
    simulator.async_faults.next(fault)
    with pytest.raises(httpx.ReadError):
        ask(simulator, window())
    assert [each.status for each in simulator.bill.requests] == [0]
    assert len(simulator.results) == taken
    run_virtually(simulator.send_results())
    assert (len(box.letters), simulator.bill.records) == ((1, 40) if taken else (0, 0))


def test_a_result_may_overtake_its_acknowledgement() -> None:
    """Fault.SLOW: it is there before anybody was told of its id."""
    simulator, box = simulated(result_after_s=1, slow_s=3)
    simulator.async_faults.next(Fault.SLOW)
    (answer,) = ask(simulator, window(), wait_s=0)
    assert (answer.status_code, len(box.letters)) == (200, 1)


def test_the_weather_of_searches_is_another() -> None:
    """A fault of the async endpoint befalls no search."""
    simulator = simulate()
    simulator.async_faults.next(Fault.CUT_AFTER)
    assert len(ids(page(simulator, "a"))) == 25


def test_orders_from_another_process() -> None:
    """Faults, fates and switches come by /_simulator/; results are listed without addresses, and sent on order."""
    simulator, box = simulated()

    def order(path: str, said: dict[str, Any]) -> httpx.Response:
        return call(simulator, "POST", f"/_simulator/{path}", json=said)

    assert order("faults", {"endpoint": "async", "next": [None]}).json() == {"waiting": 1}
    assert order("fates", {"next": ["held", None], "storm": {"rate": 1, "kinds": ["lost"], "seed": 1}}).json() == {
        "waiting": 2
    }
    assert order("switches", {"callbacks": asdict(Sending(copies=2))}).json()["callbacks"]["copies"] == 2
    ask(simulator, window(datasets=["basic"]), window(skip=40), window(skip=80))
    listed = call(simulator, "GET", "/_simulator/results").json()["results"]
    assert [each["fate"] for each in listed] == ["held", None, "lost"]
    assert [each["statuses"] for each in listed] == [[], [200, 200], []]
    sent = order("results/send", {"request_ids": [listed[0]["request_id"]]}).json()["results"]
    assert sent[0] == {**listed[0], "statuses": [200, 200]}
    assert {"skip": 0, "take": 40, "datasets": ["basic"], "records": 40}.items() <= sent[0].items()
    assert len(box.letters) == 4
    assert order("fates", {"calm": True}).json() == {"waiting": 0}


@pytest.mark.parametrize(("path", "said"), [("fates", {"next": ["frogs"]}), ("results/send", {"ids": []})])
def test_an_order_that_means_nothing_is_refused(path: str, said: dict[str, Any]) -> None:
    """400 with the reason."""
    response = call(simulate(), "POST", f"/_simulator/{path}", json=said)
    assert response.status_code == 400
    assert response.json()["error"]
