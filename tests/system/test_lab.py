"""The unit under a real systemd: ready when it says so, reloaded, watched, killed, with no right that it does not need.

Each test boots a machine of its own (half a second); where that cannot be, it is skipped and says why.
"""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from leadsync.simulator import TOKEN
from tests.system.lab.lab import ROOT, Lab, refuse_where_there_can_be_none
from tests.system.process import Vendor

NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
NOTHING = "0000000000000000"
JOB = """kind = "incremental"
schedule = { every = "1s" }
[search]
query = ""
orQuickLists = []
"""
COMPLETION = "/usr/share/bash-completion/completions/leadsync"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A machine on which leadsync is installed and not yet configured."""
    refuse_where_there_can_be_none()
    with Lab.open(tmp_path) as lab:
        yield lab


def test_it_is_ready_and_says_how_it_stands(lab: Lab, vendor: Vendor) -> None:
    """`systemctl start` returns when jobs run at their times; the status line names them; the journal filters."""
    lab.configure(vendor.url)
    lab.do("systemctl", "start", "leadsync")
    assert (lab.show("ActiveState"), lab.show("Type")) == ("active", "notify")
    assert lab.show("StatusText").startswith("1 job(s), 0 parked; next: phoenix at ")
    assert lab.saw("EVENT=run.ended", "JOB=phoenix", "OUTCOME=complete")
    pages = lab.journal("EVENT=page.stored", "JOB=phoenix", "RUN=1")
    assert [page["RECORDS"] for page in pages] == ["50", "50", "20", "0"]
    assert all(page["_SYSTEMD_UNIT"] == "leadsync.service" for page in pages)
    assert not lab.journal("-p", "warning", "_COMM=python3")
    assert TOKEN not in lab.do("journalctl", "-o", "export")
    began_s = time.monotonic()
    lab.do("systemctl", "stop", "leadsync")
    assert time.monotonic() - began_s < 10.0
    assert (lab.show("Result"), lab.show("ExecMainStatus")) == ("success", "0")
    assert lab.journal("EVENT=daemon.stopped")


def test_it_has_no_right_that_it_does_not_need(lab: Lab) -> None:
    """Probed from inside: it writes nowhere but its state, speaks no other language, gains nothing."""
    lab.write("/opt/probe.py", (Path(__file__).parent / "lab" / "probe.py").read_text())
    lab.drop_in("Type=oneshot\nWatchdogSec=0\nRestart=no\nExecStartPre=\nExecStart=\nExecStart=python3 /opt/probe.py")
    lab.do("systemctl", "start", "leadsync")
    found = json.loads(next(entry["MESSAGE"] for entry in lab.journal() if entry["MESSAGE"].startswith("{")))
    assert found["forbidden"] == []
    assert found["impossible"] == []
    assert found["capabilities"] == [NOTHING] * 5
    assert (found["no_new_privileges"], found["seccomp"], found["core_max"]) == ("1", "2", [0, 0])
    score = lab.do("systemd-analyze", "security", "--offline=yes", "/etc/systemd/system/leadsync.service")
    assert float(re.findall(r"exposure level .*: ([\d.]+) ", score)[0]) <= 1.2


def test_nobody_else_reads_its_secrets_or_its_leads(lab: Lab, vendor: Vendor) -> None:
    """Not another user, not its environment; the state folder is 0700, the store 0600."""
    lab.configure(vendor.url)
    lab.do("systemctl", "start", "leadsync")
    for secret in ("/run/credentials/leadsync.service/batchdata-token", "/etc/leadsync/credentials/batchdata-token"):
        assert lab.refuses(*NOBODY, "cat", secret)
    assert lab.refuses(*NOBODY, "ls", "/var/lib/private/leadsync/")
    modes = lab.do("stat", "-c", "%a", "/var/lib/private/leadsync", "/var/lib/private/leadsync/leadsync.db").split()
    assert modes == ["700", "600"]
    assert TOKEN not in lab.do("cat", f"/proc/{lab.show('MainPID')}/environ")


def test_the_doctor_sees_what_the_unit_sees(lab: Lab, vendor: Vendor) -> None:
    """Typed by root beside the daemon: the token it was given, the vendor, unit, credentials, state folder, door."""
    lab.configure(vendor.url)
    lab.drop_in("LoadCredential=\nLoadCredential=batchdata-token:/etc/leadsync/credentials/batchdata-token")
    lab.do("systemctl", "start", "leadsync")
    report = json.loads(lab.do("leadsync", "doctor", "--json"))
    found = {check["name"]: check["state"] for check in report["checks"]}
    wanted = ["accounts.main.token", "accounts.main.vendor", "process", "service"]
    wanted += ["service.credentials", "service.state"]
    assert {name: found[name] for name in wanted} == dict.fromkeys(wanted, "ok")
    assert report["ok"]


def test_a_reload_is_good_or_changes_nothing(lab: Lab, vendor: Vendor) -> None:
    """The status line says what is wrong, until the files are good; the process stays the same."""
    lab.configure(vendor.url)
    lab.do("systemctl", "start", "leadsync")
    process = lab.show("MainPID")
    lab.job("tampa", pagesize=3)
    lab.do("systemctl", "reload", "leadsync")
    assert lab.saw("EVENT=reload.refused")
    lab.job("tampa", buy_again=True)
    lab.do("systemctl", "reload", "leadsync")
    assert lab.saw("EVENT=config.reloaded")
    assert lab.saw("EVENT=run.ended", "JOB=tampa", "OUTCOME=complete")
    assert (lab.show("ActiveState"), lab.show("MainPID"), lab.show("NRestarts")) == ("active", process, "0")
    assert lab.show("StatusText").startswith("2 job(s), 0 parked; next: ")


def test_one_that_hangs_is_ended_and_comes_back(lab: Lab, vendor: Vendor) -> None:
    """The watchdog hears nothing for its time, and the next process goes on where the hung one was."""
    lab.configure(vendor.url)
    lab.drop_in("ExecStartPre=\nWatchdogSec=2s\nRestartSec=100ms")
    lab.do("systemctl", "start", "leadsync")
    assert lab.saw("EVENT=run.ended", "OUTCOME=complete")
    lab.do("kill", "-STOP", lab.show("MainPID"))
    assert lab.saw("EVENT=daemon.started", times=2)
    assert (lab.show("ActiveState"), lab.show("NRestarts")) == ("active", "1")
    assert any("watchdog" in entry["MESSAGE"].lower() for entry in lab.journal("_PID=1"))
    assert lab.journal("EVENT=store.opened", "CLEAN=false")


def test_one_that_is_killed_in_mid_page_comes_back_and_loses_nothing(lab: Lab, vendor: Vendor) -> None:
    """Systemd starts it again, and the page that was billed is asked for again under its old key."""
    lab.configure(vendor.url, records_per_run=50)
    lab.drop_in("ExecStartPre=\nRestartSec=100ms")
    vendor.next("hang")
    lab.do("systemctl", "start", "leadsync")
    assert lab.saw("EVENT=page.asked")
    assert vendor.has_billed()
    lab.do("kill", "-KILL", lab.show("MainPID"))
    assert lab.saw("EVENT=run.ended", "OUTCOME=complete")
    assert lab.show("NRestarts") == "1"
    lab.do("systemctl", "stop", "leadsync")
    bill = vendor.bill()
    assert (bill["records"], len(set(bill["billed_ids"]))) == (120, 120)
    first, second, *_ = (seen["key"] for seen in bill["requests"] if seen["key"])
    assert first == second


def test_the_door_stays_open_where_the_process_dies(lab: Lab, vendor: Vendor) -> None:
    """Whoever had connected, and was not heard yet when it was killed, gets an answer from the next one."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    lab.configure(vendor.url, '[webhooks]\npublic_url = "https://leads.example.com"')
    lab.drop_in(f"ListenStream=\nListenStream=127.0.0.1:{port}", "socket")
    lab.drop_in("ExecStartPre=\nRestartSec=100ms")
    lab.do("systemctl", "start", "leadsync.socket", "leadsync")
    lab.do("kill", "-STOP", lab.show("MainPID"))
    with ExitStack() as stack:
        callers = [stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), 30.0))) for _ in range(50)]
        for caller in callers:
            caller.sendall(b"POST /nobody HTTP/1.1\r\nHost: leads.example.com\r\nContent-Length: 2\r\n\r\n{}")
        lab.do("kill", "-KILL", lab.show("MainPID"))
        assert {caller.recv(12) for caller in callers} == {b"HTTP/1.1 404"}
    assert lab.show("NRestarts") == "1"


