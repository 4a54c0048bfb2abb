"""The group commit by itself, in virtual time: who shares a commit, and how long anybody waits for company."""

import asyncio
from collections.abc import Sequence

from leadsync.core.hooks import Address
from leadsync.core.letters import Letter
from leadsync.inbox.group import COMPANY_MAX_S, GroupCommit
from leadsync.store.inbox import Receipt
from tests.virtual_time import run_virtually

SENDERS = 64
ROUNDS = 5


def crowd(commit_s: float) -> tuple[list[int], float]:
    """Let senders come again and again, each a little after the one before; return sizes and the longest wait."""
    sizes: list[int] = []
    waits: list[float] = []

    async def store(letters: Sequence[Letter]) -> list[Receipt]:
        sizes.append(len(letters))
        await asyncio.sleep(commit_s)
        return [Receipt(1, again=False)] * len(letters)

    async def sender(group: GroupCommit, number: int) -> None:
        clock = asyncio.get_running_loop().time
        for _ in range(ROUNDS):
            await asyncio.sleep(number * 0.0001)
            began_s = clock()
            await group.keep(Letter(Address("async", str(number)), {}, b"", str(number)))
            waits.append(clock() - began_s)

    async def act() -> None:
        group = GroupCommit(store)
        committing = asyncio.create_task(group.run())
        await asyncio.gather(*(sender(group, number) for number in range(SENDERS)))
        committing.cancel()

    run_virtually(act())
    return sizes, max(waits)


def test_senders_that_are_answered_together_share_their_next_commit() -> None:
    """The first of them does not take it for itself, which would cost all others a commit more."""
    sizes, _ = crowd(0.07)
    assert sizes == [1, *[SENDERS] * (ROUNDS - 1), SENDERS - 1]


def test_nobody_waits_long_for_company() -> None:
    """A disk that stood still for a minute keeps the next one for a moment, not for a share of the minute."""
    sizes, longest_s = crowd(60.0)
    assert longest_s < 2 * 60.0 + 2 * COMPANY_MAX_S
    assert sum(sizes) == ROUNDS * SENDERS
