"""Each open question of the vendor's API, in every position: the switch does what it says, and nothing else."""

import asyncio

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import pytest

from leadsync.simulator import Fault
from tests.simulator.caller import (
    SEARCH,
    SESSIONS,
    Clock,
    body,
    call,
    client,
    ids,
    message,
    meta,
    page,
    search,
    simulate,
)

WALLET = "/api/v1/wallet/balance"


@pytest.mark.parametrize(("counted", "totals"), [(True, [40, 80]), (False, [0, 40])])
def test_totals_count_their_page_or_stand_before_it(counted: bool, totals: list[int]) -> None:
    """totals_count_page: both readings of totalDelivered; the list always tells all."""
    simulator = simulate(totals_count_page=counted)
    assert [meta(page(simulator, key, take=40))[1] for key in "ab"] == totals
    assert call(simulator, "GET", SESSIONS).json()["results"]["sessions"][0]["totalDelivered"] == 80


@pytest.mark.parametrize(("which", "total"), [("own", 40), ("current", 80)])
def test_a_replay_carries_its_own_total_or_the_current_one(which: str, total: int) -> None:
    """replay_total: what an old page says of the session."""
    simulator = simulate(replay_total=which)
    for key in "ab":
        page(simulator, key, take=40)
    assert meta(page(simulator, "a", take=40))[1] == total


@pytest.mark.parametrize("says", [True, False])
def test_a_replayed_first_page_says_new_or_not(says: bool) -> None:
    """replay_says_new: isNewSession on the second telling."""
    simulator = simulate(replay_says_new=says)
    assert meta(page(simulator, "a"))[0]
    assert meta(page(simulator, "a"))[0] is says


@pytest.mark.parametrize(("position", "status"), [("conflict", 409), ("malformed", 400), ("first_reply", 200)])
def test_a_key_with_another_body(position: str, status: int) -> None:
    """other_body: refused in words that say so, or answered with the first page; never advanced."""
    simulator = simulate(other_body=position)
    first = search(simulator, "a", take=40)
    second = search(simulator, "a", take=50)
    assert second.status_code == status
    assert simulator.bill.records == 40
    if status == 200:
        assert ids(second.json()["results"]) == ids(first.json()["results"])
    else:
        assert "different request body" in message(second)


@pytest.mark.parametrize(("pages_max", "billed"), [(None, 120), (3, 120), (2, 160)])
def test_a_key_is_kept_for_ever_or_for_further_pages(pages_max: int | None, billed: int) -> None:
    """key_pages_max: after that many further pages the same bytes advance and bill."""
    simulator = simulate(key_pages_max=pages_max)
    for key in "abc":
        page(simulator, key, take=40)
    page(simulator, "a", take=40)
    assert simulator.bill.records == billed


@pytest.mark.parametrize(("age_max_s", "billed"), [(None, 40), (61, 40), (60, 80)])
def test_a_key_is_kept_for_ever_or_for_seconds(age_max_s: float | None, billed: int) -> None:
    """key_age_max_s: at that age the same bytes advance and bill."""
    clock = Clock()
    simulator = simulate(clock=clock, key_age_max_s=age_max_s)
    page(simulator, "a", take=40)
    clock.forward(60)
    page(simulator, "a", take=40)
    assert simulator.bill.records == billed


@pytest.mark.parametrize(("forgets", "billed"), [(True, 80), (False, 40)])
def test_a_deletion_forgets_the_keys_or_not(forgets: bool, billed: int) -> None:
    """deletion_forgets_keys: an old key after a deletion begins a new life, or brings its page back for nothing."""
    simulator = simulate(deletion_forgets_keys=forgets)
    page(simulator, "a", take=40)
    simulator.delete_session("phoenix")
    page(simulator, "a", take=40)
    assert simulator.bill.records == billed
    assert ("phoenix" in simulator.sessions) is forgets


@pytest.mark.parametrize(
    ("position", "order"), [("queue", [("a", 200), ("b", 200)]), ("conflict", [("b", 409), ("a", 200)])]
)
def test_two_at_once_on_one_session(position: str, order: list[tuple[str, int]]) -> None:
    """at_once: the second waits for the first, or is refused in words that are not those of another body."""
    simulator = simulate(at_once=position, slow_s=0.05)
    simulator.faults.next(Fault.SLOW)

    answered: list[tuple[str, int]] = []

    async def one(speaking: httpx.AsyncClient, key: str) -> httpx.Response:
        response = await speaking.post(SEARCH, json=body(key, take=40))
        answered.append((key, response.status_code))
        return response

    async def two() -> tuple[httpx.Response, httpx.Response]:
        async with client(simulator) as speaking:
            return await asyncio.gather(one(speaking, "a"), one(speaking, "b"))

    _, second = asyncio.run(two())
    assert answered == order
    assert simulator.bill.records == 40 * [status for _, status in order].count(200)
    if position == "conflict":
        assert "in progress" in message(second)


