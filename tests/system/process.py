"""The real thing: leadsync as a process of its own and the vendor's simulator as another, over loopback.

Whatever a process says is looked at when it has ended: never a traceback, the token, a phone or an e-mail.
"""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import httpx  # noqa: TID251 - the test edge turns the simulator's knobs over its own socket
import pytest

import leadsync
from leadsync.simulator import TOKEN

__all__ = [
    "Answer",
    "Process",
    "Running",
    "Streams",
    "Vendor",
    "begin",
    "beginning",
    "command",
    "environment",
    "execute",
    "run",
    "without_power",
]

PATIENCE_S: Final = 60.0
"""No process of a test needs so long, on whatever machine."""

UNSPEAKABLE: Final = re.compile(rf"Traceback|command\.crashed|{TOKEN}|60255501\d\d|@example\.com")
"""The phones and e-mails are those of the simulator's owners."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a process ended: its exit code (negative: the signal), and what it said."""

    code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        found = UNSPEAKABLE.search(self.err)
        assert found is None, f"this must not be on stderr: {self.err[-2_000:]}"

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of the log, in order."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    @property
    def json(self) -> Any:
        """Stdout, which is JSON alone."""
        return json.loads(self.out)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of one event."""
        return [line for line in self.log if line["event"] == event]

    def sentence(self) -> str:
        """The one line on stderr that is no log line: what a person is told."""
        (line,) = (line for line in self.err.splitlines() if not line.startswith("{"))
        return line


LEADSYNC: Final = ("-m", "leadsync")


def command(*arguments: object, program: Sequence[str] = LEADSYNC) -> list[str]:
    """How leadsync is started, or another program of Python; warnings are errors there too."""
    return [sys.executable, "-W", "error", *program, *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """What a process gets to see: nothing of the tester's own settings."""
    package = Path(leadsync.__file__).parents[1]
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(package), "LC_ALL": "C.UTF-8", **more}


class Process(Protocol):
    """A process under way, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit code (negative: the signal). Raises TimeoutExpired."""

    def send_signal(self, number: int, /) -> None:
        """Send a signal, unless it has ended."""

    def kill(self) -> None:
        """End it at once."""


Streams = tuple[int, int, int]
"""The descriptors of stdin, stdout and stderr."""

STDERR: Final = 2
"""The tester's own: what should never be said there is seen."""

Begin = Callable[[Sequence[str], Sequence[str], Streams, Mapping[str, str]], Process]
"""Begins a program with its arguments, streams and environment."""


def execute(program: Sequence[str], arguments: Sequence[str], streams: Streams, environ: Mapping[str, str]) -> Process:
    """Begin as an operator does: a Python of its own, which imports what it needs."""
    stdin, stdout, stderr = streams
    return subprocess.Popen(
        command(*arguments, program=program), stdin=stdin, stdout=stdout, stderr=stderr, env=environ
    )


_begins: list[Begin] = [execute]


@contextmanager
def beginning(way: Begin) -> Iterator[None]:
    """Let processes begin in another way."""
    _begins.append(way)
    try:
        yield
    finally:
        _begins.pop()


def begin(
    *arguments: object,
    stdout: int,
    stderr: int,
    program: Sequence[str] = LEADSYNC,
    **settings: str,
) -> Process:
    """Begin leadsync, or another program of Python; its stdin is empty; settings are environment variables."""
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - it is no path of ours
        streams = (nothing.fileno(), stdout, stderr)
        return _begins[-1](program, [*map(str, arguments)], streams, environment(**settings))


def run(*arguments: object, **settings: str) -> Answer:
    """Run a command to its end; settings are environment variables."""
    with Running(*arguments, **settings) as process:
        return process.end()


def without_power(*arguments: object) -> Answer:
    """Run a command for which modes of files hold, as they do for everybody but root."""
    line = command(*arguments)
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv") or pytest.skip("root may read everything, and there is no setpriv here")
        line = [setpriv, "--bounding-set=-dac_override,-dac_read_search", *line]
    ended = subprocess.run(line, capture_output=True, check=False, encoding="utf-8", env=environment(), timeout=60)
    return Answer(ended.returncode, ended.stdout, ended.stderr)


