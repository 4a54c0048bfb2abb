"""`once` for a person at a terminal: a line a running job while it runs, the log above it, and nothing left behind."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.screen import Screen, on_terminal
from tests.system.house import House
from tests.system.process import Vendor

LOG_LINE = re.compile(r"\d\d:\d\d:\d\d \[\w+ *\] ([\w.]+) ")
DONE = "phoenix: complete: the session has nothing more to deliver\n"


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A vendor with 120 properties."""
    with Vendor.open(properties=120) as vendor:
        yield vendor


@pytest.fixture
def house(tmp_path: Path, vendor: Vendor) -> House:
    """A job that brings them in pages of 50."""
    house = House(tmp_path / "house", vendor.url, furnished=True)
    house.config.write_text(house.config.read_text().replace("debug", "info"))
    house.job("phoenix", page_size=50)
    return house


def once_on_terminal(house: House, columns: int = 400, term: str = "xterm") -> Screen:
    """Run the job on a terminal."""
    out = house.folder / "out"
    screen = on_terminal(["once", "phoenix", "--config", house.config], stdout=out, columns=columns, term=term)
    assert (screen.code, out.read_text()) == (0, DONE)
    return screen


def dawdle(vendor: Vendor) -> None:
    """Let the third page be lost at first: there is time to look, and something that is waited for."""
    vendor.next(None, None, "cut_before")


def assert_a_line_that_goes_away(screen: Screen) -> None:
    """Pages, leads, time and the wait while it ran; in the end the cursor, and whole lines of the log alone."""
    assert re.search(r"phoenix 2 pages, 100 leads 0:00:0\d waits \d\.\d s", screen.text)
    assert screen.cursor_shown
    found = [LOG_LINE.match(line) for line in screen.lines]
    assert None not in found, screen.lines
    events = [match[1] for match in found if match and match[1].startswith(("run.", "page."))]
    assert events == ["run.started", *["page.stored"] * 4, "run.ended"]
    assert "outcome=complete" in screen.lines[-1]


def test_it_shows_how_far_it_is_and_leaves_the_log(house: House, vendor: Vendor) -> None:
    """While it runs a line that moves, in the end the log as a pipe would have it, for the eye."""
    dawdle(vendor)
    assert_a_line_that_goes_away(once_on_terminal(house))


def test_beside_a_daemon_it_shows_the_same(house: House, vendor: Vendor) -> None:
    """The daemon runs the job, and the screen of the command does not tell."""
    dawdle(vendor)
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        screen = once_on_terminal(house)
        assert daemon.saw("command.received")
    assert_a_line_that_goes_away(screen)


def test_a_narrow_terminal_gets_whole_lines(house: House) -> None:
    """The terminal folds what is too long for it; a line that is copied out of it is one line of the log."""
    screen = once_on_terminal(house, columns=80)
    assert None not in [LOG_LINE.match(line) for line in screen.lines], screen.lines


def test_a_dumb_terminal_gets_the_log_alone(house: House) -> None:
    """What cannot move its cursor is not asked to."""
    screen = once_on_terminal(house, term="dumb")
    assert None not in [LOG_LINE.match(line) for line in screen.lines], screen.lines
    assert "\x1b[?25l" not in screen.written


def test_a_pipe_gets_the_log_alone(house: House) -> None:
    """No escape codes, no line that is not the log's."""
    answer = house.say("once phoenix")
    assert (answer.code, answer.out) == (0, DONE)
    assert "\x1b" not in answer.err
    assert len(answer.log) == len(answer.err.splitlines()) > 5