def test_a_wrong_configuration_is_not_started_again_and_again(lab: Lab, vendor: Vendor) -> None:
    """78 needs a person: the unit is failed at once, and its journal says which line of which file."""
    lab.configure(vendor.url, pagesize=3)
    lab.do("systemctl", "start", "leadsync", check=False)
    assert (lab.show("ActiveState"), lab.show("ExecMainStatus"), lab.show("NRestarts")) == ("failed", "78", "0")
    assert any("phoenix.toml:4: pagesize: " in entry["MESSAGE"] for entry in lab.journal())


def test_a_stop_finishes_the_page(lab: Lab, vendor: Vendor) -> None:
    """`systemctl stop` waits for the page that is on its way, and for no other."""
    lab.configure(vendor.url)
    vendor.slow(1.0)
    vendor.next("slow")
    lab.do("systemctl", "start", "leadsync")
    assert lab.saw("EVENT=page.asked")
    lab.do("systemctl", "stop", "leadsync")
    assert (lab.show("Result"), vendor.bill()["records"]) == ("success", 50)
    (ended,) = lab.journal("EVENT=run.ended")
    assert (ended["OUTCOME"], ended["RECORDS"]) == ("interrupted", "50")


def test_the_way_back_is_as_it_is_written(lab: Lab, vendor: Vendor) -> None:
    """The lines of the README put a copy back in which the service can work, and its pages come unbilled."""
    (way_back,) = re.findall(r"(?ms)^```sh\n([^`]*--store restored)\n```", (ROOT / "deploy" / "README.md").read_text())
    lab.configure(vendor.url, records_per_run=50)
    lab.do("systemctl", "start", "leadsync")
    assert lab.saw("EVENT=run.ended", "OUTCOME=limited")
    lab.do("systemctl", "stop", "leadsync")
    lab.do("install", "-D", "-m", "600", "/var/lib/leadsync/leadsync.db", "/var/backups/leadsync/leadsync-DATE.db")
    lab.do("systemctl", "start", "leadsync")
    assert lab.saw("EVENT=run.ended", "OUTCOME=complete")
    assert "go on with higher change numbers" in lab.do("sh", "-c", f'sudo() {{ "$@"; }}\n{way_back}')
    assert lab.saw("EVENT=run.ended", "OUTCOME=complete", times=2)
    assert (lab.show("ActiveState"), vendor.bill()["records"]) == ("active", 120)
    assert len(lab.do("leadsync", "export").splitlines()) == 120


