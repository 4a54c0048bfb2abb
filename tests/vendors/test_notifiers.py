"""Notices through the real Apprise, over loopback: taken, refused, hanging; and no part of an address is shown."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from leadsync.vendors import notifiers
from leadsync.vendors.notifiers import apprise_notifier


class Webhook(BaseHTTPRequestHandler):
    """Takes what is posted, as the path says: /ok, /refuse, /away (a redirect), /hang."""

    got: ClassVar[list[dict[str, Any]]] = []
    release: ClassVar[threading.Event] = threading.Event()

    def do_POST(self) -> None:
        """Answer one message."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "hang" in self.path:
            self.release.wait(20)
        too_long = len(body.get("text", "")) > 4_000
        self.send_response(400 if too_long else {"refuse": 403, "away": 302}.get(self.path.split("/")[1], 200))
        if "away" in self.path:
            self.send_header("location", "/ok")
        else:
            self.got.append(body)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def host() -> Iterator[str]:
    """A webhook's host and port."""
    Webhook.got.clear()
    Webhook.release.clear()
    with closing_server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        Webhook.release.set()
        server.shutdown()


def closing_server() -> ThreadingHTTPServer:
    """A server of its own port."""
    return ThreadingHTTPServer(("127.0.0.1", 0), Webhook)


def sent(url: str, title: str = "leadsync: 1 new", body: str = "new job_parked") -> str:
    """Send one message; why it failed."""
    send = apprise_notifier(url)
    assert send is not None
    return asyncio.run(send(title, body))  # type: ignore[arg-type]  # an async function's awaitable is a coroutine


def test_a_message_is_taken(host: str) -> None:
    """Title and body arrive as they are."""
    assert sent(f"json://{host}/ok") == ""
    assert [(got["title"], got["message"]) for got in Webhook.got] == [("leadsync: 1 new", "new job_parked")]


def test_what_is_too_long_for_a_service_is_cut(host: str) -> None:
    """Mattermost takes 4,000 characters: the head of it arrives, where all of it would be refused for ever."""
    url = f"mmost://{host}/3ccdd113474722377935511fc85d3dd4"
    assert sent(url, "leadsync: 20 new", "new job_parked\n\n" * 400) == ""
    (got,) = Webhook.got
    assert got["text"].startswith("leadsync: 20 new")
    assert 3_000 < len(got["text"]) <= 4_000


def test_who_says_what_is_done_with_too_much_is_heeded(host: str) -> None:
    """`overflow=split` in the address brings all of it, in parts."""
    url = f"mmost://{host}/3ccdd113474722377935511fc85d3dd4?overflow=split"
    assert sent(url, "leadsync: 20 new", "new job_parked\n\n" * 400) == ""
    assert len(Webhook.got) == 2
    assert sum(got["text"].count("job_parked") for got in Webhook.got) >= 399


def test_a_refusal_says_what_and_shows_no_part_of_the_address(host: str) -> None:
    """The operator reads the status, and neither password nor path."""
    why = sent(f"json://someone:canary-password@{host}/refuse/canary-path")
    assert "403" in why
    assert "canary" not in why
    assert "someone" not in why


def test_nobody_there_is_a_word_and_no_error() -> None:
    """A dead host is told as such."""
    with closing_server() as server:
        port = server.server_port
    why = sent(f"json://127.0.0.1:{port}/canary-path")
    assert why
    assert "canary" not in why


def test_a_notifier_that_hangs_holds_nobody(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has an end, and until the thread is back nothing more goes to that notifier."""
    monkeypatch.setattr(notifiers, "SEND_WAIT_S", 0.2)
    send = apprise_notifier(f"json://{host}/hang")
    assert send is not None

    async def twice() -> tuple[str, str]:
        return await send("a", "b"), await send("a", "b")

    first, second = asyncio.run(twice())
    assert first.startswith("no answer within")
    assert second == "the message before is still on its way"


@pytest.mark.parametrize("url", ["nonsense", "slack://x", "http//x"])
def test_what_apprise_does_not_know_is_none(url: str) -> None:
    """The configuration then says which key is wrong."""
    assert apprise_notifier(url) is None


def test_a_redirect_is_not_followed(host: str) -> None:
    """It would carry what is told, and perhaps a password, to a stranger."""
    assert sent(f"json://{host}/away") != ""
    assert Webhook.got == []


def test_a_late_answer_is_nobodys_error(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited has gone on; the next message finds the way free again, and both have arrived."""
    monkeypatch.setattr(notifiers, "SEND_WAIT_S", 0.2)
    send = apprise_notifier(f"json://{host}/hang")
    assert send is not None

    async def late() -> tuple[str, str]:
        first = await send("a", "b")
        (thread,) = [one for one in threading.enumerate() if one.name == "notifier" and one.is_alive()]
        Webhook.release.set()
        await asyncio.to_thread(thread.join)
        monkeypatch.setattr(notifiers, "SEND_WAIT_S", 20.0)
        return first, await send("c", "d")

    first, second = asyncio.run(late())
    assert (first.startswith("no answer within"), second) == (True, "")
    assert [got["title"] for got in Webhook.got] == ["a", "c"]


def test_a_plugin_that_breaks_is_a_word_and_no_error(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notice stays due; the error's own text may hold the address, and is not shown."""

    def broken(*_: object, **__: object) -> bool:
        raise ValueError(host)

    monkeypatch.setattr("leadsync.vendors.notifiers.Apprise.notify", broken)
    assert sent(f"json://{host}/ok") == "Apprise failed (ValueError)"
