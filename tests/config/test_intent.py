"""What a job's file means to the core."""

from decimal import Decimal
from pathlib import Path

import pytest

from leadsync.config import Job
from leadsync.config.intent import criteria_of, leave_of, wish_of
from leadsync.core.audit import Leave
from leadsync.core.criteria import criteria_hash
from leadsync.core.routes import Wish
from tests.config.files import JOB, loaded

PRICE = Decimal("0.1")
NOTHING = Leave(price=PRICE)


def job_of(folder: Path, text: str) -> Job:
    """Read one job's file."""
    return loaded(folder, phoenix=text).jobs["phoenix"]


@pytest.mark.parametrize(
    ("line", "leave"),
    [
        ("", NOTHING),
        ("adopt = true", Leave(adopt=True, price=PRICE)),
        ("buy_again = true", Leave(buy_again=True, price=PRICE)),
        ('on_drift = "continue"', Leave(drift=True, price=PRICE)),
        ('on_criteria_change = "continue"', Leave(criteria_change=True, price=PRICE)),
    ],
)
def test_each_key_allows_one_thing(tmp_path: Path, line: str, leave: Leave) -> None:
    """What a file does not say is not allowed."""
    assert leave_of(job_of(tmp_path, f"{line}\n{JOB}"), PRICE) == leave


def test_without_a_file_nothing_is_allowed() -> None:
    """A key that was left open is settled for nobody, and at the account's price."""
    assert leave_of(None, PRICE) == NOTHING


def test_the_sort_belongs_to_the_list(tmp_path: Path) -> None:
    """Another order is another list; which data sets come with it is not."""
    sort = '[options.sort]\nfield = "address"\nsortOrder = "asc"\n'
    job = job_of(tmp_path, f'datasets = ["basic"]\n{JOB}{sort}')
    assert criteria_of(job) == criteria_hash({"query": "Phoenix, AZ"}, {"field": "address", "sortOrder": "asc"})


def test_only_a_one_shot_wants_windows(tmp_path: Path) -> None:
    """Where it wants more records than `async_above`."""
    one_shot = JOB.replace("incremental", "one_shot")
    large = job_of(tmp_path, f"records = 30\nasync_above = 20\n{one_shot}")
    assert wish_of(large) == Wish(one_shot=True, records=30, async_above=20)
    assert wish_of(large).wants_windows
    assert not wish_of(job_of(tmp_path, f"records = 20\nasync_above = 20\n{one_shot}")).wants_windows
    assert not wish_of(job_of(tmp_path, JOB)).wants_windows
