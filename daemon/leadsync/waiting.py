"""Waiting that ends sooner where an event is set: the wish to stop, above all."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def result_unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Return the work's result, or None where the event was set first: the work is then cancelled, and has ended."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        waiting.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})


async def sleep_unless(event: asyncio.Event, wait_s: float) -> None:
    """Sleep so long, or until the event is set."""
    if wait_s <= 0:
        return
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        return
