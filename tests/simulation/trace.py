"""What happened in a world, in one digest: the same seed must give the same, in every process on every day."""

import hashlib
from collections.abc import Callable


class Trace:
    """Takes note of each step with its time."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self._elapsed_s = elapsed_s
        self._digest = hashlib.blake2b(digest_size=16)
        self.steps = 0

    def step(self, label: str) -> None:
        """Something happened."""
        self.steps += 1
        self._digest.update(f"{self._elapsed_s():.6f} {label}\n".encode())

    @property
    def digest(self) -> str:
        """All of it so far."""
        return self._digest.hexdigest()
