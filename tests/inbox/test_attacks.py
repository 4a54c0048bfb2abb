"""Attacks on the door, over real sockets: each is ended by its limit, and an honest sender is served meanwhile.

The limits are those of the configuration with less time and room (see `doorway.LIMITS`), so that no attack lasts long.
"""

import asyncio
import resource
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import structlog

from leadsync import events
from leadsync.errors import CannotListen
from tests.inbox.doorway import LIMITS, Doorway, Knock, doorway

SLOW_S: Final = 0.05
"""Between two bytes: each alone comes in good time."""

MUCH_LATER_S: Final = 5.0
"""A limit that does not hold shows by now; on a machine with much else to do it may take a while."""

CROWD: Final = 2_000

Attack = Callable[[Doorway, Knock], Awaitable[bool]]
"""Says whether it was ended as it should be."""


async def idle(_door: Doorway, knock: Knock) -> bool:
    """A connection that says nothing."""
    return await knock.is_cut()


async def idle_between(door: Doorway, knock: Knock) -> bool:
    """A connection that was honest once, and then sends half of a head."""
    knock.say(f"POST {door.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}")
    assert await knock.status() == 200
    knock.say("POST /hooks")
    return await knock.is_cut()


async def slow_line(_door: Doorway, knock: Knock) -> bool:
    """A request's first line, byte by byte."""
    await knock.drip([b"P", b"O", b"S", b"T", b" ", b"/"] * 5, SLOW_S)
    return await knock.is_cut()


async def slow_headers(door: Doorway, knock: Knock) -> bool:
    """Header after header."""
    knock.say(f"POST {door.path()} HTTP/1.1\r\nHost: x\r\n")
    await knock.drip([b"X-A: b\r\n"] * 30, SLOW_S)
    return await knock.is_cut()


