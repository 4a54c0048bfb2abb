"""What lies in deploy/ for Prometheus and Grafana speaks of figures that there are; promtool itself is run by CI."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from leadsync.core.conditions import Condition
from leadsync.reports.metrics import METRICS

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus-rules.yml"
TESTS = ROOT / "tests" / "deploy" / "prometheus-rules.test.yml"
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"


def figures(text: str) -> set[str]:
    """The names of our metrics in a text."""
    return set(re.findall(r"\bleadsync_[a-z_]+", text))


@pytest.mark.parametrize("file", [RULES, TESTS, DASHBOARD], ids=lambda path: path.name)
def test_only_figures_that_there_are(file: Path) -> None:
    """A query for a metric that nobody exports would be green for ever."""
    assert figures(file.read_text()) <= METRICS.keys()


def test_every_figure_is_shown_or_watched() -> None:
    """A metric that no panel and no rule asks for is dead weight; two are for a look by hand."""
    asked = figures(DASHBOARD.read_text()) | figures(RULES.read_text())
    assert METRICS.keys() - asked == {"leadsync_build_info", "leadsync_budget_left_records"}


def test_labels_of_the_dashboard_are_those_of_the_figures() -> None:
    """A legend that names a label which the figure has not is empty."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            (name, *_) = sorted(figures(target["expr"]))
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= set(METRICS[name][1])


def test_the_rules_name_conditions_that_there_are() -> None:
    """The unit tests' conditions are real ones."""
    named = set(re.findall(r'condition="(\w+)"', TESTS.read_text()))
    assert named <= set(Condition)


def test_every_alert_is_tested() -> None:
    """Each comes in a unit test."""
    alerts = set(re.findall(r"alert: (\w+)", RULES.read_text()))
    assert alerts == set(re.findall(r"alertname: (\w+)\n +eval_time: \S+\n +exp_alerts", TESTS.read_text()))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed; .ci/run brings it")
def test_promtool_accepts_the_rules() -> None:
    """As in CI, where there is one."""
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(TESTS)]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)  # noqa: S607
        assert done.returncode == 0, done.stdout + done.stderr
