"""What every test of this folder gets: a stage in a folder of its own, and the log as it was before."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from tests.stage import Stage


@pytest.fixture(autouse=True)
def _log_put_back() -> Iterator[None]:
    """Give the root logger back its handlers: `logs.set_up` takes all logging over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Stage]:
    """Build the stage of a test: the arguments of `Stage` but the folder."""
    return lambda **keys: Stage(tmp_path / "stage", **keys)
