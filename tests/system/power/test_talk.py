"""Requests and answers out of a process's bytes: each with the moment from which the other side may have known it."""

from tests.system.power.recording import Did, Record
from tests.system.power.talk import Exchange, Message, exchanges

HEAD = b"POST / HTTP/1.1\r\nContent-Length: 3"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2"


def spoken(*steps: tuple[Did, bytes], stream: int = 1) -> list[Record]:
    """Records of one stream."""
    return [Record(did, "", stream, 0, data) for did, data in steps]


def test_a_request_in_parts_was_sent_when_its_first_part_began() -> None:
    """Head and body may leave one after the other; a send that was refused by a full buffer began nothing."""
    records = spoken(
        (Did.SENDING, b""),
        (Did.SENDING, b""),
        (Did.SENT, HEAD + b"\r\n\r\n"),
        (Did.SENDING, b""),
        (Did.SENT, b"abc"),
        (Did.RECEIVED, OK + b"\r\n\r\no"),
        (Did.RECEIVED, b"k"),
    )
    request = Message(HEAD, b"abc", 1, 4)
    assert exchanges(records) == [Exchange(ours=True, request=request, answer=Message(OK, b"ok", 5, 6))]
    assert request.start == "POST / HTTP/1.1"


def test_who_speaks_first_asks() -> None:
    """A stream that begins with what came is somebody else's, and the answer is ours: a webhook."""
    records = spoken((Did.RECEIVED, HEAD + b"\r\n\r\nabc"), (Did.SENDING, b""), (Did.SENT, OK + b"\r\n\r\nok"))
    assert exchanges(records) == [
        Exchange(ours=False, request=Message(HEAD, b"abc", 0, 0), answer=Message(OK, b"ok", 1, 2))
    ]


def test_a_stream_may_carry_several() -> None:
    """Kept alive, with the last answer cut: that one has none."""
    step = ((Did.SENDING, b""), (Did.SENT, HEAD + b"\r\n\r\nabc"))
    records = spoken(*step, (Did.RECEIVED, OK + b"\r\n\r\nok"), *step, (Did.RECEIVED, OK + b"\r\n\r\no"))
    assert [each.answer is not None for each in exchanges(records)] == [True, False]


def test_streams_that_are_interleaved_are_told_apart() -> None:
    """Two sockets at once; the requests come in the order in which they left."""
    first = spoken((Did.SENDING, b""), (Did.SENT, HEAD + b"\r\n\r\nabc"), stream=2)
    second = spoken((Did.SENDING, b""), (Did.SENT, HEAD + b"\r\n\r\nxyz"), stream=1)
    records = [record for pair in zip(first, second, strict=True) for record in pair]
    assert [(each.request.body, each.request.first) for each in exchanges(records)] == [(b"abc", 0), (b"xyz", 1)]
