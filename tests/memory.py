"""Where tests keep thousands of small stores: no promise of theirs is the speed of a disk."""

from pathlib import Path
from tempfile import gettempdir
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what is there is no secret, and goes with its test

SCRATCH: Final = _MEMORY if _MEMORY.is_dir() else Path(gettempdir())
"""In memory, where the machine has a folder for that. Where tests cut the power, they do it on disks of their own."""
