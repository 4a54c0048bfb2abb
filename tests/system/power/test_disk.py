"""The disk of the checker: what was synced stays, what was not may go in part, and nothing else is made up."""

import random
from pathlib import Path

import pytest

from tests.system.power.disk import Cut, Disk, Files
from tests.system.power.recording import Did, Record

DICE = random.Random(3)  # noqa: S311 - sectors, not secrets


def did(what: Did, name: str = "a", at: int = 0, data: bytes = b"", number: int = 1) -> Record:
    """A step."""
    return Record(what, name, number, at, data)


MADE = did(Did.OPENED)
SYNCED = did(Did.SYNCED)
NAMES_SYNCED = did(Did.SYNCED_FOLDER, name="")


def wrote(data: bytes, at: int = 0, number: int = 1) -> Record:
    """Some bytes."""
    return did(Did.WROTE, data=data, at=at, number=number)


def left(*steps: Record, cut: Cut = Cut.LOST) -> Files:
    """What a disk has after these steps and a power cut."""
    disk = Disk()
    for step in steps:
        disk.follow(step)
    return disk.after(cut, DICE)


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ((MADE, wrote(b"x"), SYNCED, NAMES_SYNCED), {"a": b"x"}),
        ((MADE, wrote(b"x"), NAMES_SYNCED), {"a": b""}),
        ((MADE, wrote(b"x"), SYNCED), {}),
        ((MADE, wrote(b"x"), SYNCED, NAMES_SYNCED, wrote(b"yy", at=3)), {"a": b"x"}),
        ((MADE, wrote(b"x"), wrote(b"yy", at=3), SYNCED, NAMES_SYNCED), {"a": b"x\0\0yy"}),
        ((MADE, wrote(b"xyz"), did(Did.TRUNCATED, at=1), SYNCED, NAMES_SYNCED), {"a": b"x"}),
        ((MADE, NAMES_SYNCED, did(Did.UNLINKED)), {"a": b""}),
        ((MADE, NAMES_SYNCED, did(Did.UNLINKED), NAMES_SYNCED), {}),
        ((MADE, did(Did.RENAMED, data=b"b"), NAMES_SYNCED), {"b": b""}),
        ((MADE, NAMES_SYNCED, did(Did.RENAMED, data=b"b")), {"a": b""}),
        ((MADE, wrote(b"x"), SYNCED, NAMES_SYNCED, did(Did.OPENED), wrote(b"y"), SYNCED), {"a": b"y"}),
    ],
)
def test_what_was_synced_is_there(steps: tuple[Record, ...], kept: Files) -> None:
    """Bytes by the sync of their file, names by the sync of their folder."""
    assert left(*steps) == kept


def test_the_number_of_a_deleted_file_may_come_again() -> None:
    """A new file of that number is another one; the old one is still there where its end was not synced."""
    again = (did(Did.UNLINKED), did(Did.OPENED, "b"), wrote(b"new"), SYNCED)
    first = (MADE, wrote(b"old"), SYNCED, NAMES_SYNCED)
    assert left(*first, *again) == {"a": b"old"}
    assert left(*first, *again, NAMES_SYNCED) == {"b": b"new"}


@pytest.mark.parametrize("cut", [Cut.PREFIX, Cut.SECTORS])
def test_what_was_not_synced_may_be_there_in_part(cut: Cut) -> None:
    """In the order in which it was written, or any of its sectors, each whole."""
    sectors = [bytes([letter]) * 512 for letter in b"abc"]
    steps = (MADE, NAMES_SYNCED, wrote(sectors[0]), wrote(sectors[1] + sectors[2], at=512))
    seen = {left(*steps, cut=cut)["a"] for _ in range(200)}
    blank = bytes(512)
    if cut is Cut.PREFIX:
        assert seen == {b"", sectors[0], b"".join(sectors)}
    else:
        some = {
            (a + b + c).rstrip(b"\0")
            for a in (sectors[0], blank)
            for b in (sectors[1], blank)
            for c in (sectors[2], b"")
        }
        assert {content.rstrip(b"\0") for content in seen} == some


def test_names_that_were_not_synced_are_one_of_their_states() -> None:
    """A rename is there or not; never both names, and never neither."""
    steps = (MADE, NAMES_SYNCED, did(Did.RENAMED, data=b"b"))
    assert {tuple(left(*steps, cut=Cut.PREFIX)) for _ in range(50)} == {("a",), ("b",)}


def test_a_folder_that_is_there_is_on_the_disk(tmp_path: Path) -> None:
    """What lay there before the process began cannot be lost by a power cut."""
    (tmp_path / "token").write_bytes(b"x")
    assert Disk.holding(tmp_path).after(Cut.LOST, DICE) == {"token": b"x"}
