"""`doctor`: what is wrong, and what to do about it."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import typer

from leadsync.cli.answers import DEFAULT_CONFIG, ConfigOption, JsonOption, answering, print_json

ANSWER_WAIT_S: Final = 5.0

CREDENTIALS: Final = Path("/run/credentials/leadsync.service")

LOADS: Final = re.compile(r"(?:Load|Set)Credential(?:Encrypted)?=\s*(.*)")
"""A line of a unit file; an empty one takes back those before it."""


def doctor(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Look whether all is well, and say what to do where it is not.

    Configuration, tokens and their abilities, slots, wallet, clock, disk, store, daemon, the unit with its credentials,
    its folder and its door, the public URL from outside, time zones. It works beside a
    daemon, writes nothing, and asks the vendor only what is free; what that cannot show is said to be unknown. Exit 1
    where something is wrong.
    """
    import asyncio

    with answering():
        from leadsync.core.watch import DISK_FULL_BYTES
        from leadsync.outside import Outside
        from leadsync.reports.doctor import Hands, in_words
        from leadsync.reports.doctor import doctor as report_of

        outside = Outside()
        hands = Hands(
            environ=_environ(outside.environ),
            now=outside.now,
            free_bytes=outside.free_bytes,
            disk_wanted_bytes=DISK_FULL_BYTES,
            answers=_answers,
            show_unit=_show_unit,
            transport=outside.transport,
        )
        report = asyncio.run(report_of(config, hands))
        print_json(report) if as_json else typer.echo(in_words(report))
        if not report["ok"]:
            raise typer.Exit(1)


def _environ(environ: Mapping[str, str]) -> Mapping[str, str]:
    """See the credentials that the running unit was given, where we may look at them: root may."""
    if "CREDENTIALS_DIRECTORY" in environ or not os.access(CREDENTIALS, os.R_OK | os.X_OK):
        return environ
    return {**environ, "CREDENTIALS_DIRECTORY": str(CREDENTIALS)}


def _show_unit(name: str) -> dict[str, str]:
    """What systemd says of a unit, by property; nothing where there is no systemd, or it does not answer.

    The credentials that it loads are no property in systemd 252, so they are read from its files.
    """
    shown = dict(line.split("=", 1) for line in _systemctl("show", name) if "=" in line)
    loaded: list[str] = []
    for line in _systemctl("cat", name):
        if setting := LOADS.fullmatch(line):
            loaded = [*loaded, setting[1]] if setting[1] else []
    return {**shown, "LoadCredential": " ".join(loaded)} if shown else {}


def _systemctl(*words: str) -> list[str]:
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return []
    try:
        said = subprocess.run(  # noqa: S603 - a program of the system, with words of our own
            [systemctl, *words], capture_output=True, check=False, encoding="utf-8", timeout=ANSWER_WAIT_S
        )
    except subprocess.TimeoutExpired:
        return []
    return said.stdout.splitlines()


def _answers(store: Path) -> bool | None:
    """Whether a daemon's event loop answers at the store's socket; None where there is no socket."""
    from leadsync.control.place import socket_of, within_reach

    try:
        with within_reach(socket_of(store)) as name, closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(ANSWER_WAIT_S)
            client.connect(name)
            # No command: the daemon says 404 to that, and logs nothing.
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return client.recv(5) == b"HTTP/"
    except (FileNotFoundError, PermissionError):
        return None
    except OSError:
        return False
