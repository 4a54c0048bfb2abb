"""`leadsync notify --test`: a message to all notifiers or to one, and what is wrong where something is."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.system.process import run


class Taking(BaseHTTPRequestHandler):
    """Takes everything but what is posted to /no."""

    def do_POST(self) -> None:
        """Answer one message."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(500 if self.path == "/no" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A configuration with two notifiers, one of which takes nothing."""
    with HTTPServer(("127.0.0.1", 0), Taking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        path = tmp_path / "config.toml"
        path.write_text(
            '[accounts.main]\ntoken = { file = "token" }\nbudget = "unlimited"\n'
            '[notify.to.good]\nurl = { file = "good" }\n[notify.to.bad]\nurl = { file = "bad" }\n'
        )
        for name, place in (("good", "yes"), ("bad", "no")):
            (tmp_path / name).touch(0o600)
            (tmp_path / name).write_text(f"json://someone:canary-word@127.0.0.1:{server.server_port}/{place}\n")
        yield path
        server.shutdown()


def test_all_are_tried(config: Path) -> None:
    """Each is one line; one that fails makes it exit 1, and its address is not shown."""
    answer = run("notify", "--test", "--config", str(config))
    assert answer.code == 1
    good, bad = answer.out.splitlines()
    assert good == "good: taken"
    assert bad.startswith("bad: failed: ")
    assert "500" in bad
    assert "canary" not in answer.out + answer.err


def test_one_is_tried(config: Path) -> None:
    """By its name; it needs no token, no store and no daemon."""
    answer = run("notify", "--test", "good", "--config", str(config))
    assert (answer.code, answer.out, answer.err) == (0, "good: taken\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--test", "goof"], 2, "there is no notifier goof (did you mean good?)"),
        ([], 2, "say `leadsync notify --test`"),
    ],
)
def test_what_means_nothing_is_told(config: Path, arguments: list[str], code: int, said: str) -> None:
    """A typo is no silent success."""
    answer = run("notify", *arguments, "--config", str(config))
    assert answer.code == code
    assert said in answer.err


def test_an_address_that_is_none_is_a_mistake_of_the_configuration(config: Path) -> None:
    """File, line and key are named, and the address is not."""
    (config.parent / "bad").write_text("canary-nonsense\n")
    answer = run("notify", "--test", "--config", str(config))
    assert answer.code == 78
    assert f"{config}:7: notify.to.bad.url: the file that it names holds no URL that Apprise knows" in answer.err
    assert "canary" not in answer.out + answer.err
