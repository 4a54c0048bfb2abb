"""What a process said and heard, put together from its bytes: HTTP requests and their answers, on either side.

Each message knows two moments, as numbers of records: from when on the other side may have had its first byte, and when
its last byte had gone. A request counts as sent at its first: its key must be durable by then. An answer counts as
given at its first too, and as received at its last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

from tests.system.power.recording import Did, Record

__all__ = ["Exchange", "Message", "exchanges"]


@dataclass(frozen=True, slots=True)
class Message:
    """One whole request or answer."""

    head: bytes
    body: bytes
    first: int
    last: int

    @property
    def start(self) -> str:
        """Its first line: `POST /path HTTP/1.1`, or `HTTP/1.1 200 OK`."""
        return self.head.split(b"\r\n", 1)[0].decode("ascii")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer, None where none came whole. `ours`: the process asked; else it was asked."""

    ours: bool
    request: Message
    answer: Message | None


@dataclass(slots=True)
class Way:
    """One direction of a stream: its bytes, and where in them each record's bytes end."""

    content: bytearray = field(default_factory=bytearray)
    steps: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, data: bytes, since: int, at: int) -> None:
        """Note bytes that may have been on their way since one record, and had gone by another."""
        self.content += data
        self.steps.append((len(self.content), since, at))

    def messages(self) -> Iterator[Message]:
        """The whole messages, cut apart by their Content-Length; what is left of a broken one is left out."""
        begins = 0
        while (head_ends := self.content.find(b"\r\n\r\n", begins)) >= 0:
            head = bytes(self.content[begins:head_ends])
            ends = head_ends + 4 + _length(head)
            if ends > len(self.content):
                return
            first = next(since for upto, since, _ in self.steps if upto > begins)
            last = next(at for upto, _, at in self.steps if upto >= ends)
            yield Message(head, bytes(self.content[head_ends + 4 : ends]), first, last)
            begins = ends


def exchanges(records: Iterable[Record]) -> list[Exchange]:
    """What was asked and answered, in the order of the requests."""
    said: dict[int, Way] = {}
    heard: dict[int, Way] = {}
    sending: dict[int, int] = {}
    ours: dict[int, bool] = {}
    for number, record in enumerate(records):
        match record.did:
            case Did.SENDING:
                sending[record.id] = number
            case Did.SENT:
                ours.setdefault(record.id, True)
                said.setdefault(record.id, Way()).add(record.data, sending[record.id], number)
            case Did.RECEIVED:
                ours.setdefault(record.id, False)
                heard.setdefault(record.id, Way()).add(record.data, number, number)
    ways = ((ours[stream], said.get(stream, Way()), heard.get(stream, Way())) for stream in ours)
    found = (exchange for first, out, back in ways for exchange in _pairs(out, back, ours=first))
    return sorted(found, key=lambda exchange: exchange.request.first)


def _pairs(said: Way, heard: Way, *, ours: bool) -> Iterator[Exchange]:
    asked, answered = (said, heard) if ours else (heard, said)
    for request, answer in zip_longest(asked.messages(), answered.messages()):
        if request is not None:
            yield Exchange(ours, request, answer)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0
