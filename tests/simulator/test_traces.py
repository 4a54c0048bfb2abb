"""The skip trace: acknowledged at once, billed as each owner is looked for, and brought by webhook."""

from dataclasses import replace
from typing import Any

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process
import pytest

from leadsync.simulator import API_KEY, Fault
from tests.simulator.caller import call
from tests.simulator.trace_caller import AWAIT, BATCH, BATCH_2, BEGAN, ask, batch, simulated, skip
from tests.virtual_time import run_virtually


def test_each_owner_comes_to_its_address() -> None:
    """The acknowledgement names batch and keys; each result names them again, with our key; then it is done."""
    simulator, box = simulated(match_rate=1)
    (answer,) = ask(simulator, batch(25))
    said = answer.json()
    assert (said["acknowledged"], said["receiveCount"]) == (True, 25)
    ids = {one["key"]: one["batchRequestId"] for one in said["batchRequestIds"]}
    assert {item.about: item.said["batchRequestId"] for item in box.items} == {f"b-{key}": ids[key] for key in ids}
    assert {item.said["batchId"] for item in box.items} == {said["batchId"]}
    assert {letter.api_key for letter in box.letters} == {API_KEY}
    assert [item.said["input"]["key"] for item in box.items] == list(range(1, 26))
    (done,) = box.done
    assert (done.said["totalProcessed"], done.said["totalMatched"], box.letters[-1]) == (25, 25, done)
    assert simulator.traces.dollars == 2.5


@pytest.mark.parametrize(
    ("path", "under", "wrapped"),
    [
        (BATCH, "path", False),
        (BATCH_2, "path", True),
        (BATCH, "data", True),
        (BATCH_2, "root", False),
    ],
)
def test_an_acknowledgement_is_flat_or_under_data(path: str, under: str, *, wrapped: bool) -> None:
    """By version, or as the switch says."""
    simulator, _ = simulated(acknowledged_under=under)
    (answer,) = ask(simulator, batch(), path=path)
    assert ("data" in answer.json(), "batchId" in answer.json()) == (wrapped, not wrapped)


def test_results_come_at_fifty_a_second_over_all_batches() -> None:
    """Two batches at once share the line."""
    simulator, box = simulated()
    ask(simulator, batch(100), batch(100))
    times = [item.at_s for item in box.items]
    assert len(times) == 200
    assert max(later - earlier for earlier, later in zip(times, times[50:], strict=False)) == pytest.approx(1, abs=0.05)
    assert min(later - earlier for earlier, later in zip(times, times[50:], strict=False)) >= 0.99


@pytest.mark.parametrize(
    ("shape", "where"),
    [
        ("identity", lambda said: said["output"]["identity"]["phones"][0]["doNotCall"]),
        ("data", lambda said: said["data"]["phones"][0]["dnc"]),
        ("persons", lambda said: said["persons"][0]["phones"][0]["phoneFtcDnc"]),
    ],
)
def test_three_shapes_of_who_is_found(shape: str, where: Any) -> None:
    """Each has phones that say whether they may be called."""
    simulator, box = simulated(match_rate=1, item_shape=shape)
    ask(simulator, batch())
    with_phones = [owner.asked.key for owner in simulator.traces.owners() if owner.found and owner.found.phones]
    said = {item.said["input"]["key"]: item.said for item in box.items}
    assert with_phones
    assert {where(said[key]) for key in with_phones} <= {True, False, "Y", "N"}


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ("flag", {"match": False}),
        ("status", {"statusCode": 404, "persons": []}),
        ("persons", {"persons": []}),
    ],
)
def test_three_shapes_of_nobody(shape: str, says: dict[str, Any]) -> None:
    """None is billed, unless misses are."""
    simulator, box = simulated(match_rate=0, miss_shape=shape)
    ask(simulator, batch())
    assert all(says.items() <= item.said.items() for item in box.items)
    assert simulator.traces.dollars == 0
    simulator.traces.switches = replace(simulator.traces.switches, miss_billed=True)
    ask(simulator, batch())
    assert simulator.traces.dollars == 1


def test_mixed_shapes_are_all_there() -> None:
    """Each owner's is drawn."""
    simulator, box = simulated(match_rate=0.5, item_shape="mixed", miss_shape="mixed")
    ask(simulator, batch(100))
    assert {
        frozenset(item.said.keys()) - {"input", "batchId", "batchRequestId", "requestId"} for item in box.items
    } == {
        frozenset(names)
        for names in (
            ("match", "statusCode", "output"),
            ("data",),
            ("statusCode", "persons"),
            ("statusCode", "statusMessage", "persons"),
            ("persons",),
        )
    }


