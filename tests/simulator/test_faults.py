"""Each fault does what it says, in process: what the client sees, and what the vendor has done by then."""

import asyncio
import json

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import pytest

from leadsync.simulator import Fault
from tests.simulator.caller import SEARCH, SESSIONS, body, call, client, ids, message, page, search, simulate

STATUSES = {
    Fault.HTML_200: 200,
    Fault.EMPTY_BODY: 200,
    Fault.ODD_JSON: 200,
    Fault.SLOW: 200,
    Fault.UNAVAILABLE_AFTER: 503,
    Fault.GATEWAY_TIMEOUT: 504,
    Fault.BAD_GATEWAY: 502,
    Fault.SERVER_ERROR: 500,
    Fault.RATE_LIMITED: 429,
    Fault.RATE_LIMITED_BARE: 429,
    Fault.REDIRECT: 302,
    Fault.NO_TOKEN: 401,
    Fault.NO_ABILITY: 403,
    Fault.EMPTY_WALLET: 403,
    Fault.MALFORMED: 400,
    Fault.CONFLICT: 409,
}
CUTS = [Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.TRUNCATED]
WORDS = {
    Fault.NO_ABILITY: "permission",
    Fault.EMPTY_WALLET: "Insufficient balance",
    Fault.MALFORMED: "array of strings",
    Fault.CONFLICT: "in progress",
}


def test_every_fault_is_tried_here() -> None:
    """No kind of fault is without a test."""
    assert {*STATUSES, *CUTS, Fault.HANG} == set(Fault)


@pytest.mark.parametrize("fault", STATUSES)
def test_a_fault_answers_with_its_status(fault: Fault) -> None:
    """The status is the fault's; the page is billed where the fault strikes after, and then the next try is free."""
    simulator = simulate(slow_s=0.01)
    simulator.faults.next(fault)
    assert search(simulator, "a", take=40).status_code == STATUSES[fault]
    assert simulator.bill.records == (40 if fault.advances else 0)
    assert len(ids(page(simulator, "a", take=40))) == 40
    assert simulator.bill.records == 40
    assert [seen.status for seen in simulator.bill.requests] == [STATUSES[fault], 200]


@pytest.mark.parametrize("fault", CUTS)
def test_a_cut_leaves_no_answer(fault: Fault) -> None:
    """The client reads an error; the page is billed where the cut came after, and then the next try is free."""
    simulator = simulate()
    simulator.faults.next(fault)
    with pytest.raises(httpx.ReadError):
        search(simulator, "a", take=40)
    assert simulator.bill.records == (40 if fault.advances else 0)
    assert len(ids(page(simulator, "a", take=40))) == 40
    assert simulator.bill.records == 40


def test_a_hang_lasts_until_the_client_goes_and_lets_the_next_in() -> None:
    """The client's patience ends first; the page is billed; the session is free again for the replay."""
    simulator = simulate(at_once="conflict")
    simulator.faults.next(Fault.HANG)

    async def hang_then_ask() -> httpx.Response:
        async with client(simulator) as speaking:
            with pytest.raises(httpx.ReadTimeout):
                await speaking.post(SEARCH, json=body("a", take=40), timeout=0.02)
            return await speaking.post(SEARCH, json=body("a", take=40))

    assert asyncio.run(hang_then_ask()).status_code == 200
    assert simulator.bill.records == 40


@pytest.mark.parametrize("fault", WORDS)
def test_a_refusal_speaks_the_vendors_words(fault: Fault) -> None:
    """What the client must tell apart by its message says so."""
    simulator = simulate()
    simulator.faults.next(fault)
    assert WORDS[fault] in message(search(simulator, "a"))


@pytest.mark.parametrize("fault", [Fault.HTML_200, Fault.BAD_GATEWAY, Fault.UNAVAILABLE_AFTER, Fault.GATEWAY_TIMEOUT])
def test_a_gateway_answers_in_html(fault: Fault) -> None:
    """What is no JSON says that it is none."""
    simulator = simulate()
    simulator.faults.next(fault)
    response = search(simulator, "a")
    assert response.headers["content-type"].startswith("text/html")
    assert response.content.startswith(b"<html>")


