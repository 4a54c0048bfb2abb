"""What comes back of an owner: three shapes read alike, three ways to find nobody, nothing odd taken for either."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.contacts import Contact
from leadsync.core.letters import Unreadable
from leadsync.core.replies import Lost, Throttled
from leadsync.core.trace_replies import Awaited, ItemResult
from leadsync.simulator.trace_people import Found, hit, miss
from leadsync.vendors.trace_results import decipher_await, read_completion, read_item
from tests.vendors.odd_json import SOMETIMES_JSON

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
IDS = {"batchId": "b-1", "batchRequestId": "r-7", "requestId": "x", "input": {"key": 7, "first_name": "Pat"}}
PERSON = Found("Pat Doe", (("6025550117", "mobile", True), ("6025550118", "landline", False)), ("Pat@Example.com",))
CONTACTS = (
    Contact("phone", "+16025550117", "mobile", do_not_call=True),
    Contact("phone", "+16025550118", "landline", do_not_call=False),
)


def read(said: Any) -> ItemResult:
    """What one callback says."""
    return read_item(json.dumps(said).encode())


@pytest.mark.parametrize("shape", ["identity", "data", "persons"])
def test_three_shapes(shape: Any) -> None:
    """The same phones, types and flags, whichever shape brings them."""
    found = read({**IDS, **hit(PERSON, shape)})
    assert (found.key, found.batch_id, found.batch_request_id, found.matched) == (7, "b-1", "r-7", True)
    assert found.contacts[:2] == CONTACTS
    assert [contact.value for contact in found.contacts[2:]] == ["pat@example.com"]


@pytest.mark.parametrize("shape", ["flag", "status", "persons"])
@pytest.mark.parametrize("under", ["", "data"])
def test_nobody_found(shape: Any, under: str) -> None:
    """Three ways, at the root or under `data`: a miss, and no error."""
    said = miss(shape)
    assert read({**IDS, **({under: said} if under else said)}) == ItemResult(7, "b-1", "r-7", matched=False)


@pytest.mark.parametrize(
    ("said", "matched"),
    [
        ({"match": True}, True),
        ({"match": True, "output": {"identity": {"phones": []}}}, True),
        ({"match": False, "output": {"identity": {"phones": [{"phone": "6025550117"}]}}}, True),
        ({"statusCode": 404, "match": True}, False),
        ({"statusCode": "404"}, False),
        ({"status": {"code": 404}}, False),
        ({"data": {"phones": [], "emails": [], "names": []}}, False),
        ({"data": {"phones": [], "emails": [], "names": ["Pat"]}}, True),
        ({"persons": [{"phones": [], "emails": []}]}, True),
        ({"persons": {"phones": []}}, True),
        ({"persons": None, "statusCode": 200}, False),
        ({"output": {"phones": ["6025550117"]}}, True),
    ],
)
def test_found_or_not(said: dict[str, Any], matched: bool) -> None:
    """What can be called was found, whatever a flag says; a status outweighs the flag, and both what is empty."""
    assert read(said).matched is matched


@pytest.mark.parametrize(
    "said",
    [
        {},
        [],
        7,
        {"input": {"key": 1}},
        {"statusCode": 500},
        {"statusCode": 500, "match": False},
        {"statusCode": 400, "persons": []},
        {"data": {"statusCode": 429}},
        {"statusCode": 200},
        {"match": "no"},
    ],
)
def test_odd_ones_are_neither(said: Any) -> None:
    """Unknown never counts as a miss, nor does an owner over whom the vendor failed."""
    with pytest.raises(Unreadable):
        read(said)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff", b"[" * 5_000, b'{"a":NaN}'])
def test_what_is_no_json(content: bytes) -> None:
    """Nobody can read it."""
    with pytest.raises(Unreadable):
        read_item(content)
    if content:
        with pytest.raises(Unreadable):
            read_completion(content)


def test_entries_in_other_forms() -> None:
    """Texts for objects, other names, nulls; what can be no contact is none."""
    phones = ["602-555-0117", {"number": 6025550118, "dnc": "Y"}, None, {"phoneNumber": "(602) 555-0119"}, "12", {}, 7]
    emails: list[Any] = [{"address": "A@b.io", "type": "Work"}, "c@d.io", None, "nobody", []]
    found = read({**IDS, "data": {"phones": phones, "emails": emails}})
    assert [contact.value for contact in found.contacts] == [
        "+16025550117",
        "+16025550118",
        "+16025550119",
        "a@b.io",
        "c@d.io",
    ]
    assert found.contacts[1].do_not_call is True
    assert found.contacts[3].type == "work"


def test_the_same_phone_twice_is_one_and_the_stricter_flag_holds() -> None:
    """In two persons of one answer."""
    persons = [{"phones": [{"phone": "6025550117", "dnc": flag}]} for flag in ("N", "Y", None)]
    assert read({"persons": persons}).contacts == (Contact("phone", "+16025550117", do_not_call=True),)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"input": {"key": 7}}, 7),
        ({"input": {"key": "7"}}, 7),
        ({"key": 7}, 7),
        ({"data": {"input": {"key": 7}}}, 7),
        ({"data": {"key": "7"}}, 7),
        ({"input": {"key": True}}, None),
        ({"input": {"key": "seven"}}, None),
        ({"input": {"key": -1}}, None),
        ({}, None),
    ],
)
def test_the_key(said: dict[str, Any], key: int | None) -> None:
    """A number or its digits, wherever it stands; where there is none, the URL tells."""
    assert read({"match": False, **said}).key == key


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ({"batchId": "b", "totalProcessed": 9, "totalMatched": 5, "totalErrors": 1}, "b"),
        ({"data": {"batchId": "b", "totalProcessed": 9}}, "b"),
        ({"batchId": None, "completedAt": "2026-11-01"}, None),
        ([], None),
        ("done", None),
    ],
)
def test_completion(said: Any, means: str | None) -> None:
    """It may name its batch; that it came is what counts."""
    assert read_completion(json.dumps(said).encode()) == means


def test_completion_without_a_word() -> None:
    """An empty body will do."""
    assert read_completion(b" ") is None


@pytest.mark.parametrize(
    "wrapped", [lambda x: x, lambda x: {"data": x}, lambda x: {"data": {"results": x}, "requestId": "r"}]
)
def test_a_few_at_once(wrapped: Any) -> None:
    """The list of results is found wherever it stands; what nobody can read is counted."""
    entries = [{**IDS, **hit(PERSON, "identity")}, {**IDS, "input": {"key": 8}, **miss("flag")}, {"statusCode": 500}, 7]
    found = decipher_await(200, {}, json.dumps(wrapped(entries)).encode(), NOW)
    assert isinstance(found, Awaited)
    assert [(result.key, result.matched) for result in found.results] == [(7, True), (8, False)]
    assert found.unreadable == 2


def test_one_at_once_without_a_list() -> None:
    """As the endpoint for one would answer."""
    found = decipher_await(200, {}, json.dumps({**IDS, **miss("flag")}).encode(), NOW)
    assert found == Awaited((ItemResult(7, "b-1", "r-7", matched=False),), 0)


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (200, b"[]", Lost("HTTP 200 without an answer that the vendor documents")),
        (200, b"[7]", Lost("HTTP 200 without an answer that the vendor documents")),
        (200, b"<html>", Lost("HTTP 200 without an answer that the vendor documents")),
        (504, b"<html>", Lost("HTTP 504")),
        (429, b"{}", Throttled(None)),
    ],
)
def test_trouble_at_once(status: int, body: bytes, means: object) -> None:
    """Without a single result nobody knows what came of it."""
    assert decipher_await(status, {}, body, NOW) == means


@given(body=SOMETIMES_JSON, status=st.sampled_from([200, 404, 500]))
def test_nothing_makes_it_fail(body: bytes, status: int) -> None:
    """Any bytes are a result, or Unreadable; contacts are in form."""
    with suppress(Unreadable):
        assert all(contact.value for contact in read_item(body).contacts)
    with suppress(Unreadable):
        read_completion(body)
    decipher_await(status, {}, body, NOW)
