"""`leadsync inbox list`, `show` and `discard`: what came by webhook and waits, without what is in it.

A result is full of people. So only its outline is shown: the names of members and the kinds of their values, which is
what one needs in order to see what is wrong with it.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

import msgspec
from sqlalchemy import Connection, RowMapping, select
from sqlmodel import col

from leadsync.config import Settings
from leadsync.core.letters import KEPT_DAYS, Unreadable, inflated
from leadsync.errors import UsageMistake
from leadsync.reports import SCHEMA_VERSION
from leadsync.reports.text import columns, minute
from leadsync.store.engine import sqlite_file
from leadsync.store.inbox import counts
from leadsync.store.reading import reading
from leadsync.store.tables import InboxBody, InboxMessage

OUTLINE_MAX: Final = 60
"""Lines: a first look, not the whole of it."""

LISTED_MAX: Final = 1_000

GONE: Final = f"it is not kept any more: it was taken, or discarded, more than {KEPT_DAYS} days ago"

_MEANING: Final = (
    "What they hold may be billed already, and will be in no ledger and no export; a request that waits for one of them"
    " waits until its deadline, and counts as spent. A copy that comes later is not read either. For"
    f" {KEPT_DAYS} days `leadsync inbox release ID` takes them back; then their bodies are dropped."
)

_HEAD: Final = tuple(
    col(getattr(InboxMessage, name))
    for name in ("id", "kind", "subject", "version", "copies", "state", "reason", "detail", "received_at", "headers")
)
_FACTS: Final = select(*_HEAD, col(InboxMessage.size_bytes).label("bytes"))


def inbox(settings: Settings) -> dict[str, Any]:
    """Return `messages` that wait: first those for a person, each kind oldest first; `left_out` counts those beyond.

    `state` is waiting or quarantined.
    """
    state = col(InboxMessage.state)
    order = (state != "quarantined", col(InboxMessage.id))
    waiting = _FACTS.where(state.in_(("waiting", "quarantined"))).order_by(*order).limit(LISTED_MAX)
    with reading(sqlite_file(settings.store.url)) as connection:
        rows = connection.execute(waiting).mappings().all() if connection else []
        count = sum(counts(connection).values()) if connection else 0
    messages = [_facts(row) for row in rows]
    return {"schema_version": SCHEMA_VERSION, "messages": messages, "left_out": count - len(messages)}


def in_words(report: dict[str, Any]) -> str:
    """Show the list to a person."""
    if not report["messages"]:
        return "nothing waits in the inbox"
    head = ("ID", "KIND", "ABOUT", "RECEIVED", "BYTES", "VERSION", "STATE", "REASON", "DETAIL")
    more = f"\nand {report['left_out']:,} more" if report.get("left_out") else ""
    table = columns(
        head,
        [
            (
                one["id"],
                one["kind"],
                one["subject"],
                minute(one["received_at"]),
                one["bytes"],
                one["version"],
                one["state"],
                one["reason"],
                one["detail"],
            )
            for one in report["messages"]
        ],
    )
    return f"{table}{more}"


def to_discard(settings: Settings, message_ids: Collection[int]) -> dict[str, Any]:
    """Return these `messages`, which are to be given up. Raises UsageMistake where one is not in quarantine."""
    held = _FACTS.where(col(InboxMessage.id).in_(message_ids), col(InboxMessage.state) == "quarantined")
    with reading(sqlite_file(settings.store.url)) as connection:
        rows = connection.execute(held).mappings().all() if connection else []
    missing = set(message_ids) - {row["id"] for row in rows}
    if missing:
        names = ", ".join(map(str, sorted(missing)))
        raise UsageMistake(
            f"not in quarantine: {names}. Nothing was discarded; `leadsync inbox list` shows those that are"
        )
    return {"messages": [_facts(row) for row in rows]}


def discard_in_words(report: dict[str, Any]) -> str:
    """Show what is to be given up, and what that means."""
    return f"{in_words(report)}\n{_MEANING}"


def message(settings: Settings, message_id: int) -> dict[str, Any]:
    """Return one message's facts, its headers, and the `outline` of its body. Raises UsageMistake."""
    with _row(settings, message_id) as (row, body):
        headers = json.loads(row["headers"])
        max_bytes = settings.webhooks.inflated_max if settings.webhooks else row["bytes"]
        return {
            "schema_version": SCHEMA_VERSION,
            **_facts(row),
            "headers": headers,
            "outline": [GONE] if body is None else _outline(headers, body, max_bytes),
        }


def write_body(settings: Settings, message_id: int, out: BinaryIO) -> None:
    """Write the body as it came. Raises UsageMistake."""
    with _row(settings, message_id) as (_, body):
        if body is None:
            raise UsageMistake(f"webhook {message_id} has no body: {GONE}")
        out.write(body)


def message_in_words(report: dict[str, Any]) -> str:
    """Show one message to a person."""
    facts = [f"{name}: {value}" for name, value in report.items() if name not in ("schema_version", "outline")]
    return "\n".join([*facts, "outline:", *(f"  {line}" for line in report["outline"])])


@contextmanager
def _row(settings: Settings, message_id: int) -> Iterator[tuple[RowMapping, bytes | None]]:
    with reading(sqlite_file(settings.store.url)) as connection:
        row = _find(connection, message_id) if connection else None
        if row is None:
            raise UsageMistake(f"there is no webhook {message_id}; `leadsync inbox list` shows those that wait")
        yield row, row["body"]


def _find(connection: Connection, message_id: int) -> RowMapping | None:
    of_it = col(InboxBody.message_id) == col(InboxMessage.id)
    one = _FACTS.add_columns(col(InboxBody.body)).join(InboxBody, of_it, isouter=True)
    one = one.where(col(InboxMessage.id) == message_id)
    return connection.execute(one).mappings().one_or_none()


def _facts(row: RowMapping) -> dict[str, Any]:
    left_out = ("headers", "body")
    facts = {name: value for name, value in row.items() if name not in left_out}
    return {**facts, "received_at": row["received_at"].isoformat()}


def _outline(headers: dict[str, str], body: bytes, max_bytes: int) -> list[str]:
    try:
        lines = list(_lines("", msgspec.json.decode(inflated(headers, body, max_bytes))))
    except Unreadable as error:
        return [str(error)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ["no JSON that can be read"]
    return [*lines[:OUTLINE_MAX], *([f"… and {len(lines) - OUTLINE_MAX:,} lines more"] if lines[OUTLINE_MAX:] else [])]


def _lines(place: str, value: Any) -> Iterator[str]:
    """Name each member with the kind of its value; of a list its length and its first element."""
    match value:
        case dict():
            yield f"{place or 'the whole'}: object of {len(value)}"
            for name, inner in value.items():
                yield from _lines(f"{place}.{_plain(name)}" if place else _plain(name), inner)
        case list():
            yield f"{place or 'the whole'}: list of {len(value)}"
            for inner in value[:1]:
                yield from _lines(f"{place}[0]", inner)
        case str():
            yield f"{place or 'the whole'}: text of {len(value)}"
        case None:
            yield f"{place or 'the whole'}: null"
        case _:
            yield f"{place or 'the whole'}: {'truth value' if isinstance(value, bool) else 'number'}"


def _plain(name: str) -> str:
    """A name that does nothing to a terminal."""
    return name if name.isprintable() else ascii(name)
