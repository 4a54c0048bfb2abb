"""The doctor's judgements as tables: facts in, `ok`, `wrong` or `unknown` out, with what to do wherever it is wrong."""

import sqlite3
import stat
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from leadsync.config import SecretSource
from leadsync.core.model import Reason, SessionListing
from leadsync.core.replies import Denied, Lost, Refused, SlotsFull, Throttled
from leadsync.core.watch import WAL_LARGE_BYTES
from leadsync.errors import LeadsyncError, Problem
from leadsync.reports.doctor.account import (
    AccountFacts,
    Heard,
    judge_account,
    judge_clock,
    judge_sessions,
    judge_vendor,
    judge_wallet,
)
from leadsync.reports.doctor.check import Check, State, wrong
from leadsync.reports.doctor.configuration import SecretFacts, judge_config_modes, judge_configuration, judge_secret
from leadsync.reports.doctor.machine import (
    MIB,
    Disk,
    Process,
    TimeZones,
    judge_disk,
    judge_process,
    judge_sqlite,
    judge_time_zones,
)
from leadsync.reports.doctor.store import Inside, StoreFacts, judge_store
from leadsync.store.refusals import because_of, damaged, foreign, newer, older, out_of_reach
from leadsync.vendors.wire import Trouble, Wallet

OK, WRONG, UNKNOWN = State.OK, State.WRONG, State.UNKNOWN


def assert_helpful(checks: Iterable[Check]) -> None:
    """Every line says something, and each that is wrong says what to do."""
    for check in checks:
        assert check.message
        assert check.do or check.state is not WRONG
        assert "\n" not in check.message + check.do


@pytest.mark.parametrize(
    ("listed", "state", "words"),
    [
        ({}, OK, "takes the token"),
        (Denied(Reason.TOKEN_REFUSED, 401, "who?"), WRONG, "refuses the token (HTTP 401: who?)"),
        (Denied(Reason.ABILITY_MISSING, 403, "no"), WRONG, "lacks the ability property-search-sessions (HTTP 403: no)"),
        (Denied(Reason.WALLET_EMPTY, 403, "poor"), WRONG, "wallet is empty (HTTP 403: poor)"),
        (Refused(400, "what?"), WRONG, "refuses the session list (HTTP 400: what?)"),
        (SlotsFull(403, "limit", Refused(403, "limit")), WRONG, "refuses the session list (HTTP 403: limit)"),
        (Throttled(1.0), UNKNOWN, "rate limit"),
        (Lost("cannot connect"), WRONG, "from https://vendor.example (cannot connect)"),
    ],
)
def test_the_vendor(listed: dict[str, SessionListing] | Trouble, state: State, words: str) -> None:
    """The two 403s and the 401 are told apart, the missing ability by its name."""
    check = judge_vendor("vendor", "https://vendor.example", listed)
    assert (check.state, words in check.message) == (state, True)
    assert_helpful([check])


FACTS = AccountFacts(
    name="main",
    base_url="https://vendor.example",
    heard=Heard({"phoenix": SessionListing("phoenix", 10)}, Wallet(Decimal(50)), timedelta(0)),
    slots=100,
    slots_reserved=5,
    sessions=("phoenix", "tampa"),
    price=Decimal("0.01"),
    run_cost=Decimal(20),
    page_cost=Decimal(5),
)


@pytest.mark.parametrize(
    ("used", "state", "words"),
    [
        (1, OK, "1 of 100 slots in use, 5 kept free, 94 left; 1 job(s) need a new session"),
        (94, OK, "1 left"),
        (95, WRONG, "0 left; 1 job(s) need a new session, so 1 will wait"),
        (100, WRONG, "0 left"),
        (None, UNKNOWN, "not counted"),
    ],
)
def test_the_slots(used: int | None, state: State, words: str) -> None:
    """Full is wrong where a job needs a new session, and only then; the reserve is not for jobs."""
    names = ["phoenix", *(f"other-{number}" for number in range((used or 1) - 1))]
    listed = Lost("timed out") if used is None else {name: SessionListing(name, 1) for name in names}
    check = judge_sessions("sessions", FACTS, listed)
    assert (check.state, words in check.message) == (state, True)
    nothing_new = judge_sessions("sessions", replace(FACTS, sessions=("phoenix",)), listed)
    assert nothing_new.state is (UNKNOWN if used is None else OK)
    assert_helpful([check])


