"""What a client gets to see of each fault: instead of an answer, or of the right one."""

from collections.abc import Callable, Mapping

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from leadsync.simulator.bill import NO_MONEY
from leadsync.simulator.faults import ConnectionCut, Fault
from leadsync.simulator.replies import refused

__all__ = ["IN_PROGRESS", "NO_ABILITY", "NO_TOKEN", "TOO_MANY", "Cut", "html", "instead_of", "spoiled"]

NO_ABILITY = "Provided token does not have permission to access this API."
NO_TOKEN = "Unauthenticated."  # noqa: S105 - the vendor's message, no token
IN_PROGRESS = "Another request for this search session is in progress."
TOO_MANY = "Too many requests."
LEVELS = 100_000


class Cut(Response):
    """No answer at all: the connection dies."""

    def __init__(self) -> None:
        super().__init__(status_code=0)

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        """Raise ConnectionCut."""
        raise ConnectionCut("the connection died before an answer")


class Truncated(Response):
    """The headers and half of the body of the right answer, then the connection dies."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send what is sent, then raise ConnectionCut."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        raise ConnectionCut("the connection died in the middle of the body")


def html(status: int) -> Response:
    """A gateway's page, as it comes instead of an answer."""
    return HTMLResponse("<html><body><h1>Please try again later</h1></body></html>", status)


def instead_of(fault: Fault, wait: Mapping[str, str]) -> Response:
    """What comes of a fault that strikes before anything happened; `wait` is the `Retry-After` of RATE_LIMITED."""
    if fault is Fault.RATE_LIMITED:
        return refused(429, TOO_MANY, wait)
    return BEFORE[fault]()


def spoiled(fault: Fault, answer: Response) -> Response:
    """What comes of the right answer under a fault that strikes after everything happened."""
    return AFTER[fault](answer)


def _again(answer: Response, body: bytes) -> Response:
    return Response(body, answer.status_code, media_type=answer.media_type)


def _odd(answer: Response) -> Response:
    """JSON in the first property that many a decoder refuses; unchanged where there is no property."""
    deep = b"[" * LEVELS + b"]" * LEVELS
    odd = b'"properties":[{"remarks":"\\ud800","numbers":[NaN,1e999],"deep":' + deep + b","
    return _again(answer, bytes(answer.body).replace(b'"properties":[{', odd, 1))


BEFORE: dict[Fault, Callable[[], Response]] = {
    Fault.CUT_BEFORE: Cut,
    Fault.BAD_GATEWAY: lambda: html(502),
    Fault.SERVER_ERROR: lambda: refused(500, "Something went wrong."),
    Fault.RATE_LIMITED_BARE: lambda: refused(429, TOO_MANY),
    Fault.REDIRECT: lambda: RedirectResponse("https://elsewhere.invalid/api/v1/property/search", 302),
    Fault.NO_TOKEN: lambda: refused(401, NO_TOKEN),
    Fault.NO_ABILITY: lambda: refused(403, NO_ABILITY),
    Fault.EMPTY_WALLET: lambda: refused(403, NO_MONEY),
    Fault.MALFORMED: lambda: refused(400, "quickLists should be an array of strings"),
    Fault.CONFLICT: lambda: refused(409, IN_PROGRESS),
}

AFTER: dict[Fault, Callable[[Response], Response]] = {
    Fault.CUT_AFTER: lambda _: Cut(),
    Fault.HANG: lambda _: Cut(),
    Fault.SLOW: lambda answer: answer,
    Fault.TRUNCATED: lambda answer: Truncated(answer.body, answer.status_code, media_type=answer.media_type),
    Fault.HTML_200: lambda _: html(200),
    Fault.EMPTY_BODY: lambda _: Response(b"", 200),
    Fault.ODD_JSON: _odd,
    Fault.UNAVAILABLE_AFTER: lambda _: html(503),
    Fault.GATEWAY_TIMEOUT: lambda _: html(504),
}
