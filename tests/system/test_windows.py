"""A large one-shot as real processes: each window asked once, whatever is lost, doubled or killed (P1, P2, L1)."""

import signal
from pathlib import Path
from typing import Any, Final

import pytest

from tests.system.house import PAST, House
from tests.system.mail import free_port
from tests.system.process import Vendor

RECORDS: Final = 3_200
UNTIL_TAKEN: Final = {"copies": 2, "tries_max": 10_000, "retry_wait_s": 0.1}
ASYNC: Final = "/api/v1/property/search/async"
TABLE: Final = """
[webhooks]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
"""


@pytest.fixture
def vendor() -> Any:
    """A vendor with more than is wanted, which sends each result twice, until it is taken."""
    with Vendor.open(properties=RECORDS + 100) as vendor:
        vendor.turn("switches", {"callbacks": UNTIL_TAKEN, "result_after_s": 0.05})
        yield vendor


@pytest.fixture
def house(tmp_path: Path, vendor: Vendor) -> House:
    """One job, `bulk`, that is due."""
    house = House(tmp_path / "house", vendor.url, furnished=True)
    house.config.write_text(house.config.read_text() + TABLE.format(port=free_port()))
    house.job("bulk", kind="one_shot", records=RECORDS, schedule=PAST)
    return house


def windows_asked(vendor: Vendor) -> int:
    """How many requests have reached the async endpoint, whatever became of them."""
    return sum(seen["path"] == ASYNC for seen in vendor.bill()["requests"])


def delivered(house: House) -> list[str]:
    """The ids in the export, in order."""
    return [line["property_id"] for line in house.exported()]


def test_each_window_is_asked_once(house: House, vendor: Vendor) -> None:
    """An acknowledgement is lost, each webhook comes twice, and the daemon is killed before a result: 3,200, once."""
    vendor.next(None, "cut_after", endpoint="async")
    vendor.turn("fates", {"next": [None, None, "held"]})
    with house.daemon() as daemon:
        assert daemon.saw("window.acknowledged", window=3)
        daemon.send(signal.SIGKILL)
        assert daemon.end().code == -signal.SIGKILL
    with house.daemon() as daemon:
        assert daemon.saw("door.opened")
        vendor.turn("results/send", {})
        assert daemon.saw("run.ended", job="bulk", outcome="complete")
        daemon.send(signal.SIGTERM)
        assert daemon.end().code == 0
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        daemon.send(signal.SIGTERM)
        assert daemon.end().code == 0
    bill = vendor.bill()
    ids = delivered(house)
    assert windows_asked(vendor) == 4
    assert [(each["skip"], each["take"]) for each in vendor.results()] == [
        (0, 1_000),
        (1_000, 1_000),
        (2_000, 1_000),
        (3_000, 200),
    ]
    assert len(ids) == len(set(ids)) == bill["records"] == RECORDS
    assert set(ids) == set(bill["billed_ids"])
    assert all(each["statuses"].count(200) == 2 for each in vendor.results()[:2])


def test_a_vendor_that_ignores_skip_costs_one_window(house: House, vendor: Vendor) -> None:
    """The second window shows it, and no third is asked for."""
    vendor.turn("switches", {"skip_honoured": False})
    with house.daemon() as daemon:
        assert daemon.saw("run.ended", job="bulk", outcome="partial")
        daemon.send(signal.SIGTERM)
        assert daemon.end().code == 0
    assert (windows_asked(vendor), vendor.bill()["records"], len(set(delivered(house)))) == (2, 2_000, 1_000)