def test_two_sessions_at_once_do_not_wait_for_each_other() -> None:
    """Only requests on one session stand in each other's way."""
    simulator = simulate(at_once="conflict", slow_s=0.05)
    simulator.faults.next(Fault.SLOW)

    async def two() -> list[httpx.Response]:
        async with client(simulator) as speaking:
            asked = (speaking.post(SEARCH, json=body("a", session=name)) for name in ("one", "other"))
            return await asyncio.gather(*asked)

    assert [response.status_code for response in asyncio.run(two())] == [200, 200]


def test_changed_criteria_are_followed() -> None:
    """changed_criteria follow: the new criteria are searched, without what the session has had."""
    simulator = simulate(changed_criteria="follow")
    had = ids(page(simulator, "a", take=100))
    results = page(simulator, "b", take=500, criteria={"query": "AZ"})
    assert {each["address"]["state"] for each in results["properties"]} == {"AZ"}
    assert not set(had) & set(ids(results))
    rest = ids(page(simulator, "c", take=500))
    assert not set(rest) & (set(had) | set(ids(results)))


def test_changed_criteria_are_refused() -> None:
    """changed_criteria refuse: 400, nothing billed; the first ones go on."""
    simulator = simulate(changed_criteria="refuse")
    page(simulator, "a", take=100)
    response = search(simulator, "b", take=100, criteria={"query": "AZ"})
    assert (response.status_code, simulator.bill.records) == (400, 100)
    assert "searchCriteria" in message(response)
    assert len(ids(page(simulator, "c", take=100))) == 100


def test_criteria_in_another_order_are_the_same() -> None:
    """The order of members is no change; a member that selects nothing away, and the sort, are one."""
    simulator = simulate(changed_criteria="refuse")
    page(simulator, "a", criteria={"query": "AZ", "quickLists": ["vacant"]})
    page(simulator, "b", criteria={"quickLists": ["vacant"], "query": "AZ"})
    more = {"quickLists": ["vacant"], "query": "AZ", "building": {}}
    assert search(simulator, "c", criteria=more).status_code == 400
    sort = {"field": "address.zip", "sortOrder": "asc"}
    assert search(simulator, "d", criteria={"query": "AZ", "quickLists": ["vacant"]}, sort=sort).status_code == 400


def test_changed_criteria_are_not_heard() -> None:
    """changed_criteria keep: the session goes on with its first criteria, and does not say so."""
    simulator = simulate(changed_criteria="keep")
    page(simulator, "a", take=100, criteria={"query": "AZ"})
    results = page(simulator, "b", take=100, criteria={"query": "TX"})
    assert {each["address"]["state"] for each in results["properties"]} == {"AZ"}


@pytest.mark.parametrize("status", [400, 403, 409, 422, 429])
@pytest.mark.parametrize("words", ["Search session limit reached.", "A maximum of 100 sessions is allowed."])
def test_one_session_too_many_is_refused(status: int, words: str) -> None:
    """session_cap, cap_status, cap_message: nothing billed; the sessions that are there go on; a deletion frees."""
    simulator = simulate(session_cap=2, cap_status=status, cap_message=words)
    for name in ("one", "two"):
        page(simulator, "a", session=name, take=10)
    response = search(simulator, "a", session="three", take=10)
    assert (response.status_code, message(response)) == (status, words)
    assert simulator.bill.records == 20
    page(simulator, "b", session="one", take=10)
    simulator.delete_session("two")
    assert meta(page(simulator, "a", session="three", take=10)) == (True, 10)


def test_the_documented_cap_is_a_hundred() -> None:
    """Without a switch it is the 101st session that is refused."""
    simulator = simulate()
    statuses = [search(simulator, "a", session=f"s{number}", take=1).status_code for number in range(101)]
    assert statuses == [200] * 100 + [403]


@pytest.mark.parametrize(("position", "stays"), [("no_cursor", False), ("cursor_stays", True)])
def test_the_end_of_the_stream(position: str, stays: bool) -> None:
    """end: full pages have a cursor; the empty page after the last has none, or has one still."""
    simulator = simulate(30, end=position)
    assert page(simulator, "a", take=30)["nextPageCursor"]
    empty = page(simulator, "b", take=30)
    assert ids(empty) == []
    assert (empty["nextPageCursor"] is not None) is stays


@pytest.mark.parametrize(("rate", "short"), [(0.0, 0), (0.5, range(5, 16)), (1.0, 20)])
def test_pages_run_short_in_mid_stream(rate: float, short: int | range) -> None:
    """short_page_rate: that share of pages is short, none empty, the same ones for the same seed, nothing lost."""
    sizes = [len(ids(page(simulate(short_page_rate=rate), "a", session=f"s{n}", take=40))) for n in range(20)]
    again = [len(ids(page(simulate(short_page_rate=rate), "a", session=f"s{n}", take=40))) for n in range(20)]
    assert sizes == again
    assert all(1 <= size <= 40 for size in sizes)
    count = sum(size < 40 for size in sizes)
    assert count in short if isinstance(short, range) else count == short


