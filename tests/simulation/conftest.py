"""What every test of this folder gets: the log as it was before, and a heap that has been looked through once."""

import gc
from collections.abc import Iterator

import pytest

from tests.simulation.runs import live, one_cycle
from tests.stage import log_put_back


@pytest.fixture(autouse=True)
def _log_put_back() -> Iterator[None]:
    """Give the root logger back its handlers: `logs.set_up` takes all logging over."""
    with log_put_back():
        yield


@pytest.fixture(autouse=True, scope="session")
def _heap_settled() -> None:
    """What pytest, the imports and a first world have made stays; else each collection would go over all of it."""
    live(0, one_cycle())
    gc.collect()
    gc.freeze()
