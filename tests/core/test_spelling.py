"""What is written in two ways is one, what is two stays two: names and addresses in one spelling each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.spelling import (
    city_key,
    folded,
    name_key,
    names_a_unit,
    street_key,
    suffix_of,
    without_suffix,
    words,
    zip_key,
)
from leadsync.core.street_words import STREET_WORDS

KEYS = (folded, street_key, city_key, zip_key, name_key, lambda text: " ".join(words(text)))
LIKELY = st.lists(
    st.one_of(
        st.sampled_from(sorted(STREET_WORDS)),
        st.sampled_from(
            ["9", "12-B", "O'Brien", "Peña", "#", "#4", "½", "P.O.", "BOX", "ß", "\u017f", "ﬀ", "Ⅳ", "İ", "ŉ"]
        ),
        st.text(max_size=6),
    ),
    max_size=6,
).map(" ".join)

SAME_STREETS = [
    ("9 North Elm Street", "9 N. ELM ST", "  9   n elm\tstr. "),
    ("9 Elm St Apt 4B", "9 Elm Street, Apartment 4-B", "9 ELM ST #4B", "9 Elm St Unit 4 B", "9 elm st suite #4b"),
    ("9 Elm St Apt B4", "9 Elm St #B-4", "9 elm st unit b 4"),
    ("12 Peña Blvd", "12 PENA BOULEVARD", "12 Pen\u0303a Blvd."),
    ("100 First Avenue", "100 1st Ave"),
    ("100 Northeast 3rd Ter", "100 N.E. Third Terrace"),
    ("P.O. Box 12", "PO BOX 12", "P O Box #12".replace("#", ""), "Post Office Box 12"),
    ("3 O'Brien Ct", "3 OBrien Court", "3 O\u2019Brien Ct"),
    ("77 Quillfeather Ct Fl 2", "77 Quillfeather Court, Floor 2"),
    ("\uff18 Elm St", "8 Elm St"),
]
TWO_STREETS = [
    ("9 Elm St Apt 4", "9 Elm St Apt 5"),
    ("9 Elm St Apt 4", "9 Elm St"),
    ("9 Elm St Apt 41 2", "9 Elm St Apt 4 12"),
    ("9 Elm St Bldg 1 Apt 4", "9 Elm St Bldg 2 Apt 4"),
    ("9 Elm St", "9 Elm Ave"),
    ("9 N Elm St", "9 S Elm St"),
    ("9 Elm St", "91 Elm St"),
    ("9 Elm St Apt A", "9 Elm St Apt B"),
    ("4.5 Elm St", "45 Elm St"),
    ("45-12 Bell Blvd", "4512 Bell Blvd"),
]


@pytest.mark.parametrize("spellings", SAME_STREETS, ids=lambda spellings: spellings[0])
def test_one_street(spellings: tuple[str, ...]) -> None:
    """Case, accents, spaces, punctuation, street words, directions, ordinals and unit words make no difference."""
    assert len({street_key(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize("two", TWO_STREETS, ids=lambda two: two[0])
def test_two_streets(two: tuple[str, str]) -> None:
    """A unit, a number and a direction always do."""
    assert street_key(two[0]) != street_key(two[1])


@given(text=LIKELY)
def test_one_spelling_is_its_own(text: str) -> None:
    """Whatever was made alike is made the same again."""
    for key in KEYS:
        assert key(key(text)) == key(text)


@given(
    number=st.integers(1, 99_999),
    street=st.sampled_from(["Elm", "Martin Luther King", "Quillfeather"]),
    end=st.sampled_from([("Street", "ST"), ("Avenue", "Av."), ("Boulevard", "blvd"), ("Court", "CT")]),
    unit=st.sampled_from(["4", "4B", "B", "12A", "PH1"]),
    marks=st.tuples(*[st.sampled_from(["Apt ", "apartment ", "#", "# ", "Unit ", "STE. ", "suite #"])] * 2),
)
def test_equal_spellings_are_one(
    number: int, street: str, end: tuple[str, str], unit: str, marks: tuple[str, str]
) -> None:
    """Each way to write street and unit is the same, and no other unit's."""
    keys = {street_key(f"{number} {street} {word}, {mark}{unit}") for word in end for mark in marks}
    assert len(keys) == 1
    assert keys != {street_key(f"{number} {street} {end[0]} {marks[0]}{unit}7")}
    assert keys != {street_key(f"{number} {street} {end[0]}")}


def test_every_word_becomes_one_that_stays() -> None:
    """No spelling's spelling is another's."""
    assert {STREET_WORDS[word] for word in STREET_WORDS.values()} == set(STREET_WORDS.values())
    assert all(STREET_WORDS[STREET_WORDS[word]] == STREET_WORDS[word] for word in STREET_WORDS)


def test_cities_and_zips() -> None:
    """Saint is St., and ZIP+4 is its ZIP; another country's code is a word."""
    assert city_key("St. Paul") == city_key("SAINT PAUL")
    assert city_key("Fort Worth") != city_key("Worth")
    assert zip_key("85201-2204") == zip_key("852012204") == zip_key(" 85201 ") == "85201"
    assert zip_key("V5K 0A1") == zip_key("v5k0a1") == "V5K0A1"


def test_whether_a_unit_is_named() -> None:
    """By any word for it."""
    assert names_a_unit("9 Elm St, Apartment 4")
    assert names_a_unit("9 Elm St #4")
    assert not names_a_unit("9 Elm St")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Marsh Jr", ("Marsh", "JR")),
        ("Marsh, Jr.", ("Marsh", "JR")),
        ("Marsh JUNIOR", ("Marsh", "JR")),
        ("Marsh Sr.", ("Marsh", "SR")),
        ("Marsh III", ("Marsh", "III")),
        ("Marsh 3rd", ("Marsh", "III")),
        ("Marsh", ("Marsh", "")),
        ("Jr", ("Jr", "")),
        ("", ("", "")),
    ],
)
def test_suffixes(name: str, split: tuple[str, str]) -> None:
    """Father and son are told apart by it, whatever its spelling."""
    assert without_suffix(name) == split
    assert suffix_of(split[1]) == split[1]


def test_names() -> None:
    """Hyphens, apostrophes, spaces and accents make no difference to a name; a letter does."""
    assert name_key("De la Cruz") == name_key("DELACRUZ")
    assert name_key("O'Brien") == name_key("OBRIEN")
    assert name_key("Fenwick-Marsh") == name_key("Fenwick Marsh")
    assert name_key("Núñez") == name_key("NUNEZ")
    assert name_key("Marsh") != name_key("March")
