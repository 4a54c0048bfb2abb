"""An error of the disk at the n-th operation, for all n of a whole life: no room or no answer, once or to a restart.

The daemon says in words what it could not do, loses nothing, and goes on by itself or with the next start.
"""

import errno
from itertools import count

import pytest

from tests.simulation.bugs import witnessed_once
from tests.simulation.runs import live, one_cycle

OPERATIONS_MIN = 60


class NthFails:
    """Trouble at the n-th operation; `lasting`: and at all that follow."""

    def __init__(self, nth: int, code: int, *, lasting: bool) -> None:
        self.nth, self.code, self.lasting = nth, code, lasting
        self.seen = 0

    def __call__(self, operation: str) -> None:
        """Fail, if it is time."""
        del operation
        self.seen += 1
        if self.seen == self.nth or (self.lasting and self.seen > self.nth):
            raise OSError(self.code, "disk trouble")


def met(trouble: NthFails) -> bool:
    """Whether it has come to that operation."""
    return trouble.seen >= trouble.nth


@pytest.mark.parametrize(
    "lasting",
    [pytest.param(False, id="once"), pytest.param(True, id="lasting", marks=pytest.mark.long)],
)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "error"])
def test_trouble_at_every_operation(code: int, lasting: bool) -> None:
    """Whatever fails, the daemon does not end with a traceback, and its books are right when the disk is well again."""
    for nth in count(1):
        trouble = NthFails(nth, code, lasting=lasting)
        report = live(5, one_cycle(disk_trouble=trouble))
        assert not report.broken, f"operation {nth}: {report.broken}"
        if not met(trouble):
            break
    assert nth > OPERATIONS_MIN


class WitnessFails:
    """The witness cannot be written at its third time: the first is the start's, the second the first key's."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, operation: str) -> None:
        """Fail, if it is time."""
        self.times += operation == "witness.sync"
        if self.times == 3 and operation == "witness.sync":
            raise OSError(errno.EIO, "disk trouble")


def test_a_witness_that_fails_once_is_written_before_the_key_is_sent() -> None:
    """The same process sends the open key when its job runs again; without another look nobody had witnessed it.

    Fresh worlds meet this seldom: in most of them a later key, or another start, has the witness written first.
    """
    assert not live(5, one_cycle(size=20, trouble_s=900.0, disk_trouble=WitnessFails())).broken
    with witnessed_once():
        assert "p3_journal_first" in live(5, one_cycle(size=20, trouble_s=900.0, disk_trouble=WitnessFails())).broken
