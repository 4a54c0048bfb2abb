"""The door of the unmodified daemon, and a power cut after each of its steps: what was answered 200 is there (P9)."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from leadsync.simulator.hooks import Sending, send
from tests.system.house import NOBODY_LISTENS, House
from tests.system.mail import Mailbox, with_door
from tests.system.power import planted
from tests.system.power.cutting import cut_everywhere
from tests.system.power.promises import Image, Promise, Seen, store_is_sound
from tests.system.power.recording import Recorder
from tests.system.power.talk import Exchange
from tests.system.power.test_power_cut import SOON_S, Cutting, cut, live, scratch
from tests.system.process import LEADSYNC

__all__ = ["cut"]

MESSAGES = 60
AT_ONCE = 6


def acknowledged_is_durable(image: Image, seen: Seen) -> str | None:
    """P9: each webhook that was answered 200 is in the store, with its bytes."""
    stored = {body for (body,) in image.rows("SELECT body FROM inbox_body")}
    lost = [each for each in seen.answered if is_taken(each) and each.request.body not in stored]
    return f"{len(lost)} were answered 200, and are not in the store" if lost else None


def is_taken(exchange: Exchange) -> bool:
    """Whether the answer says that the message is kept."""
    return exchange.answer is not None and exchange.answer.start.split()[1] == "200"


def message_is_whole(image: Image, _seen: Seen) -> str | None:
    """A message and its body are there together."""
    alone = image.rows("SELECT id FROM inbox_message WHERE id NOT IN (SELECT message_id FROM inbox_body)")
    return f"messages without a body: {alone}" if alone else None


DOOR: tuple[Promise, ...] = (store_is_sound, acknowledged_is_durable, message_is_whole)
"""What holds for a daemon that receives."""


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    """A house with a door and nothing to pull."""
    return with_door(House(tmp_path / "house", NOBODY_LISTENS))


def receive(
    mailbox: Mailbox, recorder: Recorder, first: int, number: signal.Signals, program: Sequence[str] = LEADSYNC
) -> int:
    """Let a daemon receive messages, some at once and some twice, and end it; return how many it has acknowledged."""

    async def post(at: int) -> bool:
        how = Sending(copies=2 if at % 10 == 0 else 1)
        return (await send(mailbox.url(f"{at}"), b'{"n":%d,"pad":"%b"}' % (at, b"x" * (at * 97 % 3_000)), how))[
            -1
        ] == 200

    async def post_all() -> int:
        count = 0
        for begin in range(first, first + MESSAGES, AT_ONCE):
            count += sum(await asyncio.gather(*map(post, range(begin, begin + AT_ONCE))))
        return count

    with live(recorder, mailbox.house, program) as daemon:
        assert daemon.saw("daemon.started")
        count = asyncio.run(post_all())
        daemon.send(number)
        daemon.end(SOON_S)
    return count


def test_whenever_the_power_is_cut_no_acknowledged_webhook_is_lost(
    mailbox: Mailbox, tmp_path: Path, cut: Cutting
) -> None:
    """Two lives, a clean stop and a kill -9, messages side by side, and copies."""
    recorder = Recorder.built(tmp_path, mailbox.house.folder)
    count = receive(mailbox, recorder, 0, signal.SIGTERM) + receive(mailbox, recorder, MESSAGES, signal.SIGKILL)
    assert cut(list(recorder.records()), DOOR).first == {}
    assert count == len(mailbox.digests()) == 2 * MESSAGES


@pytest.mark.parametrize("bug", [planted.answer_before_commit, planted.synchronous_normal])
def test_a_door_that_answers_too_early_is_found(mailbox: Mailbox, tmp_path: Path, bug: Callable[[], None]) -> None:
    """The answer before the commit, or a commit that does not wait for the disk."""
    recorder = Recorder.built(tmp_path, mailbox.house.folder)
    receive(mailbox, recorder, 0, signal.SIGTERM, (planted.__file__, bug.__name__))
    found = cut_everywhere(list(recorder.records()), DOOR, scratch(tmp_path), images=1, seed=1)
    assert found.broken.keys() == {acknowledged_is_durable.__name__}
