"""The doctor's round over real files and the simulated vendor: what it finds, leaves alone, and how long it takes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx  # noqa: TID251 - the test edge: a vendor that says the token back
import pytest

from leadsync.reports.doctor import in_words
from leadsync.simulator import Fault
from leadsync.store.lock import DAEMON, InstanceLock
from tests.reports.examined import MIB, examine, line, states, wrongs
from tests.stage import Stage

Build = Callable[..., Stage]

WELL = [
    "configuration",
    "configuration.modes",
    "accounts.main.token",
    "accounts.main.vendor",
    "accounts.main.sessions",
    "accounts.main.wallet",
    "accounts.main.clock",
    "accounts.main.search",
    "accounts.main.price",
    "disk",
    "store",
    "store.integrity",
    "store.settings",
    "store.modes",
    "store.log",
    "process",
]


def test_where_all_is_well(well: Stage) -> None:
    """Every line is ok, but for what no free call can show; the vendor was asked for the list and the balance alone."""
    seen = len(well.sim.bill.requests)
    found = examine(well)
    assert [check["name"] for check in found["checks"]] == WELL
    assert {name for name, state in states(found).items() if state != "ok"} == {
        "accounts.main.search",
        "accounts.main.price",
    }
    assert [request.path for request in well.sim.bill.requests[seen:]] == [
        "/api/v2/property/search-sessions",
        "/api/v1/wallet/balance",
    ]
    assert found["schema_version"] == 1
    assert all(check.keys() == {"name", "state", "message", "do"} for check in found["checks"])
    assert in_words(found).endswith("\n\nnothing is wrong")


def test_before_the_first_run(build: Build) -> None:
    """There is no store yet, which is not wrong; none is made, and the disk is looked at all the same."""
    stage = build()
    stage.job()
    found = examine(stage)
    assert wrongs(found) == []
    assert "there is none yet" in line(found, "store")["message"]
    assert line(found, "disk")["state"] == "ok"
    assert not (stage.folder / "leadsync.db").exists()


TROUBLES: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "no ability": ({"session_ability": False}, ["accounts.main.vendor"], "property-search-sessions"),
    "may not see the wallet": ({"wallet_ability": False}, [], "nothing is wrong"),
    "empty wallet": ({"wallet_dollars": 0.0}, ["accounts.main.wallet"], "does not pay for one record"),
    "little money": ({"wallet_dollars": 3.0}, [], "which is low: one run of each job may cost $10.00"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_the_vendor_says(build: Build, trouble: str) -> None:
    """One cause, one line that is wrong, in words."""
    switches, wrong, words = TROUBLES[trouble]
    stage = build(account="budget = { records_per_day = 1_000 }", **switches)
    stage.job()
    found = examine(stage)
    assert wrongs(found) == wrong
    assert words in in_words(found)


def test_a_refused_token_is_asked_with_once(well: Stage) -> None:
    """The balance is not asked for with a token that the vendor refuses; that line says why it is unknown."""
    (well.folder / "token").write_text("another-token")
    seen = len(well.sim.bill.requests)
    found = examine(well)
    assert wrongs(found) == ["accounts.main.vendor"]
    assert "refuses the token (HTTP 401" in line(found, "accounts.main.vendor")["message"]
    assert "not asked" in line(found, "accounts.main.wallet")["message"]
    assert line(found, "accounts.main.clock")["state"] == "ok"
    assert len(well.sim.bill.requests) == seen + 1


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.BAD_GATEWAY, Fault.REDIRECT, Fault.MALFORMED])
def test_a_vendor_that_does_not_answer(well: Stage, fault: Fault) -> None:
    """It is wrong, says where it was looked for, and is not asked a second time; what else there is, is looked at."""
    well.sim.list_faults.next(fault)
    seen = well.wire.lists
    found = examine(well)
    vendor = line(found, "accounts.main.vendor")
    assert wrongs(found) == ["accounts.main.vendor"]
    assert "http://127.0.0.1:9" in vendor["message"] + vendor["do"]
    assert line(found, "store.integrity")["state"] == "ok"
    assert well.wire.lists == seen + 1


def test_a_person_does_not_wait_for_ever(well: Stage) -> None:
    """A vendor that takes the connection and says nothing is given half a minute, for all accounts at once."""
    well.configure(
        'budget = "unlimited"\n[accounts.second]\ntoken = { file = "token" }\nbudget = "unlimited"\n'
        'base_url = "http://127.0.0.1:9"'
    )
    well.job(account="main")
    well.sim.list_faults.next(Fault.HANG, Fault.HANG)
    before_s = well.clock.elapsed_s
    found = examine(well)
    assert 29 < well.clock.elapsed_s - before_s < 31
    assert wrongs(found) == ["accounts.main.vendor", "accounts.second.vendor"]
    assert "no answer within 30 s" in line(found, "accounts.second.vendor")["message"]


@pytest.mark.parametrize(("ahead", "state"), [(4, "ok"), (-4, "ok"), (6, "wrong"), (-600, "wrong")])
def test_a_clock_that_is_wrong(well: Stage, ahead: int, state: str) -> None:
    """Held against the Date of the vendor's reply, in minutes."""
    clock = well.clock
    found = examine(well, now=lambda: clock() + timedelta(minutes=ahead))
    assert line(found, "accounts.main.clock")["state"] == state


