"""`doctor`: what is wrong, and what to do about it."""

import socket
from contextlib import closing
from pathlib import Path
from typing import Final

import typer

from leadsync.cli.answers import DEFAULT_CONFIG, ConfigOption, JsonOption, answering, print_json

ANSWER_WAIT_S: Final = 5.0


def doctor(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Look whether all is well, and say what to do where it is not.

    Configuration, tokens and their abilities, slots, wallet, clock, disk, store, daemon, time zones. It works beside a
    daemon, writes nothing, and asks the vendor only what is free; what that cannot show is said to be unknown. Exit 1
    where something is wrong.
    """
    import asyncio

    with answering():
        from leadsync.jobs.gate import DISK_RESERVE_BYTES
        from leadsync.outside import Outside
        from leadsync.reports.doctor import Hands, in_words
        from leadsync.reports.doctor import doctor as report_of

        outside = Outside()
        hands = Hands(
            environ=outside.environ,
            now=outside.now,
            free_bytes=outside.free_bytes,
            disk_wanted_bytes=DISK_RESERVE_BYTES,
            answers=_answers,
            transport=outside.transport,
        )
        report = asyncio.run(report_of(config, hands))
        print_json(report) if as_json else typer.echo(in_words(report))
        if not report["ok"]:
            raise typer.Exit(1)


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
