"""Opening a message: never more memory than is allowed, and every kind of nonsense is one error."""

import gzip
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.letters import LEVELS_MAX, PIECE_BYTES, Unreadable, Why, check_json, inflated, key_digest

BODY = b'{"a":1}'
MIB = 1024 * 1024


def why(headers: dict[str, str], body: bytes, max_bytes: int = 1_000) -> Why:
    """Why it cannot be inflated."""
    with pytest.raises(Unreadable) as unreadable:
        inflated(headers, body, max_bytes)
    return unreadable.value.why


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("identity", BODY),
        ("gzip", gzip.compress(BODY)),
        ("GZIP ", gzip.compress(BODY)),
        ("gzip", gzip.compress(BODY[:3]) + gzip.compress(BODY[3:])),
        ("deflate", zlib.compress(BODY)),
    ],
    ids=["identity", "gzip", "spelling", "two parts", "deflate"],
)
def test_encodings(encoding: str, body: bytes) -> None:
    """What senders use, also in two parts."""
    assert inflated({"content-encoding": encoding}, body, len(BODY)) == BODY
    assert inflated({}, BODY, 1) == BODY


def test_what_is_not_compressed_as_it_says() -> None:
    """Damaged, cut off, or in an encoding that nobody here knows."""
    assert why({"content-encoding": "gzip"}, BODY) is Why.NOT_READABLE
    assert why({"content-encoding": "gzip"}, gzip.compress(BODY)[:-6]) is Why.NOT_READABLE
    assert why({"content-encoding": "br"}, BODY) is Why.NOT_READABLE


def test_a_bomb_is_stopped_at_the_cap() -> None:
    """200 KB that become 200 MB: no more is inflated than is allowed, and a byte."""
    bomb = gzip.compress(bytes(200 * MIB), 9)
    tracemalloc.start()
    assert why({"content-encoding": "gzip"}, bomb, MIB) is Why.TOO_LARGE
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * MIB


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<html></html>",
        b'{"a":1',
        b'{"a":1} x',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" + b"1," * PIECE_BYTES + b"NaN]",
        b'{"results":[' + b'{"a":"b"},' * PIECE_BYTES + b'{"a":"\\udc00"}]}',
    ],
    ids=lambda body: repr(body[:12] + body[-6:]),
)
def test_what_is_no_json(body: bytes) -> None:
    """However large it is, and wherever the nonsense stands: one error, without a word of its content."""
    with pytest.raises(Unreadable, match=r"^it is not JSON that can be read$") as unreadable:
        check_json(body)
    assert unreadable.value.why is Why.NOT_READABLE


@given(st.recursive(st.none() | st.booleans() | st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_what_is_json(value: object) -> None:
    """Whatever Python writes as JSON can be read, small or large."""
    text = json.dumps(value)
    if "\\ud" not in text:
        check_json(text.encode())
        check_json(f'[{text},"{"x" * PIECE_BYTES}"]'.encode())


def test_a_large_result_is_never_held_as_objects() -> None:
    """Of a thousand records of 26 KB some hundred KB are decoded at a time."""
    record = json.dumps({"_id": "x", **{f"member-{number}": "v" * 100 for number in range(220)}}).encode()
    body = b'{"results":{"properties":[' + b",".join([record] * 1_000) + b"]}}"
    tracemalloc.start()
    check_json(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(body) > 25 * 1_000_000
    assert peak < MIB


def test_a_large_result_has_a_depth_that_is_read_and_no_more() -> None:
    """Each level of a large body is held once more while it is read, so their number has an end."""

    def nested(levels: int) -> bytes:
        return b"[" * levels + b'"' + b"x" * PIECE_BYTES + b'"' + b"]" * levels

    check_json(nested(LEVELS_MAX - 1))
    with pytest.raises(Unreadable):
        check_json(nested(LEVELS_MAX))


def test_the_digest_of_a_key_never_changes() -> None:
    """Batches that are out carry it in the store: another one would quarantine every answer to them."""
    assert key_digest("canary") == "e100fbce008c04ec40637af0af91fb2f05aeedc23f856a2d3c0b1580625d755e"
