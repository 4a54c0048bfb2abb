"""The daemon as a process, at its times: what it delivers, what it shows of itself, and one of it per store."""

import os
import signal
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.system.books import hold_the_books_together, replays_with_the_same_bytes
from tests.system.house import ALL, PAST, House
from tests.system.process import Running, Vendor

SOON_S = 20.0
"""On a machine with much else to do; what would go wrong here takes for ever."""


def grow_beside(daemon: Running, vendor: Vendor, for_s: float) -> int:
    """Let the world grow after each run for so long, and return its size; every job has then seen all of it."""
    until_s = time.monotonic() + for_s
    size = vendor.grow(0)
    while time.monotonic() < until_s:
        assert daemon.saw("run.ended")
        size = vendor.grow(7)
    for job in ("everything", "phoenix"):
        assert daemon.saw("run.started", job=job)
        assert daemon.saw("run.ended", job=job)
    return size


def test_what_grows_is_delivered_as_it_grows(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Two jobs every two seconds: every property once, and after SIGTERM exit 0, no open key, and books that agree."""
    seconds = pytestconfig.getoption("--daemon-seconds")
    with Vendor.open(properties=120) as vendor:
        house = House(tmp_path / "house", vendor.url)
        house.job("everything", schedule='every = "2s"', search=ALL)
        house.job("phoenix", schedule='every = "2s"', search='query = "Phoenix, AZ"')
        with house.daemon() as daemon:
            assert daemon.saw("daemon.started", jobs=2)
            size = grow_beside(daemon, vendor, seconds)
            daemon.send(signal.SIGTERM)
            answer = daemon.end(SOON_S)
        bill = vendor.bill()
    assert (answer.code, answer.out, answer.log[-1]["event"]) == (0, "", "daemon.stopped")
    assert bill["sessions"]["everything"] == size
    assert replays_with_the_same_bytes(bill) == 0
    assert not house.open_keys()
    hold_the_books_together(house, bill)
    runs = house.rows("SELECT job, count(*), group_concat(DISTINCT trigger) FROM run GROUP BY job ORDER BY job")
    assert [(job, trigger) for job, _, trigger in runs] == [("everything", "schedule"), ("phoenix", "schedule")]
    assert min(count for _, count, _ in runs) >= seconds // 4


def test_what_one_looks_at_works_beside_it(house: House) -> None:
    """`status`, `runs` and `export` answer as they do alone; the next time is there, also when the daemon is gone."""
    house.job("phoenix", page_size=50, schedule=PAST)
    house.job("later", schedule='every = "1h", jitter = "30m"', search='query = "TX"')
    with house.daemon() as daemon:
        assert daemon.saw("run.ended", outcome="complete")
        report, history = house.say("status --json").json, house.say("runs --json").json
        leads = house.say("export").out
        daemon.send(signal.SIGKILL)
        assert daemon.end(SOON_S).code == -signal.SIGKILL
    jobs = {job["name"]: job for job in report["jobs"]}
    next_run_at = jobs["later"]["next_run_at"]
    assert (report["process"], report["serving"]) == (daemon.pid, True)
    assert datetime.fromisoformat(next_run_at) > datetime.now(UTC)
    assert [jobs["phoenix"][key] for key in ("state", "delivered", "next_run_at")] == ["idle", 120, None]
    assert [(run["job"], run["trigger"], run["records"]) for run in history["runs"]] == [("phoenix", "schedule", 120)]
    assert len(leads.splitlines()) == 120
    words = house.say("status").out
    assert words.startswith("the daemon is not running: no job runs by its schedule until `systemctl start leadsync`")
    assert next_run_at[:16].replace("T", " ") in words


def test_a_second_one_is_told_who_is_there(alone: House) -> None:
    """It ends with 75 and one sentence that names the process; the first one goes on."""
    with alone.daemon() as first:
        assert first.saw("daemon.started")
        second = alone.say("run")
        assert (second.code, second.out) == (75, "")
        assert f"(process {first.pid})" in second.sentence()
        first.send(signal.SIGTERM)
        assert first.end(SOON_S).code == 0


def test_the_socket_is_its_owners_and_outlives_no_daemon(alone: House) -> None:
    """Nobody else may speak to it (0600); what a killed daemon leaves stops nobody, and a stop takes it away."""
    with alone.daemon() as daemon:
        assert daemon.saw("daemon.started")
        mode = alone.socket.stat().st_mode
        daemon.send(signal.SIGKILL)
        daemon.end(SOON_S)
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert alone.socket.is_socket()
    with alone.start("phoenix") as once:
        assert once.saw("audit.delayed")
    with alone.daemon() as daemon:
        assert daemon.saw("daemon.started")
        with alone.start("phoenix") as beside:
            assert daemon.saw("command.received")
            daemon.send(signal.SIGTERM)
            assert (daemon.end(SOON_S).code, beside.end(SOON_S).code) == (0, 1)
    assert not alone.socket.exists()


def test_a_folder_deeper_than_a_sockets_name_may_be_long(tmp_path: Path, vendor: Vendor) -> None:
    """The kernel takes 107 bytes; daemon and command meet all the same."""
    house = House(tmp_path / "deep-down" / ("x" * 110) / "house", vendor.url, furnished=True)
    house.job("phoenix", page_size=50)
    assert len(os.fsencode(house.socket)) > 108
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        assert house.say("once phoenix").code == 0
        assert daemon.saw("command.received", command="once")


def test_open_keys_are_settled_before_the_first_time(house: House, vendor: Vendor) -> None:
    """What a dead process asked for is asked again first; then the job runs as it should have."""
    house.job("phoenix", page_size=50, schedule=PAST)
    vendor.next("hang")
    with house.daemon() as daemon:
        assert daemon.saw("page.asked")
        assert vendor.has_billed()
        daemon.send(signal.SIGKILL)
        daemon.end(SOON_S)
    (key,) = house.open_keys()
    with house.daemon() as daemon:
        assert daemon.saw("run.ended", outcome="complete")
        daemon.send(signal.SIGTERM)
        assert daemon.end(SOON_S).code == 0
    runs = house.rows("SELECT trigger, outcome, records FROM run ORDER BY id")
    assert runs == [("schedule", "interrupted", 0), ("start", "limited", 50), ("retry", "complete", 70)]
    bill = vendor.bill()
    assert [seen["key"] for seen in bill["requests"]].count(key) == 2
    hold_the_books_together(house, bill)
