"""What every test of this folder gets: a store's path, and the log as it was before."""

from pathlib import Path

import pytest

from tests.jobs.conftest import _log_put_back as log_put_back

__all__ = ["log_put_back"]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where a store would be; the socket is beside it."""
    return tmp_path / "leadsync.db"
