"""The same seed is the same world: twice in one process, and in processes whose hashes differ."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.simulation.runs import live

ROOT = Path(__file__).parents[2]
SEEDS = range(3, 9)
CHILD = """
import sys
from tests.simulation.runs import live
print(*(live(int(seed)).trace.digest for seed in sys.argv[1:]))
"""


@cache
def traces_here() -> list[str]:
    """What this process sees, once for all that compare with it."""
    return [live(seed).trace.digest for seed in SEEDS]


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_the_same_seed_gives_the_same_trace(hash_seed: str) -> None:
    """Each step of every process comes at the same moment, whatever the order of sets and addresses is."""
    here = traces_here()
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'daemon'}"}
    command = [sys.executable, "-c", CHILD, *map(str, SEEDS)]
    child = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True)
    assert child.stdout.split() == here
    assert live(SEEDS[0]).trace.digest == here[0]
    assert len(set(here)) == len(SEEDS)
