"""A search's reply: the properties and what stands beside them. A webhook brings the same, later."""

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from leadsync.simulator import replies
from leadsync.simulator.criteria import unknown_lists
from leadsync.simulator.sessions import Ask, Page
from leadsync.simulator.team import Team

__all__ = ["Stamp", "search_page"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a reply says of itself; `request_id` is an async request's own."""

    request_id: str
    at: datetime


def search_page(team: Team, ask: Ask, page: Page, cursor: str | None, stamp: Stamp | None = None) -> Response:
    """The 200 with that page; without a stamp it is made now, under an id of its own."""
    if stamp is None:
        now = team.now()
        stamp = Stamp(team.request_ids.next(now), now)
    moment = stamp.at.isoformat(timespec="milliseconds")
    meta = {"isNewSession": page.is_new, "totalDelivered": page.total}
    rest = {
        "nextPageCursor": cursor,
        "previousPageCursor": None,
        **({"searchSessionMeta": meta} if ask.session else {}),
        "warnings": [f"Unknown quick list: {name}" for name in unknown_lists(ask.criteria)],
        "meta": {
            "apiVersion": "1.0.0",
            "requestId": stamp.request_id,
            "performance": {"startTime": moment, "endTime": moment, "totalRequestTime": 0},
            "results": {"resultCount": len(page.indexes), "resultsFound": page.found},
        },
    }
    return replies.page(map(team.world.record, page.indexes), rest)