def test_an_empty_body_is_empty() -> None:
    """200, and not a byte."""
    simulator = simulate()
    simulator.faults.next(Fault.EMPTY_BODY)
    assert search(simulator, "a").content == b""


def test_a_redirect_leads_to_another_host() -> None:
    """Who follows it carries the token away."""
    simulator = simulate()
    simulator.faults.next(Fault.REDIRECT)
    assert search(simulator, "a").headers["location"].startswith("https://elsewhere.invalid/")


def test_only_the_polite_429_says_how_long() -> None:
    """RATE_LIMITED has Retry-After, RATE_LIMITED_BARE has not."""
    simulator = simulate()
    simulator.faults.next(Fault.RATE_LIMITED, Fault.RATE_LIMITED_BARE)
    assert ["retry-after" in search(simulator, "a").headers for _ in range(2)] == [True, False]


def test_odd_json_is_whole_and_odd_in_its_first_property_alone() -> None:
    """Surrogates, NaN, 1e999 and 100,000 levels stand in the first property; the others are as they were."""
    simulator = simulate()
    simulator.faults.next(Fault.ODD_JSON)
    content = search(simulator, "a", take=3).content
    odd = b'"remarks":"\\ud800","numbers":[NaN,1e999],"deep":' + b"[" * 100_000 + b"]" * 100_000 + b","
    assert content.count(odd) == 1
    mended = json.loads(content.replace(odd, b""))["results"]["properties"]
    assert [json.dumps(each) for each in mended] == [
        json.dumps(json.loads(simulator.world.record(n))) for n in range(3)
    ]


def test_faults_stand_in_line_and_none_passes() -> None:
    """Each search meets the next in line; None is a pass; then the weather is fair."""
    simulator = simulate()
    simulator.faults.next(Fault.SERVER_ERROR, None, Fault.BAD_GATEWAY)
    assert simulator.faults.waiting == 3
    assert [search(simulator, key).status_code for key in "abcd"] == [500, 200, 502, 200]


def test_a_storm_is_drawn_from_its_seed() -> None:
    """The same storm strikes the same requests, about as often as asked, until the weather clears."""

    def statuses(seed: int) -> list[int]:
        simulator = simulate()
        simulator.faults.storm(0.5, [Fault.SERVER_ERROR, Fault.BAD_GATEWAY], seed)
        struck = [search(simulator, f"k{number}", take=1).status_code for number in range(40)]
        simulator.faults.next(Fault.CONFLICT)
        simulator.faults.calm()
        assert [search(simulator, f"c{number}", take=1).status_code for number in range(10)] == [200] * 10
        return struck

    assert statuses(1) == statuses(1) != statuses(2)
    assert {500, 502, 200} == set(statuses(1))
    assert 8 <= statuses(1).count(200) <= 32


def test_a_fault_of_the_list_leaves_searches_alone() -> None:
    """The list has a plan of its own."""
    simulator = simulate()
    simulator.list_faults.next(Fault.UNAVAILABLE_AFTER, Fault.CUT_BEFORE)
    assert search(simulator, "a").status_code == 200
    assert call(simulator, "GET", SESSIONS).status_code == 503
    with pytest.raises(httpx.ReadError):
        call(simulator, "GET", SESSIONS)
    assert call(simulator, "GET", SESSIONS).status_code == 200


@pytest.mark.parametrize(("fault", "there"), [(Fault.CUT_BEFORE, True), (Fault.CUT_AFTER, False)])
def test_a_deletion_may_have_happened_though_its_reply_was_lost(fault: Fault, there: bool) -> None:
    """A cut before the deletion keeps the session, one after it does not."""
    simulator = simulate()
    page(simulator, "a")
    simulator.delete_faults.next(fault)
    with pytest.raises(httpx.ReadError):
        call(simulator, "DELETE", f"{SESSIONS}/phoenix")
    assert ("phoenix" in simulator.sessions) is there
