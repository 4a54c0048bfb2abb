"""What the door promises its callers: right addresses are heard whatever they bring, and a 200 is never taken back."""

import asyncio
import gzip
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadsync.core.letters import Letter
from leadsync.core.witness import StoreAnswer
from leadsync.errors import StoreFailed
from leadsync.store.inbox import Receipt
from leadsync.store.standing import Said
from tests.inbox.doorway import LIMITS, Doorway, Store, doorway

ROWS = "SELECT kind, subject, version, copies, headers FROM inbox_message ORDER BY id"


@pytest.mark.parametrize("kind", ["async", "async-error", "trace", "trace-done"])
def test_a_right_address_is_heard(tmp_path: Path, kind: str) -> None:
    """Stored as it came before the answer is read, and answered 200."""

    async def act() -> tuple[int, object, object]:
        async with doorway(tmp_path) as door:
            status = await door.post(b'{"a":1}', door.path("01K", kind))
            return status, door.rows("SELECT kind, state FROM inbox_message"), door.rows()

    assert asyncio.run(act()) == (200, [(kind, "waiting")], [("01K", b'{"a":1}')])


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Encoding: gzip\r\nContent-Type: application/json\r\n", gzip.compress(b"{}")),
        ("Content-Type: text/html; charset=klingon\r\n", b"<html>"),
        ("Content-Encoding: nonsense\r\nExpect: something\r\n", b"\xff\xfe\x00"),
        ("X-Api-Key: canary-key-0815\r\nAccept: */*\r\nCookie: a=b\r\n", b'{"requestId":"of somebody else"}'),
        ("Upgrade: websocket\r\nConnection: Upgrade\r\n", b"{}"),
        ("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", b"{}" * 50_000),
        ("", b""),
        ("", b"[" * 100_000),
    ],
    ids=["gzip", "type", "nonsense", "key", "websocket", "h2c", "empty", "deep"],
)
def test_a_right_address_is_never_turned_away_for_its_form(tmp_path: Path, head: str, body: bytes) -> None:
    """It may be money: it goes raw into the store."""

    async def act() -> tuple[int, object, str]:
        async with doorway(tmp_path) as door:
            status = await door.post(body, head=head)
            return status, door.rows(), str(door.rows("SELECT headers FROM inbox_message"))

    status, rows, headers = asyncio.run(act())
    assert (status, rows) == (200, [("01K", body)])
    assert "canary" not in headers, "our own key is kept as its digest alone"


