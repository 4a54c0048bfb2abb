"""The witness beside the store: `FILE.witness`, one short line, on the disk before a key is sent."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

from leadsync.core.witness import Witness
from leadsync.errors import StoreFailed
from leadsync.store.refusals import out_of_reach

SIZE_BYTES = 4_096
"""It is written whole, in place and within one block, so that it is never half of one and half of another."""


class WitnessFile:
    """The witness of one store; its calls belong to the writer's thread."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self._path = store.with_name(f"{store.name}.witness")
        self._now: Witness | None = None

    def read(self) -> Witness | None:
        """Return what was written last, None where nothing was, or nothing that has a meaning.

        Raises StoreRefused where it is there and cannot be read: what it says is no doubt that a person could answer.
        """
        try:
            return Witness(**json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise out_of_reach(self._path, error.strerror) from error
        except (ValueError, TypeError):
            return None

    def write(self, witness: Witness) -> None:
        """Make it durable. Raises StoreFailed; nothing was sent then."""
        line = json.dumps(asdict(witness)).encode().ljust(SIZE_BYTES)
        try:
            handle = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(handle, line, 0)
                os.fdatasync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise StoreFailed(f"{self._path} cannot be written ({error.strerror}); nothing was sent") from error
        self._now = witness

    def knows(self, keys: int) -> bool:
        """Whether it is durable that so many keys are journaled. Any thread may ask."""
        return self._now is not None and keys <= self._now.keys

    def count(self, keys: int) -> None:
        """Note that so many keys are journaled, before the last of them is sent; never fewer than before."""
        if self._now is not None and not self.knows(keys):
            self.write(replace(self._now, keys=keys))

    def count_batches(self, batches: int) -> None:
        """Note that so many batches of the skip trace are journaled, before the last of them is sent."""
        if self._now is not None and batches > self._now.batches:
            self.write(replace(self._now, batches=batches))
