"""What an operator installs from: the locked packages are the wanted ones, and the page tells all commands."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import leadsync
from leadsync.config import load

ROOT = Path(leadsync.__file__).parents[2]
DEPLOY = ROOT / "deploy"
LOCK = (DEPLOY / "requirements.lock").read_text()


def test_every_package_is_locked_as_it_is_wanted() -> None:
    """A changed dependency wants a new lock (deploy/lock.sh); each pin has a hash."""
    pins = dict(re.findall(r"(?m)^([\w.-]+)==(\S+) \\\n +--hash=sha256:", LOCK))
    assert len(pins) == len(re.findall(r"(?m)^[\w.-]+==", LOCK))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    more = project["project"]["optional-dependencies"]
    needed = [*project["project"]["dependencies"], *more["metrics"], *more["notify"]]
    for text in (*needed, *project["build-system"]["requires"]):
        wanted = Requirement(text)
        assert pins[canonicalize_name(wanted.name)] in wanted.specifier, text


def test_the_lock_names_no_place() -> None:
    """Where packages come from is the operator's affair, and nobody else's address."""
    assert not re.search(r"://|^--(?!hash)", LOCK, re.MULTILINE)


def test_the_first_configuration_wants_only_a_token_and_a_job(tmp_path: Path) -> None:
    """It loads as it is; its one warning is that there is no job yet."""
    (tmp_path / "jobs.d").mkdir()
    shutil.copy(DEPLOY / "config.toml", tmp_path)
    settings = load(tmp_path / "config.toml", {"STATE_DIRECTORY": "/elsewhere"})
    assert settings.store.url == "sqlite:////var/lib/leadsync/leadsync.db"
    assert [problem.message for problem in settings.warnings] == [
        "holds no job: put a file such as phoenix.toml into it"
    ]


def test_an_upgrade_that_is_run_again_leaves_the_way_back(tmp_path: Path) -> None:
    """It is run again where it failed at its end, or for the manual page: the version before is not lost over it."""
    (switch,) = re.findall(r"(?ms)^switch\(\) \{\n.*?^\}\n", (DEPLOY / "install.sh").read_text())

    def install(name: str, code: str) -> None:
        package = tmp_path / "versions" / name / "lib" / "python3.11" / "site-packages" / "leadsync"
        package.mkdir(parents=True)
        (package / "app.py").write_text(code)
        script = f"set -eu\nhome={tmp_path}\nplace={tmp_path}/versions/{name}\n{switch}switch"
        subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True)

    def kept() -> tuple[str, str, list[str]]:
        links = [(tmp_path / link).resolve().name for link in ("current", "before")]
        return links[0], links[1], sorted(path.name for path in (tmp_path / "versions").iterdir())

    install("a", "1")
    install("b", "2")
    assert kept() == ("b", "a", ["a", "b"])
    install("b-again", "2")
    assert kept() == ("b-again", "a", ["a", "b", "b-again"])
    install("c", "3")
    assert kept() == ("c", "b-again", ["b-again", "c"])


def test_the_manual_page_tells_every_command(tmp_path: Path) -> None:
    """It is made of --help, so it cannot be older than the program."""
    if shutil.which("help2man") is None:
        pytest.skip("there is no help2man here")
    program = tmp_path / "leadsync"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT / "daemon"} exec {sys.executable} -m leadsync "$@"\n')
    program.chmod(0o755)
    made = subprocess.run([DEPLOY / "man.sh", program], capture_output=True, check=True, encoding="utf-8")
    sections = re.findall(r"(?m)^\.SS leadsync (\w+)", made.stdout)
    helped = subprocess.run([program, "--help"], capture_output=True, check=True, encoding="utf-8").stdout
    assert sections == re.findall(r"(?m)^  (\w+) ", helped.split("Commands:\n")[1].split("\n\n")[0])
    assert '.SH "EXIT STATUS"' in made.stdout
