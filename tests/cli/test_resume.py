"""`leadsync resume` as a process: each answer alone and beside a daemon, and what is no answer."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import httpx  # noqa: TID251 - the test edge deletes a session at the simulator
import pytest

from tests.system.books import replays_with_the_same_bytes
from tests.system.house import House
from tests.system.process import Answer, Vendor

Scene = Callable[[House, Vendor], None]
Place = Callable[[House], AbstractContextManager[object]]


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A simulated vendor with 120 properties."""
    with Vendor.open(properties=120) as vendor:
        yield vendor


@pytest.fixture
def house(tmp_path: Path, vendor: Vendor) -> House:
    """One job, `phoenix`, that pulls all of the vendor's properties in pages of 50."""
    house = House(tmp_path / "house", vendor.url, furnished=True)
    house.job("phoenix", page_size=50)
    return house


@contextmanager
def beside_a_daemon(house: House) -> Iterator[None]:
    """The daemon holds the store."""
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        yield


PLACES = pytest.mark.parametrize("place", [nullcontext, beside_a_daemon], ids=["alone", "beside"])


def somebody_pulls(house: House, vendor: Vendor) -> None:
    """Another installation pulls from the session, or makes it."""
    other = House(house.folder.parent / "other", vendor.url, furnished=True)
    other.job("phoenix", adopt=True, records_per_run=10)
    assert other.say("once phoenix").code == 0


def somebody_deletes(vendor: Vendor) -> None:
    """The session is gone."""
    httpx.post(f"{vendor.url}/_simulator/sessions/phoenix/delete", trust_env=False).raise_for_status()


def leave_a_key_open(house: House, vendor: Vendor, fault: str = "cut_before") -> None:
    """A page is stored; the process dies while it asks for the next."""
    vendor.next(None, fault)
    with house.start("phoenix") as once:
        assert once.saw("reply.lost")
        once.send(signal.SIGKILL)
        once.end()
    assert len(house.open_keys()) == 1


def foreign(house: House, vendor: Vendor) -> None:
    """The session exists, and is somebody else's."""
    somebody_pulls(house, vendor)


def vanished(house: House, vendor: Vendor) -> None:
    """The session is deleted after a run."""
    assert house.say("once phoenix").code == 0
    somebody_deletes(vendor)


def vanished_with_a_key(house: House, vendor: Vendor) -> None:
    """The session is deleted while a key is open."""
    leave_a_key_open(house, vendor)
    somebody_deletes(vendor)


def drifted_with_a_key(house: House, vendor: Vendor) -> None:
    """Somebody else pulls from the session while a key is open: more than that key may have brought."""
    leave_a_key_open(house, vendor, "cut_after")
    somebody_pulls(house, vendor)


def refused(_house: House, vendor: Vendor) -> None:
    """The vendor does not understand the next request."""
    vendor.next("malformed")


def told(answer: Answer) -> str:
    """The one line of an answer that was taken."""
    (line,) = answer.out.splitlines()
    assert (answer.code, [text for text in answer.err.splitlines() if not text.startswith("{")]) == (0, [])
    return line


WAYS_OUT = {
    "session_foreign": (foreign, "--accept", "goes on from whatever total the vendor names"),
    "session_vanished": (vanished, "--new-epoch", "120 properties may come and be billed again, about $1.20"),
    "session_vanished, open key": (vanished_with_a_key, "--new-epoch", "its open key is closed"),
    "refused": (refused, "", "asks again at its next run"),
}


@PLACES
@pytest.mark.parametrize("reason", WAYS_OUT)
def test_an_answer_lets_the_job_go_on(house: House, vendor: Vendor, place: Place, reason: str) -> None:
    """One line says what it may cost; it is free by itself, and the next run is complete with the vendor's total."""
    scene, flag, words = WAYS_OUT[reason]
    scene(house, vendor)
    with place(house):
        parked = house.say("once phoenix")
        billed = vendor.bill()["records"]
        answer = house.say(f"resume phoenix {flag}")
        assert vendor.bill()["records"] == billed
        last = house.say("once phoenix")
        job = house.status()["phoenix"]
    assert (parked.code, parked.out.count(f"`leadsync resume phoenix {flag}".rstrip())) == (1, 1)
    assert words in told(answer)
    assert last.out.startswith("phoenix: complete: ")
    assert (last.code, job["state"], job["reason"]) == (0, "idle", None)
    assert job["base_line"] + job["delivered"] == job["vendor_total"] == vendor.bill()["sessions"]["phoenix"]
    assert replays_with_the_same_bytes(vendor.bill()) == 0


