"""Reading what came: each message once, with its effect; what cannot be read waits in quarantine and stops no other."""

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection

from leadsync.app import App
from leadsync.core.hooks import Address
from leadsync.core.letters import Letter, Opened, Unreadable, Why
from leadsync.core.witness import StoreAnswer
from leadsync.errors import Bug, StoreFailed
from leadsync.jobs.unpack import STORE_RETRY_S, Handler, Unpack
from leadsync.store.inbox import BATCH_MAX
from leadsync.vendors.records import REFUSALS
from tests.jobs.deaths import Death
from tests.stage import InlineExecutor, Stage

Build = Callable[..., Stage]
MIB = 1024 * 1024


def read(opened: Opened) -> dict[str, Any]:
    """As a handler does: strict, and sure of what it is about."""
    try:
        content: dict[str, Any] = msgspec.json.decode(opened.content, type=dict[str, Any])
    except REFUSALS:
        raise Unreadable(Why.NOT_READABLE, "it is not JSON that can be read") from None
    if content.get("requestId") != opened.address.subject:
        raise Unreadable(Why.WRONG_ID, "it speaks of another request than its address")
    return content


def note(content: dict[str, Any], connection: Connection) -> None:
    """An effect that shows how often it happened."""
    connection.exec_driver_sql("INSERT INTO account (name) VALUES (?)", (content["note"],))


Handlers = Mapping[str, Handler[Any, Any]]
HANDLERS: Handlers = {"async": Handler(read, note)}


def letter(body: bytes, subject: str = "01K", kind: str = "async", **headers: str) -> Letter:
    """A message as the door stores it."""
    return Letter(Address(kind, subject), headers, body, hashlib.sha256(body).hexdigest())


def good(number: int) -> Letter:
    """A message that is read, and leaves its number."""
    return letter(b'{"requestId":"01K-%d","note":"%d"}' % (number, number), f"01K-{number}")


async def come(app: App, *letters: Letter) -> None:
    """Messages come, each in a commit of its own."""
    for each in letters:
        await app.ledger.inbox.receive([each], app.around.now())


def unpacking(app: App, handlers: Handlers) -> Unpack:
    """What reads them."""
    return Unpack(app.ledger, app.around, InlineExecutor(), inflated_max_bytes=MIB, handlers=handlers)


def unpack(stage: Stage, *letters: Letter, handlers: Handlers = HANDLERS, for_s: float = 1.0) -> None:
    """Let messages come and be read for a while."""

    async def act() -> None:
        async with stage.app() as app:
            await come(app, *letters)
            asyncio.get_running_loop().call_later(for_s, app.around.stopping.set)
            await unpacking(app, handlers).run()

    stage.play(act())


def states(stage: Stage) -> list[tuple[str, str | None]]:
    """State and reason of each message, in the order in which they came."""
    return [(state, why) for state, why in stage.rows("SELECT state, reason FROM inbox_message ORDER BY id")]


def effects(stage: Stage) -> list[str]:
    """What the effects have left, but for the account of the configuration."""
    return [name for (name,) in stage.rows("SELECT name FROM account WHERE name <> 'main' ORDER BY rowid")]


def test_what_comes_is_read_and_has_its_effect(build: Build) -> None:
    """In the order in which it came; what is taken is told."""
    stage = build()
    unpack(stage, good(1), good(2), good(3))
    assert states(stage) == [("taken", None)] * 3
    assert effects(stage) == ["1", "2", "3"]
    assert [line["subject"] for line in stage.logged("webhook.taken")] == ["01K-1", "01K-2", "01K-3"]


def test_what_comes_later_is_read_when_the_bell_rings(build: Build) -> None:
    """Nobody looks in between."""
    stage = build()

    async def act() -> list[int]:
        async with stage.app() as app, asyncio.TaskGroup() as group:
            unpack = unpacking(app, HANDLERS)
            group.create_task(unpack.run())
            seen = []
            for number in (1, 2):
                await come(app, good(number))
                unpack.ring()
                await asyncio.sleep(10)
                seen.append(len(effects(stage)))
            app.around.stopping.set()
            return seen

    assert stage.play(act()) == [1, 2]


POISON = (
    (letter(b"hello"), "not_readable"),
    (letter(b'{"requestId":NaN}'), "not_readable"),
    (letter(b'{"requestId":1e999}'), "not_readable"),
    (letter(b'{"requestId":"\\ud800"}'), "not_readable"),
    (letter(b"[" * 100_000), "not_readable"),
    (letter(b""), "not_readable"),
    (letter(gzip.compress(bytes(200 * MIB)), **{"content-encoding": "gzip"}), "too_large"),
    (letter(b'{"requestId":"01L"}'), "wrong_id"),
    (letter(b'{"requestId":"01K"}'), "crashed"),
    (letter(b"{}", kind="carrier-pigeon"), "no_handler"),
)
"""What cannot be taken, and why."""


def test_a_poison_message_stops_no_other(build: Build) -> None:
    """It waits in quarantine with its reason, and none of its content; those before and after it are read."""
    stage = build()
    unpack(stage, good(1), *(poison for poison, _ in POISON), good(2))
    assert states(stage) == [("taken", None), *(("quarantined", why) for _, why in POISON), ("taken", None)]
    assert effects(stage) == ["1", "2"]
    lines = stage.logged("webhook.quarantined")
    details = [detail for (detail,) in stage.rows("SELECT detail FROM inbox_message WHERE detail IS NOT NULL")]
    assert [(line["reason"], line["detail"]) for line in lines] == list(
        zip((why for _, why in POISON), details, strict=True)
    )
    assert "01L" not in str(details)


