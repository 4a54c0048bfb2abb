"""The patient reader of JSON: it takes what strict parsers refuse, and never takes half for a whole."""

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leadsync.core.scan import NotJson, elements, loosely, members, one_line, text_of

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
LEVELS = 100_000


def _whole(value: Any) -> Any:
    """The value as UTF-8 can carry it: lone surrogates become U+FFFD, as the reader's promise says."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_whole(each) for each in value]
        case dict():
            return {_whole(name): _whole(each) for name, each in value.items()}
        case _:
            return value


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_any_json_is_the_same_value_on_one_line(value: Any, indent: int | None, ascii_only: bool) -> None:
    """Whatever the value and however it was laid out, one line of valid UTF-8 holds it."""
    # A lone surrogate as raw bytes is broken UTF-8, which says another thing.
    assume(ascii_only or _whole(value) == value)
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    line = one_line(text)
    assert json.loads(line.decode()) == _whole(value)
    assert b"\n" not in line
    assert b"\r" not in line


@given(VALUES, st.data())
def test_damaged_json_is_refused_or_valid(value: Any, data: st.DataObject) -> None:
    """Some bytes changed, put in or taken out: the reader refuses, or gives one line that any parser takes."""
    text = bytearray(json.dumps(value).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2) | st.sampled_from(PIECES))
    _refused_or_valid(bytes(text))


PIECES = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\\u", b"\xff", b"NaN", b"-", b"\n"]


@given(st.binary(max_size=40) | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join))
def test_any_bytes_are_refused_or_valid(text: bytes) -> None:
    """No bytes whatever make the reader fail in another way, or write what is not JSON."""
    _refused_or_valid(text)


def _refused_or_valid(text: bytes) -> None:
    try:
        line = one_line(text)
    except NotJson:
        return
    json.loads(line.decode(), parse_constant=_no_constant)
    assert b"\n" not in line


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"NaN", b"null"),
        (b"[Infinity, -Infinity, +1, 01, .5, 1.]", b"[null,null,null,null,null,null]"),
        (b"[1e999, -0, 1E+2, 12345678901234567890]", b"[1e999,-0,1E+2,12345678901234567890]"),
        (b'"\\ud800"', '"\ufffd"'.encode()),
        (b'"\\udc00x\\ud83d\\ude00"', '"\ufffdx\U0001f600"'.encode()),
        (b'"caf\xe9"', '"caf\ufffd"'.encode()),
        (b'"a\nb\tc"', b'"a\\nb\\tc"'),
        (b'{"a" :\n 1 , "a": 2}', b'{"a":1,"a":2}'),
        (b" \r\n[] \n", b"[]"),
        ('"\u2028"'.encode(), '"\u2028"'.encode()),
    ],
)
def test_what_json_cannot_say_becomes_what_comes_nearest(text: bytes, line: bytes) -> None:
    """NaN is null, half a character U+FFFD, a bare newline its escape; numbers are left as they came."""
    assert one_line(text) == line


BROKEN = [
    *(b"", b" ", b"{", b'{"a"', b'{"a":', b'{"a":1', b"[1,", b"[1,]", b"[,1]", b"[1 2]", b'{"a":1,}', b'{"a" 1}'),
    *(b'"a', b'"a\\"', b"[1}", b'{"a":1]', b"]", b"1 2", b"{} {}", b'{"a":1}x', b'{a:"}"}', b'{"a":}', b"{1:2}"),
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_breaks_the_grammar_has_no_value(text: bytes) -> None:
    """There is no value to write on one line."""
    with pytest.raises(NotJson):
        one_line(text)


def test_a_hundred_thousand_levels() -> None:
    """Depth costs no recursion: the value is cut out and written as it came."""
    deep = b"[" * LEVELS + b"]" * LEVELS
    found = members(b'{"deep":' + deep + b',"_id":"x"}')
    # Compared by hand: a diff of such bytes would take pytest an hour.
    assert [one_line(deep) == deep, found["deep"] == deep, found["_id"]] == [True, True, b'"x"']
    assert len(elements(deep)) == 1
    with pytest.raises(NotJson):
        one_line(deep[:-1])
    with pytest.raises(NotJson):
        elements(deep[:-1])


@given(st.dictionaries(TEXTS, VALUES, max_size=6), st.sampled_from([None, 1]))
def test_members_are_those_of_the_object(value: dict[str, Any], indent: int | None) -> None:
    """Cut into members, each is the bytes of its value, whatever stands inside its strings."""
    text = json.dumps(value, indent=indent).encode()
    found = {name: json.loads(raw) for name, raw in members(text).items()}
    assert found == {_whole(name): each for name, each in value.items()}


@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 1]))
def test_elements_are_those_of_the_array(value: list[Any], indent: int | None) -> None:
    """Cut into elements, none is missing and none is cut in two."""
    text = json.dumps(value, indent=indent).encode()
    assert [json.loads(raw) for raw in elements(text)] == value


def test_the_last_of_equal_names_wins() -> None:
    """As in every JSON parser."""
    assert members(b'{"a":1,"\\u0061":2}') == {"a": b"2"}


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3), st.data())
def test_an_object_cut_off_is_none(value: dict[str, Any], data: st.DataObject) -> None:
    """At whatever byte it ends too early, half an object is no object: neither its members nor its line."""
    text = json.dumps(value).encode()
    half = text[: data.draw(st.integers(0, len(text) - 1))]
    for read in (members, one_line):
        with pytest.raises(NotJson):
            read(half)


@pytest.mark.parametrize(
    "text",
    [
        # A string that is cut off must not let the brackets inside it count.
        b'{"a":"}',
        b'{"results":{"properties":[{"_id":"a","note":"}]}}',
        b'{"a":"\\"}',
        b'{"a":[1}',
    ],
)
def test_brackets_inside_a_string_that_is_cut_off(text: bytes) -> None:
    """A body cut inside a string that looks like JSON's end is not whole."""
    with pytest.raises(NotJson):
        members(text)


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"<html>", b'"a"', b'{"a"}', b"{1:2}", b'{"a" 1}', b"{}x"])
def test_what_is_no_object(text: bytes) -> None:
    """Members are cut from an object alone."""
    with pytest.raises(NotJson):
        members(text)


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b"[1] 2", b"[1", b"[[1]", b"[1}"])
def test_what_is_no_array(text: bytes) -> None:
    """Elements are cut from an array alone."""
    with pytest.raises(NotJson):
        elements(text)


@given(st.binary(max_size=20))
def test_any_string_decodes_to_text_that_utf_8_can_carry(inside: bytes) -> None:
    """Whatever stands between the quotes, the text can be stored."""
    text = text_of(b'"' + inside + b'"')
    assert text.encode().decode() == text


def test_numbers_of_any_length_are_left_as_they_came() -> None:
    """Five thousand digits are a number, and nobody computes with it here."""
    assert one_line(b"9" * 5_000) == b"9" * 5_000
    assert math.isinf(json.loads(one_line(b"1e999")))


def test_what_is_broken_is_none_beside_all_the_rest() -> None:
    """A member that cannot be read takes no other with it; what ends in its middle is nothing."""
    assert loosely(b'{"a": 1, "b": {"c": NaN, "d": "x"}, "e": [1e999, nul, 2]}') == {
        "a": 1,
        "b": {"c": None, "d": "x"},
        "e": [None, None, 2],
    }
    assert loosely(b'{"a": 1, "b": ') is None
