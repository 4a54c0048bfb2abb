"""systemd's unit, judged: running, enabled, with its credentials, its folder and its door. Pure: facts in, checks out.

Where there is no such unit, nothing is said: leadsync runs as well without.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from leadsync.reports.doctor.check import Check, ok, wrong

STATES = Path("/var/lib")
"""Below it lies what a unit's StateDirectory= names."""

UNREACHED = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
"""What a proxy says where nobody is behind it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What `systemctl show` says of leadsync.service and leadsync.socket, by property; empty where there is none."""

    service: Mapping[str, str]
    socket: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration wants of the unit: credentials by name, the store's file, and whether there is a door."""

    credentials: Collection[str]
    store: Path
    webhooks: bool


def judge_unit(unit: Unit, wanted: Wanted) -> Iterator[Check]:
    """Judge the unit, where there is one."""
    if unit.service.get("LoadState") != "loaded":
        return
    yield _state(unit.service)
    yield _credentials(unit.service, wanted)
    yield _folder(unit.service, wanted.store)
    if wanted.webhooks:
        yield _socket(unit.socket)


def judge_public_url(url: str, heard: int | str) -> Check:
    """Whether the vendors' way in leads to somebody; `heard` is the HTTP status, or why there was none."""
    name = "webhooks.public_url"
    if isinstance(heard, str):
        do = "look at the name, the certificate, the firewall and the proxy: the vendors would not get through either"
        return wrong(name, f"{url} cannot be reached from here ({heard})", do)
    if heard in UNREACHED:
        do = "see that the proxy leads to [webhooks] listen, and that leadsync.socket is active"
        return wrong(name, f"{url} answers HTTP {heard}: a proxy is there, and nobody behind it", do)
    return ok(name, f"{url} answers (HTTP {heard})")


def _state(service: Mapping[str, str]) -> Check:
    state, status = service["ActiveState"], service.get("StatusText", "")
    if state == "failed":
        do = "read why (journalctl -u leadsync -p warning), mend it, then systemctl restart leadsync"
        return wrong("service", f"the unit has failed ({service.get('Result')})", do)
    if service.get("NeedDaemonReload") == "yes":
        return wrong("service", "its unit file has changed since systemd has read it", "systemctl daemon-reload")
    restarts = service.get("NRestarts", "0")
    message = f"the unit is {state}" + (f": {status}" if status else "")
    if restarts != "0":
        message += f"; systemd has had to start it again {restarts} time(s)"
    if service.get("UnitFileState") == "disabled":
        return ok("service", message, "it does not start with the machine: systemctl enable leadsync")
    return ok("service", message)


def _credentials(service: Mapping[str, str], wanted: Wanted) -> Check:
    names = {word.partition(":")[0] for word in service.get("LoadCredential", "").split()}
    missing = sorted(set(wanted.credentials) - names)
    if missing:
        lines = " ".join(f"LoadCredential={name}:/etc/leadsync/credentials/{name}" for name in missing)
        return wrong(
            "service.credentials",
            f"the unit does not load {', '.join(missing)}",
            f"systemctl edit leadsync, put {lines} below [Service], and restart it",
        )
    return ok(
        "service.credentials", f"the unit loads what is wanted: {', '.join(sorted(wanted.credentials)) or 'nothing'}"
    )


def _folder(service: Mapping[str, str], store: Path) -> Check:
    folders = [STATES / name for name in service.get("StateDirectory", "").split()]
    places = [*folders, *(STATES / "private" / folder.name for folder in folders)]
    if service.get("ProtectSystem") != "strict" or any(store.is_relative_to(place) for place in places):
        return ok("service.state", f"the unit may write {store}")
    return wrong(
        "service.state",
        f"the unit may not write {store}",
        f'set [store] url = "sqlite:///{folders[0] if folders else STATES / "leadsync"}/leadsync.db"',
    )


def _socket(socket: Mapping[str, str]) -> Check:
    if socket.get("ActiveState") == "active":
        return ok("service.socket", f"systemd holds the door open: {socket.get('Listen', '')}")
    do = "systemctl enable --now leadsync.socket, so that a restart turns no webhook away"
    return ok("service.socket", "the door is not systemd's: it is shut while leadsync restarts", do)