def test_short_pages_lose_nothing() -> None:
    """What a short page left out comes with the next."""
    simulator = simulate(200, short_page_rate=0.7)
    got: list[str] = []
    while more := ids(page(simulator, f"k{len(got)}", take=40)):
        got += more
    assert got == [simulator.world.id_of(index) for index in range(200)]


@pytest.mark.parametrize(("position", "status", "billed"), [("bad_gateway", 502, 0), ("cut_to_500", 200, 500)])
def test_a_take_that_is_too_large(position: str, status: int, billed: int) -> None:
    """take_too_large: the gateway's 502, or a page of 500."""
    simulator = simulate(take_too_large=position)
    assert search(simulator, "a", take=501).status_code == status
    assert simulator.bill.records == billed


@pytest.mark.parametrize(("listed", "names"), [(True, ["empty", "phoenix"]), (False, ["phoenix"])])
def test_an_unused_session_is_listed_or_not(listed: bool, names: list[str]) -> None:
    """lists_unused: a session that never delivered has no lastRequestAt where it is shown, and may not be shown."""
    simulator = simulate(lists_unused=listed)
    page(simulator, "a", session="empty", criteria={"query": "Atlantis, AT"})
    page(simulator, "a")
    shown = call(simulator, "GET", SESSIONS).json()["results"]["sessions"]
    assert [each["id"] for each in shown] == names
    assert [each["id"] for each in shown if "lastRequestAt" not in each] == names[:-1]


@pytest.mark.parametrize(
    ("form", "header"),
    [
        ("seconds", "7"),
        ("date", "Sun, 01 Nov 2026 06:00:07 GMT"),
        ("zero", "0"),
        ("absurd", "99999999999"),
        ("none", None),
    ],
)
def test_retry_after_comes_in_all_forms(form: str, header: str | None) -> None:
    """retry_after: whole seconds, an HTTP date, nought, nonsense, or no header."""
    simulator = simulate(retry_after=form, retry_after_s=7)
    simulator.faults.next(Fault.RATE_LIMITED)
    assert search(simulator, "a").headers.get("retry-after") == header


@pytest.mark.parametrize(("limit", "statuses"), [(None, [200, 200, 200]), (2, [200, 200, 429])])
def test_the_rate_is_kept_or_not(limit: int | None, statuses: list[int]) -> None:
    """requests_per_minute: what exceeds it gets 429 and moves nothing, until the minute is over."""
    clock = Clock()
    simulator = simulate(clock=clock, requests_per_minute=limit)
    assert [search(simulator, key, take=10).status_code for key in "abc"] == statuses
    assert simulator.bill.records == 10 * statuses.count(200)
    clock.forward(60)
    assert search(simulator, "c", take=10).status_code == 200


@pytest.mark.parametrize("able", [True, False])
def test_the_ability_for_sessions(able: bool) -> None:
    """session_ability: without it list, deletion and a search in a session get 403; a plain search goes on."""
    simulator = simulate(session_ability=able)
    replies = [
        search(simulator, "a"),
        call(simulator, "GET", SESSIONS),
        call(simulator, "DELETE", f"{SESSIONS}/phoenix"),
    ]
    assert [reply.status_code for reply in replies] == [200 if able else 403] * 3
    assert search(simulator, session="").status_code == 200
    if not able:
        assert {message(reply) for reply in replies} == {"Provided token does not have permission to access this API."}


@pytest.mark.parametrize(("able", "status"), [(True, 200), (False, 403)])
def test_the_ability_for_the_wallet(able: bool, status: int) -> None:
    """wallet_ability: without it the question for the balance gets 403; searches go on."""
    simulator = simulate(wallet_ability=able)
    assert call(simulator, "GET", WALLET).status_code == status
    assert search(simulator, "a").status_code == 200


def test_records_have_a_price_and_the_wallet_an_end() -> None:
    """price_dollars, wallet_dollars: the balance falls by each page; an empty wallet is a 403, but not to a replay."""
    simulator = simulate(price_dollars=0.25, wallet_dollars=10.0)
    page(simulator, "a", take=40)
    assert simulator.bill.dollars == 10.0
    balance = call(simulator, "GET", WALLET).json()["results"]
    assert (balance["balance"], balance["currency"]) == (0.0, "USD")
    for response in (search(simulator, "b", take=40), search(simulator, session="")):
        assert (response.status_code, "Insufficient balance" in message(response)) == (403, True)
    assert search(simulator, "a", take=40).status_code == 200
    assert simulator.bill.records == 40


@pytest.mark.parametrize(("slips", "again"), [(0, 0), (15, 15), (1_000, 40)])
def test_a_cursor_may_slip(slips: int, again: int) -> None:
    """cursor_slips: how much of a page the next one brings once more; all of it, where the cursor is ignored."""
    simulator = simulate(cursor_slips=slips)
    first = page(simulator, session="", take=40, useCursorPagination=True)
    second = page(simulator, session="", take=40, useCursorPagination=True, pageCursor=first["nextPageCursor"])
    assert len(set(ids(first)) & set(ids(second))) == again
