"""Who is traced of a property, and who is the same: each person once, nobody lost, no record too wild."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.subjects import (
    Place,
    Subject,
    Unsendable,
    identity,
    known_contacts,
    not_to_call,
    place_key,
    subjects_of,
)
from leadsync.simulator import World

AT = {"street": "9 Elm St", "city": "Mesa", "state": "AZ", "zip": "85201"}
MAILING = {"street": "77 Quill Ct", "city": "Boise", "state": "ID", "zip": "83701", "zipPlus4": "1180"}
PERSON = {"first": "Odalys", "middle": "R", "last": "Marsh", "full": "Odalys R Marsh"}


def record(names: Any = (PERSON,), *, at: Any = None, mailing: Any = None, **more: Any) -> dict[str, Any]:
    """A property's record; `more` goes into its owner."""
    owner = {"names": list(names) if isinstance(names, tuple) else names, "mailingAddress": mailing or MAILING, **more}
    return {"_id": "a" * 32, "address": at or AT, "owner": owner}


def subjects(read: dict[str, Any]) -> tuple[Subject, ...]:
    """The subjects of a record that has some."""
    found = subjects_of(read)
    assert not isinstance(found, Unsendable)
    return tuple(found)


def one(read: dict[str, Any]) -> Subject:
    """The only subject of a record."""
    (subject,) = subjects(read)
    return subject


def named(full: str) -> list[tuple[str, str, str]]:
    """First name, last name and company of each whom a whole name means."""
    found = subjects(record(names=None, fullName=full))
    return [(subject.first_name, subject.last_name, subject.company) for subject in found]


def test_an_owner_with_both_addresses() -> None:
    """As the record has them, the middle name left out."""
    place, mailing = Place("9 Elm St", "Mesa", "AZ", "85201"), Place("77 Quill Ct", "Boise", "ID", "83701")
    assert one(record()) == Subject(place, mailing, "Odalys", "Marsh")


def test_nothing_of_a_subject_is_shown() -> None:
    """Its repr may come into a log (P11)."""
    assert repr(one(record())) == "Subject()"


def test_each_of_several_owners_is_one() -> None:
    """A couple is two, and a name that is listed twice is one."""
    sam = {"first": "Sam", "last": "Marsh"}
    assert [subject.first_name for subject in subjects(record((PERSON, sam, {**PERSON, "middle": None})))] == [
        "Odalys",
        "Sam",
    ]


@pytest.mark.parametrize(
    "other",
    [
        record(at={**AT, "street": "10 Oak Ave"}),
        record(({"first": "ODALYS", "last": "Marsh"},)),
        record(mailing={**MAILING, "street": "77 QUILL COURT"}),
        record(mailing={**MAILING, "zip": "83701-1180"}),
        record(mailing={**MAILING, "city": "BOISE "}),
        record(mailing={"street": "x"}, at=MAILING),
    ],
)
def test_the_same_owner(other: dict[str, Any]) -> None:
    """Another property, case, spelling or ZIP+4 is the same person at the same mailing address."""
    assert identity(one(other)) == identity(one(record()))


@pytest.mark.parametrize(
    "other",
    [
        record(({**PERSON, "last": "Marsh Jr"},)),
        record(({**PERSON, "full": "Odalys R Marsh Sr"},)),
        record(({**PERSON, "suffix": "III"},)),
        record(({**PERSON, "first": "Odile"},)),
        record(mailing={**MAILING, "unitNumber": "4"}),
        record(mailing={**MAILING, "street": "77 Quill Ct Apt 5"}),
        record(mailing={**MAILING, "zip": "83702"}),
        record(mailing={"street": "x"}),
        record(({"full": "Odalys Marsh LLC"},)),
    ],
)
def test_another_owner(other: dict[str, Any]) -> None:
    """A suffix wherever it stands, a name, a flat, a ZIP, another place: never merged."""
    assert identity(one(other)) != identity(one(record()))


def test_an_identity_stays() -> None:
    """It is kept in stores: another digest would buy everybody again, so this one is written down."""
    assert identity(one(record())) == "62b804838c212cdb8970d7fe4a72e5d0"
    assert identity(one(record(({"full": "Marsh Holdings LLC"},)))) == "a316a2f7758585ac535debe81f520f72"


