"""Who is to be traced: from one property's record to its owners, and what each of them is known by.

The rules, in words:

1. Each person whom the record names as an owner is a subject, with the mailing address and the property's, as far as
   they are whole: street, city, state and ZIP. With neither, nobody can be found: it is not sent.
2. A company is one by the record's word (`quickLists.corporateOwned`, `trustOwned`, `ownerStatusType`) or by its name's
   (LLC, Trust, ...). It is sent without a name, by its addresses alone.
3. A subject is known by name, suffix and mailing address, or the property's where there is no other; a company by the
   address alone. The middle name is neither sent nor part of it: what is asked for in the same words is bought once.
4. A record is the vendor's: keys are missing, types vary. It never fails on a field.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from leadsync.core.contacts import do_not_call, phone_of
from leadsync.core.loose import line_of, list_of, object_of
from leadsync.core.scan import loosely
from leadsync.core.spelling import (
    city_key,
    name_key,
    names_a_unit,
    street_key,
    suffix_of,
    without_suffix,
    words,
    zip_key,
)

_COMPANY_WORDS: Final = """
    LLC LLLP LLP LP INC INCORPORATED CORP CORPORATION COMPANY LTD LIMITED PLLC TRUST TRUSTEE TRUSTEES PARTNERSHIP
    HOLDINGS PROPERTIES INVESTMENTS ENTERPRISES ASSOCIATION FOUNDATION MINISTRIES UNIVERSITY AUTHORITY
"""
"""Words that no person is called by."""

_COMPANY: Final = frozenset(_COMPANY_WORDS.split())

_COMPANY_STATUS: Final = re.compile(r"(?i)compan|corporat|trust|\bllc\b|partnership|government|association")
_NOBODY: Final = frozenset(
    {
        "",
        "N A",
        "NA",
        "NONE",
        "NULL",
        "UNKNOWN",
        "UNKNOWN OWNER",
        "OWNER UNKNOWN",
        "CURRENT OWNER",
        "OWNER OF RECORD",
        "NOT AVAILABLE",
        "NOT AVAILABLE FROM COUNTY",
        "NOT AVAILABLE FROM THE COUNTY",
    }
)
"""What counties write where they do not say who owns it."""

_BETWEEN_TWO: Final = re.compile(r"\s*(?:[&+;]|\band\b)\s*", re.IGNORECASE)
_PARTICLES: Final = frozenset({"DA", "DE", "DEL", "DELA", "DER", "DI", "DU", "LA", "LE", "LOS", "ST", "VAN", "VON"})
"""What a surname of several words begins with."""


class Unsendable(StrEnum):
    """Why nobody of a property is traced."""

    NO_OWNER = "no_owner"
    """The record names nobody."""
    NO_ADDRESS = "no_address"
    """Neither its own address nor the owner's is whole."""


@dataclass(frozen=True, slots=True)
class Place:
    """A whole address, as it is sent; the street's line has the unit in it."""

    street: str
    city: str
    state: str
    zip: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the vendor is asked for; at least one of the addresses is there. Nothing of it is ever shown by accident.

    `company` is its name where it is one: for a person's eye, never sent, and then there are no other names.
    """

    property_at: Place | None = field(repr=False)
    mailing_at: Place | None = field(repr=False)
    first_name: str = field(default="", repr=False)
    last_name: str = field(default="", repr=False)
    company: str = field(default="", repr=False)


def subjects_of(record: bytes | Mapping[str, Any]) -> Sequence[Subject] | Unsendable:
    """Return the owners that one property's record names, each once."""
    read = object_of(loosely(record) if isinstance(record, bytes) else record)
    owner = object_of(read.get("owner"))
    names = _company_of(owner) if _says_company(read, owner) else tuple(_people_of(owner))
    if not names:
        return Unsendable.NO_OWNER
    at, mailing = _place(object_of(read.get("address"))), _place(object_of(owner.get("mailingAddress")))
    if at is None and mailing is None:
        return Unsendable.NO_ADDRESS
    found = (Subject(at, mailing, *name) for name in names)
    return tuple({identity(subject): subject for subject in found}.values())


def identity(subject: Subject) -> str:
    """Return what a subject is known by, for good: 32 hex characters. What is written in two ways is one."""
    last, suffix = without_suffix(subject.last_name)
    person = ("company",) if subject.company else ("person", name_key(subject.first_name), name_key(last), suffix)
    place = subject.mailing_at or subject.property_at
    text = "\n".join((*person, *(place_key(place) if place else ())))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def place_key(place: Place) -> tuple[str, ...]:
    """Return an address in its one spelling."""
    return street_key(place.street), city_key(place.city), name_key(place.state), zip_key(place.zip)


def known_contacts(record: bytes | Mapping[str, Any]) -> frozenset[str]:
    """Return the owner's phones and e-mails that the record itself has, as they stand there.

    Who has asked not to be called is known by them before a cent is spent.
    """
    read = object_of(loosely(record) if isinstance(record, bytes) else record)
    owner = object_of(read.get("owner"))
    entries = (entry for name in ("phoneNumbers", "emails", "enrichedEmails") for entry in list_of(owner.get(name)))
    values = (value for entry in entries for value in (entry, *object_of(entry).values()))
    return frozenset(filter(None, map(line_of, values)))