def test_a_wrong_address_is_404_before_the_body(tmp_path: Path) -> None:
    """Nobody waits for its body, and the connection ends."""

    async def ask(door: Doorway, line: str) -> tuple[int, bytes]:
        async with door.knock() as knock:
            knock.say(f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            return await knock.status(), await knock.rest()

    async def act() -> list[tuple[int, bytes]]:
        async with doorway(tmp_path) as door:
            right = door.path()
            wrong = [right[:-1] + "~", right.replace("01K", "01L"), right.replace("async", "trace"), "/", "/hooks/"]
            lines = [*(f"POST {path}" for path in wrong), f"GET {right}", f"DELETE {right}", f"POST {right}/../x"]
            answers = [await ask(door, line) for line in lines]
            assert door.rows() == []
            return answers

    assert asyncio.run(act()) == [(404, b"")] * 8


def test_who_waits_for_leave_to_send_gets_it_at_a_right_address_alone(tmp_path: Path) -> None:
    """Expect: 100-continue, as curl sends with what is large."""

    async def ask(door: Doorway, path: str) -> str:
        async with door.knock() as knock:
            knock.say(f"POST {path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            return (await knock.head()).splitlines()[0]

    async def act() -> list[str]:
        async with doorway(tmp_path) as door:
            return [await ask(door, door.path()), await ask(door, door.path()[:-1] + "~")]

    assert asyncio.run(act()) == ["HTTP/1.1 100 Continue", "HTTP/1.1 404 Not Found"]


def test_the_same_body_with_another_key_is_another_message(tmp_path: Path) -> None:
    """One may be taken and the other not: a stranger's copy that comes first must not stand for the vendor's."""

    async def act() -> tuple[list[int], object]:
        async with doorway(tmp_path) as door:
            keys = ("X-Api-Key: not-ours\r\n", "X-Api-Key: ours\r\n", "", "X-Api-Key: ours\r\n")
            statuses = [await door.post(b"{}", head=key) for key in keys]
            return statuses, door.rows("SELECT version, copies FROM inbox_message ORDER BY id")

    assert asyncio.run(act()) == ([200] * 4, [(1, 1), (2, 2), (3, 1)])


def test_duplicates_are_one_and_another_body_is_a_version(tmp_path: Path) -> None:
    """All are answered 200; the key that a vendor sends back and the type are kept, the cookie is not."""

    async def act() -> tuple[list[int], object]:
        async with doorway(tmp_path) as door:
            bodies = (b"1", b"1", b"2", b"1")
            statuses = [await door.post(body, head="Content-Type: a/b\r\nCookie: c\r\n") for body in bodies]
            return statuses, door.rows(ROWS)

    statuses, rows = asyncio.run(act())
    assert statuses == [200] * 4
    assert rows == [
        ("async", "01K", version, copies, '{"content-type": "a/b"}') for version, copies in ((1, 3), (2, 1))
    ]


def test_messages_on_a_connection_that_is_kept(tmp_path: Path) -> None:
    """One after another, also where they arrive together: each has its answer."""

    async def act() -> tuple[list[int], int]:
        async with doorway(tmp_path) as door, door.knock() as knock:
            for number in range(30):
                body = f'{{"n":{number}}}' + "x" * 1_000
                knock.say(f"POST {door.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}")
            statuses = [await knock.status() for _ in range(30)]
            return statuses, len(door.rows())

    assert asyncio.run(act()) == ([200] * 30, 30)


def test_all_that_wait_are_one_commit(tmp_path: Path) -> None:
    """While one commit runs the next group collects: so many messages need few commits."""
    groups: list[int] = []

    def slow(store: Store) -> Store:
        async def keep(letters: Sequence[Letter]) -> Sequence[Receipt]:
            groups.append(len(letters))
            await asyncio.sleep(0.02)
            return await store(letters)

        return keep

    async def act() -> list[int]:
        async with doorway(tmp_path, store=slow) as door:
            return await asyncio.gather(*(door.post(b"%d" % number, door.path(str(number))) for number in range(100)))

    assert asyncio.run(act()) == [200] * 100
    assert sum(groups) == 100
    assert len(groups) < 20


def test_a_store_that_fails_is_503_and_the_sender_comes_again(tmp_path: Path) -> None:
    """Never 2xx; with the next commit it is stored and answered."""
    weather = [True]

    def failing(store: Store) -> Store:
        async def keep(letters: Sequence[Letter]) -> Sequence[Receipt]:
            if weather.pop() if weather else False:
                raise StoreFailed("the disk is full")
            return await store(letters)

        return keep

    async def act() -> tuple[str, int, object]:
        async with doorway(tmp_path, store=failing) as door:
            async with door.knock() as knock:
                knock.say(f"POST {door.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}")
                refused = await knock.head()
            none = door.rows()
            return refused, await door.post(b"{}"), none

    refused, status, none = asyncio.run(act())
    assert refused.startswith("HTTP/1.1 503 ")
    assert "retry-after: 30\r\n" in refused.lower()
    assert (status, none) == (200, [])


def test_a_stop_answers_who_waits_and_takes_nobody_new(tmp_path: Path) -> None:
    """The last group is committed, its answers are out, and the rest of a body that is on its way is waited for."""
    committing = asyncio.Event()

    def slow(store: Store) -> Store:
        async def keep(letters: Sequence[Letter]) -> Sequence[Receipt]:
            committing.set()
            await asyncio.sleep(0.2)
            return await store(letters)

        return keep

    async def act() -> tuple[list[int], int, int]:
        half_sent = asyncio.Event()

        async def send_slowly(door: Doorway) -> int:
            async with door.knock() as knock:
                knock.say(f"POST {door.path('slow')} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n12")
                half_sent.set()
                await committing.wait()
                await asyncio.sleep(0.3)
                knock.say("34")
                return await knock.status()

        async with doorway(tmp_path, replace(LIMITS, request_within_s=5), store=slow) as door:
            senders = [asyncio.create_task(send_slowly(door))]
            await half_sent.wait()
            senders += [asyncio.create_task(door.post(b"%d" % number, door.path(str(number)))) for number in range(20)]
            await committing.wait()
        return [await sender for sender in senders], await door.post(b"late"), len(door.rows())

    assert asyncio.run(act()) == ([200] * 21, 0, 21)


def test_a_copy_of_the_store_answers_its_own_addresses_from_then_on(tmp_path: Path) -> None:
    """Without a restart: once a person has said so, what was meant for the original is 404."""

    async def act() -> list[int]:
        async with doorway(tmp_path) as door:
            before = door.path()
            statuses = [await door.post(b"{}", before)]
            await door.ledger.answer_store(Said(StoreAnswer.COPIED, "fedcba9876543210", ()), datetime.now(UTC))
            statuses.append(await door.post(b"{}", before))
            return [*statuses, await door.post(b"{}", replace(door, hooks=door.ledger.hooks).path())]

    assert asyncio.run(act()) == [200, 404, 200]
