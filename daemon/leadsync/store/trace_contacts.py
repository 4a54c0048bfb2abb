"""Contacts as they arrive, each once a subject; what forbids a call is never undone. Functions of one connection.

Do-not-call is a matter of the number, whoever has it: a couple shares a phone, and a vendor names it differently from
one answer to the next. So what one row of a number says is true of all.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlmodel import col

from leadsync.core.contacts import Contact as Found
from leadsync.core.contacts import strictest
from leadsync.store.trace_tables import Contact

SOURCE: Final = "realestateapi"

# Built once: a batch brings fifty answers a second.
_CONTACTS: Final = select(Contact).where(col(Contact.subject_id) == bindparam("of_subject"))
_NEW: Final = insert(Contact)
_SEEN_AGAIN: Final = update(Contact).where(col(Contact.id) == bindparam("of_contact"))


def enter_contacts(connection: Connection, subject_id: int, found: Iterable[Found], now: datetime) -> set[int]:
    """Enter the contacts of a subject; return the subjects for whom something is other than it was before."""
    unique = {(one.kind, one.value): one for one in found}
    if not unique:
        return set()
    rows = connection.execute(_CONTACTS, {"of_subject": subject_id}).mappings()
    there = {(row["kind"], row["value"]): row for row in rows}
    new = [_row(subject_id, one, now) for place, one in unique.items() if place not in there]
    if new:
        connection.execute(_NEW, new)
    forbidden = {row["value"] for row in new if row["do_not_call"]}
    touched = {subject_id} if new else set()
    for place in unique.keys() & there.keys():
        one, row = unique[place], there[place]
        flag = strictest((row["do_not_call"], one.do_not_call))
        seen = _SEEN_AGAIN.values(do_not_call=flag, type=one.type or row["type"], seen_at=now)
        connection.execute(seen, {"of_contact": row["id"]})
        if flag is not row["do_not_call"]:
            touched.add(subject_id)
            forbidden |= {one.value} if flag else set()
    return touched | _others(connection, forbidden)


def forbidden_among(connection: Connection, values: Collection[str]) -> set[str]:
    """Return those of the numbers of which any subject's row says that they must not be called."""
    rows = select(col(Contact.value)).where(col(Contact.value).in_(values), col(Contact.do_not_call).is_(True))
    return set(connection.execute(rows.distinct()).scalars()) if values else set()


def values_of(connection: Connection, subject_ids: Collection[int]) -> dict[int, set[str]]:
    """Return the phones and e-mails that are known of these subjects."""
    rows = select(col(Contact.subject_id), col(Contact.value)).where(col(Contact.subject_id).in_(subject_ids))
    found: dict[int, set[str]] = {}
    for subject_id, value in connection.execute(rows):
        found.setdefault(subject_id, set()).add(value)
    return found


def _others(connection: Connection, forbidden: Collection[str]) -> set[int]:
    """Whoever has one of these numbers, too."""
    rows = select(col(Contact.subject_id)).where(col(Contact.value).in_(forbidden))
    return set(connection.execute(rows).scalars()) if forbidden else set()


def _row(subject_id: int, one: Found, now: datetime) -> dict[str, Any]:
    return {
        "subject_id": subject_id,
        "kind": str(one.kind),
        "value": one.value,
        "type": one.type,
        "do_not_call": one.do_not_call,
        "source": SOURCE,
        "seen_at": now,
    }
