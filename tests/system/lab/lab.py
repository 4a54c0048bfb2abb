"""A machine of its own for the unit: a real systemd, whose leadsync is the code that is tested here.

It is booted by `boot.sh` over a view of this machine, and goes without a trace. What is below `etc` on this machine is
/etc/leadsync there, and 127.0.0.1 is the same for both, so that a simulator runs out here.
"""

import json
import os
import select
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import pytest

import leadsync
from leadsync.simulator import TOKEN
from tests.system.house import ALL

ROOT: Final = Path(leadsync.__file__).parents[2]
BOOT: Final = Path(__file__).with_name("boot.sh")
SYSTEM_PYTHON: Final = "/usr/bin/python3"
PATIENCE_S: Final = 30.0

PROGRAM: Final = f"""#!/bin/sh
PYTHONPATH=/opt/leadsync/lib:/opt/leadsync/daemon exec {SYSTEM_PYTHON} -m leadsync "$@"
"""


def refuse_where_there_can_be_none() -> None:
    """Skip, and say why, where no systemd can be booted."""
    if os.geteuid() != 0:
        pytest.skip("only root may boot a systemd of its own")
    for tool in ("unshare", "nsenter", "systemctl", "journalctl", SYSTEM_PYTHON):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool} here")
    if _said("unshare", "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "true") is None:
        pytest.skip("this machine does not let root make namespaces")
    if (
        _said(SYSTEM_PYTHON, "-c", "import sys; print(*sys.version_info[:2], sep='.')")
        != sysconfig.get_python_version()
    ):
        pytest.skip("the system's python is another than the one that these tests have their libraries for")


def _said(*command: str) -> str | None:
    ended = subprocess.run(command, capture_output=True, check=False, encoding="utf-8")
    return None if ended.returncode else ended.stdout.strip()


class Lab:
    """One booted machine; made by `open`."""

    def __init__(self, etc: Path, init: int) -> None:
        self.etc = etc
        self._init = init

    @classmethod
    @contextmanager
    def open(cls, folder: Path, *, bare: bool = False) -> Iterator[Self]:
        """Boot, install the unit unless the machine shall be `bare`, and let it go at the end."""
        etc = folder / "etc"
        (etc / "jobs.d").mkdir(parents=True)
        libraries = sysconfig.get_path("purelib")
        views = {libraries: "/opt/leadsync/lib", ROOT / "daemon": "/opt/leadsync/daemon", etc: "/etc/leadsync"}
        views = {} if bare else views
        boot = ["bash", str(BOOT), str(folder), *(f"{here}:{there}" for here, there in views.items())]
        with (
            (folder / "console").open("w") as console,
            subprocess.Popen(boot, stdout=console, stderr=console) as process,
        ):
            try:
                lab = cls(etc, _init_of(folder, process))
                lab.do("systemctl", "is-system-running", "--wait")
                if not bare:
                    lab._install()
                yield lab
            finally:
                process.terminate()

    def do(self, *command: str, check: bool = True, timeout_s: float = PATIENCE_S) -> str:
        """Run a command in there and return what it says."""
        ended = subprocess.run(
            self._inside(command), capture_output=True, check=False, encoding="utf-8", timeout=timeout_s
        )
        assert not check or ended.returncode == 0, f"{command}: {ended.returncode}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def refuses(self, *command: str) -> bool:
        """Whether a command may not do what it wants to."""
        ended = subprocess.run(self._inside(command), capture_output=True, check=False, encoding="utf-8")
        return ended.returncode != 0 and "Permission denied" in ended.stderr

    def configure(self, url: str, more: str = "", **job: Any) -> None:
        """Write a configuration with one account and the job `phoenix`, which has a run at once; `more` is TOML."""
        (self.etc / "config.toml").write_text(
            f'[store]\nurl = "sqlite:////var/lib/leadsync/leadsync.db"\n[log]\nlevel = "debug"\n[accounts.main]\n'
            f'token = {{ credential = "batchdata-token" }}\nbudget = "unlimited"\nbase_url = "{url}"\n{more}\n'
        )
        self.job("phoenix", **job)

    def job(self, name: str, *, every: str = "1s", **keys: Any) -> None:
        """Write a job file; for the keys JSON is TOML."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in {"page_size": 50, **keys}.items()]
        head = f'kind = "incremental"\nschedule = {{ every = "{every}" }}'
        (self.etc / "jobs.d" / f"{name}.toml").write_text("\n".join([head, *lines, "[search]", ALL, ""]))

    def drop_in(self, text: str, kind: str = "service") -> None:
        """Change a unit as an operator does."""
        head = f"[{kind.capitalize()}]"
        self.write(f"/etc/systemd/system/leadsync.{kind}.d/test.conf", f"{head}\n{text}\n")
        self.do("systemctl", "daemon-reload")

    def write(self, path: str, text: str, mode: str = "644") -> None:
        """Put a file there."""
        command = self._inside(["install", "-D", "-m", mode, "/dev/stdin", path])
        subprocess.run(command, input=text, check=True, encoding="utf-8")

    def show(self, name: str, unit: str = "leadsync") -> str:
        """A property of the unit, as systemd sees it."""
        return self.do("systemctl", "show", unit, "--value", "-p", name).strip()

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """The entries of the unit that an operator filters like that."""
        lines = self.do("journalctl", "-u", "leadsync", "-o", "json", "-q", *matches).splitlines()
        return [json.loads(line) for line in lines]

    def saw(self, *matches: str, times: int = 1) -> bool:
        """Wait until the journal has so many of such entries; False where they do not come."""
        command = self._inside(["journalctl", "-u", "leadsync", "-o", "cat", "-n", "all", "-q", "-f", *matches])
        deadline_s = time.monotonic() + PATIENCE_S
        with subprocess.Popen(command, stdout=subprocess.PIPE) as follower:
            assert follower.stdout is not None
            try:
                while times:
                    ready, _, _ = select.select([follower.stdout], [], [], max(0.0, deadline_s - time.monotonic()))
                    if not ready:
                        return False
                    times -= os.read(follower.stdout.fileno(), 65_536).count(b"\n")
                    times = max(times, 0)
            finally:
                follower.kill()
        return True

    def _inside(self, command: Any) -> list[str]:
        spaces = ["nsenter", "-t", str(self._init), "-m", "-u", "-i", "-p", "-C", "-r", "--"]
        return [
            *spaces,
            "env",
            "-C",
            "/",
            "-i",
            "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C.UTF-8",
            "LEADSYNC_CONFIG=/etc/leadsync/config.toml",
            *command,
        ]

    def _install(self) -> None:
        self.write("/opt/leadsync/bin/leadsync", PROGRAM, "755")
        self.do("ln", "-s", "/opt/leadsync/bin/leadsync", "/usr/local/bin/leadsync")
        for unit in ("leadsync.service", "leadsync.socket"):
            self.write(f"/etc/systemd/system/{unit}", (ROOT / "deploy" / unit).read_text())
        self.write("/etc/leadsync/credentials/batchdata-token", TOKEN, "600")
        self.do("chmod", "700", "/etc/leadsync/credentials")
        self.do("systemctl", "daemon-reload")


def _init_of(folder: Path, boot: "subprocess.Popen[bytes]") -> int:
    """Wait until systemd listens, and return its process id out here."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and boot.poll() is None:
        with suppress(OSError, IndexError):  # it is just beginning
            launcher = (folder / "launcher").read_text().strip()
            init = int(Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()[0])
            if Path(f"/proc/{init}/root/run/systemd/private").is_socket():
                return init
        time.sleep(0.02)
    pytest.fail(f"the lab did not boot: {(folder / 'console').read_text()}")
