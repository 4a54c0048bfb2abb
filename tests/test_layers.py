"""The layers of the house: import-linter's contracts hold, and would notice a wrong import."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import leadsync

PACKAGE = Path(leadsync.__file__).parent
PYPROJECT = PACKAGE.parent.parent / "pyproject.toml"


def lint(daemon: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the package in `daemon`, in a process of its own, with nothing cached."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    command += ["--config", str(PYPROJECT), "--no-cache"]
    environ = os.environ | {"PYTHONPATH": str(daemon)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_the_contracts_hold(tmp_path: Path) -> None:
    """Imports point one way, the core is pure, and nobody but the demo knows the simulator."""
    checked = lint(PACKAGE.parent, tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout


@pytest.mark.parametrize(
    ("module", "wrong"),
    [
        ("core/keys.py", "import random"),
        ("store/lock.py", "import leadsync.jobs.desk"),
        ("jobs/audit.py", "import leadsync.jobs.pull"),
        ("jobs/timetable.py", "import leadsync.scheduler"),
        ("simulator/world.py", "import leadsync.core.model"),
        ("app.py", "import leadsync.simulator"),
    ],
)
def test_a_wrong_import_is_caught(tmp_path: Path, module: str, wrong: str) -> None:
    """Each contract breaks where somebody imports against it."""
    copy = tmp_path / "daemon" / "leadsync"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / module
    file.write_text(f"{wrong}\n{file.read_text()}")
    checked = lint(copy.parent, tmp_path)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "1 broken" in checked.stdout


def imported(file: Path) -> set[str]:
    """The top-level packages that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize(
    ("library", "modules"),
    [
        ("httpx", ["control/client.py", "vendors/http.py"]),  # one to the daemon's own socket, one to the vendors
        ("apprise", ["vendors/notifiers.py"]),
        ("apscheduler", ["scheduler.py"]),
        ("prometheus_client", ["reports/metrics.py"]),
        ("uvicorn", ["inbox/guard.py", "serving.py", "simulator/server.py"]),
        ("cronsim", ["core/schedule.py"]),
    ],
)
def test_a_library_is_met_in_its_room(library: str, modules: list[str]) -> None:
    """HTTP leaves through one module, and another library for the old one would be one module's work."""
    found = [file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py") if library in imported(file)]
    assert sorted(found) == modules
