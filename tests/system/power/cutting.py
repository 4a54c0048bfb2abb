"""The power is cut after each step that was recorded, and whatever may be left is looked at."""

import random
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from leadsync.store.witness import WitnessFile
from tests.system.power.disk import Cut, Disk, Files
from tests.system.power.promises import Image, Promise, Seen
from tests.system.power.recording import Did, Record
from tests.system.power.talk import Exchange, exchanges

__all__ = ["Findings", "Unfolding", "cut_everywhere"]

STORE = "leadsync.db"
_IN_BETWEEN = {Did.SENT, Did.RECEIVED}
"""Steps that change neither the disk nor what the others may know."""

_DECISIVE = {Did.SYNCED, Did.SYNCED_FOLDER, Did.SENDING}
"""After all others a disk that lost what was not synced is the one it was before, and was looked at."""

_GONE_ANYWAY = ("-shm", ".lock", ".sock")
"""The index of the log is made anew from it; a lock is the kernel's."""


@dataclass(slots=True)
class Findings:
    """How many images were looked at, and what was wrong: how often by promise, and the first of each in words."""

    images: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def note(self, promise: Promise, where: str, wrong: str) -> None:
        """Add one."""
        self.broken[promise.__name__] += 1
        self.first.setdefault(promise.__name__, f"{where}: {wrong}")


def cut_everywhere(
    records: Sequence[Record], promises: Sequence[Promise], scratch: Path, *, images: int, seed: int
) -> Findings:
    """Cut the power after each step, at least twice and so often that so many images are looked at."""
    steps = [number for number, record in enumerate(records) if _matters(record)]
    dice = random.Random(seed)  # noqa: S311 - sectors, not secrets
    disk, findings, unfolding = Disk(), Findings(), Unfolding(exchanges(records))
    in_turn = cycle((Cut.PREFIX, Cut.SECTORS))
    for turn, number in enumerate(steps, 1):
        disk.follow(records[number])
        seen = unfolding.by(number)
        due = max(2, images * turn // len(steps) - findings.images)
        for cut in (*[Cut.LOST] * (records[number].did in _DECISIVE), *islice(in_turn, due)):
            findings.images += 1
            with _opened(disk.after(cut, dice), scratch) as image:
                for promise in promises:
                    wrong = promise(image, seen)
                    if wrong is not None:
                        findings.note(promise, f"step {number}, what was not synced is {cut}", wrong)
    return findings


def _matters(record: Record) -> bool:
    return record.did not in _IN_BETWEEN and not record.name.endswith(_GONE_ANYWAY)


class Unfolding:
    """What the others may know, which grows from step to step."""

    def __init__(self, all_of_them: Iterable[Exchange]) -> None:
        self._seen = Seen()
        self._coming: list[tuple[int, list[Exchange], Exchange]] = []
        for each in all_of_them:
            if each.ours:
                self._coming.append((each.request.first, self._seen.asked, each))
            elif each.answer is not None:
                self._coming.append((each.answer.first, self._seen.answered, each))
        self._coming.sort(key=lambda coming: coming[0], reverse=True)

    def by(self, number: int) -> Seen:
        """What may be known once that record has happened."""
        while self._coming and self._coming[-1][0] <= number:
            _, known, exchange = self._coming.pop()
            known.append(exchange)
        return self._seen


@contextmanager
def _opened(files: Files, folder: Path) -> Iterator[Image]:
    """Lay the files out, and open what they hold as the next process would."""
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        if not name.endswith(_GONE_ANYWAY) and "/" not in name:
            (folder / name).write_bytes(content)
    store = folder / STORE
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")  # this copy is thrown away in a moment
        yield Image(connection, WitnessFile(store).read())