async def slow_body(door: Doorway, knock: Knock) -> bool:
    """A body, byte by byte, at a right address: each byte is in time, the whole is not."""
    knock.say(f"POST {door.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    await knock.drip([b"{"] * 60, SLOW_S)
    return await knock.is_cut()


async def huge_header(door: Doorway, knock: Knock) -> bool:
    """One header that does not end: no more than the limit is taken, and what asyncio reads at once."""
    knock.say(f"POST {door.path()} HTTP/1.1\r\nX-A: ")
    await knock.drip([b"a" * 65_536] * 100, 0)
    return await knock.is_cut()


async def large_header(door: Doorway, knock: Knock) -> bool:
    """A header beyond the limit, in one piece with its end."""
    knock.say(f"POST {door.path()} HTTP/1.1\r\nX-A: {'a' * 17 * 1024}\r\nContent-Length: 0\r\n\r\n")
    return (await knock.rest()).startswith(b"HTTP/1.1 400 ")


async def long_address(_door: Doorway, knock: Knock) -> bool:
    """A path beyond the limit."""
    knock.say(f"POST /hooks/{'a' * 17 * 1024} HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    return (await knock.rest()).startswith(b"HTTP/1.1 400 ")


async def many_headers(door: Doorway, knock: Knock) -> bool:
    """20,000 headers of three letters."""
    knock.say(f"POST {door.path()} HTTP/1.1\r\n" + "a:b\r\n" * 20_000 + "Content-Length: 0\r\n\r\n")
    return not (await knock.rest()).startswith(b"HTTP/1.1 200 ")


async def many_trailers(door: Doorway, knock: Knock) -> bool:
    """20,000 headers after a body in chunks."""
    knock.say(f"POST {door.path()} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n")
    await knock.drip([b"a:b\r\n" * 20_000, b"\r\n"], 0)
    return not (await knock.rest()).startswith(b"HTTP/1.1 200 ")


async def large_by_its_word(door: Doorway, knock: Knock) -> bool:
    """A Content-Length beyond the limit is 413 before any of it is sent."""
    knock.say(f"POST {door.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n")
    return (await knock.rest()).startswith(b"HTTP/1.1 413 ")


async def endless_chunks(door: Doorway, knock: Knock) -> bool:
    """A body in chunks without an end is ended at the limit, whether or not its sender hears the 413."""
    knock.say(f"POST {door.path()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    await knock.drip([b"10000\r\n" + b"a" * 65_536 + b"\r\n"] * 1_000, 0)
    return (await knock.rest())[:13] in (b"", b"HTTP/1.1 413 ")


async def two_lengths(door: Doorway, knock: Knock) -> bool:
    """Content-Length and Transfer-Encoding in one request: refused once, and what follows is no request."""
    inner = f"POST {door.path('smuggled')} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}"
    knock.say(
        f"POST {door.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"0\r\n\r\n{inner}"
    )
    answers = await knock.rest()
    return answers.startswith(b"HTTP/1.1 400 ") and answers.count(b"HTTP/1.1 ") == 1


async def no_http(_door: Doorway, knock: Knock) -> bool:
    """Something else: TLS, for one."""
    knock.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    return (await knock.rest()).startswith(b"HTTP/1.1 400 ")


async def a_way_through(_door: Doorway, knock: Knock) -> bool:
    """CONNECT, as an open proxy would take it."""
    knock.say("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n")
    return (await knock.rest()).startswith(b"HTTP/1.1 400 ")


ATTACKS: Final = {
    attack.__name__: attack
    for attack in (
        idle,
        idle_between,
        slow_line,
        slow_headers,
        slow_body,
        huge_header,
        large_header,
        long_address,
        many_headers,
        many_trailers,
        large_by_its_word,
        endless_chunks,
        two_lengths,
        no_http,
        a_way_through,
    )
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_ended_by_its_limit(tmp_path: Path, attack: Attack) -> None:
    """In good time; nothing of it is in the store but what was honest; and an honest sender is served."""

    async def act() -> tuple[bool, int, set[str]]:
        async with doorway(tmp_path) as door:
            async with door.knock("127.0.1.1") as knock, asyncio.timeout(MUCH_LATER_S):
                ended = await attack(door, knock)
            status = await door.post(b"{}")
            return ended, status, {subject for subject, _ in door.rows()}

    assert asyncio.run(act()) == (True, 200, {"01K"})


def test_what_is_allowed_is_allowed_to_the_last_byte(tmp_path: Path) -> None:
    """A head and a body just below their limits."""

    async def act() -> list[int]:
        async with doorway(tmp_path) as door:
            head = f"X-A: {'a' * (LIMITS.head_max_bytes - 300)}\r\n"
            return [await door.post(bytes(LIMITS.body_max_bytes)), await door.post(b"{}", head=head)]

    assert asyncio.run(act()) == [200, 200]


def test_who_is_cut_in_a_body_is_told_in_the_log(tmp_path: Path) -> None:
    """It may be money: the operator learns of it, by its id and never by its address."""

    async def act() -> tuple[Doorway, str]:
        async with doorway(tmp_path) as door:
            async with door.knock() as knock:
                await slow_body(door, knock)
            async with door.knock() as knock:
                await large_by_its_word(door, knock)
            return door, door.path()

    with structlog.testing.capture_logs() as lines:
        door, path = asyncio.run(act())
    told = {(line["event"], line["subject"]) for line in lines if line["log_level"] == "warning" and "subject" in line}
    assert told == {(events.WEBHOOK_CUT, "01K"), (events.WEBHOOK_TOO_LARGE, "01K")}
    assert path.rsplit(".", 1)[1] not in str(lines)
    assert door.hooks.secret.hex() not in str(lines)


def test_a_flood_of_strangers_is_one_line(tmp_path: Path) -> None:
    """Counted by what they did; no line each."""

    async def act() -> None:
        async with doorway(tmp_path) as door:
            for _ in range(20):
                assert await door.post(b"{}", "/hooks/async/01K.AAAAAAAAAAAAAAAAAAAAAA") == 404
            async with door.knock() as knock:
                await no_http(door, knock)

    with structlog.testing.capture_logs() as lines:
        asyncio.run(act())
    (line,) = (line for line in lines if line["log_level"] == "warning")
    assert (line["event"], line["counts"]) == (events.DOOR_REFUSED, {"no_address": 20, "not_http": 1})


async def crowd(stack: AsyncExitStack, door: Doorway, origins: int) -> list[Knock]:
    """Open two thousand connections, from so many addresses, and begin a head on each."""
    knocks = []
    for number in range(CROWD):
        knock = await stack.enter_async_context(door.knock(f"127.0.1.{number % origins + 1}"))
        knock.say("POST /ho")
        knocks.append(knock)
    return knocks


async def served(door: Doorway, origin: str) -> set[int]:
    """Ten honest senders, one after another: their statuses."""
    async with asyncio.timeout(MUCH_LATER_S):
        return {await door.post(b"{}", door.path(str(number)), origin) for number in range(10)}


def is_open(knock: Knock) -> bool:
    """Whether nobody has ended the connection yet."""
    return not knock.reader.at_eof() and knock.reader.exception() is None


@pytest.mark.parametrize(
    ("origins", "connections_max", "stay"),
    [(32, 4_096, range(2_000, 2_001)), (32, 512, range(300, 513)), (1, 512, range(64, 65))],
)
def test_honest_senders_are_served_beside_two_thousand_slow_connections(
    tmp_path: Path, origins: int, connections_max: int, stay: range
) -> None:
    """Whether all of them are open, or the oldest have given way in all, or of their one address."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections_max + CROWD + 200
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this process may have {hard} open files, and the test needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    limits = replace(LIMITS, head_within_s=60.0, request_within_s=60.0, connections_max=connections_max)

    async def act() -> tuple[set[int], set[int], int]:
        async with AsyncExitStack() as stack, doorway(tmp_path, limits) as door:
            knocks = await crowd(stack, door, origins)
            served_all = await served(door, "127.0.2.1"), await served(door, "127.0.0.1")
            return *served_all, sum(map(is_open, knocks))

    stranger, proxy, still_open = asyncio.run(act())
    assert (stranger, proxy) == ({200}, {200})
    assert still_open in stay


def test_who_has_shown_a_right_address_gives_way_to_nobody(tmp_path: Path) -> None:
    """A long body goes on arriving while strangers take all there is."""
    limits = replace(LIMITS, connections_max=8, request_within_s=30.0)

    async def act() -> tuple[int, int]:
        async with AsyncExitStack() as stack, doorway(tmp_path, limits) as door:
            knock = await stack.enter_async_context(door.knock("127.0.2.1"))
            knock.say(
                f"POST {door.path('long')} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
            )
            assert await knock.status() == 100
            knock.say("12")
            for number in range(50):
                await stack.enter_async_context(door.knock(f"127.0.1.{number + 1}"))
            honest = await door.post(b"{}", origin="127.0.3.1")
            knock.say("34")
            return honest, await knock.status()

    assert asyncio.run(act()) == (200, 200)


def test_many_from_the_proxy_at_one_moment_are_all_served(tmp_path: Path) -> None:
    """The limit of one address is not for the proxy, from which everybody comes."""

    async def act() -> set[int]:
        async with doorway(tmp_path) as door:
            return set(await asyncio.gather(*(door.post(b"{}", door.path(str(number))) for number in range(300))))

    assert asyncio.run(act()) == {200}


def test_more_connections_than_the_process_may_have_files_are_refused_at_the_start(tmp_path: Path) -> None:
    """With what to do about it, instead of a door that stops to open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        pytest.skip("this process may have any number of open files")

    async def act() -> None:
        async with doorway(tmp_path, replace(LIMITS, connections_max=hard)):
            pytest.fail("it opened")

    with pytest.raises(CannotListen, match="LimitNOFILE") as refused:
        asyncio.run(act())
    assert refused.value.exit_code == 78
