"""`run` as a new operator tries it: what is wrong is said in one line with the remedy, and no daemon is half there."""

import os
import socket
from collections.abc import Callable

import pytest

from tests.system.house import House, Mounted
from tests.system.process import Vendor, run, without_power


def bad_cron(house: House) -> None:
    """There is no minute 61."""
    house.job("phoenix", schedule='cron = "61 6 * * *"')


def both_days(house: House) -> None:
    """Cron would run on either day, other programs on both at once."""
    house.job("phoenix", schedule='cron = "0 6 1 * mon"')


def no_token(house: House) -> None:
    """The token's file is missing."""
    (house.folder / "token").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (bad_cron, ("phoenix.toml:2: schedule.cron", 'minute "61"', "from 0 to 59")),
        (
            both_days,
            ("phoenix.toml:2: schedule.cron", "both the day of month and the day", "leave one of them *"),
        ),
        (no_token, ("config.toml:5: accounts.main.token", "does not exist", "create it")),
    ],
)
def test_a_mistake_in_the_files_is_one_line(
    alone: House, spoil: Callable[[House], None], words: tuple[str, ...]
) -> None:
    """File, line and what to write; exit 78, and nothing is made."""
    spoil(alone)
    answer = alone.say("run")
    assert (answer.code, answer.out) == (78, "")
    assert [word for word in words if word not in answer.sentence()] == []
    assert not alone.store.exists()
    assert not alone.socket.exists()


@pytest.mark.parametrize("mode", [0o000, 0o500], ids=["may not enter", "may not write"])
def test_a_state_folder_of_another_user_is_named(alone: House, mode: int) -> None:
    """One sentence with the folder in it, exit 78."""
    state = alone.folder / "state"
    state.mkdir(mode)
    alone.config.write_text(f'[store]\nurl = "sqlite:///state/leadsync.db"\n{alone.config.read_text()}')
    answer = without_power("run", "--config", alone.config)
    state.chmod(0o700)
    assert (answer.code, answer.out) == (78, "")
    assert f"{state}" in answer.sentence()
    assert "nothing was sent" in answer.sentence()


def test_a_full_disk_is_one_line(mounted: Mounted, vendor: Vendor) -> None:
    """Weather, no mistake: exit 1, so that it is started again; what is full, that nothing was sent, and the remedy."""
    house = House(mounted("200k") / "house", vendor.url)
    house.job("phoenix", schedule='every = "1s"')
    answer = house.say("run")
    assert (answer.code, answer.out) == (1, "")
    assert [words for words in ("is full", "nothing was sent", "ake room") if words not in answer.sentence()] == []
    assert vendor.bill()["requests"] == []


def test_a_socket_that_cannot_be_made_is_one_line(alone: House) -> None:
    """Where something else has its name, which is not ours to take away: exit 78, and which path it is."""
    alone.socket.mkdir()
    answer = alone.say("run")
    assert (answer.code, answer.out) == (78, "")
    assert f"the control socket {alone.socket} cannot be made" in answer.sentence()
    assert not answer.logged("daemon.started")


def test_a_port_that_is_taken_is_one_line() -> None:
    """The simulator says which port, and how to have another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = run("simulate", "--port", port)
    assert (answer.code, answer.out) == (78, "")
    assert f"port {port} on 127.0.0.1 cannot be had ({os.strerror(98)})" in answer.sentence()
    assert "--port" in answer.sentence()