def test_the_units_are_well_formed(lab: Lab) -> None:
    """Systemd has nothing to say about them."""
    units = "/etc/systemd/system/leadsync.service /etc/systemd/system/leadsync.socket"
    assert lab.do("sh", "-c", f"systemd-analyze verify --man=no {units} 2>&1") == ""


@pytest.mark.long
def test_it_is_installed_and_upgraded_on_a_fresh_machine(tmp_path: Path, vendor: Vendor) -> None:
    """Three commands and a job file bring it up; the same again is an upgrade, which keeps the ledger and a copy."""
    refuse_where_there_can_be_none()
    install = ("env", "HOME=/root", str(ROOT / "deploy" / "install.sh"))
    with Lab.open(tmp_path, bare=True) as lab:
        lab.do(*install, timeout_s=600.0)
        lab.write("/etc/leadsync/credentials/batchdata-token", f"{TOKEN}\n", "600")
        lab.do("sh", "-c", f"""echo 'base_url = "{vendor.url}"' >>/etc/leadsync/config.toml""")
        lab.write("/etc/leadsync/jobs.d/phoenix.toml", JOB)
        lab.do("leadsync", "check")
        lab.do("systemctl", "enable", "--now", "leadsync")
        assert lab.saw("EVENT=run.ended", "OUTCOME=complete")
        lab.do(*install, timeout_s=600.0)
        assert lab.show("ActiveState") == "active"
        assert lab.journal("EVENT=store.opened", "FENCE=2", "CLEAN=true")
        assert len(lab.do("leadsync", "export").splitlines()) == 120
        assert lab.do("ls", "/var/backups/leadsync").count(".db") == 1
        completed = f"source {COMPLETION}; COMP_WORDS=(leadsync sta); COMP_CWORD=1; _leadsync_completion leadsync"
        assert lab.do("bash", "-c", f"{completed}; echo ${{COMPREPLY[*]}}") == "status\n"
