"""A full disk, on a small file system of our own: one sentence, and no page that was paid for is lost (P1)."""

import os
import shutil
from pathlib import Path

from tests.system.house import House, Mounted
from tests.system.process import Vendor


def furnished(disk: Path, vendor: Vendor) -> House:
    """A house on that disk; one page of its job is about a megabyte."""
    house = House(disk / "house", vendor.url)
    house.job("phoenix", page_size=500)
    return house


def fill(disk: Path) -> Path:
    """Leave no byte free; returns the file that took it all."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free)
    return ballast


def test_without_room_for_a_page_nothing_is_asked(mounted: Mounted, vendor: Vendor) -> None:
    """Where a page might find no room, the run fails before it spends, and says how much room is wanted."""
    house = furnished(mounted("20m"), vendor)
    answer = house.say("once phoenix")
    assert answer.code == 1
    assert answer.out.startswith("phoenix: failed: less than 128 MiB are free where the store lies")
    assert vendor.bill()["records"] == 0
    assert not house.open_keys()


def test_without_room_for_the_store_it_is_said_in_a_sentence(mounted: Mounted, vendor: Vendor) -> None:
    """A store that cannot even be made is weather, exit 1, with what is full and what to do."""
    answer = furnished(mounted("200k"), vendor).say("once phoenix")
    assert (answer.code, answer.out) == (1, "")
    assert [words for words in ("is full", "nothing was sent", "ake room") if words not in answer.sentence()] == []


def test_a_disk_that_fills_while_a_page_is_under_way_loses_nothing(mounted: Mounted, vendor: Vendor) -> None:
    """The run fails with its key open; when there is room again the same key brings the page, unbilled."""
    disk = mounted("140m")
    house = furnished(disk, vendor)
    vendor.grow(1_000)
    vendor.slow(1.0)
    vendor.next("slow")
    with house.start("phoenix") as running:
        assert running.saw("page.asked")
        assert vendor.has_billed()
        ballast = fill(disk)
        failed = running.end()
    assert failed.code == 1
    (line,) = failed.logged("run.ended")
    assert (line["outcome"], line["pages"]) == ("failed", 0)
    assert "full" in line["message"]
    ballast.unlink()
    assert house.say("once phoenix").code == 0
    billed = vendor.bill()["billed_ids"]
    assert house.status()["phoenix"]["delivered"] == len(billed) == len(set(billed)) == 1_120
