"""`leadsync resume --store` as a process: a store that was moved, copied or restored, from the doubt to whole books."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.house import House
from tests.system.process import Answer, Vendor


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A simulated vendor with 120 properties."""
    with Vendor.open(properties=120) as vendor:
        yield vendor


@pytest.fixture
def house(tmp_path: Path, vendor: Vendor) -> House:
    """One job, `phoenix`, that has pulled 50 of the vendor's properties."""
    house = House(tmp_path / "house", vendor.url, furnished=True)
    house.job("phoenix", page_size=25, records_per_run=50)
    assert house.say("once phoenix").code == 0
    return house


def back_up(house: House) -> None:
    """Copy the store as an operator should."""
    with closing(sqlite3.connect(house.store)) as store, closing(sqlite3.connect(f"{house.store}.backup")) as copy:
        store.backup(copy)


def restored(house: House) -> House:
    """A backup is put back, of before the last page and of before another session's first."""
    back_up(house)
    house.job("tampa", page_size=25, records_per_run=30, buy_again=True)
    assert house.say("once phoenix tampa").code == 0
    shutil.move(f"{house.store}.backup", house.store)
    return house


def moved(house: House) -> House:
    """The whole folder is somewhere else now."""
    house.folder.rename(house.folder.with_name("new"))
    return house_at(house, "new")


def copied(house: House) -> House:
    """The whole folder is there twice."""
    shutil.copytree(house.folder, house.folder.with_name("new"))
    return house_at(house, "new")


def house_at(house: House, name: str) -> House:
    """The house that has come to be in another folder."""
    other = House.__new__(House)
    other.folder = house.folder.with_name(name)
    other.config, other.store = other.folder / "config.toml", other.folder / "leadsync.db"
    return other


def told(answer: Answer) -> str:
    """The one line of an answer that was taken."""
    (line,) = answer.out.splitlines()
    assert answer.code == 0
    return line


CASES = {
    "moved": (moved, "see that nobody starts the one that it was moved from"),
    "copied": (copied, "its sessions are somebody else's from now on"),
    "restored": (restored, "asked for again with their old keys"),
}


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside"])
@pytest.mark.parametrize("said", CASES)
def test_the_answer_lets_the_store_go_on(house: House, vendor: Vendor, said: str, *, beside: bool) -> None:
    """Before it nothing is spent and each command says what to type; it costs nothing; after it the books agree."""
    happen, words = CASES[said]
    house = happen(house)
    had = vendor.bill()["records"]
    if beside:
        with house.daemon() as daemon:
            assert daemon.saw("store.doubted", reason=f"store_{said}")
            assert daemon.saw("daemon.started")
            answer_and_go_on(house, vendor, said, words)
    else:
        answer_and_go_on(house, vendor, said, words)
    assert vendor.bill()["records"] == (had if said == "copied" else had + 50)
    if said != "copied":
        assert house.one("SELECT count(*) FROM delivery") == vendor.bill()["records"]
        assert house.rows("SELECT count(*) FROM search_session WHERE base_line + delivered <> vendor_total") == [(0,)]


def answer_and_go_on(house: House, vendor: Vendor, said: str, words: str) -> None:
    """Ask, be told, answer, and run again."""
    had = vendor.bill()["records"]
    parked = house.say("once phoenix")
    assert parked.code == 1
    assert "resume --store" in parked.out
    assert house.status()["phoenix"]["reason"] == f"store_{said}"
    planned = house.say("plan")
    assert planned.code == 0
    assert f"store_{said}" in planned.out
    assert words in told(house.say(f"resume --store {said}"))
    assert vendor.bill()["records"] == had
    last = house.say("once phoenix tampa" if said == "restored" else "once phoenix")
    if said == "copied":
        assert (last.code, house.status()["phoenix"]["reason"]) == (1, "session_foreign")
    else:
        assert last.code == 0


@pytest.mark.parametrize("said", ["moved", "copied"])
def test_nothing_has_happened(house: House, said: str) -> None:
    """Exit 2, and the store is what it was: a copy's answer would make its sessions somebody else's."""
    answer = house.say(f"resume --store {said}")
    assert (answer.code, answer.out) == (2, "")
    assert "nothing was changed" in answer.sentence()


@pytest.mark.parametrize(
    "ruin",
    [Path.unlink, lambda file: file.write_bytes(file.read_bytes()[:9]), lambda file: file.write_text("{}")],
    ids=["gone", "cut", "odd"],
)
def test_a_witness_that_is_lost_spends_nothing(house: House, vendor: Vendor, ruin: Callable[[Path], object]) -> None:
    """Nobody can say then what happened but a person: who lost the witness alone says moved, and goes on as before."""
    ruin(house.store.with_name(f"{house.store.name}.witness"))
    had = vendor.bill()["records"]
    parked = house.say("once phoenix")
    assert (parked.code, vendor.bill()["records"]) == (1, had)
    assert "the witness was lost" in parked.out
    told(house.say("resume --store moved"))
    assert house.say("once phoenix").code == 0
    assert vendor.bill()["records"] == house.one("SELECT count(*) FROM delivery") == had + 50


@pytest.mark.parametrize("line", ["resume", "resume phoenix --store moved", "resume --store moved --accept"])
def test_half_an_answer_is_2(house: House, line: str) -> None:
    """A job or the store, and not both."""
    answer = house.say(line)
    assert (answer.code, answer.out) == (2, "")
    assert "--store" in answer.sentence()


def test_what_can_be_said_is_listed(house: House) -> None:
    """A typo is answered with the three words."""
    answer = house.say("resume --store move")
    assert answer.code == 2
    assert all(word in answer.err for word in CASES)
