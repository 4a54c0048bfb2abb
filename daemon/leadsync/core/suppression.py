"""People who are never traced and never called: a list that the operator keeps, one entry a line.

An entry is a phone, an e-mail address, a whole address (`9 Elm St Apt 4, Mesa, AZ 85201`) or a property's id. A line
that begins with `#` is a comment, and so is what stands behind ` #` after an entry. The list is honoured before a cent
is spent, and again in whatever is handed out to be called; so a line that is not understood is an error, never skipped.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from leadsync.core.contacts import email_of, phone_of
from leadsync.core.subjects import Place, Subject, place_key

_ID: Final = re.compile(r"(?=.*[A-Za-z])[\w-]{16,128}|[0-9]{20,128}", re.ASCII)
"""Long enough that no mistyped phone is taken for one."""

_PHONE: Final = re.compile(r"\+?[0-9\s().-]{7,24}")
_ADDRESS: Final = re.compile(
    r"(?P<street>[^,]*[0-9][^,]*(?:,[^,]+)?),\s*(?P<city>[^,]+?)\s*,\s*(?P<state>[A-Za-z]{2})[\s,]+(?P<zip>[0-9]{5}(?:-[0-9]{4})?)"
)
"""Street with a number, perhaps a comma and the unit, then city, state and ZIP."""


class NotUnderstood(ValueError):
    """A list that cannot be honoured as it is. `lines` are the numbers, from 1, of the lines that nobody understands.

    What stands in them is personal data, so it is not repeated.
    """

    def __init__(self, lines: tuple[int, ...]) -> None:
        super().__init__(
            f"{len(lines)} of its lines are no phone, e-mail, property id or whole address"
            " such as 9 Elm St Apt 4, Mesa, AZ 85201"
        )
        self.lines = lines


class Entry(NamedTuple):
    """One line's: what it is, and its one spelling."""

    kind: str
    value: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suppression:
    """The list as it is asked. Without any entry it covers nobody."""

    entries: frozenset[Entry] = frozenset()

    @classmethod
    def read(cls, text: str) -> "Suppression":
        """Read a list. Raises NotUnderstood with all the lines that are not."""
        found: set[Entry] = set()
        odd: list[int] = []
        for number, line in enumerate(text.splitlines(), 1):
            whole = line.strip().lstrip("\ufeff")
            if not whole or whole.startswith("#"):
                continue
            entry = _entry_before_comment(whole)
            if entry is None:
                odd.append(number)
            else:
                found.add(entry)
        if odd:
            raise NotUnderstood(tuple(odd))
        return cls(frozenset(found))

    def covers(self, subject: Subject, property_id: str, known: Iterable[str] = ()) -> bool:
        """Whether this owner of this property is never to be traced, by an address, by the property, or by a contact.

        `known` are phones and e-mails that are known of the owner already.
        """
        if not self.entries:
            return False
        places = (place for place in (subject.property_at, subject.mailing_at) if place is not None)
        return (
            self.covers_property(property_id)
            or any(Entry("address", place_key(place)) in self.entries for place in places)
            or any(_contact(text) in self.entries for text in known)
        )

    def covers_property(self, property_id: str) -> bool:
        """Whether nobody of this property is to be traced or called."""
        return Entry("property", property_id.lower()) in self.entries


def _entry_before_comment(line: str) -> Entry | None:
    """Read as much of a line as can be read: `#` may begin a comment, and may be the mark of a flat."""
    parts = line.split(" #")
    heads = (" #".join(parts[:end]).strip() for end in range(len(parts), 0, -1))
    return next(filter(None, map(_entry, heads)), None)


def _entry(text: str) -> Entry | None:
    contact = _contact(text)
    if contact is not None:
        return contact
    if _ID.fullmatch(text):
        return Entry("property", text.lower())
    address = _ADDRESS.fullmatch(text)
    return Entry("address", place_key(Place(**address.groupdict()))) if address else None


def _contact(text: str) -> Entry | None:
    email = email_of(text)
    phone = phone_of(text) if email is None and _PHONE.fullmatch(text.strip()) else None
    return Entry("email", email) if email else Entry("phone", phone) if phone else None
