"""What happens, as the log says it, for those who wait for a command: each gets the lines of its own jobs."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Line: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Somebody who waits; the lines come in order, and None is the last."""

    jobs: frozenset[str]
    accounts: frozenset[str]
    lines: asyncio.Queue[Line | None] = field(default_factory=asyncio.Queue)

    def wants(self, line: Mapping[str, Any]) -> bool:
        """Lines of its jobs, and those that speak of an account as a whole."""
        if line.get("job") is not None:
            return line["job"] in self.jobs
        return line.get("account") in self.accounts


class Board:
    """One per daemon: the log posts each line, redacted as it is."""

    def __init__(self) -> None:
        self._readers: set[Reader] = set()

    def post(self, line: Mapping[str, Any]) -> None:
        """Hand a line to whoever waits for it."""
        for reader in self._readers:
            if reader.wants(line):
                reader.lines.put_nowait(dict(line))

    def follow(self, work: asyncio.Task[Any], jobs: Collection[str], accounts: Collection[str]) -> Reader:
        """Begin to read the lines of these jobs, until the work is done."""
        reader = Reader(frozenset(jobs), frozenset(accounts))
        self._readers.add(reader)
        work.add_done_callback(lambda _: self._end(reader))
        return reader

    def _end(self, reader: Reader) -> None:
        self._readers.discard(reader)
        reader.lines.put_nowait(None)
