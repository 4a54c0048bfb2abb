"""What the tests of this folder get: a house beside a vendor of its own, and one whose vendor is never asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.house import NOBODY_LISTENS, House
from tests.system.process import Vendor


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A simulated vendor with 120 properties."""
    with Vendor.open(properties=120) as vendor:
        yield vendor


@pytest.fixture
def house(tmp_path: Path, vendor: Vendor) -> House:
    """One job, `phoenix`, that pulls all of the vendor's properties in pages of 50."""
    house = House(tmp_path / "house", vendor.url)
    house.job("phoenix", page_size=50)
    return house


@pytest.fixture
def alone(tmp_path: Path) -> House:
    """A house whose vendor cannot be reached: what is refused is refused before anything is sent."""
    house = House(tmp_path / "house", NOBODY_LISTENS)
    house.job("phoenix")
    return house
