"""The suppression list: whoever stands on it is not traced and not called, and no line of it is skipped in silence."""

import pytest

from leadsync.core.subjects import Place, Subject
from leadsync.core.suppression import Entry, NotUnderstood, Suppression

ID = "0f3a9b77c6e14d25b8e4417a90cd52f6"
HOME = Place("9 Elm Street Unit 4", "Mesa", "AZ", "85201")
ELSEWHERE = Place("77 Quill Ct", "Boise", "ID", "83701")
LIST = f"""
# People who asked.
(602) 555-0117   # by phone, in May
Pat.Doe@Example.com
9 ELM ST, APT 4, Mesa, AZ 85201
9 Elm St # 5, Mesa, AZ, 85201-2204 # and her flat
{ID.upper()}
"""


@pytest.mark.parametrize(
    ("subject", "property_id", "known"),
    [
        (Subject(HOME, None), "x", ()),
        (Subject(None, HOME), "x", ()),
        (Subject(Place("9 Elm St #5", "mesa", "az", "85201"), ELSEWHERE), "x", ()),
        (Subject(ELSEWHERE, None), ID, ()),
        (Subject(ELSEWHERE, None), "x", ("Odd", "602-555-0117")),
        (Subject(ELSEWHERE, None), "x", ("PAT.DOE@example.com",)),
    ],
)
def test_who_is_covered(subject: Subject, property_id: str, known: tuple[str, ...]) -> None:
    """By either address in any spelling, by the property, by a phone or an e-mail that is known."""
    assert Suppression.read(LIST).covers(subject, property_id, known)
    assert not Suppression().covers(subject, property_id, known)


def test_who_is_not() -> None:
    """Another flat, another property, another phone."""
    listed = Suppression.read(LIST)
    assert not listed.covers(Subject(Place("9 Elm St Apt 6", "Mesa", "AZ", "85201"), ELSEWHERE), "x", ("6025550118",))
    assert not listed.covers_property("x" * 32)


def test_contacts() -> None:
    """In the spelling in which they are stored."""
    listed = Suppression.read(LIST)
    assert {Entry("phone", "+16025550117"), Entry("email", "pat.doe@example.com")} <= listed.entries
    assert listed.covers_property(ID)


def test_lines_that_are_not_understood() -> None:
    """Each is named by its number, and nothing of them is repeated."""
    text = "602-555-011\n# fine\npat@\nElm Street\n9 Elm St, Mesa\n\n6025550117\ndeadbeef"
    with pytest.raises(NotUnderstood) as caught:
        Suppression.read(text)
    assert caught.value.lines == (1, 3, 4, 5, 8)
    assert "Elm Street" not in str(caught.value)


def test_a_list_of_an_editor_on_windows() -> None:
    """A byte order mark and other line ends are no entries; an empty list covers nobody."""
    assert Suppression.read("\ufeff6025550117\r\n\r\n").entries == {Entry("phone", "+16025550117")}
    assert Suppression.read("") == Suppression()
