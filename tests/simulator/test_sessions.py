"""What the vendor documents of search sessions: forward only, a key's page again for nothing, a deleted one anew."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsync.simulator import Bill, Switches, World
from leadsync.simulator.criteria import Criteria
from leadsync.simulator.sessions import Ask, Page, Sessions
from tests.simulator.caller import SEARCH, SESSIONS, Clock, body, call, ids, message, meta, page, search, simulate


def ask(sessions: Sessions, key: str, take: int) -> Page:
    """One search in the session 'phoenix' for everything; the key stands for the body too."""
    answer = sessions.ask(Ask("phoenix", key, Criteria(), "everything", take, key), Switches(), Clock()())
    assert isinstance(answer, Page)
    return answer


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["new", "replay", "grow"]), st.integers(1, 90)), max_size=30))
def test_whatever_is_asked_each_property_is_billed_once(steps: list[tuple[str, int]]) -> None:
    """New keys, replays and new properties in any order: pages never overlap, replays are their pages, none is lost."""
    world = World(7, 100)
    bill = Bill(world)
    sessions = Sessions(world, bill)
    pages: dict[str, tuple[Page, int]] = {}
    for number, (step, amount) in enumerate(steps):
        if step == "grow":
            world.grow(amount)
        elif step == "new":
            pages[f"k{number}"] = (ask(sessions, f"k{number}", amount), amount)
        elif pages:
            key = list(pages)[amount % len(pages)]
            assert (ask(sessions, key, pages[key][1]), pages[key][1]) == pages[key]
    ask(sessions, "rest", 500)
    delivered = [index for charge in bill.charges for index in charge.indexes]
    assert delivered == list(range(min(world.size, len(delivered))))
    assert len(delivered) >= min(world.size, 500)
    assert bill.records == len(delivered)


def test_first_page_is_new_and_totals_add_up() -> None:
    """IsNewSession is said once; totalDelivered grows by each page."""
    simulator = simulate()
    said = [meta(page(simulator, key, take=40)) for key in ("a", "b", "c")]
    assert said == [(True, 40), (False, 80), (False, 120)]


def test_a_replay_is_the_same_page_and_bills_nothing() -> None:
    """The same key and body again: the same properties, the session where it was, the bill as it was."""
    simulator = simulate()
    first = page(simulator, "a", take=40)
    page(simulator, "b", take=40)
    again = page(simulator, "a", take=40)
    assert again["properties"] == first["properties"]
    assert simulator.bill.records == 80
    assert simulator.sessions["phoenix"].total == 80


def test_a_new_key_goes_on() -> None:
    """Another key brings the next page, and bills it, whether or not the last one arrived."""
    simulator = simulate()
    first, second = ids(page(simulator, "a", take=40)), ids(page(simulator, "b", take=40))
    assert not set(first) & set(second)
    assert simulator.bill.billed_ids == first + second


def test_no_key_goes_on_each_time() -> None:
    """Without a key the same bytes are a new request: the page is another, and billed."""
    simulator = simulate()
    assert ids(page(simulator, take=40)) != ids(page(simulator, take=40))
    assert simulator.bill.records == 80


def test_sessions_know_nothing_of_each_other() -> None:
    """What one session had, another is sold again; the bill keeps them apart, and a key belongs to its session."""
    simulator = simulate()
    one, other = page(simulator, "a", session="one", take=40), page(simulator, "a", session="other", take=30)
    assert ids(one)[:30] == ids(other)
    assert simulator.bill.by_session == {"one": 40, "other": 30}
    assert simulator.bill.ids_of("other") == ids(other)


def test_new_properties_come_after_the_drain() -> None:
    """A drained session goes on when the world grows, with the new ones alone."""
    simulator = simulate(50)
    page(simulator, "first", take=500)
    assert ids(page(simulator, "drained", take=500)) == []
    simulator.grow(7)
    assert len(ids(page(simulator, "later", take=500))) == 7
    assert simulator.bill.records == 57


def test_a_deleted_session_comes_back_as_new_and_bills_again() -> None:
    """Deletion forgets what was delivered: isNewSession, a total from nothing, everything billed a second time."""
    simulator = simulate(60)
    first = page(simulator, "a", take=60)
    assert call(simulator, "DELETE", f"{SESSIONS}/phoenix").status_code == 200
    again = page(simulator, "b", take=60)
    assert meta(again) == (True, 60)
    assert ids(again) == ids(first)
    assert simulator.bill.billed_ids == ids(first) * 2


def test_take_is_25_where_nobody_says() -> None:
    """The documented default."""
    assert len(ids(page(simulate(), "a"))) == 25


def test_what_stands_at_the_root_is_ignored() -> None:
    """take, datasets and searchSession outside of options change nothing and are not complained of."""
    simulator = simulate()
    stray = {"take": 3, "datasets": ["basic"], "searchSession": {"id": "stray"}, **body("a")}
    response = call(simulator, "POST", SEARCH, json=stray)
    assert len(response.json()["results"]["properties"]) == 25
    assert list(simulator.sessions) == ["phoenix"]


@pytest.mark.parametrize("bills", [True, False])
def test_take_0_counts_and_leaves_the_session_alone(bills: bool) -> None:
    """Take 0 says how many there are, moves nothing, and costs a record or nothing."""
    simulator = simulate(empty_take_bills=bills)
    results = page(simulator, "a", take=0)
    assert results["meta"]["results"] == {"resultCount": 0, "resultsFound": 1_000}
    assert simulator.sessions == {}
    assert simulator.bill.records == int(bills)


def test_somebody_elses_pull_moves_the_session_and_bills() -> None:
    """A foreign pull takes properties that we shall never see; it is on the bill, apart from ours."""
    simulator = simulate(100)
    ours = ids(page(simulator, "a", take=40))
    assert simulator.foreign_pull("phoenix", 10) == 10
    after = page(simulator, "b", take=500)
    assert meta(after) == (False, 100)
    assert len(ids(after)) == 50
    assert simulator.bill.billed_ids == ours + ids(after)
    assert not set(simulator.bill.foreign_ids) & set(simulator.bill.billed_ids)
    assert simulator.bill.records == 100


def test_forgotten_keys_are_as_new() -> None:
    """When the vendor forgets its keys, the same bytes advance the session and bill."""
    simulator = simulate()
    first = page(simulator, "a", take=40)
    simulator.forget_keys()
    assert ids(page(simulator, "a", take=40)) != ids(first)
    assert simulator.bill.records == 80


def test_plain_search_pages_by_its_cursor() -> None:
    """Without a session the cursor leads through all results; each page is billed, and no session arises."""
    simulator = simulate(60)
    got: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        results = page(simulator, session="", take=25, useCursorPagination=True, **cursor)
        got += ids(results)
        if results["nextPageCursor"] is None:
            break
        cursor = {"pageCursor": results["nextPageCursor"]}
    assert got == [simulator.world.id_of(index) for index in range(60)]
    assert simulator.bill.by_session == {"": 60}
    assert "searchSessionMeta" not in results
    assert simulator.sessions == {}


def test_a_cursor_is_bound_to_its_criteria() -> None:
    """A cursor under other criteria is refused."""
    simulator = simulate()
    cursor = page(simulator, session="", useCursorPagination=True)["nextPageCursor"]
    response = search(simulator, session="", criteria={"query": "AZ"}, useCursorPagination=True, pageCursor=cursor)
    assert (response.status_code, "pageCursor" in message(response)) == (400, True)


def test_skip_steps_over_results_of_a_plain_search() -> None:
    """Skip and take cut a window."""
    simulator = simulate()
    assert ids(page(simulator, session="", skip=10, take=5)) == [
        simulator.world.id_of(index) for index in range(10, 15)
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        body("a", session="no spaces"),
        body("k" * 129),
        body("a", take=-1),
        body("a", datasets=["basic", "core"]),
        body("a", datasets=list("abcdef")),
        body("a", take="many"),
        {"options": {}},
        {"searchCriteria": {}, "options": {"searchSession": "phoenix"}},
    ],
)
def test_a_malformed_search_is_refused_and_moves_nothing(wrong: dict[str, Any]) -> None:
    """400 in the vendor's envelope; no session, no bill."""
    simulator = simulate()
    response = call(simulator, "POST", SEARCH, json=wrong)
    assert response.status_code == response.json()["status"]["code"] == 400
    assert (simulator.sessions, simulator.bill.records) == ({}, 0)


