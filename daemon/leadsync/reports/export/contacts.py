"""The contacts of exported leads: null until the vendor has answered about an owner, a list from then on.

Nothing is asked of the store where nobody was ever traced: whoever has no skip trace pays nothing for it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, SQLColumnExpression, exists, select
from sqlmodel import col

from leadsync.config import Settings
from leadsync.config.suppression import read_suppression
from leadsync.core.subjects import Subject, known_contacts, not_to_call
from leadsync.core.suppression import Suppression
from leadsync.store.trace_contacts import forbidden_among
from leadsync.store.trace_subjects import subject_from
from leadsync.store.trace_tables import Contact, TraceDelivery, TraceSubject

PHONES: Final = 5
EMAILS: Final = 3
"""As many have columns of their own in a table; `contacts` has all."""

NAMES: Final = (
    *(name for at in range(1, PHONES + 1) for name in (f"phone_{at}", f"phone_{at}_dnc")),
    *(f"email_{at}" for at in range(1, EMAILS + 1)),
)
"""The columns of the first contacts in a table; they are there whatever the leads have."""

_SELECTED: Final[tuple[SQLColumnExpression[Any], ...]] = (
    col(TraceDelivery.delivery_id),
    col(TraceSubject.sent),
    col(Contact.kind),
    col(Contact.value),
    col(Contact.type),
    col(Contact.do_not_call),
    col(Contact.source),
    col(Contact.seen_at),
)
_ANY: Final = select(exists().select_from(TraceDelivery))


class Reach(msgspec.Struct, frozen=True, gc=False):
    """One contact under the names that others read; `seen_at` is ISO 8601 with its offset."""

    kind: str
    value: str
    type: str | None
    do_not_call: bool | None
    source: str
    seen_at: str


class Lead(NamedTuple):
    """Whose contacts are wanted: a delivery, with the vendor's id of the property and its bytes."""

    delivery_id: int
    property_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class CallableOnly:
    """Leave out what must not be called, or is not known to be callable, and whoever is on the list."""

    suppression: Suppression

    def of(self, lead: Lead, subject: Subject, reaches: Collection[Reach]) -> list[Reach]:
        """Return what may be handed out of what is known of an owner.

        Who is on the list by any of the contacts that are known, the record's included, is not reached by another.
        """
        known = known_contacts(lead.body).union(one.value for one in reaches)
        if self.suppression.covers(subject, lead.property_id, known):
            return []
        forbidden = not_to_call(lead.body)
        return [
            one for one in reaches if one.kind != "phone" or (one.do_not_call is False and one.value not in forbidden)
        ]


def callable_only(settings: Settings) -> CallableOnly:
    """Read the list. Raises ConfigInvalid where that cannot be: nobody is handed out without it."""
    section = settings.skip_trace
    path = section.suppression if section else None
    return CallableOnly(read_suppression(path) if path else Suppression())


def is_traced(connection: Connection) -> bool:
    """Whether anybody was ever traced."""
    return connection.execute(_ANY).scalar_one()


def contacts_of(
    connection: Connection, leads: Collection[Lead], only: CallableOnly | None
) -> dict[int, tuple[Reach, ...]]:
    """Return the contacts of these deliveries, by their ids; those are left out of whose owners nothing is known."""
    known = _known(connection, [lead.delivery_id for lead in leads])
    found: dict[int, tuple[Reach, ...]] = {}
    for lead in leads:
        owners = known.get(lead.delivery_id)
        if owners is None:
            continue
        named: dict[tuple[str, str], Reach] = {}
        for sent, reaches in owners.items():
            for one in reaches if only is None else only.of(lead, subject_from(sent), reaches):
                named.setdefault((one.kind, one.value), one)
        found[lead.delivery_id] = tuple(sorted(named.values(), key=_turn))
    return found


def _known(connection: Connection, delivery_ids: Collection[int]) -> dict[int, dict[bytes, list[Reach]]]:
    """Return what is known of the owners of these deliveries, by delivery and owner; of a number its strictest flag."""
    rows = connection.execute(_query(delivery_ids)).all()
    forbidden = forbidden_among(connection, {row[3] for row in rows if row[2] == "phone"})
    known: dict[int, dict[bytes, list[Reach]]] = {}
    for delivery_id, sent, kind, value, type_, flag, source, seen_at in rows:
        reaches = known.setdefault(delivery_id, {}).setdefault(sent, [])
        if kind is not None:
            do_not_call = True if value in forbidden else flag
            reaches.append(Reach(kind, value, type_ or None, do_not_call, source, seen_at.isoformat()))
    return known


def _query(deliveries: Collection[int]) -> Select[Any]:
    """One row a contact, and one of nulls for an owner who was not found."""
    return (
        select(*_SELECTED)
        .join(TraceSubject, col(TraceSubject.id) == col(TraceDelivery.subject_id))
        .outerjoin(Contact, col(Contact.subject_id) == col(TraceSubject.id))
        .where(col(TraceDelivery.delivery_id).in_(deliveries), col(TraceSubject.answered_at).is_not(None))
        .order_by(col(TraceDelivery.delivery_id), col(Contact.id))
    )


def _turn(one: Reach) -> tuple[bool, int]:
    """Phones first, and of them those that may be called; else as they came."""
    return one.kind != "phone", {False: 0, None: 1, True: 2}[one.do_not_call]


def cells_of(contacts: Collection[Reach]) -> tuple[str | None, ...]:
    """Return what stands under `NAMES`."""
    cells: list[str | None] = []
    phones = [one for one in contacts if one.kind == "phone"][:PHONES]
    for one in phones:
        cells += [one.value, {True: "true", False: "false", None: None}[one.do_not_call]]
    cells += [None, None] * (PHONES - len(phones))
    emails = [one.value for one in contacts if one.kind == "email"][:EMAILS]
    return (*cells, *emails, *[None] * (EMAILS - len(emails)))
