"""A stage for the reports that are made from a store with a history, and the log as it was before."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from tests.stage import Stage


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Build the stage of a test: the arguments of `Stage` but the folder. `logs.set_up` takes all logging over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield lambda **keys: Stage(tmp_path / "stage", **keys)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def well(build: Callable[..., Stage]) -> Stage:
    """A stage with a job that has run."""
    stage = build(account="budget = { records_per_day = 1_000 }")
    stage.folder.chmod(0o700)
    stage.job()
    stage.once("phoenix")
    return stage