def test_the_list_shows_the_oldest_first_in_windows() -> None:
    """Sessions stand in the order of their creation, with total, creation and last page; skip and take cut."""
    clock = Clock()
    simulator = simulate(clock=clock)
    for name in ("c", "a", "b"):
        page(simulator, "k", session=name, take=40)
        clock.forward(60)
    results = call(simulator, "GET", SESSIONS, params={"skip": 1, "take": 1}).json()["results"]
    assert results["total"] == 3
    assert results["sessions"] == [
        {
            "id": "a",
            "totalDelivered": 40,
            "lastRequestAt": "2026-11-01T06:01:00+00:00",
            "createdAt": "2026-11-01T06:01:00+00:00",
        }
    ]
    assert len(results["meta"]["requestId"]) == 26


@pytest.mark.parametrize("take", ["0", "101", "all"])
def test_the_list_refuses_a_window_that_is_no_window(take: str) -> None:
    """Take of the list is 1 to 100."""
    assert call(simulate(), "GET", SESSIONS, params={"take": take}).status_code == 400


def test_deletion_says_what_it_did() -> None:
    """200 with the id; 404 for one that is not there; 400 for what can be no id."""
    simulator = simulate()
    page(simulator, "a")
    assert call(simulator, "DELETE", f"{SESSIONS}/phoenix").json()["results"]["id"] == "phoenix"
    gone = call(simulator, "DELETE", f"{SESSIONS}/phoenix")
    assert (gone.status_code, message(gone)) == (404, "Search session not found: phoenix")
    wrong = call(simulator, "DELETE", f"{SESSIONS}/no%20id")
    assert (wrong.status_code, message(wrong)) == (400, "searchSessionId must match /^[a-zA-Z0-9_-]{1,128}$/")


