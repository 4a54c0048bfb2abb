"""kill -9, again and again, in foul weather: in the end bill and store are the same list (P1, P2, P3, L1).

`--kills=100` kills more often than the daily test run; `--kill-seed` repeats the moments of an earlier one.
"""

import random
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.system.books import hold_the_books_together, replays_with_the_same_bytes
from tests.system.house import ALL, House
from tests.system.process import Vendor

JOBS: Final = {
    "everything": ALL,
    "phoenix": 'query = "Phoenix, AZ"',
    "absentee": 'query = ""\nquickLists = ["absentee-owner"]',
}
WEATHER: Final = (
    "cut_before",
    "cut_after",
    "truncated",
    "html_200",
    "empty_body",
    "odd_json",
    "unavailable_after",
    "gateway_timeout",
    "slow",
    "server_error",
    "conflict",
)
STORM: Final = 0.05
PAGES_MAX: Final = 15
"""About what a run has to pull; a kill comes after so many pages at most."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a process is killed: so long after so many pages, or after its start where `pages` is None."""

    pages: int | None
    further_s: float

    @classmethod
    def drawn(cls, dice: random.Random) -> "Moment":
        """Mostly in the paging, sometimes anywhere between the start and the first page."""
        if dice.random() < 0.15:
            return cls(None, dice.uniform(0, 2))
        return cls(dice.randrange(PAGES_MAX), dice.uniform(0, 0.05))


@dataclass(slots=True)
class Tally:
    """How many processes were killed, and how many of them had just asked for a page."""

    kills: int = 0
    in_a_page: int = 0


def killed_at(house: House, moment: Moment) -> bool:
    """Start a run and kill it at that moment; False where it had ended by then."""
    with house.start(*JOBS) as running:
        if moment.pages is not None:
            running.saw("store.opened") and running.saw("page.stored", moment.pages)
        if running.ends_within(moment.further_s):
            return False
        running.send(signal.SIGKILL)
        return running.end().code == -signal.SIGKILL


def kill_often(house: House, vendor: Vendor, kills: int, dice: random.Random) -> Tally:
    """Let the world grow and the weather turn, and kill each run."""
    tally = Tally()
    while tally.kills < kills:
        vendor.grow(dice.randrange(40, 160))
        vendor.storm(STORM, WEATHER, dice.randrange(1_000_000))
        before = house.open_keys()
        if killed_at(house, Moment.drawn(dice)):
            tally.kills += 1
            tally.in_a_page += not house.open_keys() <= before
    return tally


def test_whatever_moment_it_is_killed_at_the_books_agree_in_the_end(
    tmp_path: Path, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    """Every billed property is stored exactly once per session, after kills at any moment and a last calm run."""
    kills, seed = pytestconfig.getoption("--kills"), pytestconfig.getoption("--kill-seed")
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    record_property("repeat it with", f"--kills={kills} --kill-seed={seed}")
    began_s = time.monotonic()
    with Vendor.open(properties=300) as vendor:
        house = House(tmp_path / "house", vendor.url)
        for name, search in JOBS.items():
            house.job(name, search=search)
        tally = kill_often(house, vendor, kills, random.Random(seed))  # noqa: S311 - moments, not secrets
        vendor.calm()
        last = house.say(f"once {' '.join(JOBS)}")
        bill = vendor.bill()
    assert last.code == 0, last.out
    hold_the_books_together(house, bill)
    replays = replays_with_the_same_bytes(bill)
    assert not house.open_keys()
    assert house.one("SELECT count(*) FROM run WHERE outcome IS NULL") == 0
    assert house.one("PRAGMA integrity_check") == "ok"
    record_property(
        "figures",
        f"{tally.kills} kills, {tally.in_a_page} left a new key open, {replays} replays,"
        f" {bill['records']} billed and stored, {time.monotonic() - began_s:.0f} s",
    )
