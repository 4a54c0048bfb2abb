"""The journal as the log's way: each line arrives there whole, with its fields to filter by, and without a secret."""

import fcntl
import io
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from leadsync import events, journal
from leadsync.catalogue import CATALOGUE
from leadsync.errors import EnvironmentUnusable
from leadsync.logs import LogStyle, printer, set_up
from tests.jobs.conftest import _log_put_back as log_put_back

__all__ = ["log_put_back"]

SECRET = "canary-token-of-eighteen-signs"
SEALED = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


class Receiver:
    """systemd's end of the socket."""

    def __init__(self, place: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(place))
        self.seals: int | None = None

    def entry(self) -> dict[str, str]:
        """The next entry, from the datagram or from the file that came with it."""
        data, files, _, _ = socket.recv_fds(self._socket, 1_000_000, 1)
        for file in files:
            with os.fdopen(file, "rb") as memory:
                self.seals = fcntl.fcntl(file, fcntl.F_GET_SEALS)
                memory.seek(0)
                data = memory.read()
        return decode(data)

    def drain(self) -> int:
        """Take all that waits, and return how much it was."""
        count = 0
        try:
            while self._socket.recv(1_000_000):
                count += 1
        except BlockingIOError:
            return count
        return count

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


def decode(data: bytes) -> dict[str, str]:
    """Read an entry as the journal does."""
    fields = {}
    while data:
        head, _, data = data.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + size], data[9 + size :]
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A journal of our own."""
    place = tmp_path / "socket"
    monkeypatch.setattr(journal, "SOCKET", place)
    with closing(Receiver(place)) as receiver:
        set_up(LogStyle("debug", "journal"), secrets=[SECRET], now=lambda: datetime(2026, 11, 2, tzinfo=UTC))
        yield receiver


def logged(receiver: Receiver, event: str, level: str = "info", **fields: Any) -> dict[str, str]:
    """Log a line and return what arrives."""
    getattr(structlog.get_logger(), level)(event, **fields)
    return receiver.entry()


def test_a_line_is_fields_to_filter_by(receiver: Receiver) -> None:
    """Each field stands under its name in capitals, MESSAGE is the line for the eye, what is empty is left out."""
    fields: dict[str, Any] = {"run": 7, "job": "phoenix", "session": "phoenix", "account": "main", "new": 0}
    told: dict[str, Any] = {"cost": 4.5, "outcome": "complete", "reason": None, "message": "nothing more to do"}
    entry = logged(receiver, events.RUN_ENDED, **fields, **told)
    assert entry == {
        "MESSAGE": "run.ended run=7 job=phoenix account=main new=0 cost=4.5 outcome=complete"
        " message='nothing more to do'",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "leadsync",
        "EVENT": "run.ended",
        "RUN": "7",
        "JOB": "phoenix",
        "SESSION": "phoenix",
        "ACCOUNT": "main",
        "NEW": "0",
        "COST": "4.5",
        "OUTCOME": "complete",
        "DETAIL": "nothing more to do",
    }


@pytest.mark.parametrize(("level", "priority"), [("debug", "7"), ("info", "6"), ("warning", "4"), ("error", "3")])
def test_levels_are_the_priorities_of_syslog(receiver: Receiver, level: str, priority: str) -> None:
    """`journalctl -p warning` shows what a person should read."""
    assert logged(receiver, events.STOP_ASKED, level, signal="SIGTERM")["PRIORITY"] == priority


def test_every_field_of_the_catalogue_can_be_filtered(receiver: Receiver) -> None:
    """No field of ours is dropped for its name, and none takes the place of one that the journal gives a meaning."""
    taken = {"PRIORITY", "SYSLOG_IDENTIFIER", "MESSAGE_ID", "ERRNO", "UNIT", "TID", "INVOCATION_ID"}
    for entry in CATALOGUE.values():
        arrived = logged(receiver, entry.name, **dict.fromkeys(entry.fields, "x"))
        wanted = {field.upper() if field != "message" else "DETAIL" for field in entry.fields}
        assert wanted <= arrived.keys()
        assert not {field.upper() for field in entry.fields} & taken
        assert not {"message", "detail"} <= set(entry.fields)  # both would be DETAIL


def raised(message: str) -> BaseException:
    """An error with its traceback."""

    def fail() -> None:
        raise RuntimeError(message)

    with pytest.raises(RuntimeError) as caught:
        fail()
    return caught.value


def test_a_traceback_stays_whole(receiver: Receiver) -> None:
    """What has several lines is one field of one entry."""
    entry = logged(receiver, events.COMMAND_CRASHED, "error", error="broken", exc_info=raised("two\nlines"))
    assert entry["EXCEPTION"].startswith("Traceback")
    assert entry["EXCEPTION"].count("\n") >= 3
    assert entry["MESSAGE"].endswith(entry["EXCEPTION"])


def test_no_secret_in_any_field(receiver: Receiver) -> None:
    """Fields go through the same chain as any line: known secrets, phones, e-mails, queries and webhook paths."""
    bad = f"{SECRET} +1 602 555 0147 pat@example.com https://x.example/hooks/abc https://x.example/a?key=1"
    entry = logged(receiver, events.CONFIG_DOUBTED, message=bad, key=[bad], file={"in": bad}, exc_info=raised(bad))
    text = repr(entry)
    for secret in (SECRET, "0147", "pat@", "abc", "key=1"):
        assert secret not in text


def test_a_line_larger_than_a_datagram_arrives_whole(receiver: Receiver) -> None:
    """It goes as a file in memory that nobody can change any more."""
    text = "lead " * 400_000
    entry = logged(receiver, events.CONFIG_DOUBTED, message=text)
    assert entry["DETAIL"] == text
    assert receiver.seals == SEALED


def test_a_journal_that_does_not_keep_up_holds_up_nobody(receiver: Receiver) -> None:
    """Its queue is full: lines are dropped, and the next that arrives says how many."""
    for _ in range(2_000):
        structlog.get_logger().info(events.STOP_ASKED, signal="SIGTERM")
    arrived = receiver.drain()
    assert arrived < 2_000
    assert logged(receiver, events.STOP_ASKED, signal="SIGINT")["DROPPED"] == str(2_000 - arrived)
    assert "DROPPED" not in logged(receiver, events.STOP_ASKED, signal="SIGINT")


def test_a_journal_that_was_restarted_is_found_again(receiver: Receiver) -> None:
    """Another socket under the same name gets the lines from then on, and is told what is missing."""
    receiver.close()
    structlog.get_logger().info(events.STOP_ASKED, signal="SIGTERM")
    journal.SOCKET.unlink()
    structlog.get_logger().info(events.STOP_ASKED, signal="SIGTERM")
    with closing(Receiver(journal.SOCKET)) as second:
        assert logged(second, events.STOP_ASKED, signal="SIGINT")["DROPPED"] == "2"


def test_auto_takes_it_where_systemd_leads_stderr_there(receiver: Receiver, tmp_path: Path) -> None:
    """$JOURNAL_STREAM names the very stream; a redirected one, or one inherited from another service, is JSON."""
    del receiver
    with (tmp_path / "log").open("w") as stream:
        seen = os.fstat(stream.fileno())
        assert form(stream, f"{seen.st_dev}:{seen.st_ino}") == "journal"
        assert form(stream, f"{seen.st_dev}:{seen.st_ino + 1}") == "json"
        assert form(stream, "") == "json"
        assert form(io.StringIO(), "") == "json"


def form(stream: Any, journal_stream: str) -> str:
    """What `auto` is for a stream."""
    return LogStyle.for_stream("info", "auto", stream, {"JOURNAL_STREAM": journal_stream}).form


def test_no_journal_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for the journal where there is none is told so, and nothing is logged to nowhere."""
    monkeypatch.setattr(journal, "SOCKET", tmp_path / "socket")
    with pytest.raises(EnvironmentUnusable, match='format is "journal"'):
        set_up(LogStyle("info", "journal"), secrets=(), now=lambda: datetime.now(UTC))


def test_lines_of_the_daemon_are_shown_and_not_logged_twice(receiver: Receiver) -> None:
    """A command beside a daemon shows its lines; the daemon has told the journal already."""
    stream = io.StringIO()
    printer(LogStyle("info", "journal"), stream)({"time": "2026", "level": "info", "event": "page.stored", "page": 3})
    assert '"event": "page.stored"' in stream.getvalue()
    assert receiver.drain() == 0
