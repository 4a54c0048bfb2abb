"""RealEstateAPI's requests fit their schema at every size, and each of its answers means what it means."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.model import Reason
from leadsync.core.packing import BODY_MAX_BYTES, Limits, pack
from leadsync.core.replies import Denied, Lost, Refused, Throttled
from leadsync.core.subjects import Place, Subject
from leadsync.core.trace_replies import Acknowledged, DailyLimit
from leadsync.vendors.trace_wire import (
    AwaitBatch,
    Batch,
    TraceItem,
    await_request,
    batch_request,
    decipher_acknowledgement,
    frame_bytes,
    item_bytes,
)
from tests.vendors.odd_json import SOMETIMES_JSON

NOW = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC)
DONE = "https://leads.example.com/hooks/trace-done/01.0123456789abcdefghijkl"
HOME, AWAY = Place("9 Elm St Apt 4", "Mesa", "AZ", "85201"), Place("77 Quill Ct", "Boise", "ID", "83701")
PAT = Subject(HOME, AWAY, "Pat", "Doe")
SCHEMA = msgspec.json.schema(Batch)
AWAIT_SCHEMA = msgspec.json.schema(AwaitBatch)


def url(key: int) -> str:
    """The address of one item's result."""
    return f"https://leads.example.com/hooks/trace-item/01-{key}.0123456789abcdefghijkl"


def items(count: int, subject: Subject = PAT) -> list[TraceItem]:
    """So many items."""
    return [TraceItem(key, url(key), subject) for key in range(1, count + 1)]


def validate(body: bytes, schema: Any = SCHEMA) -> dict[str, Any]:
    """Hold a body against the schema, in a validator that is not ours."""
    read: dict[str, Any] = json.loads(body)
    jsonschema.Draft202012Validator(schema).validate(read)
    assert len({skip["key"] for skip in read["skips"]}) == len(read["skips"])
    return read


def test_an_item() -> None:
    """Names and both addresses, whole; the key is a number."""
    assert validate(batch_request(items(10), DONE))["skips"][0] == {
        "key": 1,
        "webhook_url": url(1),
        "first_name": "Pat",
        "last_name": "Doe",
        "address": "9 Elm St Apt 4",
        "city": "Mesa",
        "state": "AZ",
        "zip": "85201",
        "mail_address": "77 Quill Ct",
        "mail_city": "Boise",
        "mail_state": "ID",
        "mail_zip": "83701",
    }


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        (Subject(HOME, None, "", "Cher"), {"last_name", "address", "city", "state", "zip"}),
        (
            Subject(None, AWAY, "Pat", "Doe"),
            {"first_name", "last_name", "mail_address", "mail_city", "mail_state", "mail_zip"},
        ),
        (Subject(HOME, None, company="Doe LLC"), {"address", "city", "state", "zip"}),
    ],
)
def test_what_is_not_known_is_left_out(subject: Subject, names: set[str]) -> None:
    """A missing name, a missing address, and every name of a company."""
    (first, *_) = validate(batch_request(items(10, subject), DONE))["skips"]
    assert first.keys() == {"key", "webhook_url"} | names


@pytest.mark.parametrize("count", [10, 1_000])
def test_batches_of_any_size_fit_the_schema(count: int) -> None:
    """From the fewest to the most."""
    assert len(validate(batch_request(items(count), DONE))["skips"]) == count


@pytest.mark.parametrize("count", [9, 1_001])
def test_the_schema_refuses_what_the_vendor_would(count: int) -> None:
    """Too few, too many; a wrong key, half an address."""
    with pytest.raises(jsonschema.ValidationError):
        validate(batch_request(items(count), DONE))
    for odd in ({"key": 2**31}, {"key": 0}, {"key": "1"}, {"webhook_url": "ftp://x"}, {"zip": None, "mail_zip": None}):
        body = json.loads(batch_request(items(10), DONE))
        body["skips"][0] |= odd
        body["skips"][0] = {name: value for name, value in body["skips"][0].items() if value is not None}
        with pytest.raises(jsonschema.ValidationError):
            validate(json.dumps(body).encode())


def test_a_batch_one_byte_below_the_limit_in_names_from_everywhere() -> None:
    """As sent, not as counted in characters; and what is packed by our sizes is never a byte larger."""
    names = ["Пётр", "Žofie", "李小龍", "Zoë", "محمد", "👩\u200d🚀"]
    people = [Subject(HOME, AWAY, names[at % 6] * 3, names[at % 5] * 4) for at in range(650)]
    batch = [TraceItem(key, url(key), person) for key, person in enumerate(people, 1)]
    missing = BODY_MAX_BYTES - 1 - len(batch_request(batch, DONE))
    for at in range(len(batch)):
        add = min(missing, 100)
        grown = Place(f"{'x' * add}{HOME.street}", HOME.city, HOME.state, HOME.zip)
        batch[at] = TraceItem(batch[at].key, batch[at].webhook_url, Subject(grown, AWAY, *names_of(people[at])))
        missing -= add
    body = batch_request(batch, DONE)
    assert len(body) == BODY_MAX_BYTES - 1 > len(body.decode())
    validate(body)


def names_of(subject: Subject) -> tuple[str, str]:
    """Both names."""
    return subject.first_name, subject.last_name


@given(st.lists(st.text(min_size=1, max_size=120), min_size=10, max_size=40))
def test_what_is_packed_by_its_sizes_is_not_larger_as_sent(names: list[str]) -> None:
    """The sizes are those of the longest keys: what the packer allows, the wire keeps."""
    people = [Subject(HOME, None, name, name) for name in names]
    sizes = [item_bytes(TraceItem(1_000, url(1_000), person)) for person in people]
    limits = Limits(frame_bytes(DONE), bytes_max=12_000)
    for batch in pack(sizes, limits).batches:
        packed = [TraceItem(key, url(key), people[at]) for key, at in enumerate(batch, 1)]
        assert len(batch_request(packed, DONE)) <= limits.bytes_max


