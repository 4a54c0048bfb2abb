"""Options of the test run, and the figures that some tests report at its end."""

import os
from datetime import UTC, datetime
from typing import Final

import hypothesis
import pytest

from tests.memory import SCRATCH
from tests.simulation.figures import Figures

os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(SCRATCH))

SEEDS_A_DAY: Final = 1_000_000
"""So many are a day's own; the run takes the first of them."""

# A shared machine is slow now and then; how long an example takes is no promise.
hypothesis.settings.register_profile("leadsync", deadline=None)
# Which lines are reached is known after a few; `--hypothesis-profile=glance` is for the measuring of coverage.
hypothesis.settings.register_profile("glance", deadline=None, max_examples=5, derandomize=True)
hypothesis.settings.load_profile("leadsync")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what makes some tests longer than the daily run has time for."""
    parser.addoption("--kills", type=int, default=6, help="how often tests/system kills a process in its work")
    parser.addoption("--kill-seed", type=int, default=None, help="the seed of the moments; else a new one")
    parser.addoption("--daemon-seconds", type=int, default=8, help="how long tests/system lets a daemon work")
    parser.addoption("--daemon-kills", type=int, default=3, help="how often tests/system kills a daemon")
    parser.addoption("--power-images", type=int, default=4_000, help="how many disks tests/system/power looks at")
    parser.addoption("--power-seed", type=int, default=None, help="the seed of what those disks keep; else a new one")
    parser.addoption("--inbox-seconds", type=int, default=4, help="how long tests/system sends webhooks")
    parser.addoption("--inbox-kill-every", type=float, default=1.5, help="how long a daemon may receive them")
    parser.addoption("--long", action="store_true", help="also what takes minutes and is shown by its shorter kin")
    parser.addoption("--seeds", type=int, default=2_000, help="how many seeds tests/simulation lives through")
    parser.addoption("--first-seed", type=int, default=None, help="the first of them; else today's")
    parser.addoption("--seed", type=int, default=None, help="the one seed that tests/simulation lives through")
    parser.addoption("--daemon-days", type=int, default=1, help="how long the daemon runs around a change of the clock")


def pytest_configure(config: pytest.Config) -> None:
    """Each day has seeds of its own. Workers are started after this, and get the options as they are then."""
    if config.option.first_seed is None:
        config.option.first_seed = datetime.now(UTC).date().toordinal() * SEEDS_A_DAY


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless somebody has the time."""
    if not config.getoption("--long"):
        left_out = [item for item in items if "long" in item.keywords]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if "long" not in item.keywords]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a fault of the simulation never came: what is not met is not tested."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and Figures.of(reporter).missing:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what a test has recorded as its figures, whether it passed or not."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name != "simulated":
                    terminalreporter.write_line(f"{report.nodeid}: {name}: {value}")
    figures = Figures.of(terminalreporter).lines
    for line in figures:
        terminalreporter.write_line(line)
    if figures:
        option = terminalreporter.config.option
        terminalreporter.write_line(
            f"simulation: the same again: --first-seed={option.first_seed} --seeds={option.seeds}"
        )
