"""Phones and e-mail addresses in one spelling each, and a "do not call" that is believed in any form."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.core.contacts import Contact, do_not_call, email_of, phone_of, together, type_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("6025550117", "+16025550117"),
        ("(602) 555-0117", "+16025550117"),
        ("1-602-555-0117", "+16025550117"),
        ("+1 602.555.0117", "+16025550117"),
        ("+44 20 7946 0958", "+442079460958"),
        ("602555011", None),
        ("", None),
        ("none", None),
        ("60255501177777777", None),
    ],
)
def test_phones(text: str, number: str | None) -> None:
    """E.164, American where no country is named; what can be no number is none."""
    assert phone_of(text) == number


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" Pat.Doe@Example.COM ", "pat.doe@example.com"),
        ("mailto:pat+x@mail.example.co.uk", "pat+x@mail.example.co.uk"),
        ("pät@bücher.example", "pät@bücher.example"),
        ("pat@example", None),
        ("pat@@example.com", None),
        ("pat doe@example.com", None),
        ("@example.com", None),
        ("pat@-example.com", None),
        (f"pat@{'x' * 63}.{'y' * 63}.{'z' * 63}.{'w' * 62}.example.com", None),
        ("", None),
    ],
)
def test_emails(text: str, address: str | None) -> None:
    """Lower case; what can be no address is none."""
    assert email_of(text) == address


@pytest.mark.parametrize(
    "value", [True, "Y", "y", "yes", 1, "1", "true", "T", "DNC", "listed", "2025-01-01", [True], {"a": 1}]
)
@pytest.mark.parametrize("name", ["doNotCall", "dnc", "phoneFtcDnc", "do_not_call", "DNC", "stateDnc", "tcpa"])
def test_any_truthy_form_forbids(name: str, value: Any) -> None:
    """By whatever name and in whatever form the vendor says it."""
    assert do_not_call({"phone": "6025550117", name: value}) is True


@pytest.mark.parametrize("value", [False, "N", "no", 0, "0", "false", "F", [False], {"tcpa": False}])
def test_what_clearly_allows(value: Any) -> None:
    """False, in the forms that mean it."""
    assert do_not_call({"dnc": value}) is False


@pytest.mark.parametrize("entry", [{}, {"dnc": None}, {"dnc": ""}, {"dnc": "unknown"}, {"dnc": []}, {"phone": "1"}])
def test_nothing_said_is_unknown(entry: dict[str, Any]) -> None:
    """Neither a yes nor a no."""
    assert do_not_call(entry) is None


@given(st.lists(st.sampled_from([True, False, None, "Y", "N", ""]), min_size=1, max_size=4))
def test_the_strictest_wins(values: list[Any]) -> None:
    """One that forbids is enough, and one that allows outweighs only silence."""
    said = [do_not_call({"dnc": value}) for value in values]
    expected = True if True in said else False if False in said else None
    assert do_not_call({f"dnc{number}": value for number, value in enumerate(values)}) is expected
    contacts = together(Contact("phone", "+16025550117", do_not_call=flag) for flag in said)
    assert [contact.do_not_call for contact in contacts] == [expected]


def test_each_contact_once() -> None:
    """In the order of their first; a type that one of two has is kept."""
    found = together(
        [
            Contact("phone", "+1602"),
            Contact("email", "a@b.io"),
            Contact("phone", "+1602", "mobile"),
            Contact("phone", "+1603", "voip"),
        ]
    )
    assert [(contact.value, contact.type) for contact in found] == [
        ("+1602", "mobile"),
        ("a@b.io", ""),
        ("+1603", "voip"),
    ]


@pytest.mark.parametrize(
    ("word", "kind"),
    [("W", "mobile"), ("Land Line", "landline"), ("LAND_LINE", "landline"), ("V", "voip"), ("Pager", "pager"), (7, "")],
)
def test_types(word: Any, kind: str) -> None:
    """The vendor's words in ours; what is unheard of stays, in lower case."""
    assert type_of(word) == kind


def test_a_contact_shows_no_value() -> None:
    """Its repr may come into a log (P11)."""
    assert "602" not in repr(Contact("phone", "+16025550117"))