def test_a_few_at_once() -> None:
    """The same items without the address for their completion."""
    assert validate(await_request(items(1)), AWAIT_SCHEMA).keys() == {"skips"}
    validate(await_request(items(100)), AWAIT_SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        validate(await_request(items(101)), AWAIT_SCHEMA)


def test_nothing_of_an_item_is_shown() -> None:
    """Neither its address nor whom it is about (P11)."""
    assert repr(items(1)[0]) == "TraceItem(key=1, subject=Subject())"


ACKNOWLEDGED = {
    "acknowledged": True,
    "batchId": "b-1",
    "batchRequestIds": [{"key": 1, "batchRequestId": "r-1"}, {"key": "2", "batchRequestId": "r-2"}, None, {"key": 3}],
    "receiveCount": 2,
}


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("body", [ACKNOWLEDGED, {"data": ACKNOWLEDGED}, {"data": ACKNOWLEDGED, "statusCode": 200}])
def test_an_acknowledgement_of_either_version(status: int, body: dict[str, Any]) -> None:
    """Flat, or under `data`."""
    reply = decipher_acknowledgement(status, {}, json.dumps(body).encode(), NOW)
    assert reply == Acknowledged("b-1", {1: "r-1", 2: "r-2"}, 2)


@pytest.mark.parametrize(
    ("acknowledged", "keys", "complaint"),
    [
        (Acknowledged("b", {1: "r", 2: "s"}, 2), {1, 2}, None),
        (Acknowledged("b", {}, None), {1, 2}, None),
        (Acknowledged("b", {}, 2), {1, 2}, None),
        (Acknowledged("b", {1: "r", 2: "s"}, 1), {1, 2}, "2 owners were sent, and the vendor says that it received 1"),
        (Acknowledged("b", {1: "r"}, 2), {1, 2}, "1 keys that were sent are not acknowledged, 0 are that were not"),
        (Acknowledged("b", {1: "r", 3: "s"}, None), {1, 2}, "1 keys that were sent are not acknowledged, 1 are"),
    ],
)
def test_an_acknowledgement_is_held_against_what_was_sent(
    acknowledged: Acknowledged, keys: set[int], complaint: str | None
) -> None:
    """The count must be right, and so must the keys, as far as the vendor names them."""
    said = acknowledged.complaint(keys)
    assert said == complaint or (complaint and said and said.startswith(complaint))


@pytest.mark.parametrize(
    ("status", "body", "headers", "means"),
    [
        (429, {"message": "You have reached your daily credit limit."}, {}, DailyLimit(MIDNIGHT)),
        (403, {"error": {"message": "Daily quota exceeded"}}, {"retry-after": "5"}, DailyLimit(MIDNIGHT)),
        (429, {"message": "Too many requests."}, {"retry-after": "5"}, Throttled(5.0)),
        (429, {}, {}, Throttled(None)),
        (401, {"message": "Unauthorized"}, {}, Denied(Reason.TOKEN_REFUSED, 401, "Unauthorized")),
        (402, {}, {}, Denied(Reason.WALLET_EMPTY, 402, "Payment Required")),
        (403, {"error": "Forbidden"}, {}, Denied(Reason.ABILITY_MISSING, 403, "Forbidden")),
        (400, {"responseMessage": "keys must\nbe unique"}, {}, Refused(400, "keys must be unique")),
        (413, {"status": {"message": "too large"}}, {}, Refused(413, "too large")),
        (408, {}, {}, Lost("HTTP 408")),
        (409, {}, {}, Lost("HTTP 409")),
        (500, {"message": "daily limit"}, {}, Lost("HTTP 500")),
        (502, None, {}, Lost("HTTP 502")),
        (302, {}, {}, Lost("HTTP 302")),
        (200, {"statusCode": 400, "message": "no"}, {}, Refused(400, "no")),
        (200, {"status": {"code": 429}}, {}, Throttled(None)),
        (
            200,
            {"acknowledged": False, "batchId": "b"},
            {},
            Lost("HTTP 200 without an answer that the vendor documents"),
        ),
        (200, {"acknowledged": True}, {}, Lost("HTTP 200 without an answer that the vendor documents")),
        (200, [], {}, Lost("HTTP 200 without an answer that the vendor documents")),
        (200, None, {}, Lost("HTTP 200 without an answer that the vendor documents")),
    ],
)
def test_trouble(status: int, body: Any, headers: dict[str, str], means: object) -> None:
    """The day's end is no back-off, and what is not certain may run."""
    content = b"<html>" if body is None else json.dumps(body).encode()
    assert decipher_acknowledgement(status, headers, content, NOW) == means


def test_the_vendors_day_ends_at_midnight_utc() -> None:
    """Whatever our zone is."""
    body = json.dumps({"message": "You have reached your daily credit limit"}).encode()
    for hours in (0, 9, -7):
        local = NOW.astimezone(timezone(timedelta(hours=hours)))
        assert decipher_acknowledgement(429, {}, body, local) == DailyLimit(MIDNIGHT)


@given(status=st.integers(100, 599), body=SOMETIMES_JSON)
def test_no_reply_makes_it_fail(status: int, body: bytes) -> None:
    """Any bytes whatever are an answer or trouble."""
    reply = decipher_acknowledgement(status, {}, body, NOW)
    assert status // 100 == 2 or not isinstance(reply, Acknowledged)
