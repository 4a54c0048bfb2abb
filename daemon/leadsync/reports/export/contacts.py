"""The contacts of exported leads: null until the vendor has answered about an owner, a list from then on.

Nothing is asked of the store where nobody was ever traced: whoever has no skip trace pays nothing for it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, SQLColumnExpression, exists, select
from sqlmodel import col

from leadsync.config import Settings
from leadsync.config.suppression import read_suppression
from leadsync.core.contacts import Kind
from leadsync.core.suppression import Suppression
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
    """One contact under the names of design § 8; `seen_at` is ISO 8601 with its offset."""

    kind: str
    value: str
    type: str | None
    do_not_call: bool | None
    source: str
    seen_at: str


@dataclass(frozen=True, slots=True)
class CallableOnly:
    """Leave out what must not be called, or is not known to be callable, and whoever is on the list."""

    suppression: Suppression

    def may(self, one: Reach, kind: Kind) -> bool:
        """Whether this contact may be handed out. Of an e-mail nobody says whether it may be called."""
        return not self.suppression.covers_contact(kind, one.value) and (kind == "email" or one.do_not_call is False)


def callable_only(settings: Settings) -> CallableOnly:
    """Read the list. Raises ConfigInvalid where that cannot be: nobody is handed out without it."""
    section = settings.skip_trace
    path = section.suppression if section else None
    return CallableOnly(read_suppression(path) if path else Suppression())


def is_traced(connection: Connection) -> bool:
    """Whether anybody was ever traced."""
    return connection.execute(_ANY).scalar_one()


def contacts_of(
    connection: Connection, properties: Mapping[int, str], only: CallableOnly | None
) -> dict[int, tuple[Reach, ...]]:
    """Return the contacts of these deliveries, by their ids, of which the vendor's property ids are given.

    Those are left out of whose owners nothing is known yet.
    """
    found: dict[int, dict[tuple[str, str], Reach]] = {}
    for delivery_id, sent, *contact in connection.execute(_query(properties)):
        here = found.setdefault(delivery_id, {})
        if contact[0] is not None and (only is None or _passes(only, sent, properties[delivery_id], contact)):
            here.setdefault((contact[0], contact[1]), _reach(contact))
    return {delivery_id: tuple(sorted(some.values(), key=_turn)) for delivery_id, some in found.items()}


def _query(deliveries: Collection[int]) -> Select[Any]:
    """One row a contact, and one of nulls for an owner who was not found."""
    return (
        select(*_SELECTED)
        .join(TraceSubject, col(TraceSubject.id) == col(TraceDelivery.subject_id))
        .outerjoin(Contact, col(Contact.subject_id) == col(TraceSubject.id))
        .where(col(TraceDelivery.delivery_id).in_(deliveries), col(TraceSubject.answered_at).is_not(None))
        .order_by(col(TraceDelivery.delivery_id), col(Contact.id))
    )


def _passes(only: CallableOnly, sent: bytes, property_id: str, contact: list[Any]) -> bool:
    kind: Kind = "phone" if contact[0] == "phone" else "email"
    return only.may(_reach(contact), kind) and not only.suppression.covers(subject_from(sent), property_id)


def _reach(contact: list[Any]) -> Reach:
    kind, value, type_, do_not_call, source, seen_at = contact
    return Reach(kind, value, type_ or None, do_not_call, source, seen_at.isoformat())


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
