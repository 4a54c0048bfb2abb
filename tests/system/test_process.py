"""The process and its neighbours: a second one beside it, and signals at every point of its work."""

import signal

import pytest

from tests.system.house import House
from tests.system.process import Answer, Running, Vendor

SOON_S = 15.0
"""On a machine with much else to do; what would go wrong here takes for ever."""

STOPS = (signal.SIGTERM, signal.SIGINT)


def asking(house: House, vendor: Vendor) -> Running:
    """Start a run; its request for the first page is at the vendor."""
    running = house.start("phoenix")
    assert running.saw("page.asked")
    assert vendor.has_billed()
    return running


def books_agree(house: House, vendor: Vendor) -> bool:
    """Whether the next run completes, with everything stored that was billed, once."""
    answer = house.say("once phoenix")
    stored = house.rows("SELECT vendor_id FROM delivery d JOIN property p ON p.id = d.property_id")
    billed = vendor.bill()["billed_ids"]
    return answer.code == 0 and sorted(stored) == sorted((name,) for name in billed) and len(billed) == 120


def closing(answer: Answer) -> tuple[str, str]:
    """Outcome and message of the one closing line, which stdout repeats."""
    (line,) = answer.logged("run.ended")
    assert answer.out == f"phoenix: {line['outcome']}: {line['message']}\n"
    return line["outcome"], line["message"]


def test_a_second_instance_is_told_who_holds_the_store(house: House, vendor: Vendor) -> None:
    """It exits 75 with one line that names the process and what to do; readers are not disturbed."""
    vendor.next("hang")
    with asking(house, vendor) as first:
        second = house.say("once phoenix")
        state = house.status()["phoenix"]["state"]
        exported = house.say("export")
    assert second.code == 75
    assert f"(process {first.pid})" in second.sentence()
    assert "wait for it, or stop it" in second.sentence()
    assert second.out == ""
    assert state == "running"
    assert (exported.code, exported.out) == (0, "")


@pytest.mark.parametrize("stop", STOPS)
def test_a_signal_ends_a_run_at_its_page_boundary(house: House, vendor: Vendor, stop: signal.Signals) -> None:
    """The page under way is stored, nothing more is asked, and the process ends with 1 and its closing line."""
    vendor.slow(1.0)
    vendor.next("slow")
    with asking(house, vendor) as running:
        running.send(stop)
        answer = running.end(SOON_S)
    assert answer.code == 1
    assert closing(answer) == ("interrupted", "leadsync was asked to stop")
    assert not house.open_keys()
    assert house.one("SELECT count(*) FROM delivery") == vendor.bill()["records"] == 50
    assert books_agree(house, vendor)


def test_a_second_signal_ends_at_once(house: House, vendor: Vendor) -> None:
    """Where the vendor hangs, the first signal waits for it; the second does not, and the next run replays the key."""
    vendor.next("hang")
    with asking(house, vendor) as running:
        running.send(signal.SIGTERM)
        assert not running.ends_within(0.5)
        running.send(signal.SIGTERM)
        assert running.end(SOON_S).code == 128 + signal.SIGTERM
    keys = house.open_keys()
    assert len(keys) == 1
    assert books_agree(house, vendor)
    assert house.rows("SELECT billed, state FROM page WHERE key = ?", *keys) == [(50, "stored")]
    assert house.rows("SELECT outcome FROM run ORDER BY id") == [("interrupted",), ("complete",)]


def test_a_signal_ends_the_wait_for_a_replay(house: House, vendor: Vendor) -> None:
    """Nobody waits out a back-off: the key stays open, and the next run sends it first."""
    vendor.next(*["cut_after"] * 3)
    with house.start("phoenix") as running:
        assert running.saw("reply.lost")
        running.send(signal.SIGTERM)
        answer = running.end(SOON_S)
    assert answer.code == 1
    assert closing(answer)[0] == "interrupted"
    assert len(answer.logged("reply.lost")) == 1
    assert len(house.open_keys()) == 1
    vendor.calm()
    assert books_agree(house, vendor)


def test_a_signal_ends_the_wait_for_the_session_list(house: House, vendor: Vendor) -> None:
    """While the books cannot be compared nothing is asked, and a stop leaves nothing open."""
    vendor.next(*["bad_gateway"] * 20, endpoint="list")
    with house.start("phoenix") as running:
        assert running.saw("audit.delayed")
        running.send(signal.SIGTERM)
        answer = running.end(SOON_S)
    assert answer.code == 1
    assert closing(answer) == ("interrupted", "leadsync was asked to stop; nothing was sent or billed")
    assert vendor.bill()["records"] == 0
    assert not house.open_keys()


def test_a_signal_during_the_start_leaves_a_usable_store(house: House, vendor: Vendor) -> None:
    """Right after the store was opened, before anybody listens for signals, it is as harmless as later."""
    with house.start("phoenix") as running:
        assert running.saw("store.opened")
        running.send(signal.SIGINT)
        answer = running.end(SOON_S)
    assert answer.code in {1, 130, -signal.SIGINT}
    assert books_agree(house, vendor)
