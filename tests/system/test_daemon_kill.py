"""The daemon, killed again and again in foul weather while its world grows: it ends with the same books (P1, P2, L1).

`--daemon-kills=20` kills more often than the daily test run; `--kill-seed` repeats the moments of an earlier one.
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

JOBS: Final = {"everything": ALL, "phoenix": 'query = "Phoenix, AZ"'}
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
LINES_MAX: Final = 40
"""About what a daemon logs while it settles and pulls what has come since; after that it logs a few lines a second."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a daemon is killed: so long after so many lines of its log, or after its start where `lines` is None."""

    lines: int | None
    further_s: float

    @classmethod
    def drawn(cls, dice: random.Random) -> "Moment":
        """Mostly at work, sometimes anywhere between the start and the first page."""
        if dice.random() < 0.15:
            return cls(None, dice.uniform(0, 2))
        return cls(dice.randrange(1, LINES_MAX), dice.uniform(0, 0.05))


def kill_at(house: House, moment: Moment) -> None:
    """Start the daemon and kill it at that moment; it never ends by itself."""
    with house.daemon() as daemon:
        assert moment.lines is None or daemon.heard(moment.lines)
        assert not daemon.ends_within(moment.further_s)
        daemon.send(signal.SIGKILL)
        assert daemon.end().code == -signal.SIGKILL


def live_on(house: House) -> None:
    """Let a last daemon work in calm weather until each job has run to its end, and stop it."""
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        for job in JOBS:
            assert daemon.saw("run.started", job=job, trigger="schedule")
            assert daemon.saw("run.ended", job=job, outcome="complete")
        daemon.send(signal.SIGTERM)
        assert daemon.end().code == 0


def test_whatever_moment_it_is_killed_at_the_daemon_ends_with_the_same_books(
    tmp_path: Path, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    """Every billed property is stored exactly once a session, after kills at any moment and a start in calm weather."""
    kills, seed = pytestconfig.getoption("--daemon-kills"), pytestconfig.getoption("--kill-seed")
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    record_property("repeat it with", f"--daemon-kills={kills} --kill-seed={seed}")
    dice = random.Random(seed)  # noqa: S311 - moments, not secrets
    began_s = time.monotonic()
    with Vendor.open(properties=300) as vendor:
        house = House(tmp_path / "house", vendor.url)
        for name, search in JOBS.items():
            house.job(name, search=search, schedule='every = "2s"')
        left_open = 0
        for _ in range(kills):
            vendor.grow(dice.randrange(40, 160))
            vendor.storm(STORM, WEATHER, dice.randrange(1_000_000))
            kill_at(house, Moment.drawn(dice))
            left_open += len(house.open_keys())
        vendor.calm()
        size = vendor.grow(10)
        live_on(house)
        bill = vendor.bill()
    assert bill["sessions"]["everything"] == size
    hold_the_books_together(house, bill)
    replays = replays_with_the_same_bytes(bill)
    assert not house.open_keys()
    assert house.one("SELECT count(*) FROM run WHERE outcome IS NULL") == 0
    assert house.one("PRAGMA integrity_check") == "ok"
    record_property(
        "figures",
        f"{kills} kills left {left_open} keys open, {replays} replays, {bill['records']} billed and stored,"
        f" {time.monotonic() - began_s:.0f} s",
    )
