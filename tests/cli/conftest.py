"""How the commands of this folder begin; and a house with some history, only looked at: its vendor has gone."""

from collections.abc import Iterator

import pytest

from tests.cli.nursery import Nursery
from tests.system.house import House
from tests.system.process import Vendor, beginning


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """What the commands are forked from: to import everything costs each more than all it does."""
    with Nursery.open() as nursery:
        yield nursery


@pytest.fixture(autouse=True)
def forked(nursery: Nursery) -> Iterator[None]:
    """Let commands begin as forks; `test_nursery.py` holds that they are what an operator starts."""
    with beginning(nursery.begin):
        yield


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> House:
    """`phoenix` is complete, its first lead is odd JSON; `tampa` was refused and is parked; `off` is disabled."""
    folder = tmp_path_factory.mktemp("stocked") / "house"
    with beginning(nursery.begin), Vendor.open(properties=120) as vendor:
        house = House(folder, vendor.url)
        house.job("phoenix", page_size=50)
        house.job("tampa", search='query = "Tampa, FL"')
        house.job("off", search='query = "TX"', enabled=False)
        vendor.next("odd_json")
        assert house.say("once phoenix").code == 0
        vendor.next("malformed")
        assert house.say("once tampa").code == 1
    return house
