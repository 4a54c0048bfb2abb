"""`leadsync doctor` as a process: beside a daemon, its exit codes, and what stands on stdout."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.system.house import NOBODY_LISTENS, House
from tests.system.process import Vendor, without_power

LATER = "at = 2099-01-01T00:00:00Z"
"""A time that does not come while a test lasts."""

MACHINE = {"time_zones", "sqlite"}
"""What is found there depends on where the tests run."""


def checks_of(report: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The checks by name, but for those of the machine."""
    return {check["name"]: check for check in report["checks"] if check["name"] not in MACHINE}


def wrongs(report: dict[str, Any]) -> list[str]:
    """What is wrong here, whatever the machine is like."""
    return [name for name, check in checks_of(report).items() if check["state"] == "wrong"]


def test_beside_a_daemon(tmp_path: Path) -> None:
    """The daemon takes commands and notices nothing; stopped in its tracks, it is told to be restarted."""
    with Vendor.open(properties=120) as vendor:
        house = House(tmp_path / "house", vendor.url)
        house.job("phoenix", schedule=LATER)
        with house.daemon() as daemon:
            assert daemon.saw("daemon.started")
            answer = house.say("doctor --json")
            daemon.send(signal.SIGSTOP)
            hanging = house.say("doctor --json").json
            daemon.send(signal.SIGCONT)
            daemon.send(signal.SIGTERM)
            log = daemon.end().log
        assert vendor.bill()["records"] == 0
    report = answer.json
    assert (answer.err, report["schema_version"], wrongs(report)) == ("", 1, [])
    assert answer.code == (0 if report["ok"] else 1)
    assert checks_of(report)["process"]["message"].endswith(f"(process {daemon.pid}), and takes commands")
    assert wrongs(hanging) == ["process"]
    assert "command.received" not in {line["event"] for line in log}


def test_what_is_wrong_is_1(tmp_path: Path) -> None:
    """For a person: a line each, and what to do; a vendor that nobody can reach is one of them."""
    house = House(tmp_path / "house", NOBODY_LISTENS)
    house.job("phoenix")
    answer = house.say("doctor")
    (at,) = [number for number, line in enumerate(answer.out.splitlines()) if line.startswith("wrong    accounts.")]
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.splitlines()[at].endswith(f"could not be had from {NOBODY_LISTENS} (cannot connect)")
    assert answer.out.splitlines()[at + 1].startswith("         -> see that base_url is right")


def test_a_wrong_configuration_is_1_too(tmp_path: Path) -> None:
    """The doctor is not refused: it says what it can say without the files."""
    house = House(tmp_path / "house", NOBODY_LISTENS)
    house.job("phoenix", page_sise=10)
    answer = house.say("doctor --json")
    assert (answer.code, answer.err, wrongs(answer.json)) == (1, "", ["configuration"])
    assert "did you mean page_size?" in checks_of(answer.json)["configuration"]["message"]


def test_no_daemon_no_store(tmp_path: Path) -> None:
    """Before the first start: nobody is at work, and whose times pass is said; no file is made."""
    with Vendor.open(properties=10) as vendor:
        house = House(tmp_path / "house", vendor.url)
        house.job("phoenix", schedule=LATER)
        before = sorted(house.folder.iterdir())
        report = house.say("doctor --json").json
    assert wrongs(report) == []
    assert "none of 1 scheduled job(s)" in checks_of(report)["process"]["message"]
    assert sorted(house.folder.iterdir()) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="the files of another user are made by root")
def test_the_wrong_user(tmp_path: Path) -> None:
    """Whoever may not enter the state folder is told whose it is; a traceback is no answer."""
    house = House(tmp_path / "house", NOBODY_LISTENS)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    config = house.config.read_text()
    house.config.write_text(f'[store]\nurl = "sqlite:///{state}/leadsync.db"\n{config}')
    os.chown(state, 65534, 65534)
    answer = without_power("doctor", "--json", "--config", house.config)
    found = checks_of(answer.json)
    assert answer.code == 1
    assert (found["store"]["state"], found["disk"]["state"]) == ("wrong", "ok")
    assert f"Run leadsync as the user whom {state} belongs to" in found["store"]["do"]
