"""Opening the door: on an address of the configuration, or on a socket that systemd hands over."""

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from leadsync import events
from leadsync.config import Webhooks
from leadsync.core.hooks import HookKey
from leadsync.errors import CannotListen
from leadsync.inbox.door import Door
from leadsync.inbox.group import GroupCommit, Store
from leadsync.inbox.guard import Gate, Guarded, Limits
from leadsync.serving import bound_to, serving

FIRST_INHERITED: Final = 3
"""Where systemd puts the first socket (sd_listen_fds(3))."""

OTHER_FILES: Final = 128
"""Files that the daemon has open beside its connections: store, log, vendors, control socket."""

GOODBYE_S: Final = 5
"""How long a stop waits for messages that are on their way."""


def limits_of(webhooks: Webhooks) -> Limits:
    """Return what the configuration lets in."""
    return Limits(
        head_within_s=webhooks.head_within.total_seconds(),
        head_max_bytes=webhooks.head_max,
        request_within_s=webhooks.request_within.total_seconds(),
        body_max_bytes=webhooks.body_max,
        connections_max=webhooks.connections_max,
        of_address_max=webhooks.connections_per_address,
        proxies=frozenset(webhooks.proxies),
    )


def door_socket(listen: str, environ: Mapping[str, str]) -> socket.socket:
    """Return the socket that was inherited, else one on this address. Raises CannotListen."""
    if environ.get("LISTEN_PID") == str(os.getpid()) and environ.get("LISTEN_FDS", "0") != "0":
        inherited = socket.socket(fileno=FIRST_INHERITED)
        inherited.set_inheritable(False)
        return inherited
    return bound_to(listen, "[webhooks]")


@dataclass(frozen=True, slots=True)
class Behind:
    """What the door leads to: the installation's key, the store, and who is told that something has come."""

    hooks: Callable[[], HookKey]
    store: Store
    stored: Callable[[], None]


@asynccontextmanager
async def door_open(taken: socket.socket, limits: Limits, behind: Behind) -> AsyncIterator[None]:
    """Take messages in until the end of the block.

    Then nobody new may connect, the last group is committed, and who waits for it gets an answer.
    """
    _require_files(limits.connections_max)
    gate, group = Gate(limits), GroupCommit(behind.store)
    door = Door(behind.hooks, group.keep, limits.body_max_bytes, behind.stored, gate.count)
    async with asyncio.TaskGroup() as tasks:
        committing = tasks.create_task(group.run())
        async with serving(door, taken, goodbye_s=GOODBYE_S, protocol=partial(Guarded, gate)):
            _log.info(events.DOOR_OPENED, listen=_shown(taken))
            yield
        committing.cancel()
    gate.tell()


def _require_files(connections: int) -> None:
    """Let the process have a file for each connection. Raises CannotListen where it may not."""
    wanted = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise CannotListen(
                f"{connections:,} connections need {wanted:,} open files, and this process may have {hard:,}; lower"
                " connections_max under [webhooks], or raise LimitNOFILE in the unit"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _shown(taken: socket.socket) -> str:
    name = taken.getsockname()
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name)


_log = structlog.get_logger()