@pytest.mark.parametrize(
    ("wallet", "state", "words"),
    [
        (Wallet(Decimal(50)), OK, "holds $50.00; one run of each job may cost $20.00"),
        (Wallet(Decimal(20)), OK, "holds $20.00; one"),
        (Wallet(Decimal("19.99")), OK, "which is low"),
        (Wallet(Decimal("0.009")), WRONG, "does not pay for one record"),
        (Wallet(Decimal(-3)), WRONG, "does not pay for one record"),
        (Wallet(Decimal(50), "EUR"), UNKNOWN, "holds 50 EUR"),
        (Denied(Reason.ABILITY_MISSING, 403, "no"), UNKNOWN, "lacks the ability wallet-balance"),
        (Denied(Reason.WALLET_EMPTY, 403, "poor"), WRONG, "empty"),
        (Throttled(None), UNKNOWN, "could not be had"),
        (Lost("HTTP 502"), UNKNOWN, "could not be had"),
        (None, UNKNOWN, "not asked"),
    ],
)
def test_the_wallet(wallet: Wallet | Trouble | None, state: State, words: str) -> None:
    """Empty is wrong, low is advice, and what the token may not see is unknown."""
    check = judge_wallet("wallet", FACTS, wallet)
    assert (check.state, words in check.message) == (state, True)
    assert bool(check.do) is (state is WRONG or "low" in words or "ability" in words or "could not" in words)


def test_without_a_limit_the_wallet_is_held_against_a_page() -> None:
    """Where one run may cost whatever there is, a page of each job is the least that is needed."""
    facts = replace(FACTS, run_cost=None)
    assert "low: one page of each job may cost $5.00" in judge_wallet("w", facts, Wallet(Decimal("4.99"))).message
    assert "one page of each job may cost $5.00" in judge_wallet("w", facts, Wallet(Decimal(5))).message


@pytest.mark.parametrize(
    ("ahead_s", "state", "words"),
    [
        (0, OK, "as the vendor's"),
        (-2, OK, "2 s behind"),
        (300, OK, "300 s ahead of"),
        (301, WRONG, "301 s ahead of"),
        (-301, WRONG, "301 s behind"),
        (-40_000_000, WRONG, "40,000,000 s behind"),
        (None, UNKNOWN, "no reply of the vendor with a Date"),
    ],
)
def test_the_clock(ahead_s: int | None, state: State, words: str) -> None:
    """Five minutes are the most that anything is trusted with."""
    check = judge_clock("clock", None if ahead_s is None else timedelta(seconds=ahead_s))
    assert (check.state, words in check.message) == (state, True)
    assert_helpful([check])


@pytest.mark.parametrize("heard", [None, FACTS.heard, Heard(Lost("HTTP 502"))])
def test_an_account_has_the_same_lines_whatever_was_heard(heard: Heard | None) -> None:
    """What could not be asked says so in words; what no free call shows is always said to be unknown."""
    checks = list(judge_account(replace(FACTS, heard=heard)))
    assert [check.name.removeprefix("accounts.main.") for check in checks] == [
        "vendor",
        "sessions",
        "wallet",
        "clock",
        "search",
        "price",
    ]
    assert [check.state for check in checks[-2:]] == [UNKNOWN, UNKNOWN]
    assert heard is not None or all("not asked, since the token" in check.message for check in checks[:-2])
    assert_helpful(checks)


@pytest.mark.parametrize(
    ("free", "state"), [(128 * MIB, OK), (128 * MIB - 1, WRONG), (0, WRONG), (None, UNKNOWN), (10**15, OK)]
)
def test_the_disk(free: int | None, state: State) -> None:
    """What a run wants before it asks for a page, to the byte."""
    check = judge_disk(Disk(free, 128 * MIB))
    assert check.state is state
    assert_helpful([check])