def test_a_flat_has_its_unit_whatever_field_that_stands_in() -> None:
    """In the street's line, or beside it, with its word or without: it is sent once, and it is one flat."""
    forms: list[dict[str, Any]] = [
        {"street": "77 Quill Ct Apt 4"},
        {"street": "77 Quill Ct Apt 4", "streetNoUnit": "77 Quill Ct", "unitNumber": "4", "unitType": "Apt"},
        {"street": "77 Quill Ct", "unitNumber": 4},
        {"streetNoUnit": "77 Quill Ct", "unitNumber": "#4"},
        {"street": "77 Quill Ct #4", "unitNumber": "4"},
        {"streetNoUnit": "77 Quill Ct Unit 4"},
    ]
    found = [one(record(mailing={**MAILING, "street": None} | form)) for form in forms]
    assert len({identity(subject) for subject in found}) == 1
    assert all(str(subject.mailing_at).count("4") == 1 for subject in found)


@pytest.mark.parametrize(
    "company",
    [
        record(({"full": "Marsh Holdings LLC"},)),
        record(({"full": "The Marsh Family Trust"},)),
        record(names=None, fullName="ACME INC"),
        record(ownerStatusType="Company Owned"),
        {**record(), "quickLists": {"corporateOwned": True}},
        {**record(({"full": None}, PERSON)), "quickLists": {"trustOwned": "true"}},
    ],
)
def test_a_company_is_its_address(company: dict[str, Any]) -> None:
    """By the record's word or by its name's: no names are sent, and two at one address are one."""
    subject = one(company)
    assert (subject.first_name, subject.last_name) == ("", "")
    assert subject.company
    assert identity(subject) == identity(one(record(({"full": "Another Company"},))))


def test_a_flag_that_says_no_makes_no_company() -> None:
    """False, null and nonsense are no word of the record's."""
    flags: tuple[Any, ...] = (False, None, "no", [], {})
    for flag in flags:
        assert one({**record(), "quickLists": {"corporateOwned": flag}}).company == ""


@pytest.mark.parametrize(
    ("full", "people"),
    [
        ("Pat R Doe", [("Pat", "Doe", "")]),
        ("Pat Doe Jr", [("Pat", "Doe JR", "")]),
        ("Pat Doe, Jr.", [("Pat", "Doe JR", "")]),
        ("DOE, PAT R", [("PAT", "DOE", "")]),
        ("Doe Jr, Pat", [("Pat", "Doe JR", "")]),
        ("Doe,", [("", "Doe", "")]),
        ("Pat & Sam Doe", [("Pat", "Doe", ""), ("Sam", "Doe", "")]),
        ("Pat Roe and Sam Doe Sr", [("Pat", "Roe", ""), ("Sam", "Doe SR", "")]),
        ("DOE, PAT R & SAM", [("PAT", "DOE", ""), ("SAM", "DOE", "")]),
        ("Doe, Pat & Sam R Jr", [("Pat", "Doe", ""), ("Sam", "Doe JR", "")]),
        ("Doe, Pat; Roe, Sam", [("Pat", "Doe", ""), ("Sam", "Roe", "")]),
        ("Doe, Pat and Sam Roe", [("Pat", "Doe", ""), ("Sam", "Roe", "")]),
        ("Pat Doe, Jr. & Sam Roe", [("Pat", "Doe JR", ""), ("Sam", "Roe", "")]),
        ("Pat Doe & Sam", [("Pat", "Doe", ""), ("Sam", "Doe", "")]),
        ("Pat & Sam Doe Jr", [("Pat", "Doe", ""), ("Sam", "Doe JR", "")]),
        ("Maria de la Cruz", [("Maria", "de la Cruz", "")]),
        ("Cher", [("", "Cher", "")]),
        ("Doe Properties", [("", "", "Doe Properties")]),
    ],
)
def test_whole_names(full: str, people: list[tuple[str, str, str]]) -> None:
    """What stands in one field is taken apart: a couple, a surname first, a suffix, a company."""
    assert named(full) == people


@pytest.mark.parametrize(
    "names", [None, [], [{}], [None], ["N/A"], [{"full": "UNKNOWN OWNER"}], [{"first": True}], ["and"], 7.5]
)
def test_no_owner(names: Any) -> None:
    """Where nobody is named, or the county says so in words, nobody is traced."""
    found = subjects_of(record(names=names))
    assert found == Unsendable.NO_OWNER if names != 7.5 else found


def test_no_company_without_a_name() -> None:
    """A flag alone names nobody."""
    assert subjects_of({**record(names=[]), "quickLists": {"corporateOwned": True}}) is Unsendable.NO_OWNER


