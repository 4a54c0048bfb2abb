"""An upgrade that is cut off at any step, or that the disk refuses: the old store or the new, and never half of one.

The store that is upgraded has the first schema there was, and a session in it whose page was stored.
"""

import errno
import sqlite3
from contextlib import closing
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from alembic import command
from alembic.config import Config

from leadsync.store.engine import APPLICATION_ID, file_creator, open_writer
from tests.simulation.machine import STORE, Machine
from tests.simulation.process import Doom
from tests.simulation.runs import live, one_cycle
from tests.simulation.test_disk_trouble import NthFails, met

SEED = 6
STEPS_MIN = 40
STRIDE_DAILY = 17
"""Alembic takes long: the daily run tries every so manieth step, `--long` all of them."""


@cache
def _first_schema() -> bytes:
    """A store of the first schema, with a job's criteria in it."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / STORE
        config = Config()
        config.set_main_option("script_location", "leadsync.store:migrations")
        with open_writer(file_creator(file)).connect() as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        with closing(sqlite3.connect(file)) as store, store:
            store.execute(
                "INSERT INTO installation (id, name, fence, created_at, stopped_at)"
                " VALUES (1, '0123456789abcdef', 1, '2026-11-01', '2026-11-01')"
            )
            store.execute("INSERT INTO account (name) VALUES ('main')")
        return file.read_bytes()


def lay(machine: Machine) -> None:
    """Put it on the disk."""
    machine.disk.lay(STORE, _first_schema())


def stride(config: pytest.Config) -> int:
    """How many steps further the next try is."""
    return 1 if config.getoption("--long") else STRIDE_DAILY


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_the_end_at_every_step_of_an_upgrade(pytestconfig: pytest.Config, power: bool) -> None:
    """The next start finds a store that it can upgrade, or that is upgraded, and goes on."""
    for step in count(1 + power, stride(pytestconfig)):
        report = live(SEED, one_cycle(dooms=(Doom(step, power=power),), lay=lay))
        assert not report.broken, f"step {step}: {report.broken}"
        if not report.died:
            break
    assert step > STEPS_MIN


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "error"])
def test_disk_trouble_at_every_operation_of_an_upgrade(pytestconfig: pytest.Config, code: int) -> None:
    """The upgrade fails in words, and the next start tries again."""
    for nth in count(1 + (code == errno.EIO), stride(pytestconfig)):
        trouble = NthFails(nth, code, lasting=False)
        report = live(SEED, one_cycle(disk_trouble=trouble, lay=lay))
        assert not report.broken, f"operation {nth}: {report.broken}"
        if not met(trouble):
            break
    assert nth > STEPS_MIN