@pytest.mark.parametrize(
    ("holder", "answers", "jobs", "state", "words"),
    [
        (7, True, 1, OK, "process 7), and takes commands"),
        (7, None, 1, OK, "no daemon"),
        (7, False, 1, WRONG, "does not answer"),
        (None, None, 0, OK, "no leadsync is at work"),
        (None, None, 2, OK, "none of 2 scheduled job(s) runs"),
        (None, False, 2, OK, "none of 2 scheduled job(s) runs"),
        (None, True, 0, WRONG, "nobody is known to have the store"),
    ],
)
def test_the_process(holder: int | None, answers: bool | None, jobs: int, state: State, words: str) -> None:
    """A daemon that hangs is wrong; one that is not started is not, but it is said whose times pass."""
    check = judge_process(Process(holder, answers, jobs))
    assert (check.state, words in check.message) == (state, True)
    assert bool(check.do) is (state is WRONG or (holder is None and jobs > 0))


@pytest.mark.parametrize(
    ("system", "package", "state", "words"),
    [
        ("2026f", "2026f", OK, "2026f, the system's"),
        ("2026f", "2025b", OK, "2026f, the system's"),
        ("2025b", "2026f", OK, "would be newer: 2026f"),
        ("2024b", "2026f", WRONG, "2024b, the system's, is old"),
        (None, "2026f", OK, "2026f, the package tzdata"),
        (None, "2023a", WRONG, "is old"),
        ("", "2026f", UNKNOWN, "does not say its version"),
        (None, None, WRONG, "no time zone database"),
    ],
)
def test_the_time_zones(system: str | None, package: str | None, state: State, words: str) -> None:
    """The system's comes first, also where the package is newer: that is said."""
    check = judge_time_zones(TimeZones(system, package, 2026))
    assert (check.state, words in check.message) == (state, True)
    assert_helpful([check])


def test_sqlite() -> None:
    """An old one is no fault of the operator's; what not to do with it is said."""
    old, new = judge_sqlite((3, 40, 1)), judge_sqlite((3, 51, 3))
    assert (old.state, old.message.startswith("3.40.1 is safe"), bool(old.do)) == (OK, True, True)
    assert new == Check("sqlite", OK, "3.51.3")


FILE = Path("/srv/state/leadsync.db")
WHOLE = Inside("0002", "wal", "ok", clean=True)
STORE = StoreFacts(FILE, stat.S_IFREG | 0o600, stat.S_IFDIR | 0o700, WHOLE)


@pytest.mark.parametrize(
    ("changes", "name", "state", "words"),
    [
        ({}, "store", OK, "schema 0002"),
        ({"inside": replace(WHOLE, clean=False)}, "store", OK, "was not closed in order"),
        ({"inside": replace(WHOLE, doubt=Reason.STORE_RESTORED)}, "store.witness", WRONG, "it was restored"),
        ({"inside": replace(WHOLE, quick_check="row 1 missing")}, "store.integrity", WRONG, "row 1 missing"),
        ({"inside": replace(WHOLE, quick_check=None)}, "store.integrity", UNKNOWN, "too large"),
        ({"inside": replace(WHOLE, journal_mode="delete")}, "store.settings", WRONG, "journal_mode is delete"),
        ({"file_mode": 0o640}, "store.modes", WRONG, "others may read personal data"),
        ({"file_mode": 0o604}, "store.modes", WRONG, "others may read personal data"),
        ({"folder_mode": 0o777}, "store.modes", WRONG, "others may replace the store"),
        ({"folder_mode": 0o770}, "store.modes", WRONG, "others may replace the store"),
        ({"folder_mode": 0o755}, "store.modes", OK, "cannot read it"),
        ({"wal_bytes": WAL_LARGE_BYTES}, "store.log", OK, "256 MiB"),
        ({"wal_bytes": WAL_LARGE_BYTES + 1}, "store.log", WRONG, "while somebody reads"),
        ({"backups": ("/srv/state/leadsync.db.before-0001-upgrade",)}, "store.backup", OK, "before-0001-upgrade"),
        ({"inside": None, "file_mode": 0}, "store", OK, "there is none yet"),
    ],
)
def test_the_store(changes: dict[str, Any], name: str, state: State, words: str) -> None:
    """One thing that is not as it must be is one line that is wrong; all others stay ok."""
    checks = {check.name: check for check in judge_store(replace(STORE, **changes))}
    assert (checks[name].state, words in checks[name].message) == (state, True)
    assert {check.state for other, check in checks.items() if other != name} <= {OK}
    assert_helpful(checks.values())


