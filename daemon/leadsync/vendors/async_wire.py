"""What goes to BatchData's async endpoint and what it acknowledges, as pure functions of bytes (P6).

There is no key, and the type of a request has no place for a session: the vendor would refuse it, and nothing could be
asked for again with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from leadsync.core.windows import AskWindow
from leadsync.vendors.records import REFUSALS

ASYNC_PATH: Final = "/api/v1/property/search/async"

STABLE_SORT: Final[Mapping[str, str]] = {"field": "_id", "sortOrder": "asc"}
"""A guess, since nobody knows which fields the vendor sorts by: windows by `skip` want an order that stays."""


@dataclass(frozen=True, slots=True)
class AsyncRequest:
    """One window. The URLs carry the proof of who may answer, so they are never shown; `options` are the job's own."""

    search: Mapping[str, Any]
    window: AskWindow
    result_url: str = field(repr=False)
    error_url: str = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()


_encoder: Final = msgspec.json.Encoder(order="deterministic")


def async_request(request: AsyncRequest) -> bytes:
    """Return the body of a request.

    Where `datasets` are read is OPEN: the article on async prints them at the root, the release notes in `options`.
    """
    datasets = {"datasets": list(request.datasets)} if request.datasets else {}
    own = {
        "skip": request.window.skip,
        "take": request.window.take,
        "webhookUrl": request.result_url,
        "errorWebhookUrl": request.error_url,
    }
    options = {"sort": STABLE_SORT, **request.options, **datasets, **own}
    return _encoder.encode({"searchCriteria": request.search, "options": options, **datasets})


def request_id(body: bytes) -> str | None:
    """Find the id in an acknowledgement or in a callback: in `results.meta`, in `meta`, at the root, or nowhere.

    Without one a result is known by its URL all the same.
    """
    try:
        read = _decoder.decode(body)
    except REFUSALS:
        return None
    metas = (read.results and read.results.meta, read.meta)
    found = [*(meta.requestId for meta in metas if meta), read.requestId]
    return next((one for one in found if isinstance(one, str) and one), None)


class _Meta(msgspec.Struct):
    requestId: Any = None  # noqa: N815 - the vendor's name


class _Results(msgspec.Struct):
    meta: _Meta | None = None


class _Acknowledgement(msgspec.Struct):
    results: _Results | None = None
    meta: _Meta | None = None
    requestId: Any = None  # noqa: N815 - the vendor's name


_decoder: Final = msgspec.json.Decoder(_Acknowledgement)