def test_where_a_handler_failed_is_told_and_not_what_it_said(build: Build) -> None:
    """The words of an exception may be a part of the message."""

    def fails(opened: Opened) -> None:
        raise KeyError(opened.content.decode())

    stage = build()
    unpack(stage, letter(b"Jane Roe of Phoenix"), handlers={"async": Handler(fails, note)})
    (line,) = stage.logged("webhook.quarantined")
    assert line["detail"].startswith("its handler failed: KeyError at test_unpack.py:")
    assert "Jane" not in stage.log.getvalue()


def test_what_is_released_is_read_again(build: Build) -> None:
    """By the version that knows its kind: nothing had to be sent again."""
    stage = build()
    unpack(stage, good(1), handlers={})
    assert states(stage) == [("quarantined", "no_handler")]

    async def act() -> str:
        async with stage.app() as app:
            return await app.shelf.release([1])

    assert stage.play(act()).startswith("1 of 1 wait to be read again")
    unpack(stage)
    assert states(stage) == [("taken", None)]
    assert effects(stage) == ["1"]


def test_a_compressed_one_is_read_like_any_other(build: Build) -> None:
    """It is kept as it came."""
    stage = build()
    came = replace(good(1), body=gzip.compress(good(1).body), headers={"content-encoding": "gzip"})
    unpack(stage, came)
    assert effects(stage) == ["1"]
    assert stage.one("SELECT body FROM inbox_body") == came.body


def test_the_same_twice_has_one_effect_and_another_body_has_its_own(build: Build) -> None:
    """Before and after it was read."""
    stage = build()
    other = replace(good(1), body=b'{"requestId":"01K-1","note":"other"}', digest="other")
    unpack(stage, good(1), good(1))
    unpack(stage, good(1), other, other)
    assert effects(stage) == ["1", "other"]


def test_a_store_that_fails_is_tried_again_and_quarantines_nothing(build: Build) -> None:
    """For hours: the message is read when the weather clears, once."""
    stage = build()
    weather = [StoreFailed("the disk is full")] * 50

    def take(content: dict[str, Any], connection: Connection) -> None:
        note(content, connection)
        if weather:
            raise weather.pop()

    unpack(stage, good(1), handlers={"async": Handler(read, take)}, for_s=60 * STORE_RETRY_S)
    assert states(stage) == [("taken", None)]
    assert effects(stage) == ["1"]
    assert len(stage.logged("unpacking.delayed")) == 50


def test_a_bug_of_our_own_ends_the_daemon(build: Build) -> None:
    """An invariant that does not hold is no quarantine."""

    def take(_content: dict[str, Any], _connection: Connection) -> None:
        raise Bug("a rule of our own")

    stage = build()
    with pytest.raises(Bug):
        unpack(stage, good(1), handlers={"async": Handler(read, take)})
    assert states(stage) == [("waiting", None)]


def test_what_kills_the_process_is_quarantined_in_the_end(build: Build) -> None:
    """Memory that runs out, or the parser: after three deaths it is left alone, and the others have been read."""

    def deadly(opened: Opened) -> dict[str, Any]:
        if opened.address.subject == "01K-2":
            raise Death
        return read(opened)

    stage = build()
    handlers = {"async": Handler(deadly, note)}
    for letters in ((good(1), good(2), good(3)), (), (), ()):
        with suppress(Death):
            unpack(stage, *letters, handlers=handlers)
    assert states(stage) == [("taken", None), ("quarantined", "crashed"), ("taken", None)]
    assert sorted(effects(stage)) == ["1", "3"]
    (line,) = stage.logged("webhook.quarantined")
    assert line["detail"] == "leadsync has ended again and again while it was read"


@pytest.mark.parametrize("step", range(2, 8))
def test_death_after_each_step_leaves_one_effect(build: Build, step: int) -> None:
    """The mark and the effect are one transaction: whatever died in between, each message has its effect once."""
    stage = build()
    unpack(stage, good(1), good(2), handlers={}, for_s=0)  # they are in the store, and not read yet
    alive, steps = stage.outside, [step]

    class Mortal(InlineExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            steps[0] -= 1
            done = super().submit(*args, **kwargs)
            if not steps[0]:
                raise Death
            return done

    stage.change(executor=Mortal)
    with pytest.raises(Death):
        unpack(stage)
    stage.outside = alive
    unpack(stage)
    assert states(stage) == [("taken", None)] * 2
    assert sorted(effects(stage)) == ["1", "2"]


def test_a_stop_begins_nothing_that_it_would_not_read(build: Build) -> None:
    """What is under way is settled; the others have not been tried, so restarts do not count against them."""
    stage = build()

    async def act() -> None:
        async with stage.app() as app:

            def stop(opened: Opened) -> dict[str, Any]:
                app.around.stopping.set()
                return read(opened)

            await app.ledger.inbox.receive([good(number) for number in range(BATCH_MAX + 1)], app.around.now())
            await unpacking(app, {"async": Handler(stop, note)}).run()

    stage.play(act())
    assert stage.rows("SELECT state, count(*), max(tries) FROM inbox_message GROUP BY state ORDER BY state") == [
        ("taken", BATCH_MAX, 1),
        ("waiting", 1, 0),
    ]


def test_while_the_store_is_in_doubt_nothing_is_read(build: Build) -> None:
    """Whose results these are, a person must say: they are kept, and read once the store was only moved."""
    stage = build()
    unpack(stage)
    stage.write("UPDATE installation SET doubt = 'store_moved'")
    unpack(stage, good(1))
    assert states(stage) == [("waiting", None)]
    stage.answer_store(StoreAnswer.MOVED)
    unpack(stage)
    assert states(stage) == [("taken", None)]
