"""The inbox: webhooks as they came, until their effect is in the store. Functions of one connection.

A message goes from waiting to taken, in one transaction with its effect, or to quarantined; from there a person lets it
wait again, or discards it. The same body at the same address is one message, however often it comes, also when its body
has been dropped long ago; another body is a further version.
"""

import json
import traceback
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias, assert_never

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from leadsync.core.hooks import Address
from leadsync.core.letters import KEPT_DAYS, Letter, Unreadable, Why
from leadsync.errors import Bug, LeadsyncError
from leadsync.store.columns import UtcDateTime
from leadsync.store.tables import InboxBody, InboxMessage

TRIES_MAX: Final = 3
"""Processes that may begin to read a message and not live to end it."""

BATCH_MAX: Final = 25
"""Messages that are settled in one transaction: whoever waits for a 200 meanwhile waits for it."""

BATCH_MAX_BYTES: Final = 1024 * 1024

DROPPED_MAX: Final = 25
"""Bodies that are dropped in one transaction, for the same reason."""

# Built once: a burst brings a thousand messages a second.
_ALIKE: Final = (
    col(InboxMessage.kind) == bindparam("of_kind"),
    col(InboxMessage.subject) == bindparam("of_subject"),
)
_AGAIN: Final = (
    update(InboxMessage)
    .where(*_ALIKE, col(InboxMessage.digest) == bindparam("of_digest"))
    .values(copies=col(InboxMessage.copies) + 1)
    .returning(col(InboxMessage.version))
)
_VERSION: Final = select(func.coalesce(func.max(col(InboxMessage.version)), 0) + 1).where(*_ALIKE)
_NEW: Final = insert(InboxMessage).returning(col(InboxMessage.id))
_NEW_BODY: Final = insert(InboxBody)
_WAITING: Final = (
    select(
        col(InboxMessage.id),
        col(InboxMessage.tries),
        col(InboxMessage.fence),
        col(InboxMessage.size_bytes),
    )
    .where(col(InboxMessage.state) == "waiting")
    .order_by(col(InboxMessage.tries), col(InboxMessage.id))
    .limit(BATCH_MAX)
)
# By number, and not by when they were settled: that would have to go through all that are there.
_OLDEST: Final = (
    select(col(InboxBody.message_id), col(InboxMessage.settled_at))
    .join(InboxMessage, col(InboxMessage.id) == col(InboxBody.message_id))
    .where(
        col(InboxMessage.state).not_in(("waiting", "quarantined")),
        # What lies ahead was settled by a clock that has been put back since.
        col(InboxMessage.settled_at) <= bindparam("now", type_=UtcDateTime),
    )
    .order_by(col(InboxBody.message_id))
    .limit(DROPPED_MAX)
    .subquery()
)
_DROP: Final = delete(InboxBody).where(
    col(InboxBody.message_id).in_(select(_OLDEST.c.message_id).where(_OLDEST.c.settled_at < bindparam("before")))
)
_MESSAGE: Final = select(InboxMessage).where(col(InboxMessage.id) == bindparam("message"))
_BODY: Final = select(col(InboxBody.body)).where(col(InboxBody.message_id) == bindparam("message"))
_MOVE: Final = update(InboxMessage).where(
    col(InboxMessage.id) == bindparam("message"), col(InboxMessage.state) == "waiting"
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message that came: `again`, the same body was there; `version` counts the bodies."""

    version: int
    again: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that nobody has taken yet. `worn_out`: too many processes have ended over it; it comes without body."""

    message_id: int
    version: int
    letter: Letter
    worn_out: bool = False


@dataclass(frozen=True, slots=True)
class Take:
    """A message that was read; `effect` is what it does to the store, and returns what is told of that."""

    message_id: int
    effect: Callable[[Connection], Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """A message whose effect is in the store; `told` is what the effect has returned."""

    message_id: int
    told: Any


@dataclass(frozen=True, slots=True)
class Hold:
    """A message that nobody can take; `detail` says why in words of our own."""

    message_id: int
    why: Why
    detail: str

    @classmethod
    def over(cls, message_id: int, error: Exception) -> "Hold":
        """A handler has failed: say where, and not in its words, which may be a part of the message."""
        frames = traceback.extract_tb(error.__traceback__)
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        return cls(message_id, Why.CRASHED, f"its handler failed: {type(error).__name__}{place}")


Verdict: TypeAlias = Take | Hold
"""What is to become of a message that was begun."""

Settled: TypeAlias = Taken | Hold
"""What has become of it."""


def receive(connection: Connection, letters: Sequence[Letter], now: datetime) -> list[Receipt]:
    """Keep messages as they came."""
    return [_receive(connection, letter, now) for letter in letters]


def _receive(connection: Connection, letter: Letter, now: datetime) -> Receipt:
    alike = {"of_kind": letter.address.kind, "of_subject": letter.address.subject}
    version = connection.execute(_AGAIN, alike | {"of_digest": letter.digest}).scalar_one_or_none()
    if version is not None:
        return Receipt(version, again=True)
    version = connection.execute(_VERSION, alike).scalar_one()
    values = {
        "kind": letter.address.kind,
        "subject": letter.address.subject,
        "version": version,
        "digest": letter.digest,
        "state": "waiting",
        "copies": 1,
        "tries": 0,
        "fence": 0,
        "received_at": now,
        "headers": json.dumps(letter.headers),
        "size_bytes": len(letter.body),
    }
    message_id = connection.execute(_NEW, values).scalar_one()
    connection.execute(_NEW_BODY, {"message_id": message_id, "body": letter.body})
    return Receipt(version, again=False)


def begin(connection: Connection, fence: int) -> list[Waiting]:
    """Return some messages that wait, and note that this process has begun to read them.

    One that a process did not live to finish is begun alone, so that it takes no other with it.
    """
    batch: list[int] = []
    room = BATCH_MAX_BYTES
    for message_id, tries, tried_by, size in connection.execute(_WAITING).all():
        if tries >= TRIES_MAX and tried_by != fence and not batch:
            return [_waiting(connection, message_id or 0, worn_out=True)]
        if batch and (tries or size > room):
            break
        batch.append(message_id or 0)
        room -= size
        if tries:
            break
    if batch:
        tried = update(InboxMessage).where(col(InboxMessage.id).in_(batch), col(InboxMessage.fence) != fence)
        connection.execute(tried.values(tries=col(InboxMessage.tries) + 1, fence=fence))
    return [_waiting(connection, message_id) for message_id in batch]


def _waiting(connection: Connection, message_id: int, *, worn_out: bool = False) -> Waiting:
    row = connection.execute(_MESSAGE, {"message": message_id}).mappings().one()
    body = b"" if worn_out else connection.execute(_BODY, {"message": message_id}).scalar_one()
    letter = Letter(Address(row["kind"], row["subject"]), json.loads(row["headers"]), body, row["digest"])
    return Waiting(message_id, row["version"], letter, worn_out)


def settle(
    connection: Connection, verdicts: Sequence[Verdict], now: datetime, next_fence: int | None
) -> tuple[list[Settled], list[Waiting]]:
    """Let messages have their effects, once, or wait for a person; return what became of each.

    Each is all or nothing by itself: an effect that fails over its message is undone, and the others stay. Under
    `next_fence` the next messages are begun, too: a commit of its own would keep others waiting for their answers.
    """
    settled = [_settle(connection, verdict, now) for verdict in verdicts]
    return settled, [] if next_fence is None else begin(connection, next_fence)


def _settle(connection: Connection, verdict: Verdict, now: datetime) -> Settled:
    match verdict:
        case Take(message_id, effect):
            try:
                with connection.begin_nested():
                    _move(connection, message_id, "taken", now)
                    return Taken(message_id, effect(connection))
            except Unreadable as error:
                return _settle(connection, Hold(message_id, error.why, str(error)), now)
            except (LeadsyncError, OperationalError, connection.dialect.loaded_dbapi.OperationalError):
                raise  # the store's trouble, or our own: nothing of the batch has happened
            except Exception as error:  # noqa: BLE001 - a message that its handler fails over stops no other
                return _settle(connection, Hold.over(message_id, error), now)
        case Hold(message_id, why, detail):
            _move(connection, message_id, "quarantined", now, reason=why.value, detail=detail)
            return verdict
        case _:
            assert_never(verdict)


def release(connection: Connection, message_ids: Collection[int]) -> int:
    """Let messages wait for their handler again that were in quarantine, or discarded lately; return how many."""
    held = update(InboxMessage).where(
        col(InboxMessage.id).in_(message_ids),
        col(InboxMessage.state).in_(("quarantined", "discarded")),
        exists().where(col(InboxBody.message_id) == col(InboxMessage.id)),
    )
    fresh = {"state": "waiting", "tries": 0, "reason": None, "detail": None, "settled_at": None}
    return connection.execute(held.values(**fresh)).rowcount


def discard(connection: Connection, message_ids: Collection[int], now: datetime) -> int:
    """Give messages up that wait in quarantine; return how many of these did."""
    held = update(InboxMessage).where(col(InboxMessage.id).in_(message_ids), col(InboxMessage.state) == "quarantined")
    return connection.execute(held.values(state="discarded", settled_at=now)).rowcount


def drop_bodies(connection: Connection, settled_before: datetime) -> int:
    """Drop some of the oldest bodies, of messages that were taken, or discarded, before then; return how many.

    Their rows stay: what comes once more is known by its digest.
    """
    now = settled_before + timedelta(days=KEPT_DAYS)
    return connection.execute(_DROP, {"before": settled_before, "now": now}).rowcount


def counts(connection: Connection) -> dict[str, int]:
    """Count the messages that wait to be read (`waiting`), and those that wait for a person (`quarantined`)."""
    state, none = col(InboxMessage.state), {"waiting": 0, "quarantined": 0}
    counted = connection.execute(select(state, func.count()).where(state.in_(none)).group_by(state))
    return {**none, **{row[0]: row[1] for row in counted}}


def pending(connection: Connection, subjects: Collection[str]) -> set[str]:
    """Return in which states messages about these lie: `waiting` to be read, `quarantined` for a person, or both."""
    state = col(InboxMessage.state)
    about = (col(InboxMessage.subject).in_(subjects), state.in_(("waiting", "quarantined")))
    return set(connection.execute(select(state).where(*about).distinct()).scalars())


def disown(connection: Connection, now: datetime) -> None:
    """The store was copied: what waits in it came for the original, which has it too."""
    waiting = update(InboxMessage).where(col(InboxMessage.state) == "waiting")
    detail = "it came for the installation that this store was copied from"
    connection.execute(waiting.values(state="quarantined", reason=Why.FOREIGN.value, detail=detail, settled_at=now))


def _move(connection: Connection, message_id: int, state: str, now: datetime, **values: str) -> None:
    moved = _MOVE.values(state=state, settled_at=now, **values)
    if connection.execute(moved, {"message": message_id}).rowcount != 1:
        raise Bug(f"webhook {message_id} does not wait, so it cannot be {state}")
