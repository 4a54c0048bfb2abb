"""Webhooks all the time, and kill -9 again and again: what was answered 200 is in the store, each once (P9).

`--inbox-seconds=60 --inbox-kill-every=10` is longer than the daily test run; `--kill-seed` repeats an order.
"""

import asyncio
import hashlib
import random
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from leadsync.simulator.hooks import Sending, send
from tests.system.house import NOBODY_LISTENS, House
from tests.system.mail import Mailbox, with_door

A_SECOND: Final = 50
SMALL_BYTES: Final = 2_000
LARGE: Final = b"x" * 20_000_000
"""Beside the small ones, each second."""

TWICE: Final = 0.1
ENOUGH_TRIES: Final = 10_000


@dataclass(slots=True)
class Sent:
    """What the senders know: the digest of each result that was answered 200, and how often they had to try."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    tries: int = 0

    async def result(self, url: str, subject: str, body: bytes, delay_s: float, copies: int) -> None:
        """Send one result until it is taken, and perhaps again."""
        how = Sending(tries_max=ENOUGH_TRIES, retry_wait_s=0.1, copies=copies, delay_s=delay_s)
        statuses = await send(url, body, how)
        self.tries += len(statuses)
        assert statuses[-1] == 200
        self.acknowledged[subject] = hashlib.sha256(body).hexdigest()


async def send_all(mailbox: Mailbox, sent: Sent, seconds: int, dice: random.Random) -> None:
    """Fifty results a second in no order, a tenth of them twice, and a large one each second."""
    moments = [dice.uniform(0, seconds) for _ in range(A_SECOND * seconds)]
    async with asyncio.TaskGroup() as group:
        for number, moment in enumerate(moments):
            subject = f"small-{number}"
            body = f'{{"requestId":"{subject}","pad":"{"x" * SMALL_BYTES}"}}'.encode()
            copies = 2 if dice.random() < TWICE else 1
            group.create_task(sent.result(mailbox.url(subject), subject, body, moment, copies))
        for second in range(seconds):
            subject = f"large-{second}"
            body = f'{{"requestId":"{subject}","pad":"'.encode() + LARGE + b'"}'
            group.create_task(sent.result(mailbox.url(subject), subject, body, second, 1))


async def live_and_die(mailbox: Mailbox, every_s: float, opened: asyncio.Event, done: asyncio.Event) -> int:
    """Let one daemon after another receive for a while and kill it; return how many died.

    `opened` is set with the first door: what is sent from then on takes longer than that daemon lives.
    """
    deaths = 0
    while True:
        with mailbox.house.daemon() as daemon:
            assert await asyncio.to_thread(daemon.saw, "door.opened")
            opened.set()
            try:
                async with asyncio.timeout(every_s):
                    await done.wait()
            except TimeoutError:
                deaths += 1
                daemon.send(signal.SIGKILL)
                await asyncio.to_thread(daemon.end)
            else:
                daemon.send(signal.SIGTERM)
                assert (await asyncio.to_thread(daemon.end)).code == 0
                return deaths


def test_whenever_it_is_killed_no_acknowledged_webhook_is_lost(
    tmp_path: Path, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    """A sender that tries again on anything but 200 has each of its results in the store, once, with its bytes."""
    seconds, every_s = pytestconfig.getoption("--inbox-seconds"), pytestconfig.getoption("--inbox-kill-every")
    seed = pytestconfig.getoption("--kill-seed")
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    record_property("repeat it with", f"--inbox-seconds={seconds} --inbox-kill-every={every_s} --kill-seed={seed}")
    mailbox = with_door(House(tmp_path / "house", NOBODY_LISTENS))
    with mailbox.house.daemon() as first:
        assert first.saw("door.opened")
    sent, began_s = Sent(), time.monotonic()

    async def act() -> int:
        opened, done = asyncio.Event(), asyncio.Event()
        dying = asyncio.create_task(live_and_die(mailbox, every_s, opened, done))
        await asyncio.wait({dying, asyncio.create_task(opened.wait())}, return_when=asyncio.FIRST_COMPLETED)
        await send_all(mailbox, sent, seconds, random.Random(seed))  # noqa: S311 - an order, no secret
        done.set()
        return await dying

    deaths = asyncio.run(act())
    assert len(sent.acknowledged) == (A_SECOND + 1) * seconds
    assert deaths
    stored = mailbox.digests()
    assert stored == sent.acknowledged
    rows, copies = mailbox.house.rows("SELECT count(*), sum(copies) FROM inbox_message")[0]
    assert rows == len(stored)
    assert mailbox.house.one("PRAGMA integrity_check") == "ok"
    record_property(
        "figures",
        f"{deaths} kills, {len(stored)} results ({seconds} of 20 MB) answered 200 and stored, {sent.tries} tries,"
        f" {copies - rows} came again, {time.monotonic() - began_s:.0f} s",
    )
