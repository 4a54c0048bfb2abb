"""What every test of this folder gets: the log as it was before, and a heap that has been looked through once."""

import gc
import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _log_put_back() -> Iterator[None]:
    """Give the root logger back its handlers: `logs.set_up` takes all logging over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(autouse=True, scope="session")
def _heap_settled() -> None:
    """What pytest and the imports have made stays; else each world's collection would go over all of it."""
    gc.collect()
    gc.freeze()
