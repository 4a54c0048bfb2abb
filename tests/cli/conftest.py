"""A house with some history, made once and only looked at: its vendor has gone."""

import pytest

from tests.system.house import House
from tests.system.process import Vendor


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """`phoenix` is complete, its first lead is odd JSON; `tampa` was refused and is parked; `off` is disabled."""
    folder = tmp_path_factory.mktemp("stocked") / "house"
    with Vendor.open(properties=120) as vendor:
        house = House(folder, vendor.url)
        house.job("phoenix", page_size=50)
        house.job("tampa", search='query = "Tampa, FL"')
        house.job("off", search='query = "TX"', enabled=False)
        vendor.next("odd_json")
        assert house.say("once phoenix").code == 0
        vendor.next("malformed")
        assert house.say("once tampa").code == 1
    return house
