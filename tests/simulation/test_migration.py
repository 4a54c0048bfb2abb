"""An upgrade that is cut off at any step, or that the disk refuses: the old store or the new, and never half of one.

The store that is upgraded has the first schema there was, and a session in it whose page was stored. Every row of that
is looked for, as it was, after each start and at the end.
"""

import errno
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine

from leadsync.store import migrate
from tests.planted import instead
from tests.simulation.first_schema import ROWS, lay, p1_all_of_before_is_there
from tests.simulation.process import Doom
from tests.simulation.runs import live, one_cycle
from tests.simulation.test_disk_trouble import NthFails, met

SEED = 6
STEPS_MIN = 40
STRIDE_DAILY = 17
"""Alembic takes long: the daily run tries every so manieth step, `--long` all of them."""

upgraded: Final = partial(one_cycle, lay=lay, promises=(p1_all_of_before_is_there,))


def stride(config: pytest.Config) -> int:
    """How many steps further the next try is."""
    return 1 if config.getoption("--long") else STRIDE_DAILY


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_the_end_at_every_step_of_an_upgrade(pytestconfig: pytest.Config, power: bool) -> None:
    """The next start finds a store that it can upgrade, or that is upgraded, and goes on."""
    for step in count(1 + power, stride(pytestconfig)):
        report = live(SEED, upgraded(dooms=(Doom(step, power=power),)))
        assert not report.broken, f"step {step}: {report.broken}"
        if not report.died:
            break
    assert step > STEPS_MIN


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "error"])
def test_disk_trouble_at_every_operation_of_an_upgrade(pytestconfig: pytest.Config, code: int) -> None:
    """The upgrade fails in words, and the next start tries again."""
    for nth in count(1 + (code == errno.EIO), stride(pytestconfig)):
        trouble = NthFails(nth, code, lasting=False)
        report = live(SEED, upgraded(disk_trouble=trouble))
        assert not report.broken, f"operation {nth}: {report.broken}"
        if not met(trouble):
            break
    assert nth > STEPS_MIN


def losing(table: str) -> Any:
    """An upgrade after which a table has nothing of its last row."""
    upgrade = migrate.upgrade

    def lose(engine: Engine, file: Path) -> Any:
        result = upgrade(engine, file)
        with engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
            with connection.begin():
                connection.exec_driver_sql(f"DELETE FROM {table} WHERE id = ?", (ROWS[table][-1]["id"],))  # noqa: S608
        return result

    return instead(migrate, "upgrade", lose)


@pytest.mark.parametrize(
    "table", [pytest.param(each, marks=[] if each == "run" else pytest.mark.long) for each in ROWS]
)
def test_an_upgrade_that_loses_something_is_noticed(table: str) -> None:
    """A row that is gone ends the world."""
    with losing(table)():
        assert "p1_all_of_before_is_there" in live(SEED, upgraded()).broken
