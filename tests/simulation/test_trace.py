"""The same seed is the same world: twice in one process, and in processes whose hashes differ."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.runs import live

ROOT = Path(__file__).parents[2]
SEEDS = range(3, 9)
CHILD = """
import sys
from tests.simulation.runs import live
print(*(live(int(seed)).trace for seed in sys.argv[1:]))
"""


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_the_same_seed_gives_the_same_trace(hash_seed: str) -> None:
    """Each step of every process comes at the same moment, whatever the order of sets and addresses is."""
    here = [live(seed).trace for seed in SEEDS]
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'daemon'}"}
    command = [sys.executable, "-c", CHILD, *map(str, SEEDS)]
    child = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True)
    assert child.stdout.split() == here
    assert len(set(here)) == len(SEEDS)
