"""Opening a message: never more memory than is allowed, and what is damaged is one error."""

import gzip
import tracemalloc
import zlib

import pytest

from leadsync.core.letters import Unreadable, Why, inflated, key_digest

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


def test_the_digest_of_a_key_never_changes() -> None:
    """Batches that are out carry it in the store: another one would quarantine every answer to them."""
    assert key_digest("canary") == "e100fbce008c04ec40637af0af91fb2f05aeedc23f856a2d3c0b1580625d755e"
