"""BatchData's endpoints: search, now or async, the list and the deletion of sessions, the wallet.

A request is seen, meets its fault, shows its token, keeps the rate; then it is answered, and its fault spoils that.
"""

import asyncio
import hashlib
import secrets
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leadsync.simulator import replies
from leadsync.simulator.bill import NO_MONEY, Charge, Seen
from leadsync.simulator.faults import Fault, FaultPlan
from leadsync.simulator.pages import search_page
from leadsync.simulator.requests import SESSION_ID, Asked, AskedAsync, cursor_at, read_async, read_search
from leadsync.simulator.results import Results, acknowledgement
from leadsync.simulator.sessions import TAKE_MAX, Page, Refusal, Session
from leadsync.simulator.spoiling import IN_PROGRESS, NO_ABILITY, NO_TOKEN, html, instead_of, spoiled
from leadsync.simulator.team import Team

__all__ = ["BatchData"]

BAD_SESSION_ID = "searchSessionId must match /^[a-zA-Z0-9_-]{1,128}$/"
LIST_TAKE_MAX = 100
MINUTE = timedelta(seconds=60)

Act = Callable[[], Response]


class BatchData:
    """The vendor's side of one team's account."""

    def __init__(self, team: Team, results: Results) -> None:
        self._team = team
        self._results = results
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._lately: deque[datetime] = deque()

    def routes(self) -> list[Route]:
        """Where the endpoints are."""
        sessions = "/api/v2/property/search-sessions"
        return [
            Route("/api/v1/property/search", self._search, methods=["POST"]),
            Route("/api/v1/property/search/async", self._search_async, methods=["POST"]),
            Route(sessions, self._list, methods=["GET"]),
            Route(sessions + "/{session_id:path}", self._delete, methods=["DELETE"]),
            Route("/api/v1/wallet/balance", self._wallet, methods=["GET"]),
        ]

    async def _search(self, request: Request) -> Response:
        body = await request.body()
        asked = read_search(body)
        act = partial(self._searched, asked)
        return await self._serve(request, self._team.faults, _seen(request, body, asked), act)

    async def _search_async(self, request: Request) -> Response:
        body = await request.body()
        asked = read_async(body, self._team.switches)
        act = partial(self._taken, asked)
        return await self._serve(request, self._team.async_faults, _seen(request, body, asked), act)

    async def _list(self, request: Request) -> Response:
        act = partial(self._listed, request)
        return await self._serve(request, self._team.list_faults, _seen(request), act)

    async def _delete(self, request: Request) -> Response:
        session_id: str = request.path_params["session_id"]
        act = partial(self._deleted, session_id)
        return await self._serve(request, self._team.delete_faults, _seen(request), act)

    async def _wallet(self, request: Request) -> Response:
        return await self._serve(request, FaultPlan(), _seen(request), self._weighed)

    async def _serve(self, request: Request, plan: FaultPlan, seen: Seen, act: Act) -> Response:
        bill = self._team.bill
        number = bill.saw(seen)
        response = await self._answer(request, plan.draw(), seen.session, act)
        bill.answered(number, response.status_code)
        return response

    async def _answer(self, request: Request, fault: Fault | None, session: str, act: Act) -> Response:
        turned_away = self._turned_away(request)
        if turned_away is not None:
            return turned_away
        if fault is not None and not fault.advances:
            return self._instead(fault)
        if session and self._team.switches.at_once == "conflict" and self._turns[session].locked():
            return replies.refused(409, IN_PROGRESS)
        turn: AbstractAsyncContextManager[object] = self._turns[session] if session else nullcontext()
        async with turn:
            return await self._through(fault, act(), request)

    def _turned_away(self, request: Request) -> Response | None:
        team = self._team
        given = request.headers.get("authorization", "")
        if not secrets.compare_digest(given.encode(), f"Bearer {team.token}".encode()):
            return replies.refused(401, NO_TOKEN)
        if team.switches.requests_per_minute is None:
            return None
        now = team.now()
        while self._lately and now - self._lately[0] >= MINUTE:
            self._lately.popleft()
        if len(self._lately) >= team.switches.requests_per_minute:
            return self._instead(Fault.RATE_LIMITED)
        self._lately.append(now)
        return None

    def _instead(self, fault: Fault) -> Response:
        team = self._team
        return instead_of(fault, replies.retry_after(team.switches, team.now()))

    async def _through(self, fault: Fault | None, answer: Response, request: Request) -> Response:
        if fault is None:
            return answer
        if fault is Fault.SLOW:
            await asyncio.sleep(self._team.switches.slow_s)
        if fault is Fault.HANG:
            await replies.gone(request)
        return spoiled(fault, answer)

    def _searched(self, asked: Asked | Refusal) -> Response:
        if isinstance(asked, Refusal):
            return replies.refused(asked.status, asked.message)
        team, ask = self._team, asked.ask
        if ask.session and not team.switches.session_ability:
            return replies.refused(403, NO_ABILITY)
        if ask.take > TAKE_MAX and team.switches.take_too_large == "bad_gateway":
            return html(502)
        if ask.take == 0:
            return self._counted(asked)
        return self._in_session(asked) if ask.session else self._plain(asked)

    def _in_session(self, asked: Asked) -> Response:
        team, ask = self._team, asked.ask
        answer = team.book.ask(ask, team.switches, team.now())
        if isinstance(answer, Refusal):
            return replies.refused(answer.status, answer.message)
        return search_page(team, asked.ask, answer, cursor_at(answer.total, ask.identity) if answer.more else None)

    def _plain(self, asked: Asked) -> Response:
        position = max(asked.position - self._team.switches.cursor_slips, 0)
        answer = self._team.book.search(asked.ask, position, self._team.switches)
        if isinstance(answer, Refusal):
            return replies.refused(answer.status, answer.message)
        end = position + len(answer.indexes)
        return search_page(self._team, asked.ask, answer, cursor_at(end, asked.ask.identity) if answer.more else None)

    def _counted(self, asked: Asked) -> Response:
        """`take` 0 brings the count alone, and leaves the session where it is."""
        team, ask = self._team, asked.ask
        if team.switches.empty_take_bills:
            team.bill.charge(Charge(ask.session, "", (), 1, team.switches.price_dollars))
        session = team.sessions.get(ask.session)
        page = Page((), team.book.found(ask), more=False, total=session.total if session else 0)
        return search_page(team, asked.ask, page, None)

    def _taken(self, asked: AskedAsync | Refusal) -> Response:
        """Take an async request, whose result comes later."""
        team = self._team
        if isinstance(asked, Refusal):
            return replies.refused(asked.status, asked.message)
        if asked.problem:
            return replies.refused(400, asked.problem)
        if team.book.broke(team.switches):
            return replies.refused(403, NO_MONEY)
        return acknowledgement(self._results.take(asked), team.switches)

    def _listed(self, request: Request) -> Response:
        team = self._team
        if not team.switches.session_ability:
            return replies.refused(403, NO_ABILITY)
        try:
            skip = int(request.query_params.get("skip", "0"))
            take = int(request.query_params.get("take", "50"))
        except ValueError:
            return replies.refused(400, "skip and take must be numbers")
        if skip < 0 or not 1 <= take <= LIST_TAKE_MAX:
            return replies.refused(400, "take must be between 1 and 100")
        listed = [each for each in team.sessions.values() if each.total or team.switches.lists_unused]
        return replies.listing(
            {
                "sessions": [_entry(session) for session in listed[skip : skip + take]],
                "total": len(listed),
                "meta": {"requestId": team.request_ids.next(team.now())},
            }
        )

    def _deleted(self, session_id: str) -> Response:
        team = self._team
        if not team.switches.session_ability:
            return replies.refused(403, NO_ABILITY)
        if not SESSION_ID.fullmatch(session_id):
            return replies.refused(400, BAD_SESSION_ID)
        if not team.book.delete(session_id, team.switches):
            return replies.refused(404, f"Search session not found: {session_id}")
        meta = {"requestId": team.request_ids.next(team.now())}
        return replies.listing({"deleted": True, "id": session_id, "meta": meta})

    def _weighed(self) -> Response:
        team = self._team
        if not team.switches.wallet_ability:
            return replies.refused(403, NO_ABILITY)
        return replies.listing(
            {"balance": team.bill.balance(team.switches), "currency": "USD", "asOf": team.now().isoformat()}
        )


def _seen(request: Request, body: bytes = b"", asked: Asked | AskedAsync | Refusal | None = None) -> Seen:
    session, key = (asked.ask.session, asked.ask.key) if isinstance(asked, Asked) else ("", "")
    session = asked.session if isinstance(asked, AskedAsync) else session
    return Seen(request.method, request.url.path, session, key, hashlib.sha256(body).hexdigest())


def _entry(session: Session) -> dict[str, object]:
    last = session.last_request_at
    return {
        "id": session.id,
        "totalDelivered": session.total,
        **({"lastRequestAt": last.isoformat()} if last else {}),
        "createdAt": session.created_at.isoformat(),
    }
