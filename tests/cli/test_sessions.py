"""`leadsync sessions` as a process: what it shows, what it asks, what it refuses; alone and beside a daemon."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.system.house import House
from tests.system.process import Answer, Vendor, command, environment

Place = Callable[[House], AbstractContextManager[object]]


@contextmanager
def beside_a_daemon(house: House) -> Iterator[None]:
    """The daemon holds the store; what housekeeping does by itself lies far ahead."""
    with house.daemon() as daemon:
        assert daemon.saw("slots.reviewed")
        yield


PLACES = pytest.mark.parametrize("place", [nullcontext, beside_a_daemon], ids=["alone", "beside"])


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A simulated vendor with 40 properties."""
    with Vendor.open(properties=40) as vendor:
        yield vendor


@pytest.fixture
def house(tmp_path: Path, vendor: Vendor) -> House:
    """Job `phoenix` with its session, one more whose file is gone, and one that somebody else has made."""
    kept = '[housekeeping]\nevery = "30d"\ndelete = "never"\n'
    house = House(tmp_path / "house", vendor.url, more=kept, furnished=True)
    other = House(tmp_path / "other", vendor.url, furnished=True)
    other.job("theirs", page_size=40)
    assert other.say("once theirs").code == 0
    for name in ("phoenix", "old"):
        house.job(name, page_size=40, buy_again=True)
    assert house.say("once phoenix old").code == 0
    (house.folder / "jobs.d" / "old.toml").unlink()
    return house


def allow(house: House, policy: str) -> None:
    """Change the policy."""
    text = house.config.read_text().replace('delete = "never"', f'delete = "{policy}"\norphan_after_days = 0')
    house.config.write_text(text)


def told(answer: Answer) -> list[str]:
    """What an answer that was taken says."""
    assert (answer.code, [text for text in answer.err.splitlines() if not text.startswith("{")]) == (0, [])
    return answer.out.splitlines()


def rows_of(house: House) -> dict[str, dict[str, Any]]:
    """The sessions of `sessions list --json`, by id."""
    answer = house.say("sessions list --json")
    assert (answer.code, answer.json["schema_version"]) == (0, 1)
    (account,) = answer.json["accounts"]
    return {row["session"]: row for row in account["sessions"]}


def test_a_list_that_was_never_had_is_no_empty_one(tmp_path: Path) -> None:
    """Nobody answers: who holds the slots is unknown, and a prune that could not look has not done its work."""
    house = House(tmp_path / "house", "http://127.0.0.1:9")
    house.job("phoenix")
    (account,) = house.say("sessions list --json").json["accounts"]
    assert (account["slots"]["used"], account["slots"]["free"], account["sessions"]) == (None, None, [])
    words = house.say("sessions list").out
    assert words.startswith("main: ? of 100 slots: ")
    assert "no list was ever had" in words
    pruned = house.say("sessions prune --yes")
    assert (pruned.code, "could not be had" in pruned.out) == (1, True)


@PLACES
def test_the_list(house: House, vendor: Vendor, place: Place) -> None:
    """Ours and foreign, with both totals and the job; it costs nothing, and a person reads the same."""
    billed = vendor.bill()["records"]
    with place(house):
        found, words = rows_of(house), house.say("sessions list")
    seen = {name: (row["owner"], row["job"], row["vendor_total"], row["ledger_total"]) for name, row in found.items()}
    assert seen == {
        "theirs": ("foreign", None, 40, None),
        "phoenix": ("ours", "phoenix", 40, 40),
        "old": ("ours", "old", 40, 40),
    }
    assert {name: row["action"] for name, row in found.items()} == {"theirs": "keep", "phoenix": "keep", "old": "keep"}
    assert told(words)[0].startswith("main: 3 of 100, 92 free (5 kept free): 2 ours, 1 foreign, 0 waiting")
    assert vendor.bill()["records"] == billed


@PLACES
def test_pruning(house: House, vendor: Vendor, place: Place) -> None:
    """A dry run shows exactly what goes, and `plan` the same; then it goes, and only that."""
    allow(house, "orphans")
    with nullcontext() if place is nullcontext else _restless(house):
        dry, planned = house.say("sessions prune --dry-run"), house.say("plan --json").json
        assert "old" in vendor.bill()["sessions"]
        pruned = house.say("sessions prune --yes")
        again = house.say("sessions prune --yes")
    assert told(dry)[0] == "main: 1 to delete, 0 unused and kept; 3 of 100, 92 free"
    assert [row["session"] for row in planned["accounts"][0]["housekeeping"]["delete"]] == ["old"]
    assert told(pruned)[-1] == "old: deleted: it is deleted, and its slot is free"
    assert told(again)[0] == "main: 0 to delete, 0 unused and kept; 2 of 100, 93 free"
    assert vendor.bill()["sessions"].keys() == {"theirs", "phoenix"}
    assert house.rows("SELECT session, asked_by, state FROM slot_action") == [("old", "prune", "deleted")]


