"""What the service manager hears: ready only when that is true, and nothing where loop or store hang."""

import asyncio
import os
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from leadsync.app import App
from leadsync.core.model import Reason
from leadsync.errors import StoreFailed
from leadsync.heartbeat import Heartbeat, in_words
from leadsync.store.ledger import Pulse
from leadsync.systemd import LOOK_S, Manager
from tests.jobs.conftest import _log_put_back as log_put_back
from tests.stage import Stage

__all__ = ["log_put_back"]


class Ear:
    """The manager's end of the socket; like the real one it listens all the time."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._address = address
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def heard(self) -> list[str]:
        """What was said since the last time, line by line."""
        self._say("that is all")
        return list(iter(self._heard.get, "that is all"))

    def close(self) -> None:
        """Listen no more."""
        self._say("go")
        self._listener.join()
        self._socket.close()

    def _say(self, word: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            way.sendto(word.encode(), self._address)

    def _listen(self) -> None:
        while (said := self._socket.recv(65_536).decode()) != "go":
            for line in said.splitlines():
                self._heard.put(line)


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    """A manager that listens."""
    with closing(Ear(str(tmp_path / "notify"))) as ear:
        yield ear


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A stage whose daemon was started by a manager with a watchdog of a minute."""
    stage = Stage(tmp_path / "stage", size=120)
    stage.change(environ={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000000"})
    stage.job("phoenix", schedule='every = "1h"')
    return stage


def test_it_hears_ready_alive_and_stopping_in_that_order(stage: Stage, ear: Ear) -> None:
    """READY comes after the first round, the watchdog is fed twice in its time, STOPPING is the last word."""
    stage.serve(61)
    heard = ear.heard()
    assert heard[:3] == ["WATCHDOG=1", "STATUS=1 job(s), 0 parked; next: phoenix at 2026-11-02 07:00 UTC", "READY=1"]
    assert heard[3:] == ["WATCHDOG=1"] * 7 + ["STOPPING=1"]


def test_the_status_is_kept_current(stage: Stage, ear: Ear) -> None:
    """Who is parked, what is next, and a reload that was refused, until a better one is read."""
    stage.job("tampa", search='query = "Tampa, FL"')

    async def act(_app: App) -> None:
        await asyncio.sleep(11)
        stage.write("UPDATE search_session SET park_reason = 'session_drifted', park_message = 'm'")
        stage.job("tampa", pagesize=3)
        stage.hang_up()
        await asyncio.sleep(11)
        stage.remove("tampa")
        stage.hang_up()

    stage.once("phoenix")
    stage.serve(3_700, act)
    heard = [line for line in ear.heard() if line != "WATCHDOG=1"]
    first, ready, reloading, monotonic, refused, again, *rest = heard
    assert first == "STATUS=2 job(s), 0 parked; next: phoenix at 2026-11-02 07:00 UTC"
    assert (ready, reloading, again) == ("READY=1", "RELOADING=1", "READY=1")
    assert monotonic.startswith("MONOTONIC_USEC=11")
    assert refused.startswith(f"{first.replace('0 parked', '1 parked')}; the last reload was refused: {stage.folder}")
    assert "pagesize" in refused
    assert rest[2] == "STATUS=1 job(s), 1 parked; next: phoenix at 2026-11-02 07:00 UTC"
    assert rest[-2:] == ["STATUS=1 job(s), 1 parked; next: phoenix at 2026-11-02 08:00 UTC", "STOPPING=1"]


def test_a_store_that_hangs_does_not_feed_the_watchdog(stage: Stage, ear: Ear) -> None:
    """The loop still turns, and that is not enough."""

    async def act() -> list[str]:
        async with stage.app() as app:
            hung = asyncio.Event()
            app.ledger.feel_pulse = hung.wait  # type: ignore[method-assign,assignment]
            heartbeat = Heartbeat(Manager(stage.outside.environ), app.office, app.ledger, app.around)
            beating = asyncio.create_task(heartbeat.keep())
            await asyncio.sleep(120)
            beating.cancel()
            return ear.heard()

    assert stage.play(act()) == []


def test_a_store_that_answers_that_it_cannot_does(stage: Stage, ear: Ear) -> None:
    """A full or a locked disk would be the same for another process: the status says it."""

    async def full() -> Any:
        raise StoreFailed("the disk is full")

    async def act() -> list[str]:
        async with stage.app() as app:
            app.ledger.feel_pulse = full  # type: ignore[method-assign]
            heartbeat = Heartbeat(Manager(stage.outside.environ), app.office, app.ledger, app.around)
            beating = asyncio.create_task(heartbeat.keep())
            await asyncio.sleep(1)
            beating.cancel()
            return ear.heard()

    assert stage.play(act())[:2] == ["WATCHDOG=1", "STATUS=the store is in trouble: the disk is full"]


def test_a_doubted_store_parks_all(stage: Stage) -> None:
    """A status never says that all is well while nothing may be spent."""
    words = in_words(stage.settings(), Pulse(frozenset(), None, None), Reason.STORE_COPIED)
    assert words == "1 job(s), all parked (store_copied); nothing is scheduled"


def test_without_a_manager_nothing_is_told(tmp_path: Path) -> None:
    """No socket in the environment: no beat, and no word to anybody."""
    stage = Stage(tmp_path / "stage", size=120)
    stage.job("phoenix", schedule='every = "1h"')
    stage.serve(3_700)
    assert stage.one("SELECT outcome FROM run") == "complete"
    manager = Manager({})
    assert not manager.listens
    manager.ready()


@pytest.mark.parametrize(
    ("environ", "every_s"),
    [
        ({}, LOOK_S),
        ({"WATCHDOG_USEC": "4000000"}, 2.0),
        ({"WATCHDOG_USEC": "600000000"}, LOOK_S),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}, LOOK_S),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": str(os.getpid())}, 2.0),
        ({"WATCHDOG_USEC": "soon"}, LOOK_S),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(environ: dict[str, str], every_s: float) -> None:
    """Where it is ours; a status is never older than a quarter of a minute."""
    assert Manager(environ).every_s == every_s


def test_an_abstract_address_is_found() -> None:
    """Some managers have no file for it."""
    name = f"leadsync-test-{os.getpid()}"
    with closing(Ear(f"\0{name}")) as ear:
        Manager({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert ear.heard() == ["READY=1"]


def test_a_manager_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    """It is not our affair."""
    Manager({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).alive("well")
