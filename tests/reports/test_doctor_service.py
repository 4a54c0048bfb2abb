"""The doctor and the unit of systemd: what it may and gets is what the configuration wants of it."""

from pathlib import Path
from typing import Any

import pytest

from leadsync.reports.doctor.check import Check, State
from leadsync.reports.doctor.service import Unit, Wanted, judge_public_url, judge_unit
from tests.reports.examined import examine, line, states, wrongs
from tests.stage import Stage

SERVICE = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "StatusText": "2 job(s), 0 parked; nothing is scheduled",
    "UnitFileState": "enabled",
    "NRestarts": "0",
    "NeedDaemonReload": "no",
    "LoadCredential": "batchdata-token:/etc/leadsync/credentials/batchdata-token",
    "StateDirectory": "leadsync",
    "ProtectSystem": "strict",
}
SOCKET = {"ActiveState": "active", "Listen": "127.0.0.1:8480 (Stream)"}
WANTED = Wanted({"batchdata-token"}, Path("/var/lib/leadsync/leadsync.db"), webhooks=True)


def judged(socket: dict[str, str] = SOCKET, wanted: Wanted = WANTED, **service: str) -> dict[str, Check]:
    """The checks by name, of a good unit with changes."""
    return {check.name: check for check in judge_unit(Unit(SERVICE | service, socket), wanted)}


def test_a_good_unit_is_good() -> None:
    """Each part is looked at, and its status line is shown."""
    checks = judged()
    assert list(checks) == ["service", "service.credentials", "service.state", "service.socket"]
    assert {check.state for check in checks.values()} == {State.OK}
    assert {check.do for check in checks.values()} == {""}
    assert "2 job(s), 0 parked" in checks["service"].message


@pytest.mark.parametrize("state", ["not-found", "masked", ""])
def test_without_a_unit_nothing_is_said(state: str) -> None:
    """Leadsync runs as well in a terminal, or under another manager."""
    assert judged(LoadState=state) == {}
    assert list(judge_unit(Unit({}, {}), WANTED)) == []


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        ({"ActiveState": "failed", "Result": "exit-code"}, "service", "journalctl -u leadsync -p warning"),
        ({"NeedDaemonReload": "yes"}, "service", "systemctl daemon-reload"),
        ({"LoadCredential": "other:/x"}, "service.credentials", "LoadCredential=batchdata-token:"),
        ({"StateDirectory": "", "ProtectSystem": "strict"}, "service.state", "sqlite:////var/lib/leadsync/leadsync.db"),
        ({"StateDirectory": "elsewhere"}, "service.state", "sqlite:////var/lib/elsewhere/leadsync.db"),
    ],
)
def test_what_is_wrong_is_named_with_the_way_out(change: dict[str, Any], name: str, says: str) -> None:
    """One thing at a time, and what to type."""
    checks = judged(**change)
    assert [check.name for check in checks.values() if check.state is State.WRONG] == [name]
    assert says in checks[name].do


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        ({"UnitFileState": "disabled"}, "service", "systemctl enable leadsync"),
        ({"socket": {}}, "service.socket", "systemctl enable --now leadsync.socket"),
    ],
)
def test_advice_is_no_alarm(change: dict[str, Any], name: str, says: str) -> None:
    """It works, and could be better."""
    check = judged(**change)[name]
    assert check.state is State.OK
    assert says in check.do


def test_restarts_are_told() -> None:
    """A unit that had to be started again is worth a look."""
    assert "3 time(s)" in judged(NRestarts="3")["service"].message


@pytest.mark.parametrize(
    "store", ["/var/lib/leadsync/leadsync.db", "/var/lib/private/leadsync/a.db", "/srv/leadsync.db"]
)
def test_a_store_lies_where_the_unit_may_write(store: str) -> None:
    """Under either name of its folder; a unit that is not locked in may write elsewhere."""
    locked_in = judged(wanted=Wanted((), Path(store), webhooks=False))["service.state"].state
    assert locked_in is (State.WRONG if store.startswith("/srv") else State.OK)
    assert judged(wanted=Wanted((), Path(store), webhooks=False), ProtectSystem="no")["service.state"].state is State.OK


@pytest.mark.parametrize(
    ("heard", "state"), [(404, State.OK), (401, State.OK), (502, State.WRONG), ("cannot connect", State.WRONG)]
)
def test_the_public_url_is_tried_from_outside(heard: int | str, state: State) -> None:
    """Whoever answers is somebody; a proxy with nobody behind it is nobody."""
    assert judge_public_url("https://leads.example.com", heard).state is state


def test_the_round_takes_the_unit_in(tmp_path: Path) -> None:
    """The unit's properties come from systemd, the wishes from the configuration."""
    stage = Stage(tmp_path / "stage")
    stage.job("phoenix")
    config = stage.folder / "config.toml"
    found = examine(stage, show_unit=lambda _: SERVICE)
    assert states(found)["service"] == "ok"
    assert wrongs(found) == ["service.state"]
    config.write_text(config.read_text() + '[webhooks]\npublic_url = "https://leads.example.com"\n')
    assert line(examine(stage, show_unit=lambda _: {}), "webhooks.public_url")["state"] == "ok"


def test_whom_the_daemon_calls_is_a_secret_that_it_needs(tmp_path: Path) -> None:
    """It does not start where it cannot read one, so a credential that the unit does not load is named."""
    stage = Stage(tmp_path / "stage", account='budget = "unlimited"\n[ping]\nurl = { credential = "switch" }')
    stage.job("phoenix")
    found = examine(stage, show_unit=lambda _: SERVICE)
    assert "LoadCredential=switch:" in line(found, "service.credentials")["do"]
    assert line(found, "ping.url")["state"] == "unknown"
    config = stage.folder / "config.toml"
    config.write_text(config.read_text().replace("{ credential = ", "{ file = "))
    assert wrongs(examine(stage)) == ["ping.url"]
