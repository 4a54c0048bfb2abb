"""Living through seeds: one after another, in a folder of this process's own, the collector held until each ends."""

import gc
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock

from tests.memory import SCRATCH
from tests.simulation.script import Script, one_cycle
from tests.simulation.world import Report, World

KEPT: Final = Path(__file__).with_name("seeds.txt")
"""Seeds that have failed once; every run lives through them again."""

FRESH: Final = Script()


def live(seed: int, script: Script = FRESH) -> Report:
    """Live through one seed."""
    folder = SCRATCH / f"leadsync-simulation-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        with _collector_held():
            return World(folder, seed, script).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def live_through(seeds: Iterable[int]) -> Counter[str]:
    """Live through seeds; return how often each fault, act and death came, and how often each promise was asked.

    Raises AssertionError at the first that breaks, and keeps its seed in the file.
    """
    met: Counter[str] = Counter()
    for seed in seeds:
        report = live(seed)
        if report.broken:
            keep(seed)
            again = f"pytest tests/simulation/test_seeds.py --seed={seed} -n 0"
            raise AssertionError(f"seed {seed}: {report.broken}\nagain: {again}")
        for counted in (report.met, report.acted, report.died, report.checked):
            met.update(counted)
    return met


def kept() -> list[int]:
    """The seeds of the file."""
    lines = (line.partition("#")[0].strip() for line in KEPT.read_text().splitlines())
    return [int(line) for line in lines if line]


def keep(seed: int) -> None:
    """Write a seed into the file."""
    if seed not in kept():
        with KEPT.open("a") as file:
            file.write(f"{seed}\n")


@contextmanager
def _collector_held() -> Iterator[None]:
    """A world is one heap of cycles: it is collected when it is over, and not while it lives."""
    gc.disable()
    try:
        with _burial():
            yield
            gc.collect()
    finally:
        gc.enable()


@contextmanager
def _burial() -> Iterator[None]:
    """What the dead have left half done is unwound when it is collected, and finds that its loop is closed."""
    told = sys.unraisablehook

    def unwound(unraised: Any) -> None:
        if not (isinstance(unraised.exc_value, RuntimeError) and "loop is closed" in str(unraised.exc_value)):
            told(unraised)

    with mock.patch.object(sys, "unraisablehook", unwound):
        yield


__all__ = ["FRESH", "Report", "Script", "keep", "kept", "live", "live_through", "one_cycle"]
