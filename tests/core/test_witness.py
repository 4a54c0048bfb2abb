"""Whether a store is the one that was spent from: the whole table, a row a test."""

from dataclasses import replace

import pytest

from leadsync.core.model import Reason
from leadsync.core.witness import Witness, doubt

HERE = Witness("0123456789abcdef", "machine", "/var/lib/leadsync/leadsync.db", keys=7)


@pytest.mark.parametrize(
    ("found", "expected", "original_there", "why"),
    [
        (HERE, True, False, None),
        (replace(HERE, keys=6), True, False, None),
        (replace(HERE, keys=8), True, False, Reason.STORE_RESTORED),
        (replace(HERE, keys=8), False, False, Reason.STORE_RESTORED),
        (replace(HERE, batches=1), True, False, Reason.STORE_RESTORED),
        (replace(HERE, generation=2), True, False, Reason.STORE_RESTORED),
        (None, False, False, None),
        (None, True, False, Reason.STORE_COPIED),
        (replace(HERE, installation="another"), True, False, Reason.STORE_COPIED),
        (replace(HERE, place="/old/leadsync.db"), True, False, Reason.STORE_MOVED),
        (replace(HERE, place="/old/leadsync.db"), True, True, Reason.STORE_COPIED),
        (replace(HERE, machine="another"), True, True, Reason.STORE_MOVED),
    ],
)
def test_a_store_is_held_against_its_witness(
    found: Witness | None, expected: bool, original_there: bool, why: Reason | None
) -> None:
    """The same place, machine and name, no key that the store lacks; a copy is one whose original is still there."""
    assert doubt(found, HERE, expected=expected, original_there=original_there) == why


@pytest.mark.parametrize(
    ("keys", "here", "why"), [(0, 0, None), (1, 0, Reason.STORE_COPIED), (0, 1, Reason.STORE_COPIED)]
)
def test_a_first_start_that_was_cut_short_is_no_copy(keys: int, here: int, why: Reason | None) -> None:
    """A new store beside the witness of one that never asked for a page goes on; one that has spent does not."""
    left = replace(HERE, installation="drawn by the start that was cut short", keys=keys)
    assert doubt(left, replace(HERE, keys=here), expected=False, original_there=False) == why