@pytest.mark.parametrize(
    "refusal",
    [
        out_of_reach(FILE, "Permission denied"),
        damaged(FILE, "file is not a database"),
        foreign(FILE),
        newer(FILE, "0009", "0002"),
        older(FILE),
        because_of(FILE, sqlite3.OperationalError("database is locked")),
    ],
)
def test_a_store_that_cannot_be_read(refusal: LeadsyncError) -> None:
    """What is wrong and what to do are told apart, and what could not be looked at says why."""
    first, *others = judge_store(replace(STORE, inside=str(refusal)))
    assert first.state is WRONG
    assert str(FILE) in first.message
    assert first.do
    assert not first.do.startswith("nothing was sent")
    assert [(check.name, check.state) for check in others[:2]] == [
        ("store.integrity", UNKNOWN),
        ("store.settings", UNKNOWN),
    ]
    assert all("since the store cannot be read" in check.message for check in others[:2])


REG, DIR = stat.S_IFREG, stat.S_IFDIR


@pytest.mark.parametrize(
    ("modes", "state", "words"),
    [
        ([(Path("c.toml"), REG | 0o640), (Path("jobs.d"), DIR | 0o755)], OK, "their owner alone"),
        ([(Path("c.toml"), REG | 0o664)], OK, "their group may change c.toml"),
        ([(Path("c.toml"), REG | 0o666)], WRONG, "may change c.toml"),
        ([(Path("/pub"), DIR | 0o1777)], OK, "their group may change /pub"),
        ([(Path("jobs.d"), DIR | 0o777), (Path("c.toml"), REG | 0o600)], WRONG, "may change jobs.d,"),
        ([], UNKNOWN, "cannot be seen"),
    ],
)
def test_who_may_change_the_configuration(modes: list[tuple[Path, int]], state: State, words: str) -> None:
    """Whoever may write it decides what is bought; the group is told, the rest of the machine is wrong."""
    check = judge_config_modes(modes)
    assert (check.state, words in check.message) == (state, True)
    assert_helpful([check])


def test_a_wrong_configuration_names_its_first_problem() -> None:
    """And how many more there are."""
    problems = tuple(Problem("config.toml", line, "log.level", "is none") for line in (3, 5))
    check = judge_configuration(Path("config.toml"), problems)
    assert (check.state, check.message) == (WRONG, "config.toml:3: log.level: is none (and 1 more)")
    assert "leadsync check" in check.do


@pytest.mark.parametrize(
    ("kind", "problem", "in_unit", "state"),
    [
        ("file", "", False, OK),
        ("file", "the file that it names may be read by other users: run chmod 600 on it", False, WRONG),
        ("env", "the environment variable that it names is not set: set it", False, WRONG),
        ("credential", "there are no credentials here: start leadsync by systemd", False, UNKNOWN),
        ("credential", "the credential that it names does not exist: add LoadCredential=", True, WRONG),
    ],
)
def test_a_secret(kind: Any, problem: str, in_unit: bool, state: State) -> None:
    """A credential is not there outside of its unit, which is no mistake; all else is, and its place is named."""
    source = SecretSource(kind, "batchdata-token", "config.toml", 4, "accounts.main.token")
    check = judge_secret(SecretFacts(source, problem, in_unit))
    assert (check.name, check.state) == ("accounts.main.token", state)
    assert state is not WRONG or (check.message.startswith("config.toml:4: ") and check.do == problem.split(": ")[1])
    assert state is not UNKNOWN or "sudo leadsync doctor" in check.do
    assert_helpful([check])


def test_a_secret_that_a_vendor_says_back_is_masked() -> None:
    """In the message and in the advice."""
    check = wrong("vendor", "token s3cret is bad", "change s3cret").masked(["s3cret"])
    assert (check.message, check.do) == ("token *** is bad", "change ***")
