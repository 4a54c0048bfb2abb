"""What every test of this folder gets: a stage in a folder of its own, and the log as it was before."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stage import Stage, log_put_back


@pytest.fixture(autouse=True)
def _log_put_back() -> Iterator[None]:
    """Give the root logger back its handlers: `logs.set_up` takes all logging over."""
    with log_put_back():
        yield


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Stage]:
    """Build the stage of a test: the arguments of `Stage` but the folder."""
    return lambda **keys: Stage(tmp_path / "stage", **keys)