@pytest.mark.parametrize("part", ["street", "city", "state", "zip"])
def test_no_address(part: str) -> None:
    """The vendor wants all four parts of one of the two; half an address is left out."""
    half = {**AT, part: None}
    assert subjects_of(record(at=half, mailing={**MAILING, part: "  "})) is Unsendable.NO_ADDRESS
    assert one(record(at=half)).property_at is None
    assert one(record(mailing={**MAILING, part: ["x"]})).mailing_at is None


def test_a_zip_that_was_a_number() -> None:
    """It has lost its zeros."""
    assert place_key(Place("1 A", "Boston", "MA", "02139")) == place_key(
        one(record(mailing={"street": "1 A", "city": "Boston", "state": "MA", "zip": 2139})).mailing_at
        or Place(*"    ")
    )


def test_what_is_too_long_is_nothing() -> None:
    """A name that no batch could carry is no name."""
    assert subjects_of(record([{"full": "x" * 121}])) is Unsendable.NO_OWNER


def test_what_the_record_knows_of_its_owner() -> None:
    """Phones and e-mails as they stand there, in whatever shape."""
    read = record(
        phoneNumbers=[{"number": "6025550117"}, None], emails="a@example.com", enrichedEmails=[{"email": "b@x.io"}]
    )
    assert {"6025550117", "a@example.com", "b@x.io"} <= known_contacts(read)
    assert known_contacts(b"[]") == frozenset()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["first", "last", "full", "zip"]), inner)
    ),
    max_leaves=6,
)


@given(
    names=ANYTHING,
    at=st.dictionaries(st.sampled_from([*AT, "unitNumber", "unitType", "streetNoUnit"]), ANYTHING) | ANYTHING,
    mailing=ANYTHING,
    lists=ANYTHING,
    full=ANYTHING,
)
def test_no_record_is_too_wild(names: Any, at: Any, mailing: Any, lists: Any, full: Any) -> None:
    """Whatever type a field has, there are subjects that can be sent, or a reason why not."""
    read = {"address": at, "owner": {"names": names, "mailingAddress": mailing, "fullName": full}, "quickLists": lists}
    for each in (read, json.dumps(read).encode()):
        found = subjects_of(each)
        if not isinstance(found, Unsendable):
            assert found
            assert len({identity(subject) for subject in found}) == len(found)
            assert all(subject.property_at or subject.mailing_at for subject in found)


@given(body=st.binary(max_size=60))
def test_no_bytes_are_too_wild(body: bytes) -> None:
    """Nonsense names nobody."""
    assert subjects_of(body) is Unsendable.NO_OWNER


def test_a_record_that_strict_parsers_refuse() -> None:
    """A lone surrogate beside the owner, or in the name, loses nobody."""
    body = json.dumps(record()).encode()
    broken = body.replace(b'"Mesa"', b'"Me\\ud800sa"').replace(b'"_id"', b'"odd":[NaN,1e999,"\\ud800"],"_id"')
    subject = one_of(broken)
    assert (subject.first_name, subject.last_name) == ("Odalys", "Marsh")
    assert subject.property_at
    assert subject.property_at.street == "9 Elm St"


def one_of(body: bytes) -> Subject:
    """The only subject of a record's bytes."""
    found = subjects_of(body)
    assert not isinstance(found, Unsendable)
    (subject,) = found
    return subject


def test_the_simulated_world_is_traced() -> None:
    """Nearly all of its properties have somebody who can be asked for; companies are as many as it has."""
    world = World(7, 1_000)
    found = [subjects_of(world.record(index)) for index in range(world.size)]
    assert {each for each in found if isinstance(each, Unsendable)} == {Unsendable.NO_OWNER}
    people = [subject for each in found if not isinstance(each, Unsendable) for subject in each]
    assert 0.9 < len(people) / world.size <= 1
    assert 0.05 < sum(bool(subject.company) for subject in people) / world.size < 0.3


def test_the_record_says_itself_whom_not_to_call() -> None:
    """A phone that it flags in any way, in one spelling; one that it does not flag, or that is none, is not there."""
    phones = [{"number": "6025550117", "dnc": True}, {"number": "602-555-0118", "dnc": False, "tcpa": "Y"}]
    phones += [{"number": "6025550119", "dnc": False}, {"number": "12", "dnc": True}]
    read = record(phoneNumbers=[*phones, "6025550120"])
    assert not_to_call(read) == not_to_call(json.dumps(read).encode()) == {"+16025550117", "+16025550118"}
    assert not_to_call(b"[]") == frozenset()