def not_to_call(record: bytes | Mapping[str, Any]) -> frozenset[str]:
    """Return those of the owner's phones, in E.164, of which the record itself says that they must not be called."""
    read = object_of(loosely(record) if isinstance(record, bytes) else record)
    entries = map(object_of, list_of(object_of(read.get("owner")).get("phoneNumbers")))
    numbers = (phone_of(line_of(entry.get("number"))) for entry in entries if do_not_call(entry))
    return frozenset(filter(None, numbers))


class _Name(NamedTuple):
    first: str
    last: str
    company: str = ""


def _says_company(record: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    lists = object_of(record.get("quickLists"))
    flagged = any(str(lists.get(name)).lower() == "true" for name in ("corporateOwned", "trustOwned"))
    return flagged or _COMPANY_STATUS.search(line_of(owner.get("ownerStatusType"))) is not None


def _company_of(owner: Mapping[str, Any]) -> tuple[_Name, ...]:
    """All names of a company's record are one company's."""
    wholes = (_whole(entry) for entry in [*list_of(owner.get("names")), {"full": owner.get("fullName")}])
    return tuple(_Name("", "", whole) for whole in wholes if not _is_nobody(whole))[:1]


def _people_of(owner: Mapping[str, Any]) -> Iterator[_Name]:
    """Yield the names that the record lists; where it lists none, those in `fullName`."""
    listed = [name for entry in list_of(owner.get("names")) for name in _names_of(entry)]
    yield from listed or _names_of({"full": owner.get("fullName")})


def _names_of(entry: Any) -> Iterator[_Name]:
    """Read one entry of `names`; one that has nothing but a whole name may be a couple's."""
    whole = _whole(entry)
    parts = object_of(entry)
    first, last = line_of(parts.get("first")), line_of(parts.get("last"))
    if _is_nobody(whole):
        return
    if _COMPANY.intersection(words(whole)):
        yield _Name("", "", whole)
    elif first and last:
        suffix = suffix_of(line_of(parts.get("suffix"))) or without_suffix(whole)[1] or without_suffix(first)[1]
        yield _Name(without_suffix(first)[0], _with_suffix(last, suffix))
    else:
        yield from _named(whole)


def _named(whole: str) -> Iterator[_Name]:
    """Read `Pat R Doe Jr`, `Pat & Sam Doe`, `Pat Doe & Sam`, or with the surname first `Doe, Pat`, `Doe, Pat & Sam`."""
    people = [person for person in _BETWEEN_TWO.split(whole) if words(person)]
    if any(map(_begins_with_surname, people[:1])):
        yield from _surname_first(people)
        return
    named = [(bare.split(), suffix) for bare, suffix in map(without_suffix, people)]
    surname = _surname(max((parts for parts, _ in reversed(named)), key=lambda parts: len(parts) > 1, default=[""]))
    for parts, suffix in named:
        alone = len(parts) == 1
        own = surname if alone else _surname(parts)
        first = parts[0] if not alone or len(people) > 1 else ""
        yield _Name(first, _with_suffix(own, suffix))


def _begins_with_surname(person: str) -> bool:
    _, comma, first = person.partition(",")
    return bool(comma) and not suffix_of(first)


def _surname_first(people: Sequence[str]) -> Iterator[_Name]:
    """Who follows the first without a surname has that of the one before; a single letter is none."""
    surname = ""
    for person in people:
        last, first = "", person
        if _begins_with_surname(person):
            last, _, first = person.partition(",")
        given, suffix = without_suffix(first.strip())
        parts = given.split()
        if not last and len(parts) > 1 and len(name_key(parts[-1])) > 1:
            last = _surname(parts)
        surname = last or surname
        yield _Name(parts[0] if parts else "", _with_suffix(surname, suffix))


def _surname(parts: Sequence[str]) -> str:
    """The last word, and what it begins with: `Maria de la Cruz` is `de la Cruz`."""
    begin = next((at for at, part in enumerate(parts) if at and name_key(part) in _PARTICLES), len(parts) - 1)
    return " ".join(parts[begin:])


def _with_suffix(last: str, suffix: str) -> str:
    bare, own = without_suffix(last)
    return " ".join(filter(None, (bare, own or suffix)))


def _whole(entry: Any) -> str:
    parts = object_of(entry)
    named = " ".join(filter(None, (line_of(parts.get("first")), line_of(parts.get("last")))))
    return line_of(parts.get("full")) or named or line_of(entry)


def _is_nobody(whole: str) -> bool:
    return " ".join(words(whole)) in _NOBODY


def _place(address: Mapping[str, Any]) -> Place | None:
    """Return an address that is whole, None where a part is missing: the vendor wants all four."""
    street, city, state = _street(address), line_of(address.get("city")), line_of(address.get("state"))
    code = zip_key(_zip(address.get("zip")))
    whole = all((street_key(street), city_key(city), name_key(state), code))
    return Place(street, city, state, code) if whole else None


def _street(address: Mapping[str, Any]) -> str:
    """Return the street's line with its unit, whatever field that stands in."""
    unit, kind = line_of(address.get("unitNumber")), line_of(address.get("unitType"))
    street, bare = line_of(address.get("street")), line_of(address.get("streetNoUnit"))
    line = (bare or street) if unit else (street or bare)
    if not unit or names_a_unit(line):
        return line
    return f"{line} {unit}" if names_a_unit(unit) else f"{line} {kind or 'Unit'} {unit}"


def _zip(value: Any) -> str:
    """A number has lost the zeros that it began with."""
    text = line_of(value)
    return text.zfill(5) if text.isdigit() else text