@pytest.mark.parametrize("how", ["--dry-run", "--yes"])
def test_pruning_without_a_list_is_not_nothing_to_prune(house: House, vendor: Vendor, how: str) -> None:
    """Exit 1, the reason, and no session is named: who prunes by a timer must hear of it (P12)."""
    allow(house, "orphans")
    vendor.next("bad_gateway", endpoint="list")
    answer = house.say(f"sessions prune {how}")
    assert (answer.code, answer.out) == (1, "main: the session list could not be had (HTTP 502)\n")
    assert len(vendor.bill()["sessions"]) == 3


@contextmanager
def _restless(house: House) -> Iterator[None]:
    """A daemon that has kept house a moment ago, so that a person is first."""
    with closing(sqlite3.connect(house.store)) as store:
        store.execute("UPDATE account SET housekept_at = ?", (datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),))
        store.commit()
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        yield


@PLACES
def test_deleting_by_name(house: House, vendor: Vendor, place: Place) -> None:
    """What it means is said in properties and dollars; it is done whatever the policy is."""
    with place(house):
        answer = house.say("sessions delete old --yes")
    lines = told(answer)
    assert "40 properties by the vendor's count, 40 by the ledger's" in lines[0]
    assert "40 properties may then be delivered and billed again, about $0.40 at $0.01 a record" in lines[0]
    assert lines[-1] == "session old: it is deleted, and its slot is free"
    assert vendor.bill()["sessions"].keys() == {"theirs", "phoenix"}


REFUSED = [
    ("sessions delete phoenix --yes", 1, "job phoenix is enabled and uses session phoenix"),
    ("sessions delete theirs --yes", 1, "was not made by leadsync"),
    ("sessions delete pheonix --yes", 2, "the vendor has no session pheonix (did you mean phoenix?)"),
    ("sessions delete old --account man --yes", 2, "there is no account man (did you mean main?)"),
    ("sessions delete old", 2, "there is no terminal to ask on; nothing was done. Say --yes"),
    ("sessions prune", 2, "there is no terminal to ask on; nothing was done. Say --yes, or --dry-run"),
]


def test_what_is_refused(house: House, vendor: Vendor) -> None:
    """One sentence each, and nothing is gone."""
    for line, code, words in REFUSED:
        answer = house.say(line)
        assert (answer.code, answer.out) == (code, ""), line
        assert words in answer.sentence()
    assert len(vendor.bill()["sessions"]) == 3


def test_force(house: House, vendor: Vendor) -> None:
    """A live job's session and a stranger's go by name and force; the job parks, and says what that costs."""
    assert "Job phoenix parks session_vanished" in told(house.say("sessions delete phoenix --force --yes"))[0]
    told(house.say("sessions delete theirs --force --yes"))
    assert vendor.bill()["sessions"].keys() == {"old"}
    parked = house.say("once phoenix")
    assert "was deleted by leadsync; the next page would bring and bill its 40 properties again" in parked.out


def answer_on_terminal(house: House, word: str) -> subprocess.CompletedProcess[bytes]:
    """Delete `old`, and say a word when asked."""
    screen, keyboard = os.openpty()
    os.write(screen, f"{word}\n".encode())
    line = command("sessions", "delete", "old", "--config", house.config)
    answered = subprocess.run(line, stdin=keyboard, capture_output=True, check=False, env=environment())
    os.close(screen)
    os.close(keyboard)
    return answered


def test_a_person_is_asked(house: House, vendor: Vendor) -> None:
    """On a terminal; whoever says no has deleted nothing, exit 1."""
    no = answer_on_terminal(house, "n")
    assert (no.returncode, "old" in vendor.bill()["sessions"]) == (1, True)
    yes = answer_on_terminal(house, "y")
    assert (yes.returncode, "old" in vendor.bill()["sessions"]) == (0, False)
    assert b"Delete session old?" in no.stdout


def test_other_files_than_the_daemons_are_refused(house: House) -> None:
    """Which sessions may go is decided by what both have read: 78, and the way out."""
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        allow(house, "orphans")
        answer = house.say("sessions prune --dry-run")
        assert (answer.code, answer.out) == (78, "")
        assert "Reload it" in answer.sentence()