def test_a_vendor_that_says_the_token_back(well: Stage) -> None:
    """Whatever a message holds, the token is not shown."""

    async def gossip(request: httpx.Request) -> httpx.Response:
        said = request.headers["authorization"].split()[1]
        return httpx.Response(401, json={"status": {"code": 401, "message": f"I do not know {said}!"}})

    found = examine(well, transport=httpx.MockTransport(gossip))
    assert "I do not know ***!" in line(found, "accounts.main.vendor")["message"]


def test_a_token_that_cannot_be_read(well: Stage) -> None:
    """Nothing is asked; each line that would need it says so, and the rest is looked at."""
    (well.folder / "token").chmod(0o644)
    seen = len(well.sim.bill.requests)
    found = examine(well)
    assert wrongs(found) == ["accounts.main.token"]
    assert line(found, "accounts.main.token")["do"] == "run chmod 600 on it"
    assert {line(found, f"accounts.main.{what}")["state"] for what in ("vendor", "sessions", "wallet", "clock")} == {
        "unknown"
    }
    assert len(well.sim.bill.requests) == seen


def test_a_key_of_the_other_vendor(well: Stage) -> None:
    """A skip trace's key is a secret like any other."""
    with (well.folder / "config.toml").open("a") as file:
        file.write('[skip_trace]\napi_key = { file = "no-such-file" }\nbudget = "unlimited"\n')
    found = examine(well)
    assert wrongs(found) == ["skip_trace.api_key"]


def test_a_configuration_that_cannot_be_read(well: Stage) -> None:
    """What needs it says so; what does not is looked at."""
    (well.folder / "jobs.d" / "phoenix.toml").write_text("kind = 7\n")
    found = examine(well)
    assert states(found) == {
        "configuration": "wrong",
        "configuration.modes": "ok",
        "accounts": "unknown",
        "disk": "unknown",
        "store": "unknown",
        "process": "unknown",
    }


def test_files_that_everybody_may_write(well: Stage) -> None:
    """A job file says what is bought."""
    (well.folder / "jobs.d" / "phoenix.toml").chmod(0o666)
    found = examine(well)
    assert wrongs(found) == ["configuration.modes"]
    assert "phoenix.toml" in line(found, "configuration.modes")["do"]


def test_a_disk_that_is_full(well: Stage) -> None:
    """Less than a run wants before it asks."""
    assert wrongs(examine(well, free_bytes=lambda _: MIB - 1)) == ["disk"]


def test_a_daemon_that_hangs(well: Stage) -> None:
    """A living process has the store, and nobody answers at its socket."""
    with InstanceLock(well.folder / "leadsync.db", DAEMON):
        assert wrongs(examine(well, answers=lambda _: False)) == ["process"]
        assert wrongs(examine(well, answers=lambda _: True)) == []


def test_what_the_next_runs_cost_is_the_plans(well: Stage) -> None:
    """A job that is parked costs nothing, so it asks for no money either."""
    well.sim.delete_session("phoenix")
    assert "may cost $0.00" in line(examine(well), "accounts.main.wallet")["message"]


def test_it_is_shown_to_a_person(well: Stage) -> None:
    """State, name and message in a line; below it what to do; the sum at the end."""
    well.sim.switches = replace(well.sim.switches, session_ability=False)
    text = in_words(examine(well))
    assert "\nwrong    accounts.main.vendor: the token lacks the ability property-search-sessions (HTTP 403: " in text
    assert "\n         -> give the token that ability" in text
    assert text.endswith(f"\n\n1 of {len(WELL)} checks: wrong")
