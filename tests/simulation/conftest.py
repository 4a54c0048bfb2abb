"""What every test of this folder gets: the log as it was before, and a heap that has been looked through."""

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
def _first_world() -> None:
    """It leaves what all worlds need: schemas, statements, caches."""
    live(0, one_cycle())


@pytest.fixture(autouse=True)
def _heap_settled(_first_world: None) -> None:
    """What is there before a test stays, be it other folders' tests'; else each world's collection goes over it."""
    gc.collect()
    gc.freeze()
