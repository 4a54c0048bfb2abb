"""What lies in the inbox and is not read: how long bodies are kept, and what a person does about quarantine."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import pytest

from leadsync.app import App
from leadsync.core.letters import KEPT_DAYS
from leadsync.errors import StoreFailed, UsageMistake
from leadsync.jobs.shelf import TIDY_EVERY_S
from leadsync.store.inbox import DROPPED_MAX
from tests.jobs.test_unpack import effects, good, letter, states, unpack
from tests.stage import Stage

Build = Callable[..., Stage]

BODIES = "SELECT count(*) FROM inbox_body"
LOOKS_A_DAY = int(24 * 3_600 / TIDY_EVERY_S)


def keep(stage: Stage, looks: int, before: Callable[[App], object] = lambda _app: None) -> list[int]:
    """Let the shelf be kept for so many looks; return how many bodies each has left."""
    left: list[int] = []

    async def act() -> None:
        async with stage.app() as app, asyncio.TaskGroup() as group:
            before(app)
            group.create_task(app.shelf.keep())
            for _ in range(looks):
                await asyncio.sleep(60)
                left.append(stage.one(BODIES))
                await asyncio.sleep(TIDY_EVERY_S - 60)
            app.around.stopping.set()

    stage.play(act())
    return left


def test_a_body_is_kept_for_some_days_and_its_copies_are_known_for_ever(build: Build) -> None:
    """All that are old enough go in one look, and it is told once."""
    stage = build()
    count = DROPPED_MAX + 1
    unpack(stage, *(good(number) for number in range(count)), for_s=30.0)
    looks = KEPT_DAYS * LOOKS_A_DAY
    assert keep(stage, looks + 2) == [count] * looks + [0, 0]
    (line,) = stage.logged("inbox.tidied")
    assert (line["count"], line["days"]) == (count, KEPT_DAYS)
    unpack(stage, good(0))
    assert states(stage) == [("taken", None)] * count
    assert effects(stage) == [str(number) for number in range(count)]


def test_what_waits_keeps_its_body(build: Build) -> None:
    """For its handler, or for a person, however long."""
    stage = build()
    unpack(stage, letter(b"hello"))
    unpack(stage, good(1), for_s=0)
    assert keep(stage, (KEPT_DAYS + 2) * LOOKS_A_DAY)[-1] == 2
    assert states(stage) == [("quarantined", "not_readable"), ("waiting", None)]


def test_while_the_store_is_in_doubt_everything_stays(build: Build) -> None:
    """It may be a copy, and the only one that still has them."""
    stage = build()
    unpack(stage, good(1))
    stage.write("UPDATE installation SET doubt = 'store_moved'")
    assert keep(stage, (KEPT_DAYS + 2) * LOOKS_A_DAY)[-1] == 1


def test_a_store_that_fails_is_tried_again_at_the_next_look(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that lie there a few hours longer harm nobody."""
    stage = build()
    unpack(stage, good(1))
    stage.write("UPDATE inbox_message SET settled_at = '2026-01-01 00:00:00'")

    def fill_the_disk(app: App) -> None:
        drop, weather = app.ledger.inbox.drop_bodies, [StoreFailed("the disk is full")]

        async def fails(settled_before: datetime) -> int:
            if weather:
                raise weather.pop()
            return await drop(settled_before)

        monkeypatch.setattr(app.ledger.inbox, "drop_bodies", fails)

    assert keep(stage, 2, fill_the_disk) == [1, 0]


def test_what_is_given_up_is_told_and_comes_back_while_it_is_whole(build: Build) -> None:
    """Nothing that is not in quarantine is given up; what was given up by mistake is read again."""
    stage = build()
    unpack(stage, good(1), handlers={})
    told: list[str] = []

    async def act() -> None:
        async with stage.app() as app:
            told.append(await app.shelf.discard([1, 2]))
            with pytest.raises(UsageMistake, match="none of these is in quarantine"):
                await app.shelf.discard([1, 2])

    stage.play(act())
    assert told == [f"1 of 2 discarded; for {KEPT_DAYS} days `leadsync inbox release ID` takes them back"]
    assert [line["count"] for line in stage.logged("webhooks.discarded")] == [1]
    assert states(stage) == [("discarded", "no_handler")]

    async def regret() -> None:
        async with stage.app() as app:
            await app.shelf.release([1])

    stage.play(regret())
    unpack(stage)
    assert states(stage) == [("taken", None)]
    assert effects(stage) == ["1"]
