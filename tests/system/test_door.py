"""The door as an operator has it: on its port or an inherited socket, refused in one line, looked at by /healthz."""

import asyncio
import signal
import socket
from pathlib import Path

import httpx  # noqa: TID251 - the test edge asks for /healthz
import pytest

from leadsync.inbox.listen import door_socket
from leadsync.simulator.hooks import Sending, send
from tests.system import inheriting
from tests.system.house import NOBODY_LISTENS, House
from tests.system.mail import Mailbox, free_port, with_door
from tests.system.process import Running

SOON_S = 20.0


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    """A house with a door."""
    return with_door(House(tmp_path / "house", NOBODY_LISTENS))


def test_a_socket_that_is_inherited_is_the_door(mailbox: Mailbox) -> None:
    """In the place of `listen`, as under systemd; who called before leadsync was there has waited, and is answered."""
    port = free_port()
    with mailbox.house.daemon() as first:
        assert first.saw("door.opened", listen=f"127.0.0.1:{mailbox.port}")
    program = (inheriting.__file__, str(port))
    with Running("run", "--config", mailbox.house.config, program=program) as daemon:
        assert daemon.saw("door.opened", listen=f"127.0.0.1:{port}")
        url = mailbox.url("01K").replace(str(mailbox.port), str(port))
        assert asyncio.run(send(url, b"{}", Sending())) == [200]
        daemon.send(signal.SIGTERM)
        assert daemon.end(SOON_S).code == 0


def test_a_socket_for_somebody_else_is_left_alone() -> None:
    """What the environment says of another process's sockets means nothing here."""
    with door_socket(f"127.0.0.1:{free_port()}", {"LISTEN_PID": "1", "LISTEN_FDS": "1"}) as taken:
        assert taken.fileno() != 3
    with door_socket("[::1]:0", {}) if socket.has_ipv6 else door_socket("127.0.0.1:0", {}) as taken:
        assert taken.getsockname()[1] > 0


def test_a_port_that_is_taken_is_refused_in_one_line(mailbox: Mailbox) -> None:
    """78, with what to do; nothing is half open."""
    with socket.create_server(("127.0.0.1", mailbox.port)):
        answer = mailbox.house.say("run")
    assert (answer.code, answer.out) == (78, "")
    assert f"127.0.0.1:{mailbox.port} cannot be had (Address already in use" in answer.sentence()
    assert "set listen under [webhooks]" in answer.sentence()


def test_health_is_answered_at_both_places(mailbox: Mailbox) -> None:
    """After a real round through the store; elsewhere on that port there is nothing."""
    port = free_port()
    config = mailbox.house.config
    config.write_text(config.read_text() + f'[health]\nlisten = "127.0.0.1:{port}"\n')
    with mailbox.house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        transport = httpx.HTTPTransport(uds=str(mailbox.house.socket))
        with httpx.Client(transport=transport) as control, httpx.Client(trust_env=False) as outside:
            asked = [control.get("http://leadsync/healthz"), outside.get(f"http://127.0.0.1:{port}/healthz")]
            nothing = outside.post(f"http://127.0.0.1:{port}/once")
        daemon.send(signal.SIGTERM)
        assert daemon.end(SOON_S).code == 0
    assert [(answer.status_code, answer.text) for answer in asked] == [(200, "ok\n")] * 2
    assert nothing.status_code == 404
