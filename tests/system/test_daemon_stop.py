"""Signals to the daemon: it finishes the page under way and goes with 0, and whoever cannot wait loses nothing."""

import signal
import sqlite3
import time
from contextlib import closing

import pytest

from tests.system.house import PAST, House
from tests.system.process import Running, Vendor

SOON_S = 20.0
GONE_S = 30.0
"""What an operator may rely on (and `TimeoutStopSec` is set by), however the vendor hangs."""


@pytest.fixture
def house(house: House) -> House:
    """The job `phoenix` is run by the first daemon, at once."""
    house.job("phoenix", page_size=50, schedule=PAST)
    return house


def asking(house: House, vendor: Vendor) -> Running:
    """Start the daemon; its job's request for the first page is at the vendor."""
    daemon = house.daemon()
    assert daemon.saw("page.asked")
    assert vendor.has_billed()
    return daemon


def assert_the_next_one_ends_it(house: House, vendor: Vendor) -> None:
    """The next daemon makes up for the run by itself, and nothing was lost or paid for twice."""
    with house.daemon() as daemon:
        assert daemon.saw("run.ended", outcome="complete")
        daemon.send(signal.SIGTERM)
        assert daemon.end(SOON_S).code == 0
    assert not house.open_keys()
    stored = house.rows("SELECT vendor_id FROM delivery d JOIN property p ON p.id = d.property_id ORDER BY 1")
    billed = vendor.bill()["billed_ids"]
    assert [name for (name,) in stored] == sorted(billed)
    assert len(billed) == 120


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_page(house: House, vendor: Vendor, stop: signal.Signals) -> None:
    """What was asked for is stored, nothing more is asked, exit 0; the next start goes on where it was."""
    vendor.slow(1.0)
    vendor.next("slow")
    with asking(house, vendor) as daemon:
        daemon.send(stop)
        answer = daemon.end(SOON_S)
    (line,) = answer.logged("run.ended")
    assert (answer.code, answer.log[-1]["event"]) == (0, "daemon.stopped")
    assert [seen["signal"] for seen in answer.logged("stop.asked")] == [stop.name]
    assert (line["outcome"], line["pages"], line["records"]) == ("interrupted", 1, 50)
    assert vendor.bill()["records"] == 50
    assert not house.open_keys()
    assert_the_next_one_ends_it(house, vendor)


def test_a_reload_during_the_start_is_done_after_it(house: House) -> None:
    """A start may take minutes: whoever wants the files read again then gets that, and no end that nobody notices."""
    house.job("phoenix", page_size=50, datasets=["deeds"])  # said before the store is opened
    with closing(sqlite3.connect(house.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with house.daemon() as daemon:
            assert daemon.saw("config.doubted")
            daemon.send(signal.SIGHUP)
            assert not daemon.ends_within(0.3)
            other.execute("ROLLBACK")
            assert daemon.saw("daemon.started")
            assert daemon.saw("config.reloaded")


def test_a_second_signal_ends_at_once(house: House, vendor: Vendor) -> None:
    """The first waits for a vendor that hangs, the second for nobody; the next start sends the same key again."""
    vendor.next("hang")
    with asking(house, vendor) as daemon:
        daemon.send(signal.SIGTERM)
        assert daemon.saw("stop.asked")
        assert not daemon.ends_within(0.3)
        daemon.send(signal.SIGINT)
        assert daemon.end(SOON_S).code == 128 + signal.SIGINT
    (key,) = house.open_keys()
    assert_the_next_one_ends_it(house, vendor)
    assert [seen["key"] for seen in vendor.bill()["requests"]].count(key) == 2


def test_a_vendor_that_hangs_does_not_hold_up_a_stop(house: House, vendor: Vendor) -> None:
    """One signal is enough: within 30 s exit 0, the run interrupted and its key open. Costs the 25 s of grace."""
    vendor.next("hang")
    with asking(house, vendor) as daemon:
        began_s = time.monotonic()
        daemon.send(signal.SIGTERM)
        answer = daemon.end(GONE_S)
        took_s = time.monotonic() - began_s
    (line,) = answer.logged("run.ended")
    assert (answer.code, answer.log[-1]["event"]) == (0, "daemon.stopped")
    assert 20 < took_s < GONE_S
    assert (line["outcome"], line["pages"]) == ("interrupted", 0)
    assert len(house.open_keys()) == 1
    assert_the_next_one_ends_it(house, vendor)


def test_a_reload_is_whole_or_not_at_all(house: House) -> None:
    """SIGHUP with a bad file ends nothing and is said, in `status` too; with good ones the new job runs at its time."""
    with house.daemon() as daemon:
        assert daemon.saw("run.ended", outcome="complete")
        house.job("tampa", pagesize=50)
        daemon.send(signal.SIGHUP)
        assert daemon.saw("reload.refused")
        house.job("tampa", page_size=50, schedule='every = "1s"', search='query = "Tampa, FL"')
        assert "the daemon goes by older files" in house.say("status").out
        daemon.send(signal.SIGHUP)
        assert daemon.saw("config.reloaded", added=["tampa"])
        assert daemon.saw("run.ended", job="tampa", outcome="complete")
        assert house.say("status --json").json["reload_refused"] is None
        daemon.send(signal.SIGTERM)
        assert daemon.end(SOON_S).code == 0
