"""What happened in a world, in one digest: the same seed must give the same, in every process on every day."""

import hashlib
from collections.abc import Callable


class Trace:
    """Takes note of each step with its time."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self._elapsed_s = elapsed_s
        self._taken: list[tuple[float, str]] = []

    def step(self, label: str) -> None:
        """Something happened."""
        self._taken.append((self._elapsed_s(), label))

    @property
    def digest(self) -> str:
        """All of it so far; few ask, so it is made when somebody does."""
        told = "".join(f"{elapsed_s:.6f} {label}\n" for elapsed_s, label in self._taken)
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