class Running:
    """A process under way, whose log is read as it comes. Leaving it kills what is still there.

    Settings are environment variables.
    """

    def __init__(self, *arguments: object, program: Sequence[str] = LEADSYNC, **settings: str) -> None:
        out, their_out = os.pipe()
        err, their_err = os.pipe()
        self._process = begin(*arguments, stdout=their_out, stderr=their_err, program=program, **settings)
        os.close(their_out)
        os.close(their_err)
        self._out = ""
        self._said: list[str] = []
        self._coming: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._readers = [
            threading.Thread(target=read, args=(pipe,), daemon=True)
            for read, pipe in ((self._read_out, out), (self._read_log, err))
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def saw(self, event: str, times: int = 1, **fields: object) -> bool:
        """Wait until an event was logged so often from now on, with these fields; False where the process ended."""
        wanted = {"event": event, **fields}.items()
        while times:
            line = self._next_line()
            if line is None:
                return False
            times -= line.startswith("{") and wanted <= json.loads(line).items()
        return True

    def said(self, event: str) -> dict[str, Any]:
        """Wait for the next line of an event, and return it."""
        while True:
            line = self._next_line()
            assert line is not None, f"the process ended and never said {event}"
            if line.startswith("{") and json.loads(line)["event"] == event:
                said: dict[str, Any] = json.loads(line)
                return said

    def heard(self, lines: int) -> bool:
        """Wait for so many lines, whatever they say; False where the process ended before."""
        return all(self._next_line() is not None for _ in range(lines))

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def ends_within(self, wait_s: float) -> bool:
        """Whether it ends in that time."""
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self, wait_s: float = PATIENCE_S) -> Answer:
        """Wait for its end."""
        code = self._process.wait(wait_s)
        for reader in self._readers:
            reader.join()
        return Answer(code, self._out, "".join(self._said))

    def _next_line(self) -> str | None:
        line = self._coming.get(timeout=PATIENCE_S)
        if line is None:
            self._coming.put(None)
        return line

    def _read_out(self, pipe: int) -> None:
        with os.fdopen(pipe, encoding="utf-8") as stdout:
            self._out = stdout.read()

    def _read_log(self, pipe: int) -> None:
        with os.fdopen(pipe, encoding="utf-8") as stderr:
            for line in stderr:
                self._said.append(line)
                self._coming.put(line)
        self._coming.put(None)


class Vendor:
    """The simulator in a process of its own, and the hands on its knobs; made by `open`."""

    def __init__(self, url: str) -> None:
        self.url = url

    @classmethod
    @contextmanager
    def open(cls, *, properties: int, seed: int = 7) -> Iterator[Self]:
        """Serve until the end."""
        ours, theirs = os.pipe()
        line = ("simulate", "--port", 0, "--properties", properties, "--seed", seed)
        process = begin(*line, stdout=theirs, stderr=STDERR)
        os.close(theirs)
        with os.fdopen(ours, encoding="utf-8") as stdout:
            try:
                yield cls(stdout.readline().removeprefix("simulator listening on ").strip())
            finally:
                process.kill()
                process.wait()

    def bill(self) -> dict[str, Any]:
        """What was billed, and what was asked."""
        bill: dict[str, Any] = httpx.get(f"{self.url}/_simulator/bill", trust_env=False).raise_for_status().json()
        return bill

    def has_billed(self, wait_s: float = PATIENCE_S) -> bool:
        """Wait until a request has arrived that bills; each look is a request of its own, so this does not spin."""
        deadline_s = time.monotonic() + wait_s
        while time.monotonic() < deadline_s:
            if self.bill()["records"]:
                return True
        return False

    def grow(self, count: int) -> int:
        """New properties come on the market; return how many there are now."""
        size: int = self.turn("grow", {"count": count})["size"]
        return size

    def next(self, *faults: str | None, endpoint: str = "search") -> None:
        """Put faults in line for the coming requests; None lets one pass."""
        self.turn("faults", {"endpoint": endpoint, "next": list(faults)})

    def storm(self, rate: float, kinds: tuple[str, ...], seed: int) -> None:
        """From now on a search meets one of these faults at that rate."""
        self.turn("faults", {"storm": {"rate": rate, "kinds": kinds, "seed": seed}})

    def calm(self) -> None:
        """The weather clears, for searches and lists."""
        self.turn("faults", {"calm": True})
        self.turn("faults", {"endpoint": "list", "calm": True})

    def slow(self, answer_s: float) -> None:
        """Set how long a slow answer takes."""
        self.turn("switches", {"slow_s": answer_s})

    def results(self) -> list[dict[str, Any]]:
        """What became of each async request that was taken, in their order."""
        listed = httpx.get(f"{self.url}/_simulator/results", trust_env=False).raise_for_status().json()
        results: list[dict[str, Any]] = listed["results"]
        return results

    def turn(self, knob: str, to: dict[str, Any]) -> dict[str, Any]:
        """Send an order to one of the simulator's own endpoints; return its answer."""
        answer = httpx.post(f"{self.url}/_simulator/{knob}", json=to, trust_env=False).raise_for_status()
        stands: dict[str, Any] = answer.json()
        return stands
