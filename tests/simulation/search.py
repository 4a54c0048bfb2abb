"""The search for a planted bug: seed after seed, until one breaks a promise that holds without the bug."""

from typing import Final

from tests.planted import Bug
from tests.simulation.runs import Script, live

SEEDS_MAX: Final = 200

UNSEEN: Final = 50_000_000
"""Where nobody has ever looked."""

MISFITS: Final = ("the world itself failed", "p12_never_silent")
"""How a bug ends that no longer fits its place: by an error of its own, in the world's hands or in the daemon."""


def assert_found(bug: Bug, script: Script, first: int) -> None:
    """One of 200 seeds notices, by a promise that is broken, and not by a bug that no longer fits its place."""
    with bug():
        lives = (live(seed, script) for seed in range(first, first + SEEDS_MAX))
        found = next((report for report in lives if report.broken), None)
    assert found is not None, "nobody notices it"
    assert names_a_promise(found.broken), f"the bug itself is broken: {found.broken}"
    assert not live(found.seed, script).broken, "it breaks without the bug, too"


def names_a_promise(broken: str) -> bool:
    """Whether what ended a world is a promise that its watch found broken."""
    return broken.startswith("Broken: ") and not any(misfit in broken for misfit in MISFITS)