def test_the_same_person_is_found_again() -> None:
    """Whoever asks twice is told the same, and pays twice: the simulator notices."""
    simulator, box = simulated(match_rate=0.5)
    ask(simulator, batch())
    ask(simulator, batch())
    first, second = box.items[:10], box.items[10:]
    assert [item.said["match"] for item in first] == [item.said["match"] for item in second]
    assert set(simulator.traces.times_asked().values()) == {2}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (batch(9), "between 10 and 1000"),
        (batch(1_001), "between 10 and 1000"),
        (batch(webcomplete_url="http://leads.example.com/done"), "https"),
        (batch(webcomplete_url=""), "https"),
        (batch(skips=[*batch(9)["skips"], skip(9)]), "unique"),
        (batch(skips=[*batch(9)["skips"], skip("10")]), "integer"),
        (batch(skips=[*batch(9)["skips"], skip(2**31)]), "integer"),
        (batch(skips=[*batch(9)["skips"], skip(10, webhook_url="http://leads.example.com/x")]), "https"),
        (batch(skips=[*batch(9)["skips"], skip(10, webhook_url=None)]), "https"),
        (batch(skips=[*batch(9)["skips"], skip(10, zip=None)]), "mail_zip"),
        (batch(skips=[*batch(9)["skips"], skip(10, last_name="x" * 256_000)]), "256 KB"),
        ({"skips": 7}, "array"),
        (b"\xff", "array"),
    ],
)
def test_what_is_refused(body: Any, said: str) -> None:
    """400, and nobody is traced."""
    simulator, _ = simulated()
    (answer,) = ask(simulator, body)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
    assert simulator.traces.batches == []


def test_plain_http_will_do_on_this_machine() -> None:
    """So that a test needs no certificate; a mailing address will do for an address."""
    simulator, _ = simulated()
    mail = {"mail_address": "1 Elm St", "mail_city": "Mesa", "mail_state": "AZ", "mail_zip": "85201", "zip": None}
    skips = [skip(key, webhook_url=f"http://127.0.0.1:8480/x/b-{key}.proof", **mail) for key in range(1, 11)]
    (answer,) = ask(simulator, batch(skips=skips, webcomplete_url="http://localhost/x/b.proof"))
    assert answer.status_code == 200


@pytest.mark.parametrize("api_key", ["another", None])
def test_another_key_opens_nothing(api_key: str | None) -> None:
    """401."""
    simulator, _ = simulated()
    (answer,) = ask(simulator, batch(), api_key=api_key)
    assert (answer.status_code, simulator.traces.batches) == (401, [])


def test_a_callback_may_lack_the_key() -> None:
    """Another one, or none, in the share of the switch."""
    simulator, box = simulated(wrong_key_rate=0.5)
    ask(simulator, batch(100))
    assert {letter.api_key for letter in box.letters} == {API_KEY, "somebody-elses"}
    simulator.traces.switches = replace(simulator.traces.switches, wrong_key_rate=1.0, wrong_key="missing")
    ask(simulator, batch(10))
    assert {letter.api_key for letter in box.letters[101:]} == {None}


def test_the_day_has_its_credits() -> None:
    """429 in the vendor's words until midnight UTC, and nobody of that batch is traced; then the next day's."""
    simulator, _ = simulated(credits_per_day=15)
    answers = ask(simulator, batch(), batch(), wait_s=0)
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "daily credit limit" in answers[1].json()["message"]
    assert len(simulator.traces.batches) == 1
    simulator.now = lambda: BEGAN.replace(day=2)
    assert ask(simulator, batch())[0].status_code == 200


def test_twenty_a_second() -> None:
    """The 21st within a second gets 429."""
    simulator, _ = simulated()
    answers = ask(simulator, *[batch()] * 21, wait_s=0)
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]


def test_a_lost_acknowledgement_may_have_run_or_not() -> None:
    """CUT_AFTER has run, CUT_BEFORE has not; one that hangs has, and its results come meanwhile."""
    for fault, ran, came in ((Fault.CUT_AFTER, 1, 0), (Fault.CUT_BEFORE, 0, 0), (Fault.HANG, 1, 10)):
        simulator, box = simulated()
        simulator.traces.faults.next(fault)
        with pytest.raises(httpx.TransportError):
            ask(simulator, batch())
        assert (len(simulator.traces.batches), len(box.items)) == (ran, came)


def test_what_was_cut_off_is_sent_when_somebody_says_so() -> None:
    """The vendor goes on, though the event loop that it lived in has ended; each result once."""
    simulator, box = simulated(lost_rate=0.2)
    ask(simulator, batch(100), wait_s=1.5)
    before = len(box.items)
    run_virtually(simulator.traces.resume())
    assert 0 < before < len(box.items) < 100
    assert len({item.about for item in box.items}) == len(box.items)
    assert len(box.done) == 1