def test_a_key_that_was_never_billed_is_closed(house: House, vendor: Vendor) -> None:
    """Exit 0 and one line; the next run asks with a new key, and nothing is missing."""
    leave_a_key_open(house, vendor)
    assert "nothing was billed" in told(house.say("resume phoenix --void-key"))
    assert not house.open_keys()
    assert house.say("once phoenix").code == 0
    assert vendor.bill()["records"] == house.one("SELECT count(*) FROM delivery") == 120


@PLACES
def test_a_key_of_a_session_that_is_gone_is_closed(house: House, vendor: Vendor, place: Place) -> None:
    """The job stays parked: whether to begin anew is another question."""
    vanished_with_a_key(house, vendor)
    with place(house):
        assert house.say("once phoenix").code == 1
        told(house.say("resume phoenix --void-key"))
        job = house.status()["phoenix"]
    assert (house.open_keys(), job["reason"]) == (set(), "session_vanished")


def test_a_key_whose_page_was_billed_is_kept(house: House, vendor: Vendor) -> None:
    """Exit 1 and one sentence; the next run fetches the page, unbilled."""
    leave_a_key_open(house, vendor, "cut_after")
    answer = house.say("resume phoenix --void-key")
    assert (answer.code, answer.out) == (1, "")
    assert "the open key's page was billed" in answer.sentence()
    assert house.say("once phoenix").code == 0
    assert vendor.bill()["records"] == house.one("SELECT count(*) FROM delivery") == 120


@PLACES
def test_a_key_that_may_be_billed_is_kept(house: House, vendor: Vendor, place: Place) -> None:
    """Where the total has moved for whatever reason: exit 1, and the key is what it was."""
    drifted_with_a_key(house, vendor)
    keys = house.open_keys()
    with place(house):
        assert house.say("once phoenix").code == 1
        answer = house.say("resume phoenix --void-key")
    assert (answer.code, answer.out, house.open_keys()) == (1, "", keys)
    assert "was billed" in answer.sentence()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("resume tampa --accept --new-epoch", "--accept and --new-epoch are 2 answers; give one"),
        ("resume --store moved --accept", "--store moved speaks of the whole store: --accept does not go with it"),
        ("resume tampa --store copied", "--store copied speaks of the whole store: tampa does not go with it"),
        ("resume", "name a job, or say what has happened to the store: --store moved, copied or restored"),
        ("resume tampa --accept", "--accept is no answer to that"),
        ("resume tampa --void-key", "has no open key"),
        ("resume phoenix", "job phoenix is not parked"),
        ("resume off", "job off is not parked"),
        ("resume phoenx", "there is no job phoenx (did you mean phoenix?)"),
    ],
)
def test_what_is_no_answer_is_2(stocked: House, line: str, words: str) -> None:
    """One sentence; the park, if there is one, stays."""
    before = stocked.status()["tampa"]["message"]
    answer = stocked.say(line)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.sentence()
    assert stocked.status()["tampa"]["message"] == before


def test_beside_a_daemon_it_is_2_too(house: House) -> None:
    """What the daemon refuses has the exit code that it has alone."""
    with beside_a_daemon(house):
        answer = house.say("resume phoenix --accept")
    assert (answer.code, answer.out) == (2, "")
    assert "job phoenix is not parked" in answer.sentence()


def test_a_disabled_job_can_be_answered(house: House, vendor: Vendor) -> None:
    """Whoever switched it off may still settle what it waits with; it runs no more for that."""
    refused(house, vendor)
    assert house.say("once phoenix").code == 1
    house.job("phoenix", page_size=50, enabled=False)
    told(house.say("resume phoenix"))
    assert house.status()["phoenix"]["reason"] is None
    assert house.say("once phoenix").code == 2
    assert vendor.bill()["records"] == 0
