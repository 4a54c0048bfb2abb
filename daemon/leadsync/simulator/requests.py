"""What a search request says: its JSON as the vendor reads it, or the 400 that it earns.

What stands where the vendor does not look (`take` at the body's root, unknown members) is ignored without a word.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from leadsync.simulator.criteria import Criteria
from leadsync.simulator.sessions import Ask, Refusal
from leadsync.simulator.switches import Switches

__all__ = ["SESSION_ID", "Asked", "AskedAsync", "cursor_at", "read_async", "read_search"]

SESSION_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}")
DATASETS_MAX = 5
ASYNC_TAKE_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A search in form; `position` is where its cursor or `skip` starts, where it names no session."""

    ask: Ask
    position: int
    cursor_paging: bool


@dataclass(frozen=True, slots=True)
class AskedAsync:
    """An async search, whose `problem` is why it is refused, or ''. It begins at `skip`.

    `session` is '' unless it names one, which no async search may. `datasets` are those that the vendor has read.
    """

    ask: Ask
    skip: int
    session: str
    url: str
    error_url: str
    datasets: Any

    @property
    def problem(self) -> str:
        """The vendor's message, '' where there is none to make."""
        if self.session:
            return "Invalid request. searchSession is not supported on async endpoints."
        if not self.url:
            return "Invalid request. options.webhookUrl is required on async endpoints."
        too_much = self.ask.take > ASYNC_TAKE_MAX
        return f"Invalid request. take must not be greater than {ASYNC_TAKE_MAX}." if too_much else ""


class _SearchSession(msgspec.Struct, rename="camel"):
    id: str
    idempotency_key: str = ""


class _Options(msgspec.Struct, rename="camel"):
    take: int = 25
    skip: int = 0
    datasets: tuple[str, ...] = ()
    sort: Any = None
    search_session: _SearchSession | None = None
    use_cursor_pagination: bool = False
    page_cursor: str | None = None
    webhook_url: str = ""
    error_webhook_url: str = ""


class _Body(msgspec.Struct, rename="camel"):
    search_criteria: dict[str, Any]
    options: _Options = msgspec.field(default_factory=_Options)
    datasets: Any = ()


def read_search(body: bytes) -> Asked | Refusal:
    """Read the body of a search."""
    read = _read(body)
    return _search(read, body) if isinstance(read, _Body) else read


def read_async(body: bytes, switches: Switches) -> AskedAsync | Refusal:
    """Read the body of an async search."""
    read = _read(body)
    if not isinstance(read, _Body):
        return read
    asked, options = _search(read, body), read.options
    if isinstance(asked, Refusal):
        return asked
    datasets = read.datasets if switches.datasets_read == "root" else options.datasets
    urls = (options.webhook_url, options.error_webhook_url)
    ask = replace(asked.ask, session="", key="")
    return AskedAsync(ask, options.skip, asked.ask.session, *urls, datasets)


def _read(body: bytes) -> _Body | Refusal:
    try:
        return msgspec.json.decode(body, type=_Body)
    except msgspec.DecodeError as error:
        return Refusal(400, _complaint(str(error)))


def _search(read: _Body, body: bytes) -> Asked | Refusal:
    try:
        criteria = Criteria.of(read.search_criteria)
    except msgspec.DecodeError as error:
        return Refusal(400, _complaint(str(error)))
    options = read.options
    identity = _identity(read.search_criteria, options.sort)
    position = options.skip if options.page_cursor is None else _position(options.page_cursor, identity)
    problem = _problem(options, position)
    if problem:
        return Refusal(400, f"Invalid request. {problem}")
    session = options.search_session or _SearchSession("")
    digest = hashlib.sha256(body).hexdigest()
    ask = Ask(session.id, session.idempotency_key, criteria, identity, options.take, digest)
    return Asked(ask, position or 0, options.use_cursor_pagination)


def cursor_at(position: int, identity: str) -> str:
    """The opaque cursor of a position within those criteria's results."""
    return base64.urlsafe_b64encode(f"{position}.{identity[:16]}".encode()).decode()


def _position(cursor: str, identity: str) -> int | None:
    try:
        position, bound_to = base64.urlsafe_b64decode(cursor).decode().split(".")
        return int(position) if bound_to == identity[:16] else None
    except ValueError:
        return None


def _identity(criteria: dict[str, Any], sort: Any) -> str:
    return hashlib.sha256(msgspec.json.encode([criteria, sort], order="sorted")).hexdigest()


def _problem(options: _Options, position: int | None) -> str:
    session = options.search_session
    if session and not SESSION_ID.fullmatch(session.id):
        return "searchSession.id must match /^[a-zA-Z0-9_-]{1,128}$/"
    if session and session.idempotency_key and not SESSION_ID.fullmatch(session.idempotency_key):
        return "searchSession.idempotencyKey must match /^[a-zA-Z0-9_-]{1,128}$/"
    if options.take < 0 or options.skip < 0:
        return "take and skip must not be negative"
    if len(options.datasets) > DATASETS_MAX or {"basic", "core"} <= set(options.datasets):
        return "datasets: at most 5, and basic and core exclude each other"
    return "pageCursor does not belong to these criteria" if position is None else ""


def _complaint(message: str) -> str:
    lists = re.search(r"\$\.(?:searchCriteria\.)?(quickLists|orQuickLists)", message)
    return f"{lists[1]} should be an array of strings" if lists else f"Invalid request. {message}"
