"""What every test of this folder gets: the log as it was before."""

from tests.jobs.conftest import _log_put_back as log_put_back

__all__ = ["log_put_back"]
