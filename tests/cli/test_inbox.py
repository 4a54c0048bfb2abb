"""`leadsync inbox` as a person gives it: what waits, why, and what is in it without anybody's data."""

import gzip
import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from leadsync.simulator.hooks import Sending, send
from tests.system.house import NOBODY_LISTENS, House
from tests.system.mail import with_door
from tests.system.process import command, environment

PERSON = (
    '{"requestId": "01K", "owner": {"name": "Jane Roe", "phones": ["6025550100"]}, "age": 44, "ok": true, "no": null}'
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Three results came, of which nobody reads the kind: a person, the same compressed, and nonsense."""
    import asyncio  # noqa: PLC0415

    house = House(tmp_path_factory.mktemp("inbox") / "house", NOBODY_LISTENS)
    mailbox = with_door(house)
    with house.daemon() as daemon:
        assert daemon.saw("door.opened")

        async def act() -> None:
            await send(mailbox.url("01K"), PERSON.encode(), Sending(copies=2))
            packed = gzip.compress(PERSON.encode())
            await send(mailbox.url("01L", "trace"), packed, Sending(), headers={"Content-Encoding": "gzip"})
            await send(mailbox.url("01M"), b"\xff\x00", Sending())

        asyncio.run(act())
        assert daemon.saw("webhook.quarantined", 3)
        daemon.send(signal.SIGTERM)
        assert daemon.end().code == 0
    return house


def test_the_list(house: House) -> None:
    """For a program and for the eye: what it is about, how large, and why it waits."""
    messages = house.say("inbox list --json").json["messages"]
    assert [(one["kind"], one["subject"], one["copies"]) for one in messages] == [
        ("async", "01K", 2),
        ("trace", "01L", 1),
        ("async", "01M", 1),
    ]
    assert {(one["state"], one["reason"]) for one in messages} == {("quarantined", "no_handler")}
    words = house.say("inbox list").out
    assert words.splitlines()[0].split()[:4] == ["ID", "KIND", "ABOUT", "RECEIVED"]
    assert "Jane" not in words


def test_status_counts_what_is_in_quarantine(house: House) -> None:
    """And says where to look."""
    assert house.say("status --json").json["inbox"] == {"waiting": 0, "quarantined": 3}
    assert "webhooks in quarantine: 3; `leadsync inbox list` says why" in house.say("status").out


@pytest.mark.parametrize("number", [1, 2])
def test_the_outline_names_members_and_nobody(house: House, number: int) -> None:
    """Also of a compressed one."""
    shown = house.say(f"inbox show {number} --json")
    assert shown.json["outline"] == [
        "the whole: object of 5",
        "requestId: text of 3",
        "owner: object of 2",
        "owner.name: text of 8",
        "owner.phones: list of 1",
        "owner.phones[0]: text of 10",
        "age: number",
        "ok: truth value",
        "no: null",
    ]
    words = house.say(f"inbox show {number}").out
    assert "owner.phones[0]: text of 10" in words
    assert "Jane" not in words + shown.out
    assert "6025550100" not in words + shown.out


def test_what_is_no_json_has_no_outline(house: House) -> None:
    """And is no error."""
    assert house.say("inbox show 3 --json").json["outline"] == ["no JSON that can be read"]


def test_the_body_goes_to_a_pipe_as_it_came_and_never_to_a_terminal(house: House) -> None:
    """It is full of people."""
    line = command("inbox", "show", 1, "--body", "--config", house.config)
    piped = subprocess.run(line, check=True, capture_output=True, env=environment())
    assert json.loads(piped.stdout) == json.loads(PERSON)
    ours, theirs = pty.openpty()
    refused = subprocess.run(line, check=False, stdout=theirs, stderr=subprocess.PIPE, env=environment())
    os.close(theirs)
    os.close(ours)
    assert refused.returncode == 2
    assert b"not for a terminal" in refused.stderr


def test_a_slip_of_the_pen(house: House) -> None:
    """A number that is not there: 2, and where the right ones stand."""
    for line in ("inbox show 99", "inbox release 99", "inbox discard 99 --yes"):
        answer = house.say(line)
        assert (answer.code, "`leadsync inbox list`" in answer.sentence()) == (2, True)


def test_discard_asks_first(house: House) -> None:
    """It shows what it is about; without a terminal nothing is done, and whoever says no has given nothing up."""
    answer = house.say("inbox discard 2")
    assert (answer.code, answer.out) == (2, "")
    assert "nothing was done. Say --yes" in answer.sentence()
    screen, keyboard = os.openpty()
    os.write(screen, b"n\n")
    line = command("inbox", "discard", 2, "--config", house.config)
    no = subprocess.run(line, stdin=keyboard, capture_output=True, check=False, env=environment())
    os.close(screen)
    os.close(keyboard)
    assert no.returncode == 1
    assert b"no_handler" in no.stdout
    assert b"Discard 1 webhook?" in no.stdout


def test_release_and_discard_beside_a_daemon_and_without_one(house: House) -> None:
    """Without one they wait for the next, which reads them; beside one they are read at once, and are back."""
    assert house.say("inbox discard 2 --yes").out.splitlines()[-1].startswith("1 of 1 discarded")
    assert house.say("status --json").json["inbox"] == {"waiting": 0, "quarantined": 2}
    assert house.say("inbox release 1 2").out.startswith("2 of 2 wait to be read again")
    assert house.say("status --json").json["inbox"] == {"waiting": 2, "quarantined": 1}
    with house.daemon() as daemon:
        assert daemon.saw("webhook.quarantined", 2)
        assert house.say("inbox discard 3 --yes").code == 0
        assert daemon.saw("webhooks.discarded", count=1)
        assert house.say("inbox release 3").code == 0
        assert daemon.saw("webhooks.released", count=1)
        assert daemon.saw("webhook.quarantined", id=3)
    assert house.say("status --json").json["inbox"] == {"waiting": 0, "quarantined": 3}


def test_nothing_has_come(tmp_path: Path) -> None:
    """Before any run."""
    fresh = House(tmp_path / "house", NOBODY_LISTENS)
    assert fresh.say("inbox list").out == "nothing waits in the inbox\n"
    assert fresh.say("inbox list --json").json["messages"] == []
