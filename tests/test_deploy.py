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
