"""What the tests of this folder get: a house beside a vendor of its own, and one whose vendor is never asked."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.house import NOBODY_LISTENS, House, Mounted
from tests.system.process import Vendor


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


@pytest.fixture
def alone(tmp_path: Path) -> House:
    """A house whose vendor cannot be reached: what is refused is refused before anything is sent."""
    house = House(tmp_path / "house", NOBODY_LISTENS)
    house.job("phoenix")
    return house


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    """Mount a file system of a given size."""
    folder = tmp_path / "disk"

    def mount(size: str) -> Path:
        if os.geteuid() != 0:
            pytest.skip("only root may mount a small disk")
        folder.mkdir()
        made = subprocess.run(
            [tool("mount"), "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False, capture_output=True
        )
        if made.returncode:
            pytest.skip("this machine does not let root mount a small disk")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run([tool("umount"), str(folder)], check=True)


def tool(name: str) -> str:
    """Where a program is."""
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin") or name