@pytest.mark.parametrize(("method", "path"), [("POST", SEARCH), ("GET", SESSIONS), ("GET", "/api/v1/wallet/balance")])
def test_a_wrong_token_is_refused_everywhere(method: str, path: str) -> None:
    """401 without the team's token."""
    simulator = simulate()
    response = call(simulator, method, path, headers={"Authorization": "Bearer nobody"})
    assert response.status_code == 401


def test_every_reply_tells_the_vendors_time() -> None:
    """Date is the vendor's clock, in refusals and for unknown paths too."""
    simulator = simulate()
    replies = [search(simulator, "a"), search(simulator, take=-1), call(simulator, "GET", "/nowhere")]
    assert [reply.headers["date"] for reply in replies] == ["Sun, 01 Nov 2026 06:00:00 GMT"] * 3


def test_a_reply_has_the_captured_shape() -> None:
    """The members of a page are those of the captured reply, no more and no less."""
    read = search(simulate(), "a").json()
    assert read["status"] == {"code": 200, "text": "OK"}
    assert list(read["results"]) == [
        "properties",
        "nextPageCursor",
        "previousPageCursor",
        "searchSessionMeta",
        "warnings",
        "meta",
    ]
    assert set(read["results"]["meta"]) == {"apiVersion", "requestId", "performance", "results"}


def test_request_ids_are_ulids() -> None:
    """A request id is the vendor's moment in milliseconds and something of its own, in 26 Crockford letters."""
    simulator = simulate()
    said = [page(simulator, key)["meta"]["requestId"] for key in "abc"]
    assert len(set(said)) == 3
    crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    for each in said:
        assert len(each) == 26
        moment = sum(crockford.index(letter) << 5 * place for place, letter in enumerate(reversed(each[:10])))
        assert moment == int(Clock()().timestamp() * 1_000)


def test_two_simulators_of_one_seed_say_the_same_bytes() -> None:
    """The same requests to two simulators of one seed bring the same bytes, request ids included."""
    one, other = simulate(), simulate()
    assert [search(one, key).content for key in "ab"] == [search(other, key).content for key in "ab"]


def test_the_bill_knows_every_request() -> None:
    """Method, path, session, key and status of each request are on the bill, and whether a key changed its body."""
    simulator = simulate()
    search(simulator, "a", take=10)
    search(simulator, "a", take=10)
    assert simulator.bill.bodies_by_key().keys() == {("phoenix", "a")}
    assert [len(bodies) for bodies in simulator.bill.bodies_by_key().values()] == [1]
    search(simulator, "a", take=20)
    assert [len(bodies) for bodies in simulator.bill.bodies_by_key().values()] == [2]
    seen = [(each.method, each.path, each.session, each.key, each.status) for each in simulator.bill.requests]
    assert seen == [("POST", SEARCH, "phoenix", "a", status) for status in (200, 200, 409)]
