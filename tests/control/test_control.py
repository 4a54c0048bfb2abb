"""A command over the socket: what is told on the way, what is answered, and who may go when."""

import asyncio
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx  # noqa: TID251 - the test edge speaks to the socket as another version would
import pytest

import leadsync
from leadsync.control.board import Board
from leadsync.control.place import socket_of
from leadsync.control.server import Errand, Result, listening
from leadsync.errors import Bug, Busy, CannotListen, DaemonGone, DaemonRefused, LeadsyncError, StoreFailed
from tests.control.wire import Heard, alive, carrying_out, serving


async def nothing(_arguments: Mapping[str, Any]) -> Result:
    """Work that is done at once."""
    return {"done": True}


def test_the_lines_of_its_jobs_are_told_and_no_others(store: Path) -> None:
    """From the first one on, in order: those of the jobs that it asked for, and of their account as a whole."""
    board, heard = Board(), Heard()
    mine: list[dict[str, Any]] = [
        {"event": "run.started", "job": "phoenix", "account": "main"},
        {"event": "account.audited", "account": "main", "job": None},
        {"event": "account.throttled", "account": "main"},
        {"event": "run.ended", "job": "tampa"},
    ]
    others: list[dict[str, Any]] = [
        {"event": "run.started", "job": "other", "account": "main"},
        {"event": "account.audited", "account": "second"},
        {"event": "stop.asked"},
    ]

    async def work(arguments: Mapping[str, Any]) -> Result:
        for line in [*mine[:2], *others, *mine[2:]]:
            board.post(line)
        return {"asked": arguments["jobs"]}

    async def act() -> dict[str, Any] | None:
        async with carrying_out(store, board, work):
            return await heard.ask(store, jobs=["phoenix", "tampa"])

    assert asyncio.run(act()) == {"asked": ["phoenix", "tampa"]}
    assert heard.lines == mine


def test_two_commands_at_once_get_each_their_own(store: Path) -> None:
    """Neither waits for the other, and neither sees its lines or its answer."""
    board, first, second = Board(), Heard(), Heard()

    async def act() -> list[dict[str, Any] | None]:
        both = asyncio.Barrier(2)

        async def work(arguments: Mapping[str, Any]) -> Result:
            await both.wait()
            (job,) = arguments["jobs"]
            board.post({"event": "run.started", "job": job})
            await both.wait()
            return {"ran": job}

        async with carrying_out(store, board, work):
            asked = (first.ask(store, jobs=["phoenix"]), second.ask(store, jobs=["tampa"]))
            return list(await asyncio.gather(*asked))

    assert asyncio.run(act()) == [{"ran": "phoenix"}, {"ran": "tampa"}]
    assert [[line["job"] for line in heard.lines] for heard in (first, second)] == [["phoenix"], ["tampa"]]


def test_another_version_is_refused_with_the_remedy(store: Path) -> None:
    """Nothing is begun; the answer names both versions, says what to type, and carries exit code 78."""
    begun: list[object] = []

    async def work(arguments: Mapping[str, Any]) -> Result:
        begun.append(arguments)
        return {}

    async def act() -> list[dict[str, Any]]:
        transport = httpx.AsyncHTTPTransport(uds=str(socket_of(store)))
        async with carrying_out(store, Board(), work), httpx.AsyncClient(transport=transport) as client:
            versions: list[dict[str, str]] = [{"version": "0.0.9"}, {}]
            answers = [await client.post("http://leadsync/do", json={"jobs": [], **version}) for version in versions]
            return [answer.json()["error"] for answer in answers]

    other, unknown = asyncio.run(act())
    assert other["exit_code"] == unknown["exit_code"] == 78
    assert f"the daemon is leadsync {leadsync.__version__} and this command is leadsync 0.0.9" in other["message"]
    assert "Restart the daemon (systemctl restart leadsync)" in other["message"]
    assert begun == []


def test_what_the_daemon_refuses_comes_with_its_words_and_exit_code(store: Path) -> None:
    """The command ends as it would have ended by itself."""

    def busy(_arguments: Mapping[str, Any]) -> Errand:
        raise Busy("just starting")

    async def act() -> DaemonRefused:
        async with serving(store, {"do": busy}, Board()):
            with pytest.raises(DaemonRefused) as refused:
                await Heard().ask(store, jobs=[])
            return refused.value

    refusal = asyncio.run(act())
    assert (str(refusal), refusal.exit_code) == ("just starting", 75)


def test_what_stops_the_work_is_told_as_it_is_alone(store: Path) -> None:
    """A disk that fills meanwhile is no end of the daemon: the command ends with its words, and the next is served."""
    answers: list[Result | LeadsyncError] = [StoreFailed("the disk is full"), {"done": True}]

    async def work(_arguments: Mapping[str, Any]) -> Result | LeadsyncError:
        return answers.pop(0)

    async def act() -> tuple[DaemonRefused, dict[str, Any] | None]:
        async with carrying_out(store, Board(), work):
            with pytest.raises(DaemonRefused) as refused:
                await Heard().ask(store, jobs=[])
            return refused.value, await Heard().ask(store, jobs=[])

    refusal, reply = asyncio.run(act())
    assert (str(refusal), refusal.exit_code) == ("the disk is full", 1)
    assert reply == {"done": True}


def test_a_command_that_the_daemon_does_not_know_is_a_later_versions(store: Path) -> None:
    """It is told as any other difference: 78, and the restart that mends it."""

    async def act() -> DaemonRefused:
        async with carrying_out(store, Board(), nothing):
            with pytest.raises(DaemonRefused, match="Restart the daemon") as refused:
                await Heard().ask(store, "dance", jobs=[])
            return refused.value

    assert asyncio.run(act()).exit_code == 78


