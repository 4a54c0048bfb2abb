"""Whether the daemon is at work: GET /healthz, answered after a real round through the event loop and the store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from leadsync.errors import LeadsyncError
from leadsync.serving import bound_to, serving

BEAT_WITHIN_S: Final = 5.0

GOODBYE_S: Final = 1

Beat: TypeAlias = Callable[[], Awaitable[object]]
"""Goes once through the store. Raises LeadsyncError where that cannot be."""


def health_route(beat: Beat) -> Route:
    """Answer 200 where the store can be written just now, else 503."""
    return Route("/healthz", _endpoint(beat), methods=["GET"])


@asynccontextmanager
async def health_port(listen: str, beat: Beat) -> AsyncIterator[None]:
    """Answer on a port of this machine until the end of the block. Raises CannotListen."""
    app = Starlette(routes=[health_route(beat)])
    with bound_to(listen, "[health]") as taken:
        async with serving(app, taken, goodbye_s=GOODBYE_S):
            yield


def _endpoint(beat: Beat) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def answer(_request: Request) -> Response:
        try:
            async with asyncio.timeout(BEAT_WITHIN_S):
                await beat()
        except (TimeoutError, LeadsyncError):
            return PlainTextResponse("the store does not answer\n", HTTPStatus.SERVICE_UNAVAILABLE)
        return PlainTextResponse("ok\n")

    return answer
