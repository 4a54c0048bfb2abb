"""The observer at the vendor's door would notice: each planted bug is seen in a scene that is right without it."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest

from tests.jobs.house import foreign
from tests.jobs.meddling import Observed, observe
from tests.jobs.slot_bugs import SLOT_BUGS
from tests.jobs.test_housekeep import orphan_with_a_key, orphans, somebody_pulls, tidy
from tests.stage import Stage

Build = Callable[..., Stage]
Scene = Callable[[Build], Observed]


def beside_foreigners(build: Build) -> Observed:
    """An orphan beside two foreign sessions."""
    stage = build(size=20)
    foreign(stage, 2)
    wire = orphans(stage, "old")
    tidy(stage)
    return wire


def one_that_moves(build: Build) -> Observed:
    """An orphan that somebody goes on with, after the first look."""
    stage = build(size=20)
    wire = orphans(stage, "old")
    wire.before_list[2] = lambda: somebody_pulls(stage)
    tidy(stage)
    return wire


def no_slot(build: Build) -> Observed:
    """A new job, and all slots held."""
    stage = build(size=20, account="session_cap = 3\nsession_reserve = 1")
    foreign(stage, 2)
    stage.job()
    wire = observe(stage)
    stage.once("phoenix")
    return wire


def an_open_key(build: Build) -> Observed:
    """An orphan whose last page is billed and never came."""
    wire = orphan_with_a_key(build(size=250))
    tidy(wire.stage)
    return wire


SCENES: dict[str, tuple[Scene, str]] = {
    "a foreign session is taken for an orphan": (beside_foreigners, "not ours alone"),
    "a session is deleted without looking again": (one_that_moves, "not ours alone"),
    "a deletion is not journaled": (beside_foreigners, "no row before it"),
    "a slot is reserved although none is free": (no_slot, "a session too many"),
    "a session is deleted with its key open": (an_open_key, "a key is open"),
}


@pytest.mark.parametrize("planted", [True, False])
@pytest.mark.parametrize("name", SLOT_BUGS)
def test_a_planted_bug_is_noticed(build: Build, name: str, planted: bool) -> None:
    """With the bug in its place the scene goes wrong in one way; without it, in none."""
    scene, wrong = SCENES[name]
    with SLOT_BUGS[name]() if planted else nullcontext():
        wire = scene(build)
    assert any(wrong in one for one in wire.wrongs) is planted, wire.wrongs
