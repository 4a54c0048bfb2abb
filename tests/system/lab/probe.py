"""Tries what the unit must not be able to do, from inside of it; prints what was possible."""

import ctypes
import json
import mmap
import os
import resource
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

STATE = Path(os.environ["STATE_DIRECTORY"])


def write(path: str) -> Callable[[], object]:
    """Make a file there."""
    return lambda: Path(path, "probe").touch()


def speak(family: int) -> Callable[[], object]:
    """Open a socket of that family."""
    return lambda: socket.socket(family, socket.SOCK_DGRAM).close()


def unshare() -> None:
    """Make a namespace."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000):
        raise OSError(ctypes.get_errno(), "unshare")


def run_own_code() -> None:
    """Write memory and run it."""
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def set_suid() -> None:
    """Leave a program behind that runs as its owner."""
    with tempfile.NamedTemporaryFile(dir=STATE) as file:
        Path(file.name).chmod(0o4755)


FORBIDDEN: dict[str, Callable[[], object]] = {
    **{f"write {path}": write(path) for path in ("/", "/etc/leadsync", "/usr", "/opt/leadsync", "/var/lib", "/root")},
    "read credentials of root": lambda: list(Path("/etc/leadsync/credentials").iterdir()),
    "read kernel memory": lambda: os.open("/proc/kcore", os.O_RDONLY),
    "read others' processes": lambda: Path("/proc/1/environ").read_bytes(),
    "open a device": lambda: os.open("/dev/vda", os.O_RDONLY),
    "speak netlink": speak(socket.AF_NETLINK),
    "speak packets": speak(socket.AF_PACKET),
    "unshare": unshare,
    "run own code": run_own_code,
    "set suid": set_suid,
    "become root": lambda: os.setuid(0),
    "mount": lambda: subprocess.run(["/bin/mount", "-t", "tmpfs", "x", str(STATE)], check=True, capture_output=True),
    "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
}

ALLOWED: dict[str, Callable[[], object]] = {
    "write its state": write(str(STATE)),
    "write its own /tmp": write(tempfile.gettempdir()),
    "read its credential": lambda: Path(os.environ["CREDENTIALS_DIRECTORY"], "batchdata-token").read_bytes(),
    "speak IPv4": speak(socket.AF_INET),
    "speak IPv6": speak(socket.AF_INET6),
}


def possible(tries: dict[str, Callable[[], object]]) -> list[str]:
    """Try each, and name those that worked."""
    worked = []
    for name, attempt in tries.items():
        with suppress(OSError, subprocess.CalledProcessError):
            attempt()
            worked.append(name)
    return worked


status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
print(
    json.dumps(
        {
            "forbidden": possible(FORBIDDEN),
            "impossible": sorted(ALLOWED.keys() - possible(ALLOWED)),
            "capabilities": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
            "no_new_privileges": status["NoNewPrivs"],
            "seccomp": status["Seccomp"],
            "core_max": resource.getrlimit(resource.RLIMIT_CORE),
        }
    )
)