def test_copies_lost_and_odd_ones() -> None:
    """A copy is another body of the same id; a lost one is billed; one that failed is neither hit nor miss."""
    simulator, box = simulated(match_rate=1, copies_rate=0.3, lost_rate=0.2, odd_rate=0.2, shuffled=True)
    ask(simulator, batch(100))
    owners = list(simulator.traces.owners())
    abouts = [item.about for item in box.items]
    assert len(set(abouts)) < len(abouts)
    assert len({str(item.said) for item in box.items}) == len(abouts)
    assert len({item.said["batchRequestId"] for item in box.items}) == len(set(abouts)) < 100
    assert {item.said["statusCode"] for item in box.items} == {200, 500}
    assert {(owner.failed, owner.dollars) for owner in owners} == {(True, 0.0), (False, 0.1)}
    assert abouts[:3] != ["b-1", "b-2", "b-3"]


def test_results_may_be_mixed_up() -> None:
    """Each comes to the next one's address, and speaks of its own key."""
    simulator, box = simulated(mixed_up_rate=1)
    ask(simulator, batch())
    assert {(item.said["input"]["key"], item.about) for item in box.items} == {
        (key, f"b-{key % 10 + 1}") for key in range(1, 11)
    }


def test_completion_before_the_last_and_late_ones() -> None:
    """early: half are still to come. Late ones come so long after all."""
    simulator, box = simulated(completion="early", late_items=3, late_after_s=100)
    ask(simulator, batch(40), wait_s=200)
    at = box.letters.index(box.done[0])
    assert 0 < at < 25
    assert [item.at_s > 100 for item in box.items] == [False] * 37 + [True] * 3


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"completion_shape": "counts"}, {"count": 10, "matches": 10}),
        ({"completion_shape": "empty"}, {}),
        ({"completion": "never"}, None),
    ],
)
def test_completion_in_other_words(switches: dict[str, Any], said: dict[str, Any] | None) -> None:
    """Other names, nothing in it, or not at all."""
    simulator, box = simulated(match_rate=1, **switches)
    ask(simulator, batch())
    assert [letter.said for letter in box.done] == [] if said is None else said.items() <= box.done[0].said.items()


def test_what_comes_back_of_the_question() -> None:
    """All of it, its key as text, or nothing."""
    for switches, given in (({"keys_as_text": True}, "1"), ({}, 1), ({"input_echoed": False}, None)):
        simulator, box = simulated(**switches)
        ask(simulator, batch())
        assert box.items[0].said.get("input", {}).get("key") == given


@pytest.mark.parametrize("shape", ["list", "data", "results"])
def test_a_few_at_once(shape: str) -> None:
    """They are answered in the response, and by webhook too where the switch says so; billed like all others."""
    simulator, box = simulated(await_shape=shape, await_calls_back=shape == "data", match_rate=1)
    (answer,) = ask(simulator, {"skips": [skip(key) for key in (1, 2, 3)]}, path=AWAIT)
    results = answer.json() if shape == "list" else answer.json()[shape]
    assert [result["input"]["key"] for result in results] == [1, 2, 3]
    assert (len(box.items), box.done, simulator.traces.dollars) == (3 if shape == "data" else 0, [], 0.3)


def test_too_many_at_once() -> None:
    """A hundred is the most."""
    simulator, _ = simulated()
    assert ask(simulator, {"skips": [skip(key) for key in range(1, 102)]}, path=AWAIT)[0].status_code == 400


def test_one_that_is_answered_at_once_may_time_out() -> None:
    """It has been billed by then."""
    simulator, _ = simulated(match_rate=1)
    simulator.traces.faults.next(Fault.GATEWAY_TIMEOUT)
    (answer,) = ask(simulator, {"skips": [skip(1)]}, path=AWAIT)
    assert (answer.status_code, simulator.traces.dollars) == (504, 0.1)


def test_the_hands_on_it() -> None:
    """Another process reads the bill, turns switches and makes weather; what nobody knows is refused."""
    simulator, _ = simulated()
    ask(simulator, batch())
    bill = call(simulator, "GET", "/_simulator/trace").json()
    assert (bill["owners"], bill["asked_again"], bill["batches"][0]["answered"]) == (10, 0, 10)
    assert call(simulator, "POST", "/_simulator/trace/switches", json={"match_rate": 1.0}).json()["match_rate"] == 1
    assert simulator.traces.switches.match_rate == 1
    assert call(simulator, "POST", "/_simulator/trace/switches", json={"no": 1}).status_code == 400
    faults = "/_simulator/trace/faults"
    assert call(simulator, "POST", faults, json={"next": ["cut_after", None]}).json() == {"waiting": 2}
    assert call(simulator, "POST", faults, json={"next": ["rain"]}).status_code == 400