def test_who_speaks_another_language_is_turned_away(store: Path) -> None:
    """What is no JSON begins nothing, and harms nobody."""

    async def act() -> tuple[int, dict[str, Any] | None]:
        transport = httpx.AsyncHTTPTransport(uds=str(socket_of(store)))
        async with carrying_out(store, Board(), nothing), httpx.AsyncClient(transport=transport) as client:
            answer = await client.post("http://leadsync/do", content=b"{jobs}")
            return answer.status_code, await Heard().ask(store, jobs=[])

    assert asyncio.run(act()) == (400, {"done": True})


def test_a_command_that_is_cut_in_half_is_none(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who dies while asking has asked for nothing, and the log knows of no error."""

    async def act() -> dict[str, Any] | None:
        async with carrying_out(store, Board(), nothing):
            _, writer = await asyncio.open_unix_connection(socket_of(store))
            writer.write(b"POST /do HTTP/1.1\r\nHost: leadsync\r\nContent-Length: 50\r\n\r\n{")
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return await Heard().ask(store, jobs=[])

    assert asyncio.run(act()) == {"done": True}
    assert not caplog.records


def test_who_goes_away_does_not_stop_the_work(store: Path) -> None:
    """A client that hangs up after the first line: the work is done to its end, and later clients are served."""
    done: list[str] = []

    async def act() -> dict[str, Any] | None:
        board, gone = Board(), asyncio.Event()

        async def work(arguments: Mapping[str, Any]) -> Result:
            board.post({"event": "run.started", "job": "phoenix"})
            await gone.wait()
            board.post({"event": "run.ended", "job": "phoenix"})
            done.extend(arguments["jobs"])
            return {}

        transport = httpx.AsyncHTTPTransport(uds=str(socket_of(store)))
        async with carrying_out(store, board, work):
            async with httpx.AsyncClient(transport=transport) as client:
                question = {"version": leadsync.__version__, "jobs": ["phoenix"]}
                async with client.stream("POST", "http://leadsync/do", json=question) as answer:
                    assert await anext(answer.aiter_lines())
            gone.set()
            return await Heard().ask(store, jobs=["tampa"])

    assert asyncio.run(act()) == {}
    assert done == ["phoenix", "tampa"]


def test_a_bug_in_the_work_ends_everything(store: Path) -> None:
    """The daemon does not live on half alive: its group ends with the bug, and the client is told that it has gone."""
    heard: list[BaseException] = []

    async def work(_arguments: Mapping[str, Any]) -> Result:
        raise Bug("a rule of our own")

    async def ask() -> None:
        try:
            await Heard().ask(store, jobs=[])
        except DaemonGone as error:
            heard.append(error)

    async def act() -> None:
        async with asyncio.TaskGroup() as clients:
            try:
                async with carrying_out(store, Board(), work):
                    clients.create_task(ask())
                    await asyncio.Event().wait()
            except* Bug as bugs:
                heard.extend(bugs.exceptions)

    asyncio.run(act())
    assert sorted(type(error).__name__ for error in heard) == ["Bug", "DaemonGone"]


def test_nobody_listens_is_no_error(store: Path) -> None:
    """No socket, one that a dead daemon left, and a folder that is not there: the command does its work itself."""
    places = [store, store.with_name("none") / "leadsync.db", store.parent / ("deep" * 50) / "leadsync.db"]

    async def act() -> list[dict[str, Any] | None]:
        answers = [await Heard().ask(place, jobs=[]) for place in places]
        async with carrying_out(store, Board(), nothing):
            os.link(socket_of(store), kept := store.parent / "kept")
        kept.rename(socket_of(store))
        return [*answers, await Heard().ask(store, jobs=[])]

    assert asyncio.run(act()) == [None] * 4
    assert socket_of(store).is_socket()


def test_the_socket_is_there_as_long_as_somebody_listens(store: Path) -> None:
    """Only its owner may speak to it; what stood there is replaced, and at the end nothing is left."""
    socket = socket_of(store)
    socket.write_text("left by somebody")

    async def act() -> int:
        async with carrying_out(store, Board(), nothing):
            return socket.stat().st_mode

    mode = asyncio.run(act())
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert not socket.exists()


def test_two_stores_in_one_folder_have_two_sockets(tmp_path: Path) -> None:
    """Each daemon carries out what is asked of its own store, whatever the files are called."""
    names = ["leads.one", "leads.two", "leads"]
    assert len({socket_of(tmp_path / name) for name in names}) == len(names)


def test_a_socket_that_cannot_be_made_is_an_operators_matter(store: Path) -> None:
    """Something with that name that is not ours to remove: which path, why, and exit code 78."""
    socket_of(store).mkdir()

    async def act() -> None:
        async with listening(store, {}, Board(), alive):
            pytest.fail("nothing listens")

    with pytest.raises(CannotListen, match=rf"{socket_of(store)} cannot be made \(Is a directory\)") as refused:
        asyncio.run(act())
    assert refused.value.exit_code == 78


def test_a_stop_waits_until_the_answer_is_read(store: Path) -> None:
    """What ends just before the daemon is still told: the lines, and how it ended."""
    heard = Heard()

    async def act() -> dict[str, Any] | None:
        board, began, last = Board(), asyncio.Event(), asyncio.Event()

        async def work(_arguments: Mapping[str, Any]) -> Result:
            began.set()
            await last.wait()
            board.post({"event": "run.ended", "job": "phoenix"})
            return {"outcome": "interrupted"}

        async with carrying_out(store, board, work):
            asking = asyncio.create_task(heard.ask(store, jobs=["phoenix"]))
            await began.wait()
            last.set()
        return await asking

    assert asyncio.run(act()) == {"outcome": "interrupted"}
    assert [line["event"] for line in heard.lines] == ["run.ended"]
